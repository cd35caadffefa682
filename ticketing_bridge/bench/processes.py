"""What processes use, read from the kernel: processor seconds and memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ticketing_bridge.bench.figures import status_mb

_TICKS_A_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pids: Iterable[int]) -> float:
    """Processor seconds (user and system) that processes have used; one that is gone counts nothing."""
    return sum(map(_cpu_s, pids))


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory of processes in MB."""
    return sum(status_mb(pid, "VmRSS") for pid in pids)


def children(pid: int | str = "self") -> list[int]:
    """The processes that this one (or another) has started and that are still there."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found


def family_cpu_s(pid: int) -> float:
    """The same of a process with those that it has started, ended ones included."""
    return _cpu_s(pid, waited_for=True) + cpu_s(children(pid))


def _cpu_s(pid: int, *, waited_for: bool = False) -> float:
    """Ended threads included, which the scheduler's own finer figures are not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if waited_for else 13])) / _TICKS_A_S
