"""``hotline flows``: what callers hear, without a PBX."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.hotline import load_hotline
from config.settings import load_settings
from facts.errors import HotlineError
from ivr_flows import FlowInvalid, FlowStore, Problem, check_flow, line_context, load_flow
from ivr_flows.draw import draw_mermaid, draw_text
from ivr_flows.player import play_flow
from ticketing_bridge.cli.output import Json, console, print_json

_flows = typer.Typer(no_args_is_help=True, help="Flow files: check, try, draw.")


class NoSuchFlow(HotlineError):
    """There is no such flow."""

    error_id = "no-such-flow"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_flows, name="flows")


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
