"""The command line: a stable contract for people and scripts.

Exit codes: 0 done, 1 the answer is no (a check failed), 2 the request was wrong.
"""

from __future__ import annotations

import os
import sys

from facts.errors import HotlineError


def main() -> None:
    """Run ``hotline``; an error is one line that names its fix, never a traceback."""
    try:
        from ticketing_bridge.cli.app import app  # noqa: PLC0415 - keeps `hotline --version` quick

        app()
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


def _say(error: Exception) -> None:
    if os.environ.get("HOTLINE_DEBUG"):
        raise error
    print(f"hotline: {' '.join(str(error).split())}", file=sys.stderr)
