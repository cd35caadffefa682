"""``hotline bench programmes``: on a console."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

from rich.console import Console

from ticketing_bridge.bench.figures import machine, machine_line
from ticketing_bridge.bench.programmes.play import Faults, Report, play
from ticketing_bridge.bench.programmes.stage import stage
from ticketing_bridge.cli.bars import counted_bars
from ticketing_bridge.cli.output import console, errors, print_json
from ticketing_bridge.logs import set_up_file_logs

#: the link is cut for so long each time, and the service is away for so long (seconds)
CUT_S, KILLED_S = 8.0, 30.0


def faults_of(calls: int, a_second: float) -> Faults:
    """Two cuts and one kill, spread over the time in which the calls arrive."""
    lasts_s = calls / a_second
    return Faults(((0.15 * lasts_s, CUT_S), (0.85 * lasts_s, CUT_S)), (0.4 * lasts_s, KILLED_S))


def show_programmes(calls: int, seed: int, a_second: float, *, cuts: bool, as_json: bool) -> int:
    """Play, print, and return the exit code."""
    faults = faults_of(calls, a_second) if cuts else Faults()
    facts = machine()
    out = errors if as_json else console
    with tempfile.TemporaryDirectory(prefix="hotline-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        set_up_file_logs("programmes", home)
        try:
            report = asyncio.run(_play(home, calls, seed, a_second, faults, out))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if as_json:
        print_json({"machine": facts, "faults": cuts, **report.as_json()})
    else:
        console.print(machine_line(facts), highlight=False, markup=False)
        _show(report)
    return 0 if report.good else 1


async def _play(home: Path, calls: int, seed: int, a_second: float, faults: Faults, out: Console) -> Report:
    me = asyncio.current_task()
    assert me is not None
    # asked to end, it takes its PBXs and its database along
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    with counted_bars(out) as tell:
        async with stage(home, a_second) as up:
            return await play(up, seed, calls, a_second, faults, tell)


def _show(report: Report) -> None:
    said = ", ".join(f"{count} {name}" for name, count in report.outcomes.most_common())
    console.print(
        f"{report.calls} programmes of seed {report.seed} in {report.took_s:.0f} s: {said}", highlight=False
    )
    console.print(
        f"peak channels {report.peak_channels}; {report.backfilled} calls have something that was not heard",
        highlight=False,
    )
    for name in ("unresolved", "without_row", "nobodys", "rebuild", "backfill"):
        found: list[str] = getattr(report, name)
        console.print(f"{name}: {len(found)}", highlight=False)
        for text in found[:20]:
            console.print(f"  {text}", highlight=False, markup=False)
    console.print(f"disagreements of people, queue_log and CDR: {len(report.witnesses)}", highlight=False)
    for one in report.witnesses[:40]:
        console.print(f"  {one}", highlight=False, markup=False)
