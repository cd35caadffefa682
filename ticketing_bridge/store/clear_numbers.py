"""Numbers that lie in the clear, from before they were sealed: found, and sealed where they stand.

What decides about callers that are on or owed something comes first, newest calls before old ones: while some
rows have tokens and others numbers, they are not known as one caller's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store import tables
from ticketing_bridge.store.desk_ticket_tables import ticket
from ticketing_bridge.store.journey_tables import callback, city_ticket, follow_up_task, ticket_contact
from ticketing_bridge.store.kept_phones import KeptPhones
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.number_rows import CALL_TEXTS, CallRows, EventRows
from ticketing_bridge.store.numbers import numbers_in, text_with_tokens
from ticketing_bridge.store.pbx_log_repository import split_line
from ticketing_bridge.store.pbx_log_tables import pbx_log_line


def _in_clear(column: Column[str]) -> ColumnElement[bool]:
    """Written out, as the indexes have it: a value that is bound may leave them aside."""
    return column.op("~", is_comparison=True)(literal_column("'^[^~]'"))


#: tables with a number in one column
_PLAIN: Sequence[tuple[Table, Column[str], Column[int] | Column[str]]] = (
    (callback, callback.c.number, callback.c.id),
    (follow_up_task, follow_up_task.c.number, follow_up_task.c.id),
    (ticket_contact, ticket_contact.c.phone, ticket_contact.c.ticket),
)
#: tickets with a digest of a number
_DIGESTS = (ticket, city_ticket)
_CALL = tables.call.c
_CALL_IN_CLEAR = _in_clear(_CALL.caller_number)
_EVENT_IN_CLEAR = func.octet_length(tables.call_event.c.digest) == literal_column("32")
_ANSWERS = cast(_CALL.answers, Text)
#: who withheld the number, or is erased, may have keyed one as an answer
_KEYED_ONE = and_(
    _CALL.caller_number.is_(None),
    _ANSWERS.regexp_match("[0-9]{7}"),
    ~_ANSWERS.regexp_match("~[A-Za-z0-9_-]{20}"),
)

_SEAL_CALLS = text(f"""
UPDATE call SET caller_number = it.caller_number, {", ".join(f"{name} = it.{name}" for name in CALL_TEXTS)}
FROM jsonb_populate_recordset(NULL::call, CAST(:rows AS jsonb)) AS it WHERE call.key = it.key
""")
#: a caller is known by the token from now on
_KEY_CALLERS = text("""
UPDATE rate_call SET caller = keyed_caller(call.caller_number)
FROM call WHERE call.key = rate_call.call AND call.key = ANY(CAST(:keys AS text[]))
""")
_SEAL_EVENTS = text("""
UPDATE call_event SET digest = decode(it.digest, 'hex'), payload = it.payload
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS it (seq bigint, digest text, payload jsonb)
WHERE call_event.seq = it.seq
""")
_SEAL_LINES = text("""
UPDATE pbx_log_line SET line = it.line, sealed = true
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS it (
  pbx_id text, kind text, file text, place bigint, line text)
WHERE (pbx_log_line.pbx_id, pbx_log_line.kind, pbx_log_line.file, pbx_log_line.place)
    = (it.pbx_id, it.kind, it.file, it.place)
""")
#: Callers whose number was forgotten long ago have a hash that could still be guessed: they get another one,
#: by a salt that is thrown away, so that they stay the same callers.
_FORGOTTEN = text("""
UPDATE rate_call SET caller =
  ('x' || left(encode(sha256(once.salt || int8send(rate_call.caller)), 'hex'), 16))::bit(64)::bigint
FROM (SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid(), 'UTF8')) AS salt) AS once
WHERE rate_call.caller IS NOT NULL AND NOT EXISTS (
  SELECT FROM call WHERE call.key = rate_call.call AND call.caller_number ~ '^~')
""")
_DONE = text("SELECT EXISTS (SELECT FROM rate_state WHERE name = 'sealed_callers')")
_MARK_DONE = text("INSERT INTO rate_state (name, value) VALUES ('sealed_callers', 1) ON CONFLICT DO NOTHING")


class ClearNumbersRepository:
    """What is not sealed of numbers."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers, phones: KeptPhones) -> None:
        self._connection = connection
        self._numbers = numbers
        self._phones = phones

    async def count(self) -> int:
        """How many rows have numbers in the clear."""
        counts = [
            select(func.count()).select_from(table).where(it).scalar_subquery()
            for table, it in self._conditions()
        ]
        return sum((await self._connection.execute(select(*counts))).one())

    async def any_left(self) -> bool:
        """Whether there is one."""
        there = [exists().select_from(table).where(it) for table, it in self._conditions()]
        return bool((await self._connection.execute(select(or_(*there)))).scalar_one())

    def _conditions(self) -> list[tuple[Table, ColumnElement[bool]]]:
        return [
            *((table, _in_clear(column)) for table, column, _ in _PLAIN),
            *((table, _in_clear(table.c.phone_last4)) for table in _DIGESTS),
            (tables.call, _CALL_IN_CLEAR),
            (pbx_log_line, ~pbx_log_line.c.sealed),
            (tables.call_event, _EVENT_IN_CLEAR),
        ]

    async def seal_some(self, limit: int) -> int:
        """Seal so many rows of the first table that has some; returns how many. 0: there are no more."""
        for table, column, key in _PLAIN:
            if done := await self._seal_column(table, column, key, limit):
                return done
        for step in (self._seal_calls, self._seal_digests, self._seal_lines, self._seal_events, self._finish):
            if done := await step(limit):
                return done
        return 0

    async def _seal_column(
        self, table: Table, column: Column[str], key: Column[int] | Column[str], limit: int
    ) -> int:
        found = select(key, column).where(_in_clear(column)).limit(limit)
        rows = (await self._connection.execute(found.with_for_update(skip_locked=True))).all()
        # such a number is kept for as long as its row is, whatever day it is sealed on
        tokens = await self._numbers.tokens((number for _, number in rows), date.min)
        for row_key, number in rows:
            await self._connection.execute(
                update(table).where(key == row_key).values({column.name: tokens[number]})
            )
        return len(rows)

    async def _seal_calls(self, limit: int) -> int:
        return await self._seal_calls_that(_CALL_IN_CLEAR, limit)

    async def _seal_calls_that(self, condition: ColumnElement[bool], limit: int | None) -> int:
        columns = [_CALL[name] for name in ("key", "arrived_at", "caller_number", *CALL_TEXTS)]
        query = select(*columns).where(condition).order_by(_CALL.arrived_at.desc()).limit(limit)
        found = (await self._connection.execute(query.with_for_update(skip_locked=True))).mappings().all()
        if found:
            rows = [dict(row) for row in found]
            day = max(row.pop("arrived_at").date() for row in rows)
            await CallRows(self._numbers).seal(rows, day)
            await self._connection.execute(_SEAL_CALLS, {"rows": json.dumps(rows, ensure_ascii=False)})
            await self._connection.execute(_KEY_CALLERS, {"keys": [row["key"] for row in rows]})
        return len(found)

    async def _seal_digests(self, limit: int) -> int:
        done = 0
        for table in _DIGESTS:
            column = table.c
            query = select(column.number, column.phone_last4, column.phone_hash).where(
                _in_clear(column.phone_last4)
            )
            rows = await self._connection.execute(query.limit(limit).with_for_update(skip_locked=True))
            for number, last4, digest in rows.all():
                kept = self._phones.kept(last4, digest)
                await self._connection.execute(update(table).where(column.number == number).values(kept))
                done += 1
        return done

    async def _seal_lines(self, limit: int) -> int:
        table = pbx_log_line.c
        query = select(table.pbx_id, table.kind, table.file, table.place, table.line, table.at)
        query = query.where(~table.sealed).order_by(table.at).limit(limit)
        found = (await self._connection.execute(query.with_for_update(skip_locked=True))).mappings().all()
        told = [split_line(row["kind"], row["line"]) for row in found]
        day = max((row["at"].date() for row in found), default=None)
        tokens = await self._numbers.tokens((it for _, said in told for it in numbers_in(said)), day)
        rows = [
            {name: row[name] for name in ("pbx_id", "kind", "file", "place")}
            | {"line": begin + text_with_tokens(said, tokens)}
            for row, (begin, said) in zip(found, told, strict=True)
        ]
        await self._connection.execute(_SEAL_LINES, {"rows": json.dumps(rows, ensure_ascii=False)})
        return len(rows)

    async def _seal_events(self, limit: int) -> int:
        table = tables.call_event
        query = select(table).where(_EVENT_IN_CLEAR).order_by(table.c.seq).limit(limit)
        found = (await self._connection.execute(query.with_for_update(skip_locked=True))).mappings().all()
        if not found:
            return 0
        forgotten = await self._forgotten({row["call"] for row in found if row["call"]})
        day: date = max(row["at"].date() for row in found)
        rows = [
            {"seq": row["seq"], **it}
            for row, it in zip(
                found, await EventRows(self._numbers).sealed(found, day, forgotten), strict=True
            )
        ]
        await self._connection.execute(_SEAL_EVENTS, {"rows": json.dumps(rows, ensure_ascii=False)})
        return len(found)

    async def _forgotten(self, calls: set[str]) -> frozenset[str]:
        """Those of these calls whose number was purged or erased by a former version, or withheld."""
        query = select(_CALL.key).where(
            _CALL.key.in_(calls),
            or_(_CALL.caller_number.is_(None), _CALL.caller_number == ""),
            _CALL.ended_at.is_not(None),
        )
        return frozenset((await self._connection.execute(query)).scalars())

    async def _finish(self, _: int) -> int:
        """Once: what nothing else finds. Then callers of the rate whose number is long forgotten."""
        if (await self._connection.execute(_DONE)).scalar_one():
            return 0
        await self._seal_calls_that(_KEYED_ONE, None)
        await self._connection.execute(_FORGOTTEN)
        await self._connection.execute(_MARK_DONE)
        return 0
