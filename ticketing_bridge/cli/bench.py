"""``hotline bench NAME``: how quick the parts are here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from ticketing_bridge.cli.output import Json, console, errors, print_json

#: measured by the demo itself, with the real PBX: its result has the percentiles
PATH_COMMAND = "hotline demo --calls 30 --exit --json"
PATH_FIGURES = ("live_text_latency_s", "draft_latency_s")


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(bench)


def bench(
    name: Annotated[
        str,
        typer.Argument(
            help="ami, intake, ledger, drafting, search, speech, flows, web, desks, start, all;"
            " delivery, menus, saves, wall, hour, soak, programmes, matters, path"
        ),
    ],
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Measure so often; medians and ends.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="soak, hour, wall: how long; default 60, 60, 10.")
    ] = None,
    streams: Annotated[int, typer.Option(min=1, max=1000, help="soak: how many live legs.")] = 8,
    calls: Annotated[
        int | None,
        typer.Option(
            min=1, help="rate: how many calls a year (ten million); programmes, matters: how many (60)."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="programmes, matters: draws them.")] = 1,
    a_second: Annotated[float, typer.Option(min=0.05, help="programmes: calls a second.")] = 1.0,
    at_once: Annotated[int, typer.Option(min=1, max=50, help="matters: so many talk at once.")] = 4,
    cuts: Annotated[
        bool,
        typer.Option("--cuts", help="programmes: cut the manager link twice, kill the service for 30 s."),
    ] = False,
    json_: Json = False,
) -> None:
    """Measure the parts of the hotline on this machine. Exit code 1 when what must not be was seen.

    Nothing is taken from any installation on it.
    """
    from ticketing_bridge.bench.figures import (  # noqa: PLC0415 - not needed to serve
        MINUTES_VARIABLE,
        machine,
        machine_line,
    )
    from ticketing_bridge.bench.run import ALONE, BENCHES, run_benches  # noqa: PLC0415

    if name == "path":
        _tell_path(as_json=json_)
        return
    if name == "soak":
        _soak(60.0 if minutes is None else minutes, streams, as_json=json_)
        return
    if name == "programmes":
        _programmes(calls or 60, seed, a_second, cuts=cuts, as_json=json_)
        return
    if name == "matters":
        from ticketing_bridge.cli.bench_matters import show_matters  # noqa: PLC0415 - simulated people

        raise typer.Exit(show_matters(calls or 60, seed, at_once, as_json=json_))
    if minutes is not None:
        os.environ[MINUTES_VARIABLE] = str(minutes)
    facts = machine()
    names = [it for it in BENCHES if it not in ALONE] if name == "all" else [name]
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("", total=None)

        def tell(bench_name: str, round_: int) -> None:
            progress.update(task, description=f"{bench_name} ({round_} of {repeat})")

        reports = run_benches(names, repeat=repeat, calls=calls if name == "rate" else None, tell=tell)
    if json_:
        print_json({"machine": facts, "benches": {report.name: report.as_json() for report in reports}})
    else:
        console.print(machine_line(facts), highlight=False, markup=False)
        for report in reports:
            console.print(report.as_table(BENCHES[report.name]))
    _tell_wrong([f"✗ {report.name}: {text}" for report in reports for text in report.wrong])


def _tell_wrong(lines: Sequence[str]) -> None:
    for line in lines:
        errors.print(line, highlight=False, markup=False, soft_wrap=True)
    if lines:
        raise typer.Exit(1)


def _soak(minutes: float, streams: int, *, as_json: bool) -> None:
    """Does the memory of live recognition grow?"""
    from ticketing_bridge.bench.figures import BenchReport, machine, machine_line  # noqa: PLC0415
    from ticketing_bridge.bench.soak import measure_soak  # noqa: PLC0415 - loads the engine

    facts = machine()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("voices", total=1.0)

        def tell(done: float, what: str) -> None:
            progress.update(task, completed=done, description=what)

        figures = asyncio.run(measure_soak(minutes, streams, tell))
    report = BenchReport("soak", (tuple(figures),), facts["load"][0], os.getloadavg()[0])
    if as_json:
        print_json({"machine": facts, "benches": {"soak": report.as_json()}})
        return
    console.print(machine_line(facts), highlight=False, markup=False)
    console.print(report.as_table("live recognition over hours, demo model"))


def _programmes(calls: int, seed: int, a_second: float, *, cuts: bool, as_json: bool) -> None:
    """Random calls on a real PBX: exit code 1 when a row differs anywhere."""
    from ticketing_bridge.cli.bench_programmes import show_programmes  # noqa: PLC0415 - simulated people

    raise typer.Exit(show_programmes(calls, seed, a_second, cuts=cuts, as_json=as_json))


def _tell_path(*, as_json: bool) -> None:
    """The whole path needs the PBX and an installation: the demo measures it."""
    if as_json:
        print_json({"path": {"command": PATH_COMMAND, "figures": PATH_FIGURES}})
        return
    console.print(
        "The whole path, from a citizen's mouth to the page and the draft, is measured by the demo:"
    )
    console.print(f"  {PATH_COMMAND}", highlight=False)
    console.print(f"Look at {' and '.join(PATH_FIGURES)} (p50, p95) in what it prints.", highlight=False)
