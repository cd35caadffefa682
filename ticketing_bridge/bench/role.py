"""A role of the hotline as its supervisor starts it, on free ports and the benchmark's own home."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ticketing_bridge.bench.ports import free_port
from ticketing_bridge.supervision import BEAT_FD, role_command

#: settings that name a port, so that no role meets a running hotline
PORTS = ("AMI", "AGI", "AUDIOSOCKET", "WEB", "SIP", "OUTSIDE_SIP", "OUTSIDE_AMI")
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class RunningRole:
    """One role's process; ``first_beat_s`` is how long it took to be ready."""

    process: subprocess.Popen[bytes]
    began: float
    first_beat_s: float
    web_port: int


@contextmanager
def running_role(name: str) -> Iterator[RunningRole]:
    """Start ``hotline run NAME`` and wait for its first beat; it is ended with the block."""
    ports: Mapping[str, str] = {f"HOTLINE_{port}_PORT": str(free_port()) for port in PORTS}
    reader, writer = os.pipe()
    began = time.perf_counter()
    process = subprocess.Popen(
        role_command(name),
        env={**os.environ, **ports, BEAT_FD: str(writer)},
        pass_fds=(writer,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader, "rb", buffering=0) as beats:
            if not beats.read(1):
                raise RuntimeError(f"the {name} role ended before its first beat")
            yield RunningRole(process, began, time.perf_counter() - began, int(ports["HOTLINE_WEB_PORT"]))
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wall_s(*arguments: str, bytecode: Path | None = None) -> float:
    """Seconds that this interpreter takes for ``arguments``, from start to exit.

    ``bytecode``: another folder for compiled modules; an empty one is a first start.
    """
    other = {"PYTHONPYCACHEPREFIX": str(bytecode)} if bytecode else {}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | other,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began
