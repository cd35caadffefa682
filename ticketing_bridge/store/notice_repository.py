"""Queries about notices of the hour, and about how the queues stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.journey_records import HourNotice, QueueState
from ticketing_bridge.store.journey_tables import hour_notice, queue_state


class NoticeRepository:
    """Notices of the hour."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, text: str, lines: Sequence[str], until: datetime, made_by: str) -> HourNotice:
        """Switch one on; those that it takes the place of end."""
        await self.end(made_by, lines=lines)
        values = {"text": text, "lines": [*lines], "until": until, "made_by": made_by}
        made = hour_notice.insert().values(values).returning(*hour_notice.columns)
        return _notice((await self._connection.execute(made)).mappings().one())

    async def end(
        self, ended_by: str, *, notice: int | None = None, lines: Sequence[str] | None = None
    ) -> int:
        """Switch off one, or all of exactly these lines, or (neither given) all; returns how many."""
        change = hour_notice.update().where(
            hour_notice.c.ended_at.is_(None), hour_notice.c.until > func.now()
        )
        if notice is not None:
            change = change.where(hour_notice.c.id == notice)
        if lines is not None:
            change = change.where(hour_notice.c.lines == [*lines])
        ended = change.values(ended_at=func.now(), ended_by=ended_by)
        return (await self._connection.execute(ended)).rowcount

    async def current(self) -> list[HourNotice]:
        """Those that are on, newest first."""
        query = select(hour_notice).where(hour_notice.c.ended_at.is_(None), hour_notice.c.until > func.now())
        found = await self._connection.execute(query.order_by(hour_notice.c.id.desc()))
        return [_notice(row) for row in found.mappings()]

    async def recent(self, limit: int = 20) -> list[HourNotice]:
        """The newest ones, over or not."""
        found = await self._connection.execute(
            select(hour_notice).order_by(hour_notice.c.id.desc()).limit(limit)
        )
        return [_notice(row) for row in found.mappings()]


def _notice(row: Mapping[Any, Any]) -> HourNotice:
    return HourNotice(**{**row, "lines": tuple(row["lines"])})


class QueueStateRepository:
    """How the queues stand, written by who follows their PBX."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, pbx_id: str, states: Sequence[QueueState]) -> None:
        """Write these over what is there; the time is the database's."""
        if not states:
            return
        insertion = insert(queue_state)
        names = ("waiting", "free_agents", "agents", "place_s")
        statement = insertion.on_conflict_do_update(
            index_elements=["pbx_id", "queue"],
            set_={name: insertion.excluded[name] for name in names} | {"at": func.now()},
        )
        rows = [
            {"pbx_id": pbx_id, "queue": state.queue} | {name: getattr(state, name) for name in names}
            for state in states
        ]
        await self._connection.execute(statement, rows)

    async def get(self, pbx_id: str, queue: str, *, not_older_s: float) -> QueueState | None:
        """How a queue stands; None when nobody has said so lately."""
        return (await self.of_pbx(pbx_id, not_older_s=not_older_s)).get(queue)

    async def of_pbx(self, pbx_id: str, *, not_older_s: float) -> dict[str, QueueState]:
        """How a PBX's queues stand, by their ids, but for those of which nobody has said so lately."""
        age = func.extract("epoch", func.now() - queue_state.c.at)
        query = select(queue_state).where(queue_state.c.pbx_id == pbx_id, age <= not_older_s)
        found = (await self._connection.execute(query)).mappings()
        states = [QueueState(**{name: row[name] for name in row if name != "pbx_id"}) for row in found]
        return {state.queue: state for state in states}

    async def fresh(self, not_older_s: float) -> list[QueueState]:
        """How all queues stand of which somebody has said so lately; of several PBXs added up."""
        age = func.extract("epoch", func.now() - queue_state.c.at)
        query = (
            select(
                queue_state.c.queue,
                func.sum(queue_state.c.waiting).label("waiting"),
                func.sum(queue_state.c.free_agents).label("free_agents"),
                func.sum(queue_state.c.agents).label("agents"),
                func.max(queue_state.c.place_s).label("place_s"),
                func.min(queue_state.c.at).label("at"),
            )
            .where(age <= not_older_s)
            .group_by(queue_state.c.queue)
            .order_by(queue_state.c.queue)
        )
        return [QueueState(**row) for row in (await self._connection.execute(query)).mappings()]
