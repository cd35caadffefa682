"""What all workplaces of one web process share: rings, growing drafts, tickets, the hands on calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from facts.agents import AgentDesk
from facts.call_control import CallControl, ControlRefused, DeskCall
from facts.identity import CallKey
from ticketing_bridge.desk.city import City
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.lookup.ledger_page import states_of
from ticketing_bridge.desk.workplace.drafting_process import Drafter
from ticketing_bridge.desk.workplace.live_drafts import LiveDrafts
from ticketing_bridge.desk.workplace.matters import OpenMatters
from ticketing_bridge.desk.workplace.rings import Rings
from ticketing_bridge.desk.workplace.standings import Standings
from ticketing_bridge.drafting import rules_version
from ticketing_bridge.knowledge.phone_book import BookEntry, phone_book
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.knowledge_records import PhoneEntry
from ticketing_bridge.tickets.service import TicketService
from ticketing_bridge.workplace.verdicts import switched_off

#: phone book and switched-off fields are read again after this time (seconds)
FRESH_S = 5.0


@dataclass(slots=True)
class WorkplaceOffice:
    """Shared by all workplaces. An async context manager, within the desk's.

    Args:
        desk: the pages' own.
        control: hands on calls.
        agents: agents' states.
        drafter: makes the drafts of calls that are on.
    """

    desk: Desk
    control: CallControl
    agents: AgentDesk
    drafter: Drafter
    rings: Rings = field(init=False)
    drafts: LiveDrafts = field(init=False)
    standings: Standings = field(init=False)
    matters: OpenMatters = field(default_factory=OpenMatters)
    _phones: tuple[float, Sequence[PhoneEntry]] = (-FRESH_S, ())
    _book: tuple[Sequence[PhoneEntry], City, tuple[BookEntry, ...]] | None = None
    _off: tuple[float, frozenset[str] | None] = (-FRESH_S, None)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.rings = Rings(self.desk)
        self.drafts = LiveDrafts(self.desk.hotline, self.drafter)
        self.standings = Standings(self.control)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.drafter)
        await self._stack.enter_async_context(self.rings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def tickets(self) -> TicketService:
        """Tickets by the version of the city's data in force; files are read when there is another one."""
        office = self.desk.offices.at_hand()
        if office is None:
            office = await asyncio.to_thread(self.desk.offices.current)
        return TicketService(office)

    def agent_of(self, account: str) -> str | None:
        """The agent that an account is."""
        return self.agents.agent_of(account)

    async def phones(self, uow: UnitOfWork) -> Sequence[PhoneEntry]:
        """The phone book, some seconds old at most."""
        read_at, entries = self._phones
        if time.monotonic() - read_at > FRESH_S:
            newest = await uow.phones.all()
            entries = entries if newest == entries else newest
            self._phones = time.monotonic(), entries
        return entries

    async def book(self, uow: UnitOfWork) -> tuple[BookEntry, ...]:
        """The same made ready to be looked through; anew with other numbers or another directory."""
        entries, city = await self.phones(uow), await self.desk.city()
        if self._book is None or self._book[0] is not entries or self._book[1] is not city:
            made = phone_book(entries, aliases=city.aliases, duties=city.duties)
            self._book = entries, city, made
        return self._book[2]

    async def off(self, uow: UnitOfWork) -> frozenset[str]:
        """Fields whose drafts are switched off, some seconds old at most."""
        read_at, names = self._off
        if names is None or time.monotonic() - read_at > FRESH_S:
            self._off = time.monotonic(), names  # who comes meanwhile goes by what is known
            states, _ = await states_of(uow, rules_version())
            names = switched_off(states)
            self._off = time.monotonic(), names
        return names

    async def standing(self, key: CallKey) -> DeskCall | None:
        """How a call stands now; None: with no agent, or nobody knows."""
        self.standings.changed()
        try:
            return await self.control.standing(key)
        except ControlRefused:
            return None
