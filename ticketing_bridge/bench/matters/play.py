"""Brings a house of its own up, has the composed calls phoned, and compares the drafts it kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from config.catalogue import CityData, load_catalogue
from config.settings import load_settings
from facts.call import Call
from facts.transcript import Leg, Transcript
from facts.transcript import Turn as HeardTurn
from telephony.pbx.find import find_asterisk, program_in, unpacked_root
from telephony.simulation.scenario import Who
from telephony.simulation.scenario_file import plan
from telephony.simulation.speech import plain
from ticketing_bridge.bench.matters.drawing import Composed, compose
from ticketing_bridge.bench.matters.judging import Verdict, mean, values_of
from ticketing_bridge.bench.ports import free_ports
from ticketing_bridge.bring_up import ShowStage, serving
from ticketing_bridge.demo.run import DemoHouse, run_demo
from ticketing_bridge.drafting import DraftInput, draft_call
from ticketing_bridge.drafting.content import draft_content
from ticketing_bridge.house import House, open_house
from ticketing_bridge.store import Database
from ticketing_bridge.tickets.limits import LOCAL

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdicts on the drafts, and what hearing cost."""

    #: as they stand in the end: made anew of the recording where the live words had holes
    verdict: Verdict
    #: as they stood first, at the call's end
    at_once: Verdict
    #: calls of which no draft was kept
    lost: tuple[str, ...]
    cer: dict[str, float | None]
    draft_s: float | None
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            **self.verdict.as_json(),
            "at_once": self.at_once.as_json(),
            "without_draft": [*self.lost],
            "cer": self.cer,
            "took_s": round(self.took_s, 1),
        }


@contextmanager
def _ports_of_its_own(home: Path) -> Iterator[None]:
    """Settings by environment, which the roles inherit; an installation on this machine is not met."""
    wanted = {f"HOTLINE_{name.upper()}": str(port) for name, port in free_ports().items()}
    wanted["HOTLINE_HOME"] = str(home)
    ours = load_settings()
    if ours.asterisk is None and program_in(unpacked_root(ours)) is not None:
        wanted["HOTLINE_ASTERISK"] = str(unpacked_root(ours).absolute())
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


async def play_matters(
    home: Path, calls: int, seed: int, at_once: int, show: ShowStage, tell: Tell
) -> Outcome:
    """Bring it up, phone, wait for the drafts, compare. The home must be new."""
    with _ports_of_its_own(home):
        house = open_house()
        composed = compose(seed, calls, datetime.now(LOCAL).date())
        planned = plan([it.call for it in composed], house.hotline)
        async with serving(house, show, stop_all=True) as ready:
            program = await asyncio.to_thread(find_asterisk, house.settings)
            assert program is not None
            assert ready.pbx is not None
            async with house.database(connections=3) as database:
                demo = DemoHouse(house.settings, house.hotline, house.secrets, program, database)
                result = await run_demo(demo, planned, seed=seed, at_once=at_once, progress=tell)
                rows = [it.row for it in result.findings]
                verdict, at_once_, lost = await _judged(house, database, composed, rows)
    return Outcome(
        verdict,
        at_once_,
        lost,
        {leg: mean(it.cer.get(leg) for it in result.findings) for leg in (Leg.CALLER, Leg.AGENT)},
        mean(it.draft_s for it in result.findings),
        result.duration_s,
    )


async def _judged(
    house: House, database: Database, composed: Sequence[Composed], rows: Sequence[Call | None]
) -> tuple[Verdict, Verdict, tuple[str, ...]]:
    verdict, at_once, lost, city = Verdict(), Verdict(), [], load_catalogue()
    for number, (it, row) in enumerate(zip(composed, rows, strict=True)):
        if row is None:
            lost.append(f"c{number:03d}: no row")
            continue
        async with database.unit_of_work() as uow:
            drafts = await uow.drafts.list(call=row.key)
        if not drafts:
            lost.append(f"c{number:03d}: no draft")
            continue
        ideal = values_of(await asyncio.to_thread(_if_heard, it, row, city))
        first, *_, last = (*sorted(drafts, key=lambda draft: draft.version),) * 2
        for found, draft in ((verdict, last), (at_once, first)):
            found.add(str(row.key), it.gold, values_of(draft.content), ideal)
    return verdict, at_once, tuple(lost)


def _if_heard(composed: Composed, row: Call, city: CityData) -> dict[str, Any]:
    """The draft of the words as they were said."""
    turns = tuple(
        HeardTurn(
            Leg.CALLER if turn.who is Who.CITIZEN else Leg.AGENT, plain(turn.text), 4.0 * at, 4.0 * at + 3
        )
        for at, turn in enumerate(composed.call.says)
    )
    said = Transcript(turns, "")
    call = DraftInput.from_transcript(str(row.key), row.arrived_at.astimezone(LOCAL), row.caller_number, said)
    return draft_content(draft_call(call, city))
