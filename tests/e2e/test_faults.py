"""What goes wrong around a running house: callers are served, nothing stored is lost, the fix is named."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import DemoRun, HouseFolder, log_events
from tests.processes import has_ended

pytestmark = [pytest.mark.pbx, pytest.mark.speech, pytest.mark.timeout(240)]


def until(condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (seen := condition()):
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.05)
    return seen


@contextlib.contextmanager
def serving(house: HouseFolder) -> Iterator[subprocess.Popen[bytes]]:
    """``hotline serve``, ready; ended with the block unless it ended before."""
    out = house.home / "serve.out"
    with out.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "ticketing_bridge", "serve"],
            env=house.environment, stdout=said, stderr=said,
        )  # fmt: skip
    try:
        until(lambda: b"page: " in out.read_bytes() or process.poll() is not None, 90)
        assert process.poll() is None, out.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(30)


def link_states(home: Path) -> list[str]:
    """States of the telephony role's AMI link, in order."""
    return [it["state"] for it in log_events(home, "telephony", "ami.link") if "reader" in it["ami"]]


def test_a_killed_supervisor_a_dead_pbx_and_a_wrong_secret(house: HouseFolder) -> None:
    asterisk = house.home / "run" / "asterisk.pid"
    roles = DemoRun(house.home, subprocess.Popen(["true"])).role
    with serving(house) as process:
        first = int(asterisk.read_text())
        left = [roles(name) for name in ("telephony", "flows-1", "flows-2", "speech", "worker", "web")]
        process.kill()
        # the roles end with their supervisor; the PBX goes on
        until(lambda: all(pid is None or has_ended(pid) for pid in left), 60)
        assert house.command("pbx", "status").returncode == 0

    secrets = house.home / "secrets.json"
    kept = secrets.read_text()
    with serving(house):
        assert int(asterisk.read_text()) == first
        os.kill(first, signal.SIGKILL)
        until(lambda: link_states(house.home)[-1] == "lost", 30)
        until(lambda: link_states(house.home)[-1] == "up", 60)
        assert int(asterisk.read_text()) != first

        secrets.write_text(json.dumps({**json.loads(kept), "ami_reader": "wrong"}))
        before = len(link_states(house.home))
        os.kill(until(lambda: roles("telephony")), signal.SIGKILL)
        until(lambda: "refused" in link_states(house.home)[before:], 60)
        time.sleep(3)
        last = log_events(house.home, "telephony", "ami.link")[-1]
        assert "secrets.json" in last["error"]
        log = (house.home / "pbx" / "log" / "messages").read_text(errors="replace")
        assert 1 <= log.count("failed to authenticate as 'hotline-reader'") <= 3
        secrets.write_text(kept)
