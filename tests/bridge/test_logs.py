"""What serves keeps a log, although commands for people are silent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
