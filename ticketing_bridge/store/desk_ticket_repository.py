"""Queries about our own tickets, their history and their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    RowMapping,
    Select,
    and_,
    cast,
    func,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.batch import Answer, Batch, answer_to
from ticketing_bridge.store.desk_ticket_records import (
    Approval,
    DataKey,
    HistoryRow,
    TicketFilter,
    TicketLink,
    TicketRow,
)
from ticketing_bridge.store.desk_ticket_tables import (
    data_key,
    ticket,
    ticket_approval,
    ticket_event,
    ticket_link,
    ticket_words,
)
from ticketing_bridge.store.journey_tables import follow_up_task
from ticketing_bridge.store.kept_phones import KeptPhones

#: no ticket is left out
EVERY = TicketFilter()


_NEVER_HAD = """
INSERT INTO data_key (subject, destroyed_at, destroyed_by)
SELECT DISTINCT it, now(), %(by)s FROM unnest(%(subjects)s::text[]) AS it
WHERE NOT EXISTS (SELECT FROM data_key WHERE subject = it)
"""
_FORGOTTEN = """
SELECT subject FROM data_key WHERE subject = ANY(%(subjects)s) GROUP BY subject HAVING count(wrapped) = 0
"""


class DataKeyRepository:
    """Wrapped keys by what they belong to."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def current(self, subject: str) -> DataKey | None:
        """The key that seals for this subject now."""
        query = select(data_key.c.id, data_key.c.subject, data_key.c.wrapped).where(
            data_key.c.subject == subject, data_key.c.wrapped.is_not(None)
        )
        row = (await self._connection.execute(query)).first()
        return DataKey(*row) if row else None

    async def add(self, subject: str, wrapped: bytes) -> DataKey:
        """Keep a new key; the one that somebody else made in this moment is given instead."""
        statement = (
            insert(data_key)
            .values(subject=subject, wrapped=wrapped)
            .on_conflict_do_nothing()
            .returning(data_key.c.id)
        )
        made = (await self._connection.execute(statement)).scalar()
        if made is not None:
            return DataKey(made, subject, wrapped)
        found = await self.current(subject)
        assert found is not None
        return found

    async def many(self, ids: Iterable[int]) -> dict[int, DataKey]:
        """Keys by id, destroyed ones included."""
        query = select(data_key.c.id, data_key.c.subject, data_key.c.wrapped).where(
            data_key.c.id.in_(set(ids))
        )
        return {row.id: DataKey(*row) for row in await self._connection.execute(query)}

    async def destroy(self, subject: str, by: str) -> int:
        """Destroy the subject's keys: what they sealed is gone for ever; returns how many there were."""
        return await self.destroy_all([subject], by)

    async def forget(self, subjects: Iterable[str], by: str) -> None:
        """Destroy their keys, and remember that there is nothing more of those that never had one."""
        wanted = [*subjects]
        await self.destroy_all(wanted, by)
        await answer_to(self._connection, _NEVER_HAD, {"subjects": wanted, "by": by})

    async def forgotten(self, subjects: Iterable[str]) -> frozenset[str]:
        """Those of these subjects whose keys are destroyed."""
        found = await answer_to(self._connection, _FORGOTTEN, {"subjects": [*subjects]})
        return frozenset(row["subject"] for row in found.rows)

    async def subjects_before(self, subject: str, prefix: str) -> list[str]:
        """Subjects of a kind, by the beginning of their names, that sort before this one and have a key."""
        column = data_key.c
        within = column.subject.between(prefix, subject) & (column.subject != subject)
        query = select(column.subject).where(within, column.wrapped.is_not(None))
        return [*(await self._connection.execute(query)).scalars()]

    async def destroy_all(self, subjects: Iterable[str], by: str) -> int:
        """Destroy the keys of many subjects; returns how many there were."""
        statement = (
            data_key.update()
            .where(data_key.c.subject.in_([*subjects]), data_key.c.wrapped.is_not(None))
            .values(wrapped=None, destroyed_at=func.now(), destroyed_by=by)
            .returning(data_key.c.id)
        )
        return len((await self._connection.execute(statement)).all())


_SECRET_CALLS = """
SELECT call, array_agg(body->>'received_by') AS takers FROM ticket
WHERE call = ANY(%(calls)s) AND confidential GROUP BY call
"""


class DeskTicketRepository:
    """Our own tickets, as they are read; written they are by ``ticket_writing``."""

    def __init__(self, connection: AsyncConnection, phones: KeptPhones) -> None:
        self._connection = connection
        self._phones = phones

    async def get(self, number: str, *, lock: bool = False) -> TicketRow | None:
        """One ticket; ``lock`` keeps others from changing it in this transaction."""
        query = select(ticket).where(ticket.c.number == number)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).mappings().first()
        return _row(row) if row else None

    async def without_words(self, limit: int) -> list[TicketRow]:
        """Tickets that cannot be found by their words yet."""
        known = select(ticket_words.c.ticket).where(ticket_words.c.ticket == ticket.c.number)
        return await self._rows(select(ticket).where(~known.exists()).limit(limit))

    async def history(self, number: str) -> list[HistoryRow]:
        """All that happened to it, oldest first."""
        query = select(ticket_event).where(ticket_event.c.ticket == number).order_by(ticket_event.c.version)
        return [HistoryRow(**row) for row in (await self._connection.execute(query)).mappings()]

    async def first_units(self, numbers: Sequence[str]) -> dict[str, str]:
        """To which main unit each of these tickets went first."""
        dispatched = (ticket_event.c.act == "dispatch", ticket_event.c.ticket.in_(numbers))
        query = select(ticket_event.c.ticket, ticket_event.c.data["main"].astext).where(*dispatched)
        found = await self._connection.execute(query.order_by(ticket_event.c.version.desc()))
        return {row[0]: row[1] for row in found}

    async def find(self, wanted: TicketFilter = EVERY, limit: int = 100) -> list[TicketRow]:
        """The newest first."""
        query = select(ticket).where(*_conditions(wanted))
        query = query.order_by(ticket.c.received_at.desc(), ticket.c.number.desc()).limit(limit)
        return await self._rows(query)

    async def open_versions(
        self, states: Sequence[str], since: datetime, limit: int
    ) -> list[tuple[str, int]]:
        """Numbers and versions of the newest in these states; confidential ones are left out."""
        query = select(ticket.c.number, ticket.c.version).where(
            ticket.c.state.in_(states), ticket.c.received_at >= since, ~ticket.c.confidential
        )
        found = await self._connection.execute(query.order_by(ticket.c.received_at.desc()).limit(limit))
        return [(row.number, row.version) for row in found]

    async def many(self, numbers: Iterable[str]) -> list[TicketRow]:
        """The tickets of these numbers."""
        return await self._rows(select(ticket).where(ticket.c.number.in_([*numbers])))

    async def numbers_of_calls(self, calls: Iterable[str]) -> set[str]:
        """Every ticket that came of these calls."""
        query = select(ticket.c.number).where(ticket.c.call.in_(set(calls)))
        return {*(await self._connection.execute(query)).scalars()}

    async def by_due(self, wanted: TicketFilter, limit: int = 1000) -> list[TicketRow]:
        """Those with a limit, the one that ends first first."""
        query = select(ticket).where(*_conditions(wanted), ticket.c.due_at.is_not(None))
        return await self._rows(query.order_by(ticket.c.due_at, ticket.c.number).limit(limit))

    async def watched(self, states: Sequence[str], limit: int, after: str = "") -> list[TicketRow]:
        """Tickets that are open, or were closed within the last thirty days, in these states, by number."""
        lately = or_(
            ticket.c.closed_at.is_(None), ticket.c.closed_at > func.now() - text("interval '30 days'")
        )
        query = select(ticket).where(ticket.c.state.in_(states), lately, ticket.c.number > after)
        return await self._rows(query.order_by(ticket.c.number).limit(limit))

    async def asked_for(self, *, digits: str = "", last4: str = "", last_digits: str = "") -> list[TicketRow]:
        """Tickets that a progress query names: by number, or by phone and last digits; newest first."""
        if digits:
            chosen = [ticket.c.number == digits]
        else:
            ends = ticket.c.number.endswith(last_digits, autoescape=True)
            chosen = [ticket.c.phone_last4.in_(self._phones.last4s(last4)), ends]
        return await self._rows(select(ticket).where(*chosen).order_by(ticket.c.updated_at.desc()).limit(50))

    async def secret_calls(self, calls: Sequence[str]) -> dict[str, frozenset[str]]:
        """Those of these calls that became confidential tickets, with who took them."""
        return self.secret_of(await answer_to(self._connection, _SECRET_CALLS, {"calls": [*calls]}))

    def ask_secret_calls(self, batch: Batch, calls: Sequence[str]) -> Answer:
        """The same together with what else is asked of a request."""
        return batch.ask(_SECRET_CALLS, {"calls": [*calls]})

    @staticmethod
    def secret_of(found: Answer) -> dict[str, frozenset[str]]:
        """What was found."""
        return {row["call"]: frozenset(row["takers"]) for row in found.rows}

    async def unasked(self, limit: int) -> list[TicketRow]:
        """Tickets that wait for their follow-up and have no task, or one of before their last reply."""
        task = follow_up_task.c
        accepted = cast(ticket.c.body["accepted_at"].astext, DateTime(timezone=True))
        asked = select(task.id).where(task.ticket == ticket.c.number, task.closed_at >= accepted)
        query = select(ticket).where(ticket.c.state == "follow_up", ~asked.exists())
        return await self._rows(query.order_by(ticket.c.updated_at).limit(limit))

    async def touching(self, begin: datetime, end: datetime, limit: int) -> list[TicketRow]:
        """Tickets that something may have happened to in a period, or whose limit may have ended in it.

        What happened since takes no ticket out: a period's figures are the same whenever they are asked for.
        """
        column = ticket.c
        later = or_(column.updated_at >= begin, column.due_at >= begin)
        return await self._rows(select(ticket).where(column.received_at < end, later).limit(limit))

    async def acts_by(self, who: str, act: str, since: datetime) -> int:
        """How often somebody has done something since then."""
        event = ticket_event.c
        query = select(func.count()).where(event.act == act, event.at >= since, event.by == who)
        return int((await self._connection.execute(query)).scalar_one())

    async def count(self, wanted: TicketFilter = EVERY) -> dict[str, int]:
        """How many there are of each state."""
        query = select(ticket.c.state, func.count()).where(*_conditions(wanted)).group_by(ticket.c.state)
        return {state: int(number) for state, number in await self._connection.execute(query)}

    async def of_person(self, lookup: str, limit: int = 50) -> list[TicketRow]:
        """Tickets of one person, newest first."""
        query = select(ticket).where(ticket.c.person_lookup == lookup)
        return await self._rows(query.order_by(ticket.c.received_at.desc()).limit(limit))

    async def _rows(self, query: Select[tuple[object, ...]]) -> list[TicketRow]:
        return [_row(row) for row in (await self._connection.execute(query)).mappings()]

    async def add_link(self, number: str, other: str, kind: str, by: str) -> None:
        """Say that two tickets belong together; once."""
        values = {"ticket": number, "other": other, "kind": kind, "by": by}
        await self._connection.execute(insert(ticket_link).values(values).on_conflict_do_nothing())

    async def links(self, number: str) -> list[TicketLink]:
        """Links of a ticket, from either side."""
        query = select(ticket_link).where(or_(ticket_link.c.ticket == number, ticket_link.c.other == number))
        rows = (await self._connection.execute(query.order_by(ticket_link.c.at))).mappings()
        return [TicketLink(**row) for row in rows]


class ApprovalRepository:
    """What waits for a second person."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def ask(self, number: str, kind: str, units: Sequence[str], by: str, reason: bytes) -> int:
        """Ask for it; returns its id."""
        values = {"ticket": number, "kind": kind, "units": [*units], "asked_by": by, "reason": reason}
        made = ticket_approval.insert().values(values).returning(ticket_approval.c.id)
        return int((await self._connection.execute(made)).scalar_one())

    async def get(self, approval: int) -> Approval | None:
        """One, locked until this transaction ends."""
        query = select(ticket_approval).where(ticket_approval.c.id == approval).with_for_update()
        row = (await self._connection.execute(query)).mappings().first()
        return Approval(**{**row, "units": tuple(row["units"])}) if row else None

    async def decide(self, approval: int, by: str, *, granted: bool) -> None:
        """Write down what was decided."""
        values = {"decided_by": by, "decided_at": func.now(), "granted": granted}
        await self._connection.execute(
            ticket_approval.update().where(ticket_approval.c.id == approval).values(values)
        )

    async def waiting(self, number: str | None = None) -> list[Approval]:
        """Those that nobody has decided yet, oldest first."""
        query = select(ticket_approval).where(ticket_approval.c.granted.is_(None))
        if number is not None:
            query = query.where(ticket_approval.c.ticket == number)
        rows = (await self._connection.execute(query.order_by(ticket_approval.c.id))).mappings()
        return [Approval(**{**row, "units": tuple(row["units"])}) for row in rows]


_C = ticket.c
#: what each part of a filter asks
_ASKS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "states": _C.state.in_,
    "purpose": lambda purpose: _C.purpose == purpose,
    "channel": lambda channel: _C.channel == channel,
    "number": lambda number: _C.number == number,
    "call": lambda call: _C.call == call,
    "unit": lambda unit: _C.units.contains([unit]),
    "visible_to": lambda unit: and_(_C.units.contains([unit]), ~_C.barred.contains([unit])),
    "from_": lambda moment: _C.received_at >= moment,
    "to": lambda moment: _C.received_at < moment,
    "closed_from": lambda moment: _C.closed_at >= moment,
    "due_before": lambda moment: _C.due_at < moment,
    "words": lambda tokens: _C.number.in_(
        select(ticket_words.c.ticket).where(ticket_words.c["keys"].op("@@")(_all_of(tokens)))
    ),
    "after": lambda place: tuple_(_C.received_at, _C.number) < tuple_(*place),
}


def _all_of(tokens: Sequence[str]) -> ColumnElement[Any]:
    """Tokens are letters, digits, + and / alone: nothing in them ends a quote."""
    return cast(" & ".join(f"'{token}'" for token in tokens), TSQUERY)


def _conditions(wanted: TicketFilter) -> list[ColumnElement[bool]]:
    return [ask(value) for name, ask in _ASKS.items() if (value := getattr(wanted, name))]


def _row(row: RowMapping) -> TicketRow:
    return TicketRow(**{**row, "units": tuple(row["units"]), "barred": tuple(row["barred"])})
