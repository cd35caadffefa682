"""Queries about the city's tickets, and about who asked for their progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.journey_records import CityTicket, ProgressCounts
from ticketing_bridge.store.journey_tables import (
    city_ticket,
    follow_up_task,
    progress_attempt,
    ticket_contact,
)
from ticketing_bridge.store.kept_phones import KeptPhones
from ticketing_bridge.store.number_repository import Numbers

_COLUMNS = [column for column in city_ticket.columns if column.name != "imported_at"]
#: one progress query is counted at a time: two at once must not both be the last that is allowed
_QUERY_LOCK = 0x12345_01


class TicketRepository:
    """Tickets as they were imported. Of their numbers there are keyed digests, of contacts tokens."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers, phones: KeptPhones) -> None:
        self._connection = connection
        self._numbers = numbers
        self._phones = phones

    async def upsert(self, tickets: Sequence[CityTicket]) -> int:
        """Write tickets over those of the same number, unless what is there is newer; returns how many."""
        if not tickets:
            return 0
        insertion = insert(city_ticket)
        statement = insertion.on_conflict_do_update(
            index_elements=["number"],
            set_={it.name: insertion.excluded[it.name] for it in _COLUMNS if it.name != "number"}
            | {"imported_at": func.now()},
            where=city_ticket.c.updated_at <= insertion.excluded.updated_at,
        ).returning(city_ticket.c.number)
        rows = [
            {column.name: getattr(ticket, column.name) for column in _COLUMNS}
            | {"units": [*ticket.units]}
            | self._phones.kept(ticket.phone_last4, ticket.phone_hash)
            for ticket in tickets
        ]
        return len((await self._connection.execute(statement.values(rows))).all())

    async def put_contacts(self, phones: Sequence[tuple[str, str]]) -> None:
        """Whom to ask about closed tickets: (ticket, number); none for those that have their follow-up."""
        if not phones:
            return
        tokens = await self._numbers.tokens(phone for _, phone in phones)
        rows = [{"ticket": it, "phone": tokens[phone]} for it, phone in phones]
        insertion = insert(ticket_contact).values(rows)
        await self._connection.execute(
            insertion.on_conflict_do_update(
                index_elements=["ticket"], set_={"phone": insertion.excluded.phone}
            )
        )
        asked = select(follow_up_task.c.ticket).where(follow_up_task.c.ticket == ticket_contact.c.ticket)
        await self._connection.execute(delete(ticket_contact).where(asked.exists()))

    async def by_digits(self, digits: str) -> CityTicket | None:
        """The newest ticket whose number has these digits."""
        query = select(*_COLUMNS).where(city_ticket.c.digits == digits)
        return await self._first(query.order_by(city_ticket.c.updated_at.desc()).limit(1))

    async def by_phone_and_digits(self, last4: str, last_digits: str) -> list[CityTicket]:
        """Tickets whose call-back number ends so, and whose own number ends so; newest first."""
        query = select(*_COLUMNS).where(
            city_ticket.c.phone_last4.in_(self._phones.last4s(last4)),
            city_ticket.c.digits.endswith(last_digits, autoescape=True),
        )
        found = await self._connection.execute(query.order_by(city_ticket.c.updated_at.desc()).limit(50))
        return [_ticket(row) for row in found.mappings()]

    async def get(self, number: str) -> CityTicket | None:
        """The ticket of this number."""
        return await self._first(select(*_COLUMNS).where(city_ticket.c.number == number))

    async def _first(self, query: Any) -> CityTicket | None:
        row = (await self._connection.execute(query)).mappings().first()
        return _ticket(row) if row else None

    async def counted_alone(self) -> None:
        """Let no other progress query count until this transaction ends."""
        await self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _QUERY_LOCK})

    async def attempts(self, caller: bytes | None, ticket: bytes, within: timedelta) -> ProgressCounts:
        """How often was asked lately. A caller of None is every caller who withholds the number."""
        table = progress_attempt.c
        failed = table.found.is_(False)
        query = select(
            func.count().filter(table.caller.is_not_distinct_from(self._keyed(caller))),
            func.count().filter(failed, table.ticket == self._keyed(ticket)),
            func.count().filter(failed),
        ).where(table.at > func.now() - within)
        return ProgressCounts(*(await self._connection.execute(query)).one())

    async def add_attempt(self, caller: bytes | None, ticket: bytes, *, found: bool) -> None:
        """Keep one query; those of yesterday are forgotten."""
        values = {"caller": self._keyed(caller), "ticket": self._keyed(ticket), "found": found}
        await self._connection.execute(progress_attempt.insert().values(values))
        old = progress_attempt.c.at < func.now() - timedelta(days=1)
        await self._connection.execute(delete(progress_attempt).where(old))

    def _keyed(self, digest: bytes | None) -> bytes | None:
        return None if digest is None else self._phones.asked(digest)

    async def closed_with_contact(
        self, from_: datetime, to: datetime | None, limit: int
    ) -> list[tuple[CityTicket, str]]:
        """Closed tickets that nobody was asked about yet, oldest first, with their contact."""
        query = (
            select(*_COLUMNS, ticket_contact.c.phone)
            .join(ticket_contact, ticket_contact.c.ticket == city_ticket.c.number)
            .where(city_ticket.c.closed_at >= from_)
            .order_by(city_ticket.c.closed_at)
            .limit(limit)
        )
        if to is not None:
            query = query.where(city_ticket.c.closed_at < to)
        rows = (await self._connection.execute(query)).mappings().all()
        numbers = await self._numbers.opened(row["phone"] for row in rows)
        return [(_ticket(row), numbers[row["phone"]]) for row in rows]

    async def forget_contacts(self, tickets: Sequence[str]) -> None:
        """These have their follow-up now."""
        await self._connection.execute(delete(ticket_contact).where(ticket_contact.c.ticket.in_(tickets)))


def _ticket(row: RowMapping) -> CityTicket:
    values = {column.name: row[column.name] for column in _COLUMNS}
    return CityTicket(**{**values, "units": tuple(values["units"])})
