"""Queries about follow-ups of closed tickets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.desk_ticket_tables import ticket
from ticketing_bridge.store.journey_records import FollowUp, FollowUpAnswer, FollowUpState
from ticketing_bridge.store.journey_tables import follow_up_answer, follow_up_task
from ticketing_bridge.store.number_repository import Numbers

_COLUMNS = [follow_up_task.c[field.name] for field in fields(FollowUp)]
_CHANGES = ("state", "due_at", "attempts", "dialled_at", "recording")


class FollowUpRepository:
    """Whom to ask, and what they answered. Numbers are kept as tokens."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    async def add(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Keep tasks; a ticket has one. Returns how many were new."""
        if not rows:
            return 0
        tokens = await self._numbers.tokens(row["number"] for row in rows)
        kept = [{**row, "number": tokens[row["number"]]} for row in rows]
        insertion = insert(follow_up_task).values(kept).on_conflict_do_nothing()
        return len((await self._connection.execute(insertion.returning(follow_up_task.c.id))).all())

    async def add_again(self, row: Mapping[str, Any]) -> None:
        """Keep a task of one of our own tickets; one of an earlier reply begins anew, without its answers."""
        table = follow_up_task
        row = {**row, "number": await self._numbers.token(row["number"])}
        old = select(table.c.id).where(table.c.ticket == row["ticket"])
        await self._connection.execute(follow_up_answer.delete().where(follow_up_answer.c.task.in_(old)))
        statement = insert(table).values(row)
        fresh = {**row, "attempts": 0, "dialled_at": None, "recording": None, "updated_at": func.now()}
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["ticket"], set_=fresh))

    async def over_for_open_tickets(self, limit: int) -> list[FollowUp]:
        """Tasks that are over, of our own tickets that still wait for their follow-up."""
        over = [FollowUpState.DONE.value, FollowUpState.GIVEN_UP.value]
        query = (
            select(*_COLUMNS)
            .join(ticket, ticket.c.number == follow_up_task.c.ticket)
            .where(follow_up_task.c.state.in_(over), ticket.c.state == "follow_up")
            .limit(limit)
        )
        return await self._tasks((await self._connection.execute(query)).mappings())

    async def _tasks(self, rows: Iterable[Mapping[Any, Any]]) -> list[FollowUp]:
        found = [*rows]
        numbers = await self._numbers.opened(row["number"] for row in found)
        return [
            FollowUp(**{**row, "state": FollowUpState(row["state"]), "number": numbers[row["number"]]})
            for row in found
        ]

    async def get(self, task: int) -> FollowUp | None:
        """One task."""
        return await self._first(select(*_COLUMNS).where(follow_up_task.c.id == task))

    async def locked(self, task: int) -> FollowUp | None:
        """One task, that nobody else changes until this transaction ends."""
        return await self._first(select(*_COLUMNS).where(follow_up_task.c.id == task).with_for_update())

    async def _first(self, query: Any) -> FollowUp | None:
        row = (await self._connection.execute(query)).mappings().first()
        return (await self._tasks([row]))[0] if row else None

    async def save(self, task: FollowUp) -> None:
        """Write what changed."""
        values = {name: getattr(task, name) for name in _CHANGES} | {"updated_at": func.now()}
        change = follow_up_task.update().where(follow_up_task.c.id == task.id)
        await self._connection.execute(change.values(values))

    async def keep_secret(self, number: str) -> None:
        """The task of a ticket that has become confidential is a person's; the robot phones nobody for it."""
        column = follow_up_task.c
        due = column.state == FollowUpState.DUE.value
        state = case((due, FollowUpState.BY_PERSON.value), else_=column.state)
        change = follow_up_task.update().where(column.ticket == number)
        await self._connection.execute(change.values(confidential=True, state=state, updated_at=func.now()))

    async def open(self, pbx_id: str) -> list[FollowUp]:
        """Due and running ones of a PBX."""
        states = [FollowUpState.DUE.value, FollowUpState.DIALING.value]
        query = select(*_COLUMNS).where(follow_up_task.c.pbx_id == pbx_id, follow_up_task.c.state.in_(states))
        rows = await self._connection.execute(query.order_by(follow_up_task.c.due_at, follow_up_task.c.id))
        return await self._tasks(rows.mappings())

    async def newest(
        self, *, from_: datetime | None = None, to: datetime | None = None, limit: int | None = 200
    ) -> list[FollowUp]:
        """Tasks of tickets closed in ``[from_, to)``, newest first."""
        query = select(*_COLUMNS).order_by(follow_up_task.c.closed_at.desc(), follow_up_task.c.id.desc())
        if from_ is not None:
            query = query.where(follow_up_task.c.closed_at >= from_)
        if to is not None:
            query = query.where(follow_up_task.c.closed_at < to)
        return await self._tasks((await self._connection.execute(query.limit(limit))).mappings())

    async def put_answer(
        self, task: int, asked_by: str, question: str, answer: str, who: str | None = None
    ) -> None:
        """Keep an answer; the last one to a question counts, robot's and person's apart."""
        values = {"answer": answer, "who": who, "at": func.now()}
        insertion = insert(follow_up_answer).values(task=task, asked_by=asked_by, question=question, **values)
        await self._connection.execute(
            insertion.on_conflict_do_update(index_elements=["task", "asked_by", "question"], set_=values)
        )

    async def answers(self, tasks: Sequence[int]) -> list[FollowUpAnswer]:
        """All answers of these tasks."""
        query = select(follow_up_answer).where(follow_up_answer.c.task.in_(tasks))
        rows = await self._connection.execute(query.order_by(follow_up_answer.c.at))
        return [FollowUpAnswer(**row) for row in rows.mappings()]
