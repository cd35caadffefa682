"""What is done for tickets while nobody looks: audit lines chained, their head kept, warnings given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

import structlog

from facts.tasks import end_task
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.searching import index_tickets
from ticketing_bridge.tickets.watching import watch

log = structlog.get_logger(__name__)

CHAIN_S = 1.0
WATCH_S = 60.0
HEAD_S = 600.0
#: how often tickets are looked for that cannot be found by their words (from before there was an index)
INDEX_S = 3600.0


async def chain_audit(database: Database) -> int:
    """Chain all lines that are not chained; returns how many."""
    total = 0
    while True:
        async with database.unit_of_work() as uow:
            done = await uow.audit_chain.extend()
        total += done
        if not done:
            return total


def head_file(folder: Path, day: date) -> Path:
    """Where a day's head is kept."""
    return folder / f"audit-head-{day:%Y-%m-%d}.json"


async def keep_head(database: Database, folder: Path, now: datetime) -> Path:
    """Write the chain's head into a folder, one file a day; what is there of this day is replaced.

    The folder belongs on another machine (a mounted share): a head beside the log proves nothing.
    """
    await chain_audit(database)
    async with database.unit_of_work() as uow:
        head = await uow.audit_chain.head()
    path = head_file(folder, now.astimezone(LOCAL).date())
    text = json.dumps(asdict(head), default=str) + "\n"

    def write() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)

    await asyncio.to_thread(write)
    return path


async def keep_tickets(database: Database, office: TicketOffice, heads: Path | None) -> None:
    """Chain, warn and keep heads until cancelled. Any number of processes may: the work is done once."""
    tasks = [
        asyncio.create_task(_for_ever(CHAIN_S, lambda: chain_audit(database)), name="audit-chain"),
        asyncio.create_task(_for_ever(WATCH_S, lambda: _watched(database, office)), name="ticket-watch"),
        asyncio.create_task(_for_ever(INDEX_S, lambda: index_tickets(database, office)), name="ticket-index"),
    ]
    if heads is not None:
        tasks.append(
            asyncio.create_task(_for_ever(HEAD_S, lambda: _kept(database, heads)), name="audit-head")
        )
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            await end_task(task)


async def _watched(database: Database, office: TicketOffice) -> None:
    async with database.unit_of_work() as uow:
        await watch(uow, office, datetime.now(LOCAL))


async def _kept(database: Database, folder: Path) -> None:
    await keep_head(database, folder, datetime.now(LOCAL))


async def _for_ever(every_s: float, work: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await work()
        except DatabaseAway:
            log.warning("tickets not kept", fix="the database is away; it is tried again")
        except OSError as problem:
            log.error("audit head not kept", problem=str(problem), fix="see HOTLINE_AUDIT_HEADS")
        await asyncio.sleep(every_s)
