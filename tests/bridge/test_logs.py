"""What serves keeps a log, although commands for people are silent."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from ticketing_bridge.logs import Flood

ROLE = """
import structlog, sys
log = structlog.get_logger("telephony.ami.link")
from ticketing_bridge.cli import app
def run_app():
    log.error("said too early")
    from ticketing_bridge.logs import set_up_logs
    set_up_logs("telephony")
    log.error("ami.link", error="caller 13997361508", fix="mend the secret")
    log.info("telephony serves")
    log.debug("a detail")
app.run_app = run_app
from ticketing_bridge.cli import main
main()
"""


def test_a_role_that_the_command_line_starts_logs_its_events(tmp_path: Path) -> None:
    environment = {**os.environ, "HOTLINE_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", ROLE],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    error, info = run.stderr.splitlines()
    assert '"fix": "mend the secret"' in error
    assert "139****1508" in error
    assert '"event": "telephony serves"' in info


def test_a_flood_of_one_warning_is_cut_and_counted() -> None:
    flood = Flood(most=3, within_s=60)

    def comes(at_s: float, event: str, level: int = logging.WARNING) -> logging.LogRecord | None:
        record = logging.LogRecord("telephony.agi", level, "", 0, {"event": event}, (), None)
        record.created = at_s
        return record if flood.filter(record) else None

    assert [bool(comes(at, "agi.refused")) for at in range(5)] == [True, True, True, False, False]
    assert comes(5, "another warning")
    assert all(comes(6, "flow ended", logging.INFO) for _ in range(10))
    told = comes(61, "agi.refused")
    assert told
    assert told.msg == {"event": "agi.refused", "held_back": 2}
