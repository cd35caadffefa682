"""``hotline bench matters``: on a console."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from ticketing_bridge.bench.figures import machine, machine_line
from ticketing_bridge.bench.matters.judging import FIELDS, Lost
from ticketing_bridge.bench.matters.play import Outcome, play_matters
from ticketing_bridge.cli.bars import counted_bars
from ticketing_bridge.cli.output import console, errors, print_json
from ticketing_bridge.cli.stages import Stages
from ticketing_bridge.logs import set_up_file_logs

#: of the fields that a ticket should have, so many must be right end to end
AIM: Final = 0.80


def show_matters(calls: int, seed: int, at_once: int, *, as_json: bool) -> int:
    """Phone, judge, print; 1 when fewer fields than ``AIM`` are right, or a call has no draft."""
    facts = machine()
    out = errors if as_json else console
    with tempfile.TemporaryDirectory(prefix="hotline-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        set_up_file_logs("matters", home)
        outcome = asyncio.run(_play(home, calls, seed, at_once, out))
    found = outcome.as_json()
    if as_json:
        print_json({"machine": facts, "seed": seed, **found})
    else:
        console.print(machine_line(facts), highlight=False, markup=False)
        _show(outcome)
    good = not outcome.lost and (found["share_right"] or 0.0) >= AIM
    return 0 if good else 1


async def _play(home: Path, calls: int, seed: int, at_once: int, out: Console) -> Outcome:
    with counted_bars(out) as tell:
        quiet = Stages(Console(file=(home / "stages.log").open("w", encoding="utf-8")))
        return await play_matters(home, calls, seed, at_once, quiet.show, tell)


def _show(outcome: Outcome) -> None:
    verdict, found = outcome.verdict, outcome.as_json()
    table = Table(title=f"{verdict.calls} calls in {outcome.took_s:.0f} s", title_justify="left")
    for name in ("field", "wanted", "right", "right if heard", *(lost.value for lost in Lost)):
        table.add_column(name, justify="left" if name == "field" else "right")
    for name in FIELDS:
        it = verdict.fields[name]
        lost = (str(it.lost.get(kind, 0)) for kind in Lost)
        table.add_row(name, str(it.wanted), str(it.right), str(it.right_if_heard), *lost)
    console.print(table)
    for text, share, interval in (
        ("of all that should be filled in, right", "share_right", "interval"),
        ("the same, had every word been heard", "share_right_if_heard", "if_heard_interval"),
        ("of all that is shown, right", "share_of_shown_right", "shown_interval"),
    ):
        if found[share] is not None:
            low, high = found[interval]
            console.print(f"{text}: {found[share]:.1%} ({low:.1%} to {high:.1%})", highlight=False)
    first = found["at_once"]
    if first["share_right"] is not None:
        console.print(
            f"at the call's end, before the recording was heard: {first['share_right']:.1%}", highlight=False
        )
    heard = ", ".join(f"{leg} {rate:.1%}" for leg, rate in outcome.cer.items() if rate is not None)
    console.print(f"characters heard wrong: {heard}", highlight=False)
    for text in outcome.lost:
        console.print(text, highlight=False, markup=False)
    for fault in verdict.faults:
        console.print(
            f"  {fault.call} {fault.name}: {fault.given} instead of {fault.wanted} ({fault.lost})",
            highlight=False,
            markup=False,
        )
