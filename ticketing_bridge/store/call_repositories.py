"""Queries about events and calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.call import Call, CallState, Outcome
from facts.identity import CallKey
from ticketing_bridge.store import tables
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.number_rows import CallRows, EventRows
from ticketing_bridge.store.numbers import ERASED
from ticketing_bridge.store.rate_facts import RateFact, fact_of
from ticketing_bridge.store.rate_repository import RateRepository
from ticketing_bridge.store.records import EventRecord

#: one JSON document a batch: PostgreSQL takes it apart much sooner than a driver writes arrays of texts
_ADD_EVENTS = text("""
INSERT INTO call_event (pbx_id, digest, ordinal, at, received_at, kind, uniqueid, linkedid, call, payload)
SELECT pbx_id, decode(digest, 'hex'), ordinal, at, received_at, kind, uniqueid, linkedid, call, payload
FROM ROWS FROM (jsonb_to_recordset(CAST(:events AS jsonb)) AS (
         pbx_id text, digest text, ordinal int, at timestamptz, received_at timestamptz, kind text,
         uniqueid text, linkedid text, call text, payload jsonb)) WITH ORDINALITY
     AS event (pbx_id, digest, ordinal, at, received_at, kind, uniqueid, linkedid, call, payload, place)
ORDER BY place
ON CONFLICT DO NOTHING
""")

_CALL_COLUMNS = [column.name for column in tables.call.columns if column.name != "updated_at"]
_UPSERT = text(
    f"INSERT INTO call ({', '.join(_CALL_COLUMNS)}) SELECT {', '.join(_CALL_COLUMNS)} "
    "FROM jsonb_populate_recordset(NULL::call, CAST(:rows AS jsonb)) ORDER BY key "
    "ON CONFLICT (key) DO UPDATE SET updated_at = now(), "
    + ", ".join(f"{name} = EXCLUDED.{name}" for name in _CALL_COLUMNS if name not in ("key", "caller_number"))
    # a number that was erased keeps its token, by which its calls are known as one caller's
    + f", caller_number = CASE WHEN EXCLUDED.caller_number = '{ERASED}' THEN call.caller_number "
    "ELSE EXCLUDED.caller_number END"
)

Calls = list[Call]


class EventRepository:
    """What the PBX said, append-only. Numbers in it are kept as tokens."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._rows = EventRows(numbers)

    async def know(self, events: Sequence[EventRecord]) -> None:
        """What must be asked before ``add_batch`` in a ``uow.unanswered()``."""
        await self._rows.know(events)

    async def add_batch(self, events: Sequence[EventRecord]) -> int:
        """Store events; those that are there already are left alone. Returns how many were new (in a
        ``uow.unanswered()``: nothing that means anything).
        """
        if not events:
            return 0
        rows = await self._rows.rows(events)
        batch = {"events": json.dumps(rows, ensure_ascii=False)}
        return (await self._connection.execute(_ADD_EVENTS, batch)).rowcount

    async def of_call(self, key: CallKey) -> list[EventRecord]:
        """A call's events in the order of the PBX's clock."""
        table = tables.call_event
        query = select(table).where(table.c.call == str(key)).order_by(table.c.at, table.c.seq)
        return await self._rows.records((await self._connection.execute(query)).mappings())

    async def stream(
        self,
        *,
        pbx_id: str | None = None,
        after_seq: int = 0,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> AsyncIterator[EventRecord]:
        """All events in the order in which they were stored, a few hundred in memory at a time.

        ``from_`` and ``to`` limit them by the PBX's clock.
        """
        table = tables.call_event
        query = select(table).where(table.c.seq > after_seq).order_by(table.c.seq)
        if pbx_id is not None:
            query = query.where(table.c.pbx_id == pbx_id)
        if from_ is not None:
            query = query.where(table.c.at >= from_)
        if to is not None:
            query = query.where(table.c.at <= to)
        async with self._connection.stream(query.execution_options(yield_per=500)) as rows:
            async for some in rows.mappings().partitions():
                for record in await self._rows.records(some):
                    yield record

    async def since(self, moment: datetime, *, pbx_id: str | None = None) -> list[EventRecord]:
        """Events from a moment of the PBX's clock on, in the order in which they were stored."""
        table = tables.call_event
        query = select(table).where(table.c.at >= moment).order_by(table.c.seq)
        if pbx_id is not None:
            query = query.where(table.c.pbx_id == pbx_id)
        return await self._rows.records((await self._connection.execute(query)).mappings())

    async def pbx_ids(self) -> list[str]:
        """Every PBX that said something."""
        query = select(tables.call_event.c.pbx_id).distinct().order_by(tables.call_event.c.pbx_id)
        return [*(await self._connection.execute(query)).scalars()]

    async def last_at(self, pbx_id: str) -> datetime | None:
        """PBX time of the newest event of this PBX."""
        table = tables.call_event
        query = select(func.max(table.c.at)).where(table.c.pbx_id == pbx_id)
        found: datetime | None = (await self._connection.execute(query)).scalar()
        return found


class CallRepository:
    """Calls as the fold last saw them. Numbers in them are kept as tokens."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers
        self._rows = CallRows(numbers)

    async def know(self, calls: Sequence[Call]) -> None:
        """What must be asked before ``upsert`` in a ``uow.unanswered()``."""
        await self._rows.know(calls)

    async def upsert(self, calls: Sequence[Call], fold_version: int = 1) -> None:
        """Write calls over what is there."""
        if not calls:
            return
        rows = await self._rows.rows(calls, fold_version)
        written = {"rows": json.dumps(rows, ensure_ascii=False, default=datetime.isoformat)}
        await self._connection.execute(_UPSERT, written)
        await self._count({str(call.key): fact_of(call) for call in calls})

    async def _count(self, facts: Mapping[str, RateFact | None]) -> None:
        """What the calls count for goes with their rows, in the same transaction."""
        known = [fact for fact in facts.values() if fact is not None]
        on = [key for key, fact in facts.items() if fact is None]
        await RateRepository(self._connection, self._numbers).record(known, on)

    async def get(self, key: CallKey) -> Call | None:
        """One call, None when the ledger does not know it."""
        found = (
            (await self._connection.execute(select(tables.call).where(tables.call.c.key == str(key))))
            .mappings()
            .first()
        )
        return (await self._rows.calls([found]))[0] if found else None

    async def list(
        self,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        line: str | None = None,
        outcome: Outcome | None = None,
        state: CallState | None = None,
        pbx_id: str | None = None,
        limit: int | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> Calls:
        """Calls that arrived in ``[from_, to)``, newest first; ``after`` this arrival and key."""
        column = tables.call.c
        query = select(tables.call).order_by(column.arrived_at.desc(), column.key)
        if from_ is not None:
            query = query.where(column.arrived_at >= from_)
        if to is not None:
            query = query.where(column.arrived_at < to)
        if after is not None:
            arrived, key = after
            later = (column.arrived_at == arrived) & (column.key > key)
            query = query.where((column.arrived_at < arrived) | later)
        equal = {"line": line, "outcome": outcome, "state": state, "pbx_id": pbx_id}
        query = query.where(*(column[name] == value for name, value in equal.items() if value is not None))
        return await self._rows.calls((await self._connection.execute(query.limit(limit))).mappings())

    async def keys_after(self, key: str, limit: int) -> Sequence[str]:
        """Keys in their order, from the one after ``key`` on."""
        column = tables.call.c.key
        query = select(column).where(column > key).order_by(column).limit(limit)
        return [*(await self._connection.execute(query)).scalars()]

    async def not_in_change(self, keys: Sequence[str]) -> Calls:
        """These calls, locked, without those that somebody changes now."""
        query = select(tables.call).where(tables.call.c.key.in_(keys)).with_for_update(skip_locked=True)
        return await self._rows.calls((await self._connection.execute(query)).mappings())

    async def open_calls(self, pbx_id: str | None = None) -> Calls:
        """Calls that are not over, oldest first."""
        column = tables.call.c
        query = select(tables.call).where(column.outcome.is_(None)).order_by(column.arrived_at)
        if pbx_id is not None:
            query = query.where(column.pbx_id == pbx_id)
        return await self._rows.calls((await self._connection.execute(query)).mappings())

    async def of_number(self, number: str, limit: int) -> Calls:
        """Calls of one caller's number, newest first."""
        column = tables.call.c
        query = select(tables.call).where(column.caller_number.in_(await self._numbers.known([number])))
        rows = await self._connection.execute(query.order_by(column.arrived_at.desc()).limit(limit))
        return await self._rows.calls(rows.mappings())

    async def first_of_number(self, number: str | None, after: datetime, until: datetime) -> datetime | None:
        """When this number first rang in ``(after, until]``; None: not, or it was withheld or erased."""
        if not number:
            return None
        column = tables.call.c
        query = select(func.min(column.arrived_at)).where(
            column.caller_number.in_(await self._numbers.known([number])),
            column.arrived_at > after,
            column.arrived_at <= until,
        )
        found: datetime | None = (await self._connection.execute(query)).scalar()
        return found.astimezone(UTC) if found else None

    async def survey_counts(self, since: datetime) -> tuple[dict[int, int], int]:
        """How often each score was given after calls that arrived since then, and how many were answered."""
        column = tables.call.c
        recent = column.arrived_at >= since
        scores = select(column.survey_score, func.count()).where(recent, column.survey_score.is_not(None))
        rows = await self._connection.execute(scores.group_by(column.survey_score))
        answered = select(func.count()).where(recent, column.answered_at.is_not(None))
        return {row[0]: row[1] for row in rows}, (await self._connection.execute(answered)).scalar_one()

    async def changed_at(self) -> datetime | None:
        """When a row was last written (the database's clock): the ledger's freshness."""
        found: datetime | None = (
            await self._connection.execute(select(func.max(tables.call.c.updated_at)))
        ).scalar()
        return found
