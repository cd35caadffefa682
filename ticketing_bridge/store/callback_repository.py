"""Queries about call-backs: those that are owed, their tries, and the calls that were missed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.journey_records import (
    FINAL_STATES,
    RUNNING_STATES,
    Callback,
    CallbackAttempt,
    CallbackKind,
    CallbackState,
    NewCallback,
)
from ticketing_bridge.store.journey_tables import callback, callback_attempt
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.rate_repository import RateRepository

_NEW = [field.name for field in fields(NewCallback)]
_CHANGES = ("state", "due_at", "attempts", "reason", "channel", "done_by", "priority")
_ATTEMPT = [field.name for field in fields(CallbackAttempt)]
_OPEN = [state.value for state in CallbackState if state not in FINAL_STATES]

#: callers who were missed: nobody of this number was answered since, is on the line or is owed a call-back;
#: a call-back stands for all misses of its number up to the one that it is for
_MISSED = text("""
SELECT DISTINCT ON (missed.caller_number) missed.key
FROM call missed
WHERE missed.pbx_id = :pbx_id AND missed.arrived_at >= :since AND missed.ended_at IS NOT NULL
  AND missed.outcome = ANY(CAST(:outcomes AS text[])) AND missed.caller_number <> ''
  AND NOT missed.flags @> ARRAY['short']
  AND NOT EXISTS (
    SELECT 1 FROM call later WHERE later.caller_number = missed.caller_number
      AND later.arrived_at >= missed.arrived_at AND later.arrived_at >= :since
      AND (later.outcome IS NULL OR later.outcome = ANY(CAST(:reached AS text[]))))
  AND NOT EXISTS (
    SELECT 1 FROM callback owed WHERE owed.number = missed.caller_number
      AND (owed.arrived_at >= missed.arrived_at OR owed.state = ANY(CAST(:open AS text[]))
           OR (owed.state = 'reached' AND owed.updated_at >= missed.arrived_at)))
ORDER BY missed.caller_number, missed.arrived_at DESC
""")

_BEING_SEALED = text("""
SELECT EXISTS (SELECT FROM call WHERE caller_number ~ '^[^~]')
    OR EXISTS (SELECT FROM callback WHERE number ~ '^[^~]')
""")

#: call-backs whose citizen reported something, or asked to stay unknown, in any call of the last 30 days
_SENSITIVE = text("""
WITH spoken AS (
  SELECT owed.id, call.key, call.answers
  FROM unnest(CAST(:owed AS bigint[]), CAST(:numbers AS text[])) AS owed (id, number)
  JOIN call ON call.caller_number = owed.number AND call.arrived_at > now() - interval '30 days'
  UNION SELECT owed.id, call.key, call.answers FROM callback owed JOIN call ON call.key = owed.call
  WHERE owed.id = ANY(CAST(:owed AS bigint[]))
)
SELECT DISTINCT spoken.id FROM spoken
LEFT JOIN LATERAL (
  SELECT sensitive FROM draft WHERE draft.call = spoken.key ORDER BY version DESC LIMIT 1
) newest ON true
WHERE newest.sensitive OR EXISTS (
  SELECT 1 FROM jsonb_array_elements(spoken.answers) AS it WHERE it ->> 1 = ANY(CAST(:words AS text[])))
""")

#: call-backs whose citizen has not put the receiver down
_ON_THE_LINE = text("""
SELECT DISTINCT owed.id FROM callback owed
JOIN unnest(CAST(:owed AS bigint[]), CAST(:numbers AS text[])) AS named (id, number) ON named.id = owed.id
JOIN call ON call.caller_number = named.number OR call.key = owed.call
WHERE owed.state = 'wanted' AND call.ended_at IS NULL AND call.arrived_at > owed.due_at - interval '4 hours'
""")

_DIALLED = text("""
SELECT number, count(*) FROM (
  SELECT owed.number FROM callback_attempt tried JOIN callback owed ON owed.id = tried.callback
  WHERE tried.dialed_at >= :moment AND owed.number = ANY(CAST(:names AS text[]))
  UNION ALL SELECT number FROM follow_up_task
  WHERE dialled_at >= :moment AND number = ANY(CAST(:names AS text[]))
) AS dialled GROUP BY number
""")


class CallbackRepository:
    """Call-backs and their tries. Their numbers are kept as tokens."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    async def add(self, new: NewCallback) -> Callback | None:
        """Keep one; None when one for this number is open already."""
        values = {name: getattr(new, name) for name in _NEW}
        insertion = insert(callback).values(values | {"number": await self._numbers.token(new.number)})
        made = insertion.on_conflict_do_nothing().returning(*callback.columns)
        row = (await self._connection.execute(made)).mappings().first()
        return (await self._callbacks([row]))[0] if row else None

    async def get(self, callback_id: int) -> Callback | None:
        """One of them."""
        return await self._first(select(callback).where(callback.c.id == callback_id))

    async def locked(self, callback_id: int) -> Callback | None:
        """One of them, that nobody else changes until this transaction ends."""
        return await self._first(select(callback).where(callback.c.id == callback_id).with_for_update())

    async def open_for(self, number: str) -> Callback | None:
        """The one that is open for a number, locked."""
        known = await self._numbers.known([number])
        query = select(callback).where(callback.c.number.in_(known), callback.c.state.in_(_OPEN))
        return await self._first(query.with_for_update())

    async def _first(self, query: Any) -> Callback | None:
        row = (await self._connection.execute(query)).mappings().first()
        return (await self._callbacks([row]))[0] if row else None

    async def _callbacks(self, rows: Iterable[Mapping[Any, Any]]) -> list[Callback]:
        found = [*rows]
        numbers = await self._numbers.opened(row["number"] for row in found)
        return [
            Callback(
                **{
                    **row,
                    "kind": CallbackKind(row["kind"]),
                    "state": CallbackState(row["state"]),
                    "number": numbers[row["number"]],
                }
            )
            for row in found
        ]

    async def save(self, changed: Callback) -> None:
        """Write what changed of one."""
        values = {name: getattr(changed, name) for name in _CHANGES} | {"updated_at": func.now()}
        await self._connection.execute(callback.update().where(callback.c.id == changed.id).values(values))

    async def unfinished(self, pbx_id: str) -> list[Callback]:
        """Wanted and running ones of a PBX, and those that are over while the PBX still has their channel."""
        states = [CallbackState.WANTED.value, *(state.value for state in RUNNING_STATES)]
        query = select(callback).where(
            callback.c.pbx_id == pbx_id, callback.c.state.in_(states) | callback.c.channel.is_not(None)
        )
        return await self._callbacks(
            (await self._connection.execute(query.order_by(callback.c.id))).mappings()
        )

    async def owed(self) -> dict[CallbackState, int]:
        """How many are owed or under way, by state; states without any are 0."""
        query = select(callback.c.state, func.count()).where(callback.c.state.in_(_OPEN))
        rows = await self._connection.execute(query.group_by(callback.c.state))
        found = {row[0]: row[1] for row in rows}
        return {CallbackState(state): found.get(state, 0) for state in _OPEN}

    async def newest(
        self, *, states: Collection[CallbackState] | None = None, limit: int = 200
    ) -> list[Callback]:
        """Newest first."""
        query = select(callback).order_by(callback.c.arrived_at.desc(), callback.c.id.desc()).limit(limit)
        if states is not None:
            query = query.where(callback.c.state.in_([state.value for state in states]))
        return await self._callbacks((await self._connection.execute(query)).mappings())

    async def of_call(self, call: str) -> Callback | None:
        """What a call is owed."""
        query = select(callback).where(callback.c.call == call).order_by(callback.c.id.desc()).limit(1)
        return await self._first(query)

    async def counts(self, since: datetime) -> Mapping[CallbackState, int]:
        """How many of each state, of those that were made since then."""
        query = select(callback.c.state, func.count()).where(callback.c.created_at >= since)
        rows = await self._connection.execute(query.group_by(callback.c.state))
        return {CallbackState(state): count for state, count in rows}

    async def put_attempt(self, callback_id: int, attempt: int, **values: Any) -> None:
        """Write down something of a try; it is made when it is not there."""
        insertion = insert(callback_attempt).values(callback=callback_id, attempt=attempt, **values)
        await self._connection.execute(
            insertion.on_conflict_do_update(
                index_elements=["callback", "attempt"], set_=values or {"attempt": attempt}
            )
        )
        owed = await self.get(callback_id) if values.get("reached_at") else None
        if owed is not None:
            await RateRepository(self._connection, self._numbers).recount_caller(
                owed.number, owed.call, values["reached_at"]
            )

    async def attempts(self, callback_ids: Sequence[int]) -> list[CallbackAttempt]:
        """The tries of these, oldest first."""
        columns = [callback_attempt.c[name] for name in _ATTEMPT]
        query = select(*columns).where(callback_attempt.c.callback.in_(callback_ids))
        rows = await self._connection.execute(query.order_by(callback_attempt.c.id))
        return [CallbackAttempt(**row) for row in rows.mappings()]

    async def dialled_since(self, moment: datetime, numbers: Iterable[str]) -> dict[str, int]:
        """How often each of these numbers was dialled by us, call-backs and follow-ups together."""
        names = await self._numbers.names(numbers)
        of_name = {name: number for number, known in names.items() for name in known}
        found = dict.fromkeys(names, 0)
        if of_name:
            values = {"moment": moment, "names": [*of_name]}
            for name, count in await self._connection.execute(_DIALLED, values):
                found[of_name[name]] += count
        return found

    async def missed(
        self, pbx_id: str, since: datetime, outcomes: Collection[str], reached: Collection[str]
    ) -> list[str]:
        """Keys of calls that ended so and whose callers were neither reached since nor are owed anything.

        None while numbers of former versions are being sealed: nobody is called back who was reached.
        """
        if self._numbers.seals and (await self._connection.execute(_BEING_SEALED)).scalar_one():
            return []
        values = {
            "pbx_id": pbx_id,
            "since": since,
            "outcomes": [*outcomes],
            "reached": [*reached],
            "open": _OPEN,
        }
        return [*(await self._connection.execute(_MISSED, values)).scalars()]

    async def sensitive(self, callbacks: Collection[Callback], words: Collection[str]) -> frozenset[int]:
        """Those of them that only a person may make. ``words``: answers that ask to stay unknown."""
        return await self._ids(_SENSITIVE, callbacks, words=[*words])

    async def on_the_line(self, callbacks: Collection[Callback]) -> frozenset[int]:
        """Wanted ones among them whose citizen's call, the one that asked or another, goes on."""
        return await self._ids(_ON_THE_LINE, callbacks)

    async def _ids(self, query: TextClause, callbacks: Collection[Callback], **more: Any) -> frozenset[int]:
        """Answer of a query about these, which is given all that may stand for the number of each."""
        if not callbacks:
            return frozenset()
        names = await self._numbers.names(it.number for it in callbacks)
        # who has no number has a call all the same
        pairs = [(it.id, name) for it in callbacks for name in names.get(it.number, (None,))]
        values = {"owed": [it for it, _ in pairs], "numbers": [name for _, name in pairs], **more}
        return frozenset((await self._connection.execute(query, values)).scalars())
