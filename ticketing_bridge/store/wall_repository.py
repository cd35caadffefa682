"""What a wallboard reads many times a minute: few columns of open calls, and today's calls by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.call import CallState, Outcome
from ticketing_bridge.store import tables

#: where a caller waits for an agent
_WAITS = (CallState.NOTICE.value, CallState.FLOW.value, CallState.QUEUED.value)


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """One caller in a queue. Nothing says who it is."""

    line: str
    queue: str
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class LineCount:
    """Calls of one line that arrived since a moment."""

    line: str
    calls: int
    answered: int
    #: over, and not with a person
    missed: int


class WallRepository:
    """For the wallboard."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def waiting(self) -> list[WaitingCall]:
        """Everybody who waits in a queue, longest first."""
        call = tables.call.c
        queue = call.queue_legs[-1]["queue"].as_string()
        query = (
            select(call.line, queue.label("queue"), call.arrived_at)
            .where(call.outcome.is_(None), call.state == CallState.QUEUED.value)
            .order_by(call.arrived_at)
        )
        rows = (await self._connection.execute(query)).mappings()
        return [WaitingCall(row["line"], row["queue"] or "", row["arrived_at"]) for row in rows]

    async def arrivals_of_waiting(self) -> list[datetime]:
        """When those arrived who wait for an agent: in a queue, or before it."""
        call = tables.call.c
        query = select(call.arrived_at).where(call.outcome.is_(None), call.state.in_(_WAITS))
        return [*(await self._connection.execute(query)).scalars()]

    async def lines(self, since: datetime) -> list[LineCount]:
        """Today's calls by line."""
        call = tables.call.c
        answered = (Outcome.ANSWERED.value, Outcome.TRANSFERRED_EMERGENCY.value)
        beside = (*answered, Outcome.SELF_SERVICE.value, Outcome.UNRESOLVED.value)
        query = (
            select(
                call.line,
                func.count().label("calls"),
                func.count().filter(call.outcome.in_(answered)).label("answered"),
                func.count().filter(call.outcome.is_not(None) & call.outcome.not_in(beside)).label("missed"),
            )
            .where(call.arrived_at >= since)
            .group_by(call.line)
        )
        return [LineCount(**row) for row in (await self._connection.execute(query)).mappings()]
