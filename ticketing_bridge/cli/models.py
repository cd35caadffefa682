"""``hotline models``: which speech models there are, whether they can be used, and the demo's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from asr.catalogue import PublicModel, public_models
from asr.installed import get_model, installed_models, wish
from asr.manifest import read_manifest, write_manifest
from asr.models import ModelFacts, ModelInvalid, check_model, check_whole, model_facts
from asr.trial import hear_sentence
from config.settings import Settings, load_settings
from ticketing_bridge.cli import adapting
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.speech_models import live_model, recording_model

_models = typer.Typer(
    no_args_is_help=True, help="Speech models: list, get, check, adapt, build the demo model."
)


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    adapting.add_to(_models)
    app.add_typer(_models, name="models")


@_models.command("list")
def list_(json_: Json = False) -> None:
    """The models in use, those that were fetched, and public ones that are known."""
    settings = load_settings()
    used = {use: check_model(path) for use, path in _used(settings).items()}
    installed = installed_models(settings.models)
    if json_:
        print_json(
            {
                **{use: asdict(facts) for use, facts in used.items()},
                "installed": [_installed_json(found) for found in installed],
                "known": [asdict(known) for known in public_models().values()],
            }
        )
        return
    for use, facts in used.items():
        console.print(
            f"{use:<12} {facts.id}  {facts.rate_hz} Hz  {_mb(facts.size_bytes)}  {facts.path}",
            highlight=False,
            soft_wrap=True,
        )
    for found in installed:
        shown = f"{found.id}  {found.path}" if isinstance(found, ModelFacts) else f"✗ {found}"
        console.print(f"{'installed':<12} {shown}", highlight=False, soft_wrap=True)
    console.print(_known_table(public_models()))


def _used(settings: Settings) -> dict[str, Path]:
    return {"live": live_model(settings), "second_pass": recording_model(settings)}


def _installed_json(found: ModelFacts | ModelInvalid) -> dict[str, Any]:
    return asdict(found) if isinstance(found, ModelFacts) else {"error": str(found)}


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _known_table(known: Mapping[str, PublicModel]) -> Table:
    table = Table(
        "hotline models get …", "zip", "licence", "published CER %", "checksum", "", header_style="bold"
    )
    for model in known.values():
        rates = ", ".join(f"{test} {rate:g}" for test, rate in model.errors.items())
        checksum = model.sha256[:12] + "…" if model.sha256 else "not known: --sha256"
        table.add_row(model.name, _mb(model.zip_bytes), model.licence, rates, checksum, model.note)
    return table


@_models.command("get")
def get(
    name: Annotated[str, typer.Argument(help="A name that `models list` shows, or any with --url.")],
    url: Annotated[str | None, typer.Option(help="Where the zip file is; default: its maker's site.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Checksum of the zip file.")] = None,
    json_: Json = False,
) -> None:
    """Fetch a model into HOME/models, check it, and say how to use it. Interrupted, it goes on next time."""
    wanted = wish(name, url, sha256)
    folder = load_settings().models
    folder.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description:<10}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(step: str, done: int, whole: int | None) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=whole)
            progress.update(tasks[step], completed=done, total=whole)

        facts = get_model(wanted, folder, on_step=tell)
    if json_:
        print_json(asdict(facts))
        return
    console.print(f"✓ {facts.id} in {facts.path}", highlight=False, soft_wrap=True)
    console.print(
        f"use it: HOTLINE_MODEL={facts.path}, or HOTLINE_SECOND_PASS_MODEL for recordings only",
        highlight=False,
        soft_wrap=True,
    )


@_models.command("check")
def check_models(
    path: Annotated[
        Path | None, typer.Argument(metavar="FOLDER|NAME", help="Default: the models in use.")
    ] = None,
    hear: Annotated[bool, typer.Option("--hear", help="Let it hear a sentence, too.")] = False,
    json_: Json = False,
) -> None:
    """Compare a model with its checksums, load it in a process of its own, and say whether it can be used."""
    settings = load_settings()
    paths = _named(path, settings) if path else list(dict.fromkeys(_used(settings).values()))
    checked = []
    for place in paths:
        model_facts(place)
        check_whole(place)
        facts = check_model(place)
        trial = asyncio.run(hear_sentence(place)) if hear else None
        checked.append({**asdict(facts), "checksums": bool(read_manifest(place))})
        if trial:
            checked[-1]["trial"] = asdict(trial)
        if json_:
            continue
        console.print(
            f"✓ {facts.id} ({facts.rate_hz} Hz, {_mb(facts.size_bytes)})", highlight=False, soft_wrap=True
        )
        if trial:
            console.print(f"  said:  {trial.said}\n  heard: {trial.heard or '—'}", highlight=False)
            console.print(f"  processor: {trial.cpu_per_s:.3f} s for a second of sound", highlight=False)
    if json_:
        print_json(checked if path is None else checked[0])


def _named(path: Path, settings: Settings) -> list[Path]:
    """A folder, or the name of a model that was fetched."""
    installed = settings.models / path
    return [installed if not path.exists() and installed.is_dir() else path]


@_models.command("seal")
def seal(path: Annotated[Path, typer.Argument(help="Model folder.")]) -> None:
    """Note the checksums of a model's files in it, so that anything altered later is named."""
    manifest = write_manifest(check_model(path).path)
    console.print(f"✓ {len(read_manifest(path))} files in {manifest}", highlight=False, soft_wrap=True)


@_models.command("build-demo")
def build_demo(
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Less speech, a smaller network: about a minute.")
    ] = False,
) -> None:
    """Build the demo model from nothing (needs the extra demo-model; about a quarter of an hour)."""
    from asr.demo_model.builder import build  # noqa: PLC0415 - needs the extra
    from asr.demo_model.progress import bars  # noqa: PLC0415 - goes with it

    with bars(errors) as tell:
        made = build(out, quick=quick, progress=tell)
    console.print(f"✓ {check_model(made).id} in {made}", highlight=False)
