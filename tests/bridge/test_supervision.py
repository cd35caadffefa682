"""Roles that die or freeze are ended and started again; the others go on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from facts.errors import HotlineError
from tests.processes import has_ended
from ticketing_bridge.supervision import AlreadyServing, RoleSpec, Supervisor, is_serving, serving_lock

BEATING = "import asyncio; from ticketing_bridge.supervision import beat; asyncio.run(beat())"
DYING = "raise SystemExit(3)"


def supervisor(folder: Path, **programs: str) -> Supervisor:
    return Supervisor(
        run=folder,
        logs=folder,
        environment=dict(os.environ),
        roles=tuple(RoleSpec(name) for name in programs),
        command=lambda name: [sys.executable, "-c", programs[name]],
    )


async def until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_frozen_role_is_ended_within_two_seconds_and_comes_back(tmp_path: Path) -> None:
    async with supervisor(tmp_path, frozen=BEATING, other=BEATING) as roles:
        await roles.ready(20)
        pid, other = roles.status["frozen"].pid, roles.status["other"].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        stopped = time.monotonic()
        await until(lambda: roles.status["frozen"].frozen == 1)
        # 2 s is the promise; the rest is for a machine that is busy with other tests
        assert time.monotonic() - stopped < 3
        await until(lambda: roles.status["frozen"].ready)
        assert roles.status["frozen"].pid != pid
        assert roles.status["other"].pid == other
        assert roles.status["other"].restarts == 0


async def test_a_killed_role_comes_back(tmp_path: Path) -> None:
    async with supervisor(tmp_path, role=BEATING) as roles:
        await roles.ready(20)
        pid = roles.status["role"].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: roles.status["role"].restarts == 1 and roles.status["role"].ready)
        assert roles.status["role"].pid != pid


async def test_a_role_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    async with supervisor(tmp_path, broken=DYING) as roles:
        with pytest.raises(HotlineError, match=r"broken.*broken\.log"):
            await roles.ready(1)


async def test_roles_end_with_their_supervisor(tmp_path: Path) -> None:
    async with supervisor(tmp_path, role=BEATING) as roles:
        await roles.ready(20)
        pid = roles.status["role"].pid
    assert pid is not None
    assert has_ended(pid)


def test_a_role_that_cannot_end_is_ended(tmp_path: Path) -> None:
    stuck = (
        "import threading; from ticketing_bridge.supervision import force_end; "
        "force_end(0.2); threading.Event().wait()"
    )
    ended = subprocess.run([sys.executable, "-c", stuck], timeout=60, check=False, capture_output=True)
    assert ended.returncode == os.EX_TEMPFAIL
    assert b"ended by force" in ended.stdout + ended.stderr


def test_an_installation_is_served_once(tmp_path: Path) -> None:
    assert not is_serving(tmp_path)
    with serving_lock(tmp_path):
        assert is_serving(tmp_path)
        with pytest.raises(AlreadyServing, match=str(os.getpid())), serving_lock(tmp_path):
            pass
    assert not is_serving(tmp_path)
