"""The telephony role's part: states of agents into the store, wrap-up begun and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Self

import structlog

from config.work import WRAPPING_UP
from facts.call import Call
from telephony.ami.actions import AmiError
from telephony.ami.desk import pause_member
from telephony.ami.errands import Originator
from ticketing_bridge.agents.following import Following
from ticketing_bridge.agents.roster import Roster
from ticketing_bridge.store.agent_repository import StateChange
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway

log = structlog.get_logger(__name__)

#: names of agents whose state changed
AGENT_CHANNEL = "hotline_agent"
#: wrap-ups are looked at this often
LOOK_S = 0.5
#: changes kept while the database is away; the oldest go first
MOST_KEPT = 50_000


class AgentKeeper(Following):
    """Keeps the agents of one PBX. An async context manager; ``take`` never waits.

    Args:
        pbx_now: the PBX's clock.
    """

    def __init__(
        self,
        database: Database,
        roster: Roster,
        link: Originator,
        pbx_id: str,
        pbx_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(roster.take)
        self.roster = roster
        self._database = database
        self._link = link
        self._pbx_id = pbx_id
        self.pbx_now = pbx_now
        self._unwritten: list[StateChange] = []
        self._restored = False

    async def __aenter__(self) -> Self:
        await self._restore()
        self._tasks = [
            asyncio.create_task(self._write_for_ever(), name="agent states"),
            asyncio.create_task(self._wrap_up_for_ever(), name="wrap-up"),
        ]
        return self

    def signed_in(self, agent: str) -> None:
        """Somebody has just signed this agent in."""
        self.roster.signed_in(agent, self.pbx_now())
        self._news.set()

    def keep_wrap_up(self, agent: str) -> None:
        """The wrap-up's time does not end it any more."""
        self.roster.keep_wrap_up(agent, self.pbx_now())
        self._news.set()

    def adopt(self, calls: Sequence[Call], at: datetime) -> None:
        """Talks that began while the PBX was not heard, and go on."""
        self.roster.adopt(calls, at)
        self._news.set()

    async def _restore(self) -> None:
        """What the last process knew; without a database the PBX alone is believed."""
        try:
            async with self._database.unit_of_work() as uow:
                states = await uow.agents.now(self._pbx_id)
                calls = await uow.calls.open_calls(self._pbx_id)
        except DatabaseAway as away:
            log.warning("agents begin without their past", why=str(away))
            return
        self.roster.restore(states, calls)

    async def _act(self) -> None:
        for agent in self.roster.to_wrap():
            await self._pause(agent, WRAPPING_UP)

    async def _write(self) -> bool:
        """What is new, in order; False when the database is away: it is kept."""
        self._unwritten = [*self._unwritten, *self.roster.changes()][-MOST_KEPT:]
        batch = self._unwritten
        if not batch:
            return True
        try:
            async with self._database.unit_of_work() as uow:
                await uow.agents.put(batch)
                await uow.notify(AGENT_CHANNEL, *{it.now.agent: None for it in batch})
        except DatabaseAway as away:
            log.debug("agent states kept", why=str(away), kept=len(batch))
            return False
        self._unwritten = self._unwritten[len(batch) :]
        return True

    async def _wrap_up_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for agent in self.roster.due(self.pbx_now()):
                await self._pause(agent, None)

    async def _pause(self, agent: str, reason: str | None) -> None:
        """Begin or end a wrap-up at the PBX; what it refuses is none."""
        try:
            if not await pause_member(self._link, agent, reason):
                self.roster.not_wrapped(agent, self.pbx_now())
                self._news.set()
        except AmiError as problem:
            log.warning("wrap-up not told to the PBX", agent=agent, why=str(problem))
