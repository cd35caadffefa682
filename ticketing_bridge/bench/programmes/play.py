"""Plays programmes and compares: the row as it was written, folded again, taken from the PBX's own records,
and what the people, queue_log and the call detail records saw."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import structlog

from facts.call import Call, CallFlag, CallState, Outcome
from facts.identity import CallKey
from telephony.ami.events import LinkUp
from telephony.call_fold.likeness import differing
from telephony.pbx_logs.queue_log import parse_queue_log
from telephony.pbx_logs.source import FileLogs
from telephony.simulation.diary import Diary
from telephony.simulation.outside import outside_world
from telephony.simulation.outside_config import OutsidePaths
from telephony.simulation.play import PlayedCall, Player
from telephony.simulation.scenario import PlannedCall
from telephony.simulation.scenario_file import plan
from telephony.simulation.speech import Dialogue
from ticketing_bridge.bench.programmes.drawing import programmes
from ticketing_bridge.bench.programmes.stage import Stage
from ticketing_bridge.call_ledger import rebuild
from ticketing_bridge.call_ledger.backfill import Backfill, event_record
from ticketing_bridge.demo.cdr import citizens_records, compare_cdr, parse_cdr
from ticketing_bridge.demo.findings import Comparison
from ticketing_bridge.demo.people import compare_people, match_rows
from ticketing_bridge.demo.queue_log import by_call, compare_queue_log
from ticketing_bridge.demo.run import prompt_times
from ticketing_bridge.roles.telephony import fold_rules
from ticketing_bridge.store import Database, upgrade
from voice.pcm import silence
from voice.wav import write_wav

log = structlog.get_logger(__name__)

#: two records of the PBX may tell of one happening so far apart on a busy machine
NEAR_S = 0.5
#: what happened is in the PBX's records, and they may be taken for whole, after this time
_RECORDED_S = 5.0
#: rows are complete so long after the last call
SETTLED_WITHIN_S = 90.0

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Faults:
    """What is broken while the programmes run. Seconds from their beginning, and how long."""

    cuts: tuple[tuple[float, float], ...] = ()
    kill: tuple[float, float] | None = None


@dataclass(slots=True)
class Report:
    """What was found. Every list must be empty."""

    calls: int
    seed: int
    took_s: float = 0.0
    peak_channels: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    backfilled: int = 0
    unresolved: list[str] = field(default_factory=list)
    without_row: list[str] = field(default_factory=list)
    nobodys: list[str] = field(default_factory=list)
    rebuild: list[str] = field(default_factory=list)
    backfill: list[str] = field(default_factory=list)
    witnesses: list[dict[str, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """No difference anywhere."""
        return not any(
            (self.unresolved, self.without_row, self.nobodys, self.rebuild, self.backfill, self.witnesses)
        )

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "calls": self.calls,
            "seed": self.seed,
            "good": self.good,
            "took_s": round(self.took_s, 1),
            "peak_channels": self.peak_channels,
            "outcomes": dict(self.outcomes),
            "backfilled": self.backfilled,
            "unresolved": self.unresolved,
            "without_row": self.without_row,
            "nobodys": self.nobodys,
            "rebuild": self.rebuild,
            "backfill": self.backfill,
            "witnesses": self.witnesses,
        }


async def play(stage: Stage, seed: int, calls: int, a_second: float, faults: Faults, tell: Tell) -> Report:
    """Play them all, break what is to be broken, wait, compare."""
    report = Report(calls, seed)
    began, since = time.monotonic(), datetime.now(UTC)
    planned = plan(programmes(seed, calls, a_second), stage.hotline)
    async with silent_people(stage, planned, seed, at_once=200) as player:
        beside = [asyncio.create_task(_break(stage, faults)), asyncio.create_task(_watch(stage, report))]
        played = await player.play(planned, lambda _, done, total: tell("calls", done, total))
        await beside[0]
        tell("rows", 0, calls)
        rows = await settled(stage, since)
        beside[1].cancel()
    report.took_s = time.monotonic() - began
    report.outcomes = Counter(str(row.outcome) for row in rows)
    report.backfilled = sum(CallFlag.BACKFILLED in row.flags for row in rows)
    report.unresolved = [str(row.key) for row in rows if row.outcome in (None, Outcome.UNRESOLVED)]
    tell("compare", 0, 3)
    again = await rebuild(stage.database, fold_rules(stage.house), write=False)
    report.rebuild = [f"{it.key}: {', '.join(it.fields) or 'no row'}" for it in again.different]
    tell("compare", 1, 3)
    report.backfill = await _from_records(stage, rows, since)
    tell("compare", 2, 3)
    _witnesses(stage, played, rows, report)
    tell("compare", 3, 3)
    return report


@asynccontextmanager
async def silent_people(
    stage: Stage, planned: Sequence[PlannedCall], seed: int, *, at_once: int
) -> AsyncIterator[Player]:
    """People with telephones outside who say nothing, for these calls."""
    paths = OutsidePaths.of(stage.settings)
    dialogues = await asyncio.to_thread(_silent, planned, paths.speech, seed)
    async with outside_world(stage.settings, stage.hotline, stage.secrets, stage.program) as phones:
        with Diary(paths.diary) as diary:
            yield Player(
                phones,
                diary,
                dialogues,
                prompt_times(stage.settings, stage.hotline),
                run_id=f"bench-{secrets.token_hex(4)}",
                at_once=at_once,
                emergency=frozenset(service.number for service in stage.hotline.emergency),
            )


def _silent(planned: Sequence[PlannedCall], folder: Path, seed: int) -> dict[str, Dialogue]:
    """Nobody says anything: talks of 4 to 8 seconds."""
    dice = random.Random(f"talks {seed}")
    folder.mkdir(parents=True, exist_ok=True)
    for seconds in range(4, 9):
        write_wav(folder / f"quiet{seconds}.wav", silence(float(seconds)))
    found: dict[str, Dialogue] = {}
    for call in planned:
        seconds = dice.randint(4, 8)
        quiet = folder / f"quiet{seconds}"
        found[call.id] = Dialogue(quiet, quiet, (), float(seconds))
    return found


async def _break(stage: Stage, faults: Faults) -> None:
    begin = asyncio.get_running_loop().time()

    async def until(second: float) -> None:
        await asyncio.sleep(max(0.0, begin + second - asyncio.get_running_loop().time()))

    async def cut(at_s: float, for_s: float) -> None:
        await until(at_s)
        await stage.cable.cut(for_s)

    async def kill(at_s: float, for_s: float) -> None:
        await until(at_s)
        await stage.telephony.kill()
        await asyncio.sleep(for_s)
        await stage.telephony.start()

    async with asyncio.TaskGroup() as tasks:
        for at_s, for_s in faults.cuts:
            tasks.create_task(cut(at_s, for_s))
        if faults.kill is not None:
            tasks.create_task(kill(*faults.kill))


async def _watch(stage: Stage, report: Report) -> None:
    while True:
        status = await stage.pbx.status()
        report.peak_channels = max(report.peak_channels, status.channels)
        await asyncio.sleep(2.0)


async def settled(stage: Stage, since: datetime) -> list[Call]:
    """Rows once every call is over and no gap is open, or as they are when the time is over."""
    source = FileLogs(stage.pbx.paths.cel, stage.pbx.paths.queue_log, ours=True)
    pbx_id = stage.settings.pbx_id
    backfill = Backfill(stage.database, pbx_id, fold_rules(stage.house), source)
    deadline = time.monotonic() + SETTLED_WITHIN_S
    calm = 0
    while True:
        async with stage.database.unit_of_work() as uow:
            rows = await uow.calls.list(from_=since - timedelta(seconds=1), pbx_id=pbx_id)
        over = all(row.state is CallState.ENDED and row.outcome is not Outcome.UNRESOLVED for row in rows)
        calm = calm + 1 if over and not await backfill.gaps() else 0
        if calm > 3 or time.monotonic() > deadline:
            return rows
        await asyncio.sleep(1.0)


async def _from_records(stage: Stage, rows: Sequence[Call], since: datetime) -> list[str]:
    """The same calls in a database that heard nothing at all, from the PBX's CEL and queue_log alone."""
    with psycopg.connect(stage.server.url_of("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE deaf")
    url = stage.server.url_of("deaf")
    await asyncio.to_thread(upgrade, url)
    pbx_id = stage.settings.pbx_id
    async with Database(url) as deaf:
        async with deaf.unit_of_work() as uow:
            up = LinkUp(at=datetime.now(UTC), pbx_id=pbx_id)
            await uow.events.add_batch([event_record(up, None, datetime.now(UTC))])
        await asyncio.sleep(_RECORDED_S)  # the last call may have ended a moment ago
        source = FileLogs(stage.pbx.paths.cel, stage.pbx.paths.queue_log, ours=True)
        backfill = Backfill(deaf, pbx_id, fold_rules(stage.house), source)
        filled = await backfill.fill_all(since=since - timedelta(seconds=1))
        async with deaf.unit_of_work() as uow:
            found = {call.key: call for call in await uow.calls.list(pbx_id=pbx_id)}
    wrong = [f"the gap was not filled: {it.why}" for it in filled if it.why]
    wrong += [f"{key}: only in the records" for key in found.keys() - {row.key for row in rows}]
    return wrong + [text for row in rows if (text := _difference(row, found))]


def _difference(row: Call, found: dict[CallKey, Call]) -> str:
    other = found.get(row.key)
    if other is None:
        return f"{row.key}: not in the records"
    names = differing(row, other, NEAR_S)
    shown = (f"{name} {getattr(row, name)!s:.300} / {getattr(other, name)!s:.300}" for name in names)
    return f"{row.key}: {'; '.join(shown)}" if names else ""


def _witnesses(stage: Stage, played: Sequence[PlayedCall], rows: Sequence[Call], report: Report) -> None:
    paths = stage.pbx.paths
    matched, strangers = match_rows(played, rows)
    logged = by_call(parse_queue_log(paths.queue_log.read_text(encoding="utf-8").splitlines()))
    records = citizens_records(parse_cdr(paths.cdr.read_text(encoding="utf-8").splitlines()))
    report.nobodys = [str(row.key) for row in strangers]
    for call in played:
        row = matched.get(call.plan.id)
        if row is None:
            report.without_row.append(call.plan.id)
            continue
        found = Comparison(str(row.key))
        compare_people(row, call, found)
        compare_queue_log(row, logged.get(row.key.uniqueid, []), found)
        compare_cdr(row, records.get(row.key.uniqueid, []), found)
        report.witnesses += [it.as_json() for it in found.disagreements]
