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
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.lookup.ledger_page import states_of
from ticketing_bridge.desk.workplace.live_drafts import LiveDrafts
from ticketing_bridge.desk.workplace.rings import Rings
from ticketing_bridge.drafting import rules_version
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
    """

    desk: Desk
    control: CallControl
    agents: AgentDesk
    rings: Rings = field(init=False)
    drafts: LiveDrafts = field(init=False)
    _phones: tuple[float, Sequence[PhoneEntry]] = (-FRESH_S, ())
    _off: tuple[float, frozenset[str]] = (-FRESH_S, frozenset())
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.rings = Rings(self.desk)
        self.drafts = LiveDrafts(self.desk.hotline)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.rings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def tickets(self) -> TicketService:
        """Tickets by the version of the city's data in force; files are read when there is another one."""
        return TicketService(await asyncio.to_thread(self.desk.offices.current))

    def agent_of(self, account: str) -> str | None:
        """The agent that an account is."""
        return self.agents.agent_of(account)

    async def phones(self, uow: UnitOfWork) -> Sequence[PhoneEntry]:
        """The phone book, some seconds old at most."""
        read_at, entries = self._phones
        if time.monotonic() - read_at > FRESH_S:
            entries = await uow.phones.all()
            self._phones = time.monotonic(), entries
        return entries

    async def off(self, uow: UnitOfWork) -> frozenset[str]:
        """Fields whose drafts are switched off, some seconds old at most."""
        read_at, names = self._off
        if time.monotonic() - read_at > FRESH_S:
            states, _ = await states_of(uow, rules_version())
            names = switched_off(states)
            self._off = time.monotonic(), names
        return names

    async def standing(self, key: CallKey) -> DeskCall | None:
        """How a call stands; None: with no agent, or nobody knows."""
        try:
            return await self.control.standing(key)
        except ControlRefused:
            return None
