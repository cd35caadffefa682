"""The desk: what all pages share, and the tasks that keep it fresh."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import structlog

from config.catalogue_store import CatalogueStore
from config.delivery_files import DeliveryFiles
from config.hotline import Hotline
from config.settings import Settings
from config.sites import pbx_sites
from facts.gathering import Gathering
from facts.tasks import end_task
from ivr_flows import FlowStore
from ticketing_bridge.catalogue.keeper import keep_catalogue
from ticketing_bridge.desk.auth import Brake
from ticketing_bridge.desk.city import City
from ticketing_bridge.desk.doorman import Knock, Welcome, doorman
from ticketing_bridge.desk.feed import LiveFeed
from ticketing_bridge.desk.health import TELEPHONY_CHANNEL, Health, HealthView, TelephonyBeat
from ticketing_bridge.desk.hearings import Hearings
from ticketing_bridge.desk.mailbox import HEALTH, Switchboard
from ticketing_bridge.desk.metrics import Metrics
from ticketing_bridge.desk.remembered import Remembered
from ticketing_bridge.desk.rendering import Templates
from ticketing_bridge.store import Database
from ticketing_bridge.tickets.office import TicketOffice, TicketOffices

log = structlog.get_logger(__name__)

CALL_CHANNEL = "hotline_call"
#: the board's subject at the switchboard; calls are known by their keys
BOARD = "board"
#: the topic of a call that changed in the ledger
CALL = "call"
#: the topic of a call whose work sheet changed, and the channel on which all web processes hear of it
SHEET = "sheet"
SHEET_CHANNEL = "hotline_sheet"


def utc_now() -> datetime:
    """The one place where the desk looks at the clock."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Desk:
    """Shared by all pages of one web process. An async context manager: it listens while it is open."""

    settings: Settings
    database: Database
    hotline: Hotline
    feed: LiveFeed
    now: Callable[[], datetime] = utc_now
    health: Health = field(init=False)
    pages: Switchboard = field(default_factory=Switchboard)
    brake: Brake = field(default_factory=Brake)
    address_brake: Brake = field(default_factory=lambda: Brake(free=20))
    metrics: Metrics = field(default_factory=Metrics)
    templates: Templates = field(init=False)
    #: kept, so that a page reads only the files that changed
    flows: FlowStore = field(init=False)
    #: rules, calendar, units and key of tickets, by the version of the city's data in force
    offices: TicketOffices = field(init=False)
    #: the city's data in force
    catalogue: CatalogueStore = field(init=False)
    #: connectors in force
    delivery: DeliveryFiles = field(init=False)
    #: streams that are on record: the session's form token, path and call
    followed: Remembered = field(default_factory=Remembered)
    hearings: Hearings = field(default_factory=Hearings)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    #: who sends a request: its session's token and the call that it is about
    doorman: Gathering[Knock, Welcome] = field(init=False)
    _city: City | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.templates = Templates(self.hotline.name)
        self.offices = TicketOffices(self.settings, self.hotline)
        self.flows = FlowStore(self.settings.flow_folder)
        self.catalogue = CatalogueStore(self.settings.home)
        self.delivery = DeliveryFiles(self.settings.hotline_config, self.settings.home)
        self.doorman = doorman(self.database)
        self.health = Health(site.id for site in pbx_sites(self.settings, self.hotline))

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.feed)
        await self._stack.enter_async_context(self.doorman)
        listening = asyncio.create_task(self._listen(), name="desk-listening")
        self._stack.push_async_callback(end_task, listening)
        keeping = asyncio.create_task(keep_catalogue(self.database, self.catalogue), name="desk-catalogue")
        self._stack.push_async_callback(end_task, keeping)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_streams()
        await self._stack.aclose()

    @property
    def office(self) -> TicketOffice:
        """What tickets stand on now."""
        return self.offices.current()

    def end_streams(self) -> None:
        """Let every open stream end."""
        self.closing.set()
        self.pages.poke_all(HEALTH)

    async def city(self) -> City:
        """The city's data in force and its names; read again when another version is in place."""
        data = await asyncio.to_thread(self.catalogue.current)
        if self._city is None or self._city.data is not data:
            self._city = await asyncio.to_thread(City.of, data)
        return self._city

    def health_view(self) -> HealthView:
        """Whether what is shown is still true."""
        return self.health.view(self.now(), live_connected=self.feed.connected)

    async def _listen(self) -> None:
        async with self.database.listen(CALL_CHANNEL, TELEPHONY_CHANNEL, SHEET_CHANNEL) as notifications:
            async for told in notifications:
                if told.channel == TELEPHONY_CHANNEL:
                    self._beat(told.payload)
                elif told.channel == SHEET_CHANNEL:
                    self.pages.poke(told.payload, SHEET)
                elif told.payload:
                    self.pages.poke(told.payload, CALL)
                    self.pages.poke(BOARD, told.payload)
                else:
                    self.pages.poke_all(CALL)

    def _beat(self, payload: str) -> None:
        if not payload:
            return
        try:
            beat = TelephonyBeat.parse(payload)
        except (ValueError, KeyError, TypeError) as problem:
            log.warning("telephony beat is not one", problem=repr(problem))
            return
        before = self.health_view()
        self.health.take(beat, self.now())
        after = self.health_view()
        if (before.silent, before.lost) != (after.silent, after.lost):
            self.pages.poke_all(HEALTH)
