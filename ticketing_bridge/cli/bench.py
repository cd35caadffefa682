"""``hotline bench NAME``: how quick the parts are here."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ticketing_bridge.cli.output import Json, console, errors, print_json

#: measured by the demo itself, with the real PBX: its result has the percentiles
PATH_COMMAND = "hotline demo --calls 30 --exit --json"
PATH_FIGURES = ("live_text_latency_s", "draft_latency_s")


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(bench)


def bench(
    name: Annotated[
        str, typer.Argument(help="ami, ledger, drafting, speech, web, start, path, or all but path")
    ],
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Measure so often; medians and ends.")] = 1,
    json_: Json = False,
) -> None:
    """Measure the parts of the hotline on this machine, apart from any installation on it."""
    from ticketing_bridge.bench.figures import machine, machine_line  # noqa: PLC0415 - not needed to serve
    from ticketing_bridge.bench.run import BENCHES, run_benches  # noqa: PLC0415

    if name == "path":
        _tell_path(as_json=json_)
        return
    facts = machine()
    names = list(BENCHES) if name == "all" else [name]
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("", total=None)

        def tell(bench_name: str, round_: int) -> None:
            progress.update(task, description=f"{bench_name} ({round_} of {repeat})")

        reports = run_benches(names, repeat=repeat, tell=tell)
    if json_:
        print_json({"machine": facts, "benches": {report.name: report.as_json() for report in reports}})
        return
    console.print(machine_line(facts), highlight=False, markup=False)
    for report in reports:
        console.print(report.as_table(BENCHES[report.name]))


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
