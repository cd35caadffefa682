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


def _cpu_s(pid: int) -> float:
    """From the scheduler, in nanoseconds; ticks of 10 ms where it does not say."""
    threads = Path(f"/proc/{pid}/task")
    try:
        return sum(int((one / "schedstat").read_text().split()[0]) for one in threads.iterdir()) / 1e9
    except (OSError, ValueError):
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S
