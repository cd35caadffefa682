"""A PBX whose clock is elsewhere: for what depends on the hour."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from telephony.pbx.program import AsteriskProgram

LOCAL = ZoneInfo("Asia/Shanghai")
_SOURCE = Path(__file__).parent / "clock.c"


def seconds_to_midnight(before_s: float) -> int:
    """How far a clock must go back to be so many seconds before the city's last midnight."""
    now = datetime.fromtimestamp(time.time(), LOCAL)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - now).total_seconds() - before_s)


@contextmanager
def shifted(program: AsteriskProgram, seconds: int) -> Iterator[AsteriskProgram]:
    """The same program, whose clock is so many seconds ahead (negative: behind). Needs a C compiler."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "clock.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"], check=True
        )
        yield replace(
            program,
            argv=("/usr/bin/env", f"LD_PRELOAD={library}", f"CLOCK_AHEAD_S={seconds}", *program.argv),
        )
