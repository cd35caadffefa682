"""What commands print: JSON for scripts on stdout, words for people, nothing mixed."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

#: every command that prints facts takes it
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for scripts.")]

#: a table that goes to a file or a pipe is not squeezed into a terminal's 80 columns
_WIDE = None if sys.stdout.isatty() else 180
console = Console(width=_WIDE)
errors = Console(stderr=True)


def print_json(facts: Any) -> None:
    """One JSON value and a line feed; Chinese stays readable."""
    json.dump(facts, sys.stdout, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()
