"""The demo on a console: bring the house up (or use the one that serves), phone, compare, show."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from facts.errors import HotlineError
from telephony.pbx.find import find_asterisk
from telephony.pbx.program import AsteriskMissing
from telephony.simulation.draw import draw
from telephony.simulation.scenario import PlannedCall
from telephony.simulation.scenario_file import load_scenario, plan
from ticketing_bridge.bring_up import Ready, serving
from ticketing_bridge.cli.output import console, errors, print_json
from ticketing_bridge.cli.serving import where_to_look
from ticketing_bridge.cli.stages import Stages
from ticketing_bridge.demo.result import DemoResult, as_table
from ticketing_bridge.demo.run import DemoHouse, run_demo
from ticketing_bridge.house import House, open_house
from ticketing_bridge.logs import set_up_file_logs
from ticketing_bridge.supervision import is_serving, stop_signals

STAGES = {
    "speech": "people learn their lines",
    "outside": "the world outside",
    "calls": "calls",
    "derived": "drafts and transcripts",
    "compare": "witnesses",
}


class DemoNeedsLocalPbx(HotlineError):
    """Simulated people must not phone a PBX that is not ours."""

    error_id = "demo-needs-local-pbx"


def show_demo(
    calls: int, seed: int | None, scenario: Path | None, *, at_once: int, exit_after: bool, as_json: bool
) -> None:
    """Run the demo and print what it found; ends with the demo's exit code."""
    house = open_house()
    if not house.settings.local_pbx:
        raise DemoNeedsLocalPbx(
            "the demo phones the local PBX, and this house follows an existing one (HOTLINE_LOCAL_PBX=false)",
            fix="run it with HOTLINE_LOCAL_PBX=true and a HOTLINE_HOME of its own",
        )
    if scenario is None:
        seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
        wanted = draw(seed, calls, [line.id for line in house.hotline.lines])
    else:
        seed, wanted = None, load_scenario(scenario)
    planned = plan(wanted, house.hotline)
    set_up_file_logs("demo", house.settings.logs)
    out = errors if as_json else console
    result = asyncio.run(
        _demo(house, planned, seed, out, at_once=at_once, exit_after=exit_after, as_json=as_json)
    )
    raise typer.Exit(result.exit_code if result else 130)


async def _demo(
    house: House,
    planned: Sequence[PlannedCall],
    seed: int | None,
    out: Console,
    *,
    at_once: int,
    exit_after: bool,
    as_json: bool,
) -> DemoResult | None:
    async with stop_signals() as stopped, _served(house, out, stop_all=True) as ready:
        out.print(f"{len(planned)} citizens phone; seed {seed}", highlight=False)
        work = asyncio.create_task(_phone(house, planned, seed, out, at_once))
        stop = asyncio.create_task(stopped.wait())
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return None
        stop.cancel()
        result = await work
        if as_json:
            print_json(result.as_json())
        else:
            out.print(as_table(result))
        if not exit_after and ready is not None:
            where_to_look(house, ready, out)
            out.print("Ctrl-C ends everything.")
            await stopped.wait()
        return result


@asynccontextmanager
async def _served(house: House, out: Console, *, stop_all: bool) -> AsyncIterator[Ready | None]:
    """The house that serves already (None), or one that is brought up for the demo."""
    if is_serving(house.settings.run):
        out.print(f"using the house that serves {house.settings.home}", highlight=False)
        yield None
        return
    stages = Stages(out)
    async with serving(house, stages.show, stop_all=stop_all) as ready:
        out.print(stages.summary(), highlight=False)
        where_to_look(house, ready, out)
        yield ready


async def _phone(
    house: House, planned: Sequence[PlannedCall], seed: int | None, out: Console, at_once: int
) -> DemoResult:
    program = await asyncio.to_thread(find_asterisk, house.settings)
    if program is None:
        raise AsteriskMissing("there is no Asterisk for the world outside", fix="hotline pbx install")
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with house.database(connections=3) as database:
        with Progress(*columns, console=out, disable=not out.is_terminal) as bars:
            tasks = {name: bars.add_task(text, total=None, start=False) for name, text in STAGES.items()}

            def tell(stage: str, done: int, total: int) -> None:
                bars.start_task(tasks[stage])
                bars.update(tasks[stage], completed=done, total=total)

            demo_house = DemoHouse(house.settings, house.hotline, house.secrets, program, database)
            return await run_demo(demo_house, planned, seed=seed, at_once=at_once, progress=tell)
