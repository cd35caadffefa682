"""The demo from the first ring to the verdict. The house must be serving; it is not touched."""

from __future__ import annotations

import asyncio
import secrets as random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from config.hotline import Hotline
from config.secrets import Secrets
from config.settings import Settings
from facts.prompts import prompt_name
from telephony.pbx.program import AsteriskProgram
from telephony.simulation.diary import Diary
from telephony.simulation.outside import outside_world
from telephony.simulation.outside_config import OutsidePaths
from telephony.simulation.play import Player, PromptTimes
from telephony.simulation.scenario import PlannedCall
from telephony.simulation.speech import speak_all, speak_to_stranger
from ticketing_bridge.demo.case import Case
from ticketing_bridge.demo.evidence import Evidence
from ticketing_bridge.demo.ledger import Ledger, read_ledger
from ticketing_bridge.demo.recordings import wav_length_s
from ticketing_bridge.demo.result import DemoResult
from ticketing_bridge.recordings import opened_again
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway

_log = structlog.get_logger(__name__)

#: how long drafts and transcripts may take after the last call
DERIVED_WITHIN_S = 120.0
#: rows that are still missing when nothing changed for so long do not come
_UNCHANGED_S = 15.0
#: a prompt whose file is not there is taken to last so long
_PROMPT_S = 3.0

#: stage (``speech``, ``outside``, ``calls``, ``derived``, ``compare``), done, total
Progress = Callable[[str, int, int], None]


def _quiet(stage: str, done: int, total: int) -> None:
    del stage, done, total


@dataclass(frozen=True, slots=True)
class DemoHouse:
    """The serving house that is phoned."""

    settings: Settings
    hotline: Hotline
    secrets: Secrets
    program: AsteriskProgram
    database: Database


async def run_demo(
    house: DemoHouse,
    calls: Sequence[PlannedCall],
    *,
    seed: int | str | None = None,
    at_once: int = 6,
    derived_within_s: float = DERIVED_WITHIN_S,
    progress: Progress = _quiet,
) -> DemoResult:
    """Play the calls, wait for all that is derived from them, compare every row with its witnesses.

    Raises:
        DemoRuns, PbxPortTaken, PbxStartFailed, AgentsNotRegistered, OutsideWorldLost: see ``outside_world``.
        DatabaseAway: the ledger could not be read within ``derived_within_s`` after the calls.
    """
    began = time.monotonic()
    paths = OutsidePaths.of(house.settings)
    progress("speech", 0, len(calls))
    dialogues = await asyncio.to_thread(speak_all, calls, paths.speech)
    stranger = await asyncio.to_thread(speak_to_stranger, paths.speech)
    progress("speech", len(calls), len(calls))
    progress("outside", 0, 1)
    async with outside_world(house.settings, house.hotline, house.secrets, house.program) as phones:
        progress("outside", 1, 1)
        since = datetime.now(UTC)
        async with Evidence(house.settings) as evidence:
            with Diary(paths.diary) as diary:
                player = Player(
                    phones,
                    diary,
                    dialogues,
                    prompt_times(house.settings, house.hotline),
                    run_id=f"demo-{random.token_hex(4)}",
                    at_once=at_once,
                    stranger=stranger,
                    emergency=frozenset(service.number for service in house.hotline.emergency),
                )
                played = await player.play(calls, lambda _, done, total: progress("calls", done, total))
            ledger, in_time = await _derived(house, since, len(played), derived_within_s, progress)
            await evidence.finish()
            ledger = await read_ledger(house.database, since, house.settings.pbx_id, with_events=True)
    progress("compare", 0, len(played))
    case = Case(house.settings, house.hotline, evidence, ledger, dialogues, since)
    watched = evidence.recordings
    # the first calls of a long demo may be sealed by now: witnesses are read in the clear
    async with opened_again(house.database, watched.folder, ledger.recordings, house.settings.run) as folder:
        watched.folder = folder
        findings, others = await asyncio.to_thread(case.compare, played)
    progress("compare", len(played), len(played))
    return DemoResult(seed, findings, others, time.monotonic() - began, in_time)


def prompt_times(settings: Settings, hotline: Hotline) -> PromptTimes:
    """How long the notice and the longest greeting last, from their sound files."""

    def length_s(text: str) -> float:
        path: Path = settings.sounds / f"{prompt_name(text)}.wav"
        return wav_length_s(path) or _PROMPT_S

    return PromptTimes(length_s(hotline.notice), max(length_s(line.greeting) for line in hotline.lines))


async def _derived(
    house: DemoHouse, since: datetime, calls: int, within_s: float, progress: Progress
) -> tuple[Ledger, bool]:
    """The ledger once everything is there, or as it is when the time is over.

    Rows that are missing are waited for as long as anything still changes.
    """
    deadline = time.monotonic() + within_s
    state, changed = None, time.monotonic()
    while True:
        try:
            ledger = await read_ledger(house.database, since, house.settings.pbx_id)
        except DatabaseAway:
            if time.monotonic() > deadline:
                raise
        else:
            now = (len(ledger.rows), *ledger.progress())
            if now != state:
                state, changed = now, time.monotonic()
            progress("derived", *ledger.progress())
            if ledger.settled and (len(ledger.rows) >= calls or time.monotonic() - changed > _UNCHANGED_S):
                return ledger, True
            if time.monotonic() > deadline:
                return ledger, False
        await asyncio.sleep(1.0)
