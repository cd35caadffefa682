"""The command line: a stable contract for people and scripts.

Exit codes: 0 done, 1 the answer is no (a check failed), 2 the request was wrong.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import traceback

import structlog

from facts.errors import HotlineError


def main() -> None:
    """Run ``hotline``; an error is one line that names its fix, never a traceback."""
    # A command speaks to a person: only what serves for long keeps a log (it sets its own up).
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        from ticketing_bridge.cli.app import run_app  # noqa: PLC0415 - loads what the command needs

        run_app()
    except HotlineError as error:
        _say(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _say(error)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - a fault of ours: its trace goes to a file, not to a person
        _say(HotlineError(f"internal error: {error!r}", fix=f"report it with {_kept_trace()}"))
        sys.exit(2)


def _say(error: Exception) -> None:
    if os.environ.get("HOTLINE_DEBUG"):
        raise error
    print(f"hotline: {' '.join(str(error).split())}", file=sys.stderr)


def _kept_trace() -> str:
    """Keep the trace of the current error; returns where."""
    with tempfile.NamedTemporaryFile("w", prefix="hotline-error-", suffix=".txt", delete=False) as out:
        traceback.print_exc(file=out)
    return out.name
