"""``hotline flows``: what callers hear, without a PBX."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from config.hotline import Hotline, Line, is_open, load_hotline
from config.settings import load_settings
from facts.errors import HotlineError
from ivr_flows import FlowStore, Purpose, line_context, load_flow
from ivr_flows.example_house import ExampleHouse
from ivr_flows.interpreter import FlowEnding
from ivr_flows.player import TerminalCaller, play_flow
from ivr_flows.proof import FileReport, measured_in, prove
from ivr_flows.studio import file_name
from ticketing_bridge.cli.flow_pictures import draw, flow_path
from ticketing_bridge.cli.flow_prompts import prompts
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.typed_lines import TypedLines

_flows = typer.Typer(no_args_is_help=True, help="Flow files: check, try, draw; the prompts that they say.")


class NoSuchFlow(HotlineError):
    """There is no such flow."""

    error_id = "no-such-flow"


class NoSuchMoment(HotlineError):
    """That is no moment."""

    error_id = "no-such-moment"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    _flows.command()(draw)
    _flows.command()(prompts)
    app.add_typer(_flows, name="flows")


@_flows.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Flow ids or files; default: all.")] = None,
    json_: Json = False,
) -> None:
    """Prove the flows: every path ends well, and who does nothing reaches a person in time on every line.

    Exit code 1 when anything is wrong: file, node, line, what, and the fix.
    """
    settings = load_settings()
    hotline = load_hotline(settings.hotline_config)
    paths = [flow_path(name) for name in names] if names else None
    reports = prove(
        hotline,
        settings.flow_folder,
        paths,
        speech_ms=measured_in(settings.sounds),
        has_recording=lambda text: (settings.studio / f"{file_name(text)}.wav").is_file(),
    )
    if json_:
        print_json({Path(it.file).stem: _facts(it) for it in reports})
    else:
        for report in reports:
            _print_report(report)
    raise typer.Exit(0 if all(it.report.ok for it in reports) else 1)


def _facts(checked: FileReport) -> dict[str, object]:
    facts = asdict(checked.report)
    facts["purpose"] = checked.flow.purpose if checked.flow else None
    facts["problems"] = [str(problem) for problem in checked.report.problems]
    facts["faults"] = [asdict(problem) for problem in checked.report.problems]
    return facts


def _print_report(checked: FileReport) -> None:
    report, flow = checked.report, checked.flow
    for problem in report.problems:
        _show(f"✗ {problem}")
    if not report.ok:
        return
    if flow is None:
        _show(f"✓ {checked.file}: flows, keys and offers fit")
        return
    exempt = f"  exempt {', '.join(flow.exempt)}: {flow.exempt_reason}" if flow.exempt else ""
    _show(
        f"✓ {checked.file} ({flow.purpose})  silent {_s(report.silent_ms)}  longest {_s(report.longest_ms)}"
        f"  to a person {_s(report.person_ms)}, at most {report.person_keys or 0} keys{exempt}"
    )
    for line in report.lines:
        _show(
            f"    line {line.line}: silent caller in the queue {_s(line.usual_ms)} after arrival, no key"
            f" ({_s(line.silent_ms)} with a notice of the hour);"
            f" longest {_s(line.person_ms)}, at most {line.person_keys} keys"
        )


def _show(line: str) -> None:
    """One line as it is: a file's node is no emoji (``:a:``), and a long line is left to the terminal."""
    console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _s(ms: int | None) -> str:
    return "—" if ms is None else f"{ms / 1000:.1f} s"


@_flows.command("try")
def try_(
    name: Annotated[str, typer.Argument(help="Flow id or file.")],
    line: Annotated[str, typer.Option(help="The line whose greeting and queue are used.")] = "",
    speech: Annotated[bool, typer.Option(help="Whether spoken answers are heard.")] = True,
    fast: Annotated[bool, typer.Option("--fast", help="Prompts take no time; questions wait.")] = False,
    speed: Annotated[float, typer.Option(min=0.1, help="Times faster than life.")] = 1.0,
    purpose: Annotated[Purpose | None, typer.Option(help="How the caller comes in.")] = None,
    notice: Annotated[str, typer.Option(help="Notice of the hour that is on.")] = "",
    at: Annotated[str, typer.Option(help="Local time of the call, e.g. 2026-10-01T10:00.")] = "",
) -> None:
    """Walk through a flow on the terminal, as its caller.

    Digits, * and # are pressed, any other words are said, an empty line is silence, x hangs up.
    """
    settings = load_settings()
    hotline = load_hotline(settings.hotline_config)
    flow = load_flow(flow_path(name))
    called = _line(hotline, line, flow.flow)
    moment = _moment(at)
    house = ExampleHouse(notice)
    for told in (f"line {called.id}, {moment:%Y-%m-%d %H:%M}; example data:", *house.told()):
        print(f"  {told}")

    async def play() -> None:
        async with TypedLines(sys.stdin) as lines:
            caller = TerminalCaller(
                lines,
                print,
                speed=None if fast or not sys.stdin.isatty() else speed,
                listens=speech,
                speech_ms=measured_in(settings.sounds),
                did=called.numbers[0],
            )
            end = await play_flow(
                flow,
                line_context(hotline, called),
                caller,
                house,
                purpose=purpose,
                flow_of=FlowStore(settings.flow_folder).get,
                is_open=lambda hours: is_open(hotline.hours.get(hours, ()), hotline.calendar, moment),
            )
        if end.ending is FlowEnding.QUEUE:
            for way in _while_waiting(hotline, called, end.queue):
                print(f"  {way}")

    asyncio.run(play())


def _while_waiting(hotline: Hotline, called: Line, queue: str | None) -> Iterator[str]:
    """What each key of the queue does, and how that is tried."""
    keys = next((it.keys for it in hotline.queues if it.id == queue), {})
    for key, choice in keys.items():
        tried = f"hotline flows try {choice.flow} --purpose waiting --line {called.id}"
        yield f"key {key} while waiting: " + (tried if choice.flow else f"queue {choice.queue}")


def _line(hotline: Hotline, wanted: str, flow: str) -> Line:
    """The line that was named, else the first whose callers come into this flow, else the first."""
    if wanted:
        called = hotline.line(wanted)
        if called is None:
            known = ", ".join(it.id for it in hotline.lines)
            raise NoSuchFlow(f"there is no line {wanted!r}", fix=f"one of {known}")
        return called
    return next((it for it in hotline.lines if it.flow == flow), hotline.lines[0])


def _moment(at: str) -> datetime:
    try:
        return datetime.fromisoformat(at) if at else datetime.now()
    except ValueError:
        raise NoSuchMoment(f"{at!r} is no moment", fix="write it as 2026-10-01T10:00") from None
