"""``hotline models adapt``: a city's own names in a copy of the speech model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from asr.demo_model.adapt import Adapted, adapt, read_names
from asr.models import check_model
from config.settings import load_settings
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.speech_models import live_model


def add_to(models: typer.Typer) -> None:
    """Register the command."""
    models.command("adapt")(adapt_model)


def adapt_model(
    out: Annotated[Path, typer.Option(help="Folder for the new model; must not exist.")],
    gazetteer: Annotated[
        list[Path] | None, typer.Option(help="Places: CSV with the columns name and, if any, aliases (a;b).")
    ] = None,
    words: Annotated[list[Path] | None, typer.Option(help="Names of any kind, one a line.")] = None,
    units: Annotated[list[Path] | None, typer.Option(help="Units: CSV with the column unit.")] = None,
    model: Annotated[Path | None, typer.Option(help="Model to start from; default: the one in use.")] = None,
    json_: Json = False,
) -> None:
    """Teach a copy of the model a city's places, units and other names; takes about ten seconds."""
    names = read_names(gazetteer or [], words or [], units or [])
    with Progress(console=errors, disable=not errors.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(step: str, done: int, whole: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=whole)
            progress.update(tasks[step], completed=done, total=whole)

        made = adapt(model or live_model(load_settings()), names, out, tell)
    facts = check_model(made.path)
    if json_:
        print_json({**asdict(made), "model": asdict(facts)})
        return
    _say(made)
    console.print(f"✓ {facts.id} in {made.path}", highlight=False, soft_wrap=True)
    console.print(f"use it: HOTLINE_MODEL={made.path}", highlight=False, soft_wrap=True)


def _say(made: Adapted) -> None:
    console.print(
        f"{len(made.added)} names added, {len(made.known)} were known already",
        highlight=False,
        soft_wrap=True,
    )
    for name, read in made.read:
        console.print(f"  {name} is heard as {read}", highlight=False, soft_wrap=True)
    for name in made.unsayable:
        console.print(
            f"! {name} is left out: its pronunciation is not known", highlight=False, soft_wrap=True
        )
