"""``hotline flows | models | transcribe | draft | drafting``: speech and language without a PBX."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from asr.files import transcribe_paths
from asr.models import check_model, default_model
from config.catalogue import load_catalogue
from config.hotline import load_hotline
from config.settings import load_settings
from facts.errors import HotlineError
from facts.transcript import Leg
from ivr_flows import FlowInvalid, FlowStore, Problem, check_flow, line_context, load_flow
from ivr_flows.draw import draw_mermaid, draw_text
from ivr_flows.player import play_flow
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.drafting import draft_lines, evaluate, table

_flows = typer.Typer(no_args_is_help=True, help="Flow files: check, try, draw.")
_models = typer.Typer(no_args_is_help=True, help="Speech models: list, check, build the demo model.")
_drafting = typer.Typer(no_args_is_help=True, help="How good the drafting is.")

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)]


class NoSuchFlow(HotlineError):
    """There is no such flow."""

    error_id = "no-such-flow"


class TranscriptForm(StrEnum):
    """How a transcript is printed."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_flows, name="flows")
    app.add_typer(_models, name="models")
    app.add_typer(_drafting, name="drafting")
    app.command()(transcribe)
    app.command()(draft)


def _flow_path(name: str) -> Path:
    """A flow by its id or by its file."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    return load_settings().flow_folder / f"{name}.yaml"


@_flows.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Flow ids or files; default: all.")] = None,
    json_: Json = False,
) -> None:
    """Prove the flows: every path ends with a person, and how long it takes at most."""
    settings = load_settings()
    hotline = load_hotline(settings.hotline_config)
    queues = {queue.id for queue in hotline.queues}
    wrong = False
    facts = {}
    for name in names or FlowStore(settings.flow_folder).names():
        path = _flow_path(name)
        problems: tuple[Problem, ...] | list[Problem]
        try:
            report = check_flow(load_flow(path), file=path.name, queues=queues)
            problems, bounds = report.problems, asdict(report)
            bounds.pop("problems")
        except FlowInvalid as invalid:
            problems, bounds = invalid.problems, {}
        wrong = wrong or bool(problems)
        facts[path.stem] = {**bounds, "problems": [str(problem) for problem in problems]}
    if json_:
        print_json(facts)
    else:
        _print_reports(facts)
    raise typer.Exit(1 if wrong else 0)


def _print_reports(facts: dict[str, dict[str, object]]) -> None:
    for name, found in facts.items():
        problems = found["problems"]
        for problem in problems if isinstance(problems, list) else ():
            console.print(f"✗ {problem}", highlight=False)
        if not problems:
            times = "  ".join(
                f"{key.removesuffix('_ms')} {_shown(key, value)}"
                for key, value in found.items()
                if key != "problems"
            )
            console.print(f"✓ {name}: {times}", highlight=False)


def _shown(key: str, value: object) -> str:
    return f"{value / 1000:.1f} s" if key.endswith("_ms") and isinstance(value, int) else str(value)


@_flows.command("try")
def try_(
    name: Annotated[str, typer.Argument(help="Flow id or file.")],
    line: Annotated[str, typer.Option(help="The line whose greeting and queue are used.")] = "main",
) -> None:
    """Walk through a flow on the terminal, as its caller."""
    hotline = load_hotline(load_settings().hotline_config)
    called = hotline.line(line)
    if called is None:
        raise NoSuchFlow(
            f"there is no line {line!r}", fix=f"one of {', '.join(it.id for it in hotline.lines)}"
        )
    asyncio.run(play_flow(load_flow(_flow_path(name)), line_context(hotline, called), input, print))


@_flows.command()
def draw(
    name: Annotated[str, typer.Argument(help="Flow id or file.")],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a mermaid diagram.")] = False,
) -> None:
    """Draw a flow."""
    flow = load_flow(_flow_path(name))
    print(draw_mermaid(flow) if mermaid else draw_text(flow))


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


def transcribe(
    files: Files,
    form: Annotated[
        TranscriptForm, typer.Option("--format", help="json, text, srt or vtt.")
    ] = TranscriptForm.TEXT,
    model: Annotated[Path | None, typer.Option(help="Vosk model folder.")] = None,
) -> None:
    """Transcribe recordings (WAV, A-law, µ-law, GSM, MP3; mono or both legs in stereo)."""
    names = labels().legs
    speakers = {leg: names[leg.value] for leg in Leg}
    with Progress(console=errors, transient=True) as progress:
        tasks = {path: progress.add_task(path.name, total=1.0) for path in files}

        def tell(path: Path, share: float) -> None:
            progress.update(tasks[path], completed=share)

        chosen = model or load_settings().second_pass_model or load_settings().model
        for _, document in transcribe_paths(
            files, form.value, model=chosen, speakers=speakers, progress=tell
        ):
            progress.console.file.flush()
            sys.stdout.write(document if document.endswith("\n") else document + "\n")
            sys.stdout.flush()


def draft(files: Files) -> None:
    """Draft tickets from transcripts: JSON Lines in, one draft a line out."""
    city = load_catalogue()
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
    found = evaluate(_lines([file]), load_catalogue())
    if json_:
        print_json(asdict(found))
    else:
        console.print(table(found), highlight=False)
