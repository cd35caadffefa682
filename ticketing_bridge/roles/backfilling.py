"""Gaps are filled as soon as the PBX is heard again, and whenever somebody asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from config.hotline import Hotline
from config.sites import PbxSite
from facts.errors import HotlineError
from telephony.ami.events import LinkUp, PbxEvent
from telephony.call_fold import FoldRules
from telephony.pbx.paths import PbxPaths
from telephony.pbx_logs.source import FileLogs, LogSource
from ticketing_bridge.agents.outage import DeskKeeper, LiveDesk
from ticketing_bridge.call_ledger.backfill import Backfill, Keeper
from ticketing_bridge.call_ledger.self_service import SelfService
from ticketing_bridge.call_ledger.service import LedgerWriter
from ticketing_bridge.call_ledger.shipped_logs import ShippedLogs
from ticketing_bridge.house import House
from ticketing_bridge.journeys.outage import ErrandKeeper, LiveErrands
from ticketing_bridge.store.database import Database

log = structlog.get_logger(__name__)

#: whoever wants gaps filled tells this channel the PBX's name
BACKFILL_CHANNEL: Final = "hotline_backfill"
#: what happened before the link's return is in the PBX's records by then (seconds)
SETTLED_S = 4.5
#: how often provisional self-service is looked at (seconds)
SETTLE_EVERY_S = 20.0
#: gaps that could not be filled are tried again after this time (seconds)
AGAIN_S = 30.0


def log_source(house: House, site: PbxSite, database: Database) -> LogSource:
    """Where this PBX's records are: our own PBX's files, files that are seen here, or what is shipped."""
    if site.local:
        paths = PbxPaths.of(house.settings)
        return FileLogs(paths.cel, paths.queue_log, ours=True)
    if site.cel_file is not None and site.queue_log_file is not None:
        return FileLogs(site.cel_file, site.queue_log_file)
    return ShippedLogs(database, site.id)


def keepers(
    hotline: Hotline, site_id: str, desk: LiveDesk | None = None, errands: LiveErrands | None = None
) -> tuple[Keeper, ...]:
    """Who else keeps what happened in a gap; ``desk``, ``errands``: the running role's own memory of it."""
    return DeskKeeper(hotline, site_id, desk), ErrandKeeper(hotline, errands)


class GapFiller:
    """Fills the gaps of one PBX beside its ledger. An async context manager; ``take`` every event."""

    def __init__(
        self,
        database: Database,
        site_id: str,
        rules: FoldRules,
        source: LogSource,
        writer: LedgerWriter,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self._database = database
        self._site_id = site_id
        self._writer = writer
        self._backfill = Backfill(database, site_id, rules, source, live=writer, keepers=keepers)
        self._self_service = SelfService(database, site_id, rules, live=writer)
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> GapFiller:
        self._tasks = [
            asyncio.create_task(self._fill_for_ever(), name="gap-filler"),
            asyncio.create_task(self._listen(), name="gap-filler-asked"),
            asyncio.create_task(self._settle_for_ever(), name="self-service"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def take(self, event: PbxEvent) -> None:
        """The link is back: there may be a gap."""
        if isinstance(event, LinkUp):
            self._wanted.set()

    async def _listen(self) -> None:
        async with self._database.listen(BACKFILL_CHANNEL) as asked:
            async for notification in asked:
                if notification.payload in ("", self._site_id):
                    self._wanted.set()

    async def _settle_for_ever(self) -> None:
        """Self-service becomes final, or is undone when the number has rung again."""
        while True:
            await asyncio.sleep(SETTLE_EVERY_S)
            try:
                await self._self_service.settle(datetime.now(UTC))
            except HotlineError as problem:
                log.warning("self_service_later", problem=str(problem), error_id=problem.error_id)
            except Exception:  # a bug here must not end the role: calls stay provisional, and are seen
                log.exception("self_service_bug")

    async def _fill_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._wanted.wait()
            await asyncio.sleep(SETTLED_S)
            self._wanted.clear()
            try:
                await self._writer.settled()
                await self._backfill.fill_all()
            except HotlineError as problem:
                log.warning("backfill_later", problem=str(problem), error_id=problem.error_id)
            except Exception:  # a bug here must not end the role: gaps stay, and are seen
                log.exception("backfill_bug", fix="hotline calls backfill shows it again")
