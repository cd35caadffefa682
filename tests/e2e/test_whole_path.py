"""From a citizen's telephone to a draft ticket, with everything running and much going wrong."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import time

import pytest

from tests.e2e.conftest import DemoRun, HouseFolder, log_events
from ticketing_bridge.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.pbx, pytest.mark.speech, pytest.mark.timeout(400)]

#: a telephone number in clear
NUMBER = re.compile(r"(?<![\d.-])1[3-9]\d{9}(?!\d)")
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


def goes_wrong(run: DemoRun, house: HouseFolder) -> None:
    """A second house in this folder, a port scan, killed roles, a killed database."""
    refusal = house.command("serve")
    assert refusal.returncode == 2
    assert f"process {run.process.pid} already serves" in refusal.stderr
    scan(int(house.environment["HOTLINE_AGI_PORT"]), int(house.environment["HOTLINE_AUDIOSOCKET_PORT"]))
    for role in ("speech", "worker", "web"):
        run.kill(role)
    server = EmbeddedPostgres(house.home)
    died = server.pid()
    assert died
    os.kill(died, signal.SIGKILL)
    run.until(lambda: server.pid() not in (None, died), 60)


def test_calls_become_drafts_whatever_goes_wrong(house: HouseFolder) -> None:
    run = house.demo("--calls", "10", "--seed", "7")
    run.until(lambda: run.diary("speaks") >= 2, 180)
    goes_wrong(run, house)
    found = run.result()

    assert found["disagreements"] == []
    assert (found["exit_code"], found["mismatches"], found["calls"]) == (0, 0, 10)
    assert sum(found["by_outcome"].values()) == 10
    assert found["unresolved"] == 0
    assert found["answered"] >= 3
    assert found["drafts"] == found["transcripts"] == found["answered"]
    # the words come from the recogniser
    assert found["cer"]["mean"] < 0.4
    assert log_events(house.home, "demo", "database_died")
    for role in ("flows-1", "flows-2"):
        # said, but a flood of it does not fill the disk
        assert 1 <= len(log_events(house.home, role, "agi.refused")) <= 60
    logs = [*(house.home / "log").glob("*.log")]
    assert len(logs) > 4
    for log in logs:
        assert not NUMBER.search(log.read_text(errors="replace")), f"{log} tells who called"
