"""``hotline models``: which speech models there are, whether they can be used, and the demo's own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from asr.models import check_model, default_model
from config.settings import load_settings
from ticketing_bridge.cli.output import Json, console, errors, print_json

_models = typer.Typer(no_args_is_help=True, help="Speech models: list, check, build the demo model.")


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_models, name="models")


@_models.command("list")
def list_(json_: Json = False) -> None:
    """The models in use: live, and for recordings."""
    settings = load_settings()
    live = settings.model or default_model()
    used = {"live": live, "second_pass": settings.second_pass_model or live}
    facts = {use: asdict(check_model(path)) for use, path in used.items()}
    if json_:
        print_json(facts)
        return
    for use, found in facts.items():
        size_mb = found["size_bytes"] / 1e6
        console.print(
            f"{use:<12} {found['name']}@{found['version']}  {size_mb:.0f} MB  {found['path']}",
            highlight=False,
        )


@_models.command("check")
def check_models(
    path: Annotated[Path | None, typer.Argument(help="Model folder; default: the one in use.")] = None,
) -> None:
    """Load a model in a process of its own and say whether it can be used."""
    facts = check_model(path or load_settings().model or default_model())
    console.print(f"✓ {facts.id} ({facts.rate_hz} Hz, {facts.size_bytes / 1e6:.0f} MB)", highlight=False)


@_models.command("build-demo")
def build_demo(
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Less speech, a smaller network: about a minute.")
    ] = False,
) -> None:
    """Build the demo model from nothing (needs the extra demo-model; about ten minutes)."""
    from asr.demo_model.builder import build  # noqa: PLC0415 - needs the extra

    with Progress(console=errors) as progress:
        tasks: dict[str, object] = {}

        def tell(doing: str, done: int, total: int) -> None:
            task = tasks.get(doing)
            if task is None:
                task = tasks[doing] = progress.add_task(doing, total=total)
            progress.update(task, completed=done, total=total)  # type: ignore[arg-type]

        made = build(out, quick=quick, progress=tell)
    console.print(f"✓ {check_model(made).id} in {made}", highlight=False)
