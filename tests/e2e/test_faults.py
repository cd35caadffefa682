"""What goes wrong around a running house: callers are served, nothing stored is lost, the fix is named."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import DemoRun, HouseFolder
from tests.processes import has_ended
from ticketing_bridge.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.pbx, pytest.mark.speech, pytest.mark.timeout(240)]

#: what a port scanner says: nothing, half a header, a whole one about nobody, another protocol, noise
SCANS = (
    b"",
    b"agi_network: yes\n",
    b"agi_network: yes\nagi_request: agi://x/flow/main\n\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"\x16\x03\x01\x02",
    b"\x01\x00\x10" + bytes(16),
    b"\x10\xff\xff",
    bytes(range(256)) * 2,
)


def until(condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (seen := condition()):
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.05)
    return seen


def events(home: Path, role: str, name: str) -> list[dict[str, Any]]:
    """What a role's log says of this event."""
    with contextlib.suppress(FileNotFoundError):
        lines = (home / "log" / f"{role}.log").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line["event"] == name]
    return []


def scan(*ports: int) -> None:
    """Hundreds of connections; half of them are left open for a while."""
    held = []
    for number in range(200):
        for port in ports:
            with contextlib.suppress(OSError):
                probe = socket.create_connection(("127.0.0.1", port), 1)
                probe.sendall(SCANS[number % len(SCANS)])
                held.append(probe)
                if random.random() < 0.5:
                    probe.close()
    time.sleep(1)
    for probe in held:
        probe.close()


def test_calls_under_a_port_scan_with_a_database_that_dies(house: HouseFolder) -> None:
    says = "你好，我要反映一个问题，八一路的路灯坏了好几天了，希望尽快派人来修。"
    run = house.demo(calls=[{"says": says, "at_s": 3 * number} for number in range(4)])
    run.until(lambda: run.diary("speaks") >= 1, 120)
    refusal = house.command("serve")
    assert refusal.returncode == 2
    assert f"process {run.process.pid} already serves" in refusal.stderr
    scan(int(house.environment["HOTLINE_AGI_PORT"]), int(house.environment["HOTLINE_AUDIOSOCKET_PORT"]))
    server = EmbeddedPostgres(house.home)
    died = server.pid()
    assert died
    os.kill(died, signal.SIGKILL)
    run.until(lambda: server.pid() not in (None, died), 30)

    found = run.result()
    assert found["disagreements"] == []
    assert found["by_outcome"] == {"answered": 4}
    assert found["drafts"] == found["transcripts"] == 4
    assert events(house.home, "demo", "database_died")
    for role in ("flows-1", "flows-2"):
        # said, but a flood of it does not fill the disk
        assert 1 <= len(events(house.home, role, "agi.refused")) <= 60


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
    return [it["state"] for it in events(home, "telephony", "ami.link") if "reader" in it["ami"]]


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
        last = events(house.home, "telephony", "ami.link")[-1]
        assert "secrets.json" in last["error"]
        log = (house.home / "pbx" / "log" / "messages").read_text(errors="replace")
        assert 1 <= log.count("failed to authenticate as 'hotline-reader'") <= 3
        secrets.write_text(kept)
