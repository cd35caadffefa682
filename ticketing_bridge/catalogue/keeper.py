"""Keeps the version in force in place on this machine: every process reads it at its next look."""

from __future__ import annotations

import structlog

from config.catalogue import AdoptedRule
from config.catalogue_store import CatalogueStore
from ticketing_bridge.store.catalogue_repository import CATALOGUE_CHANNEL
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway

log = structlog.get_logger(__name__)


async def put_newest_in_place(database: Database, store: CatalogueStore) -> bool:
    """Put the newest version and the adopted rules in place; whether anything is other than before."""
    async with database.unit_of_work() as uow:
        newest = await uow.catalogue.newest()
        adopted = await uow.undertakings.rules("adopted")
    changed = store.put_rules_in_place([AdoptedRule(it.words, it.appeal, it.to_unit) for it in adopted])
    if changed:
        log.info("dispatch_rules_in_force", rules=len(adopted))
    if newest is None or newest.name == store.version:
        return changed
    store.put_in_place(newest.name, newest.files)
    log.info("catalogue_in_force", version=newest.id, by=newest.by)
    return True


async def keep_catalogue(database: Database, store: CatalogueStore) -> None:
    """Follow the versions until cancelled; what was missed is seen after each connect."""
    async with database.listen(CATALOGUE_CHANNEL) as notifications:
        async for _ in notifications:
            try:
                await put_newest_in_place(database, store)
            except DatabaseAway as away:
                log.warning("catalogue_not_read", why=str(away))
