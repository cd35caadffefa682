"""Whose telephone rings, and who speaks with whom: read once for all workplaces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import structlog

from facts.call import Call, CallState
from facts.tasks import end_task
from ticketing_bridge.desk.desk import BOARD, Desk
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.desk.views import ringing_agent
from ticketing_bridge.store import DatabaseAway

log = structlog.get_logger(__name__)

#: pause between two readings, seconds: at most ten a second
PAUSE_S = 0.1
#: it looks by itself this often
LOOK_EVERY_S = 5.0
#: the subject at which every open workplace is counted
WORKPLACES = "workplaces"
#: the topic of an agent's subject at the switchboard
RING = "ring"


def agent_subject(agent: str) -> str:
    """An agent at the switchboard."""
    return f"agent:{agent}"


def agent_of_call(call: Call) -> str | None:
    """Whose call it is now: who is rung, else who speaks with the caller."""
    ringing = ringing_agent(call)
    if ringing or call.state is not CallState.TALKING:
        return ringing
    return next((leg.agent for leg in reversed(call.agent_legs) if leg.left_at is None), None)


def by_agent(calls: Iterable[Call]) -> dict[str, Call]:
    """The newest call of each agent."""
    found: dict[str, Call] = {}
    for call in sorted(calls, key=lambda it: it.arrived_at):
        if agent := agent_of_call(call):
            found[agent] = call
    return found


class Rings:
    """Keeps each agent's call while workplaces are open. An async context manager."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls: Mapping[str, Call] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="desk-rings")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._task)

    def call_of(self, agent: str | None) -> Call | None:
        """The call that rings at this agent's telephone, or is spoken there."""
        return self._calls.get(agent) if agent else None

    async def look(self) -> None:
        """Read the open calls now, and tell the agents whose call is another one."""
        async with self._desk.database.unit_of_work() as uow:
            calls = by_agent(await uow.calls.open_calls())
        before, self._calls = self._calls, calls
        for agent in before.keys() | calls.keys():
            if _sign(before.get(agent)) != _sign(calls.get(agent)):
                self._desk.pages.poke(agent_subject(agent), RING)

    async def _run(self) -> None:
        mailbox = Mailbox()
        with self._desk.pages.plugged_in(BOARD, mailbox):
            while True:
                await mailbox.news(LOOK_EVERY_S)
                try:
                    if self._desk.pages.count(WORKPLACES):
                        await self.look()
                except DatabaseAway as problem:
                    log.warning("rings not seen", problem=str(problem))
                await asyncio.sleep(PAUSE_S)


def _sign(call: Call | None) -> tuple[str, CallState] | None:
    return (str(call.key), call.state) if call else None
