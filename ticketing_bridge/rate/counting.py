"""Keeps the cells in step with the calls: folds changes, counts everything anew when the rules changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.rate_facts import COUNT_VERSION, fact_of

log = structlog.get_logger(__name__)

#: waiting changes are folded this often (seconds)
FOLD_EVERY_S = 1.0
#: calls that are counted anew in one transaction
CALLS_A_STEP = 500


async def fold_all(database: Database) -> int:
    """Put all changes that wait into the cells; returns how many. Another one may be at it: that is fine."""
    total = 0
    while True:
        async with database.unit_of_work() as uow:
            done = await uow.rates.fold()
        if not done:
            return total
        total += done


async def recount_all(database: Database, progress: Callable[[int], None] | None = None) -> int:
    """Count every call anew from its row; returns how many counted for something else than before.

    Calls that change meanwhile count themselves, so they are not waited for. Answers stay right at every
    moment: each call's counterpart is exchanged in one transaction.
    """
    changed = seen = 0
    after = ""
    while True:
        async with database.unit_of_work() as uow:
            keys = await uow.calls.keys_after(after, CALLS_A_STEP)
            calls = await uow.calls.not_in_change(keys)
            facts = {str(call.key): fact_of(call) for call in calls}
            changed += await uow.rates.count(
                [it for it in facts.values() if it is not None],
                [key for key, it in facts.items() if it is None],
            )
        if not keys:
            break
        seen += len(keys)
        after = keys[-1]
        if progress:
            progress(seen)
    async with database.unit_of_work() as uow:
        await uow.rates.counted()
    await fold_all(database)
    return changed


async def ensure_counted(database: Database, progress: Callable[[int], None] | None = None) -> None:
    """Count everything anew where another version counted, or nobody ever did."""
    async with database.unit_of_work() as uow:
        version = await uow.rates.count_version()
    if version != COUNT_VERSION:
        changed = await recount_all(database, progress)
        log.info("calls_counted_anew", version=COUNT_VERSION, changed=changed)


async def keep_folding(database: Database) -> None:
    """For as long as a role serves; a database that is away is waited for."""
    counted = False
    while True:
        try:
            if not counted:
                await ensure_counted(database)
                counted = True
            await fold_all(database)
        except DatabaseAway as problem:
            log.warning("not_folded", problem=str(problem))
        await asyncio.sleep(FOLD_EVERY_S)
