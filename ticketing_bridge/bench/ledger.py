"""Events into the ledger: the fold alone, then with a durable PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from config.settings import load_settings
from telephony.ami.codec import AmiMessage
from telephony.ami.events import MemberStatus, PbxEvent, parse_event
from telephony.call_fold import CallTracker, FoldRules
from ticketing_bridge.bench.figures import Figure, Size, spread_ms
from ticketing_bridge.bench.traffic import AGENTS, PBX_ID, as_messages, calls_on_the_wire, talking_call
from ticketing_bridge.call_ledger import EventSpool, LedgerWriter
from ticketing_bridge.call_ledger.service import BATCH_EVENTS
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.sealing import Vault


async def measure(size: Size) -> list[Figure]:
    """The fold in batches and event by event; then everything, and one event at a time."""
    messages = as_messages(calls_on_the_wire(size.of(300, 5), datetime.now(UTC)))
    events = [event for message in messages if (event := parse_event(message.headers, PBX_ID))]
    figures = _fold_figures(events, size.of(7, 2))
    home = load_settings().home
    async with EmbeddedPostgres(home, keep_running=False, durable=size is Size.FULL) as server:
        await asyncio.to_thread(upgrade, server.url)
        async with Database(server.url, Vault("bench")) as database:
            figures += await _written(database, home / "spool", messages)
            alone = talking_call(datetime.now(UTC))
            delays = await _one_at_a_time(database, home / "spool", alone[: size.of(30, 4)])
    return figures + spread_ms(
        "one_event", delays, "one event on an idle ledger until committed (50 ms are waited)"
    )


def writer(database: Database, spool: Path) -> LedgerWriter:
    """The product's ledger of the recorded PBX."""
    return LedgerWriter(
        database, CallTracker(PBX_ID, FoldRules(AGENTS)), EventSpool(spool, PBX_ID, database.vault)
    )


def _fold_figures(events: Sequence[PbxEvent], turns: int) -> list[Figure]:
    """Both ways of folding in turn, medians: a single turn takes less than a hiccup of the machine."""
    rates = [(_folded(events, BATCH_EVENTS), _folded(events, 1)) for _ in range(turns)]
    together, each = (statistics.median(found) for found in zip(*rates, strict=True))
    return [
        Figure("fold_per_s", together, "events/s", f"fold, {BATCH_EVENTS} at a time"),
        Figure("fold_each_per_s", each, "events/s", "fold, one at a time"),
    ]


def _folded(events: Sequence[PbxEvent], at_once: int) -> float:
    tracker = CallTracker(PBX_ID, FoldRules(AGENTS))
    began = time.perf_counter()
    for start in range(0, len(events), at_once):
        for event in events[start : start + at_once]:
            tracker.take(event)
        tracker.changed_calls()
    return len(events) / (time.perf_counter() - began)


async def _written(database: Database, spool: Path, messages: Sequence[AmiMessage]) -> list[Figure]:
    """All at once: what a backlog after an outage costs."""
    async with writer(database, spool) as ledger:
        began = time.perf_counter()
        for message in messages:
            ledger.take(message)
        await ledger.settled()
        took_s = time.perf_counter() - began
    counts = {}
    async with database.unit_of_work() as uow:
        for table in ("call_event", "call", "procrastinate_jobs"):
            counts[table] = (
                await uow.connection.execute(text(f'SELECT count(*) FROM "{table}"'))
            ).scalar_one()
    return [
        Figure(
            "events_per_s", counts["call_event"] / took_s, "events/s", "into PostgreSQL with fold, rows, jobs"
        ),
        Figure("calls_per_s", counts["call"] / took_s, "calls/s", "the same in answered calls"),
        Figure("events", counts["call_event"], "", "events written"),
        Figure("jobs", counts["procrastinate_jobs"], "", "jobs handed out in the same transactions"),
    ]


async def _one_at_a_time(database: Database, spool: Path, messages: Sequence[AmiMessage]) -> list[float]:
    delays = []
    async with writer(database, spool) as ledger:
        for message in messages:
            began = time.perf_counter()
            event = ledger.take(message)
            if event is not None and not isinstance(event, MemberStatus):
                await ledger.settled()
                delays.append(time.perf_counter() - began)
    return delays
