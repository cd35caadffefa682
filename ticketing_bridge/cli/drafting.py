"""``hotline draft | drafting``: tickets from transcripts, without a PBX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.catalogue_store import city_in_force
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.drafting import draft_lines, evaluate, table

_drafting = typer.Typer(no_args_is_help=True, help="How good the drafting is.")

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_drafting, name="drafting")
    app.command()(draft)


def draft(files: Files) -> None:
    """Draft tickets from transcripts: JSON Lines in, one draft a line out."""
    city = city_in_force()
    for line in draft_lines(_lines(files), city):
        print(line)


def _lines(files: list[Path]) -> Iterator[str]:
    for path in files:
        with path.open(encoding="utf-8") as lines:
            yield from lines


@_drafting.command("evaluate")
def evaluate_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Labelled calls, JSON Lines.")],
    json_: Json = False,
) -> None:
    """Precision and recall of every field against labelled calls."""
    found = evaluate(_lines([file]), city_in_force())
    if json_:
        print_json(asdict(found))
    else:
        console.print(table(found), highlight=False)
