"""Queries over what was said in all calls.

Keys are pairs of neighbouring characters, marked by the side that said them (``c昆仑``, ``a昆仑``): an index
of keys narrows, the text itself decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Leg
from ticketing_bridge.store import tables
from ticketing_bridge.store.mapping import call_from_row, stored_transcript
from ticketing_bridge.store.records import FoundCall, SearchFilter, SearchWords, StoredTranscript

#: calls that are read without the index: some milliseconds
NEWEST = 1500

_WORDS = tables.transcript_words
_SIDE = {Leg.CALLER: "c", Leg.AGENT: "a"}


class SearchRepository:
    """What was said in calls, by call."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(
        self, call: CallKey, kind: str, line: str, arrived_at: datetime, words: SearchWords
    ) -> None:
        """Make a call's words findable, in place of what was there."""
        keys = [_SIDE[Leg.CALLER] + it for it in words.caller_keys]
        keys += [_SIDE[Leg.AGENT] + it for it in words.agent_keys]
        values = {
            "kind": kind,
            "line": line,
            "arrived_at": arrived_at,
            "caller": words.caller,
            "agent": words.agent,
            "keys": func.array_to_tsvector(cast(keys, ARRAY(Text))),
        }
        insertion = insert(_WORDS).values(call=str(call), **values)
        await self._connection.execute(insertion.on_conflict_do_update(index_elements=["call"], set_=values))

    async def find(
        self, terms: Sequence[tuple[str, Sequence[str]]], wanted: SearchFilter, *, limit: int
    ) -> list[FoundCall]:
        """Calls that have every term, the newest first.

        What is said in many calls is said in the newest ones, which are read as they are; only for what
        is not there the index of keys is asked. It would give all of the many before it knew the newest.

        Args:
            terms: normal text of each term and its keys; a key that is one character long is a beginning.
            wanted: which calls.
            limit: the most that are given.
        """
        newest = select(_WORDS).where(*_within(wanted)).order_by(_WORDS.c.arrived_at.desc()).limit(NEWEST)
        recent = newest.subquery()
        found = await self._found(select(recent).where(*_has(recent, terms, wanted)), recent, limit)
        until = None if len(found) >= limit else await self._oldest_of_newest(wanted)
        if until is None:
            return found
        known = {it.call for it in found}
        keys = _WORDS.c["keys"].op("@@")(cast(_query([it for _, it in terms], _legs(wanted)), TSQUERY))
        conditions = (keys, _WORDS.c.arrived_at <= until, *_within(wanted), *_has(_WORDS, terms, wanted))
        older = await self._found(select(_WORDS).where(*conditions), _WORDS, limit)
        return [*found, *(it for it in older if it.call not in known)][:limit]

    async def _oldest_of_newest(self, wanted: SearchFilter) -> datetime | None:
        """When the last of the newest calls arrived, None when these were all."""
        newest = select(_WORDS.c.arrived_at).where(*_within(wanted)).order_by(_WORDS.c.arrived_at.desc())
        return (await self._connection.execute(newest.offset(NEWEST - 1).limit(1))).scalar()

    async def _found(self, query: Select[Any], table: FromClause, limit: int) -> list[FoundCall]:
        columns = (table.c.call, table.c.kind, table.c.line, table.c.arrived_at)
        newest = query.with_only_columns(*columns).order_by(table.c.arrived_at.desc()).limit(limit)
        return [FoundCall(**row) for row in (await self._connection.execute(newest)).mappings()]

    async def loaded(self, found: Sequence[FoundCall]) -> list[tuple[Call, StoredTranscript]]:
        """The calls and the words in which they were found, in the same order, without those gone."""
        call, transcript = tables.call, tables.transcript
        keys = [it.call for it in found]
        calls = await self._connection.execute(select(call).where(call.c.key.in_(keys)))
        newest = (
            select(transcript)
            .ext(distinct_on(transcript.c.call, transcript.c.kind))
            .where(transcript.c.call.in_(keys))
            .order_by(transcript.c.call, transcript.c.kind, transcript.c.made_at.desc())
        )
        stored = await self._connection.execute(newest)
        by_key = {row["key"]: call_from_row(row) for row in calls.mappings()}
        words = {(row["call"], row["kind"]): row for row in stored.mappings()}
        return [
            (by_key[it.call], stored_transcript(words[it.call, it.kind]))
            for it in found
            if it.call in by_key and (it.call, it.kind) in words
        ]

    async def missing(self, *, limit: int) -> list[CallKey]:
        """Calls that have a transcript which cannot be searched yet."""
        words, transcript, call = _WORDS, tables.transcript, tables.call
        query = (
            select(transcript.c.call)
            .distinct()
            .join(call, call.c.key == transcript.c.call)
            .where(~select(words.c.call).where(words.c.call == transcript.c.call).exists())
            .order_by(transcript.c.call)
            .limit(limit)
        )
        return [CallKey.parse(call) for call in (await self._connection.execute(query)).scalars()]


def _legs(wanted: SearchFilter) -> Sequence[Leg]:
    return [wanted.leg] if wanted.leg else [*Leg]


def _within(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.from_:
        conditions.append(_WORDS.c.arrived_at >= wanted.from_)
    if wanted.to:
        conditions.append(_WORDS.c.arrived_at < wanted.to)
    return conditions


def _has(
    table: FromClause, terms: Iterable[tuple[str, Sequence[str]]], wanted: SearchFilter
) -> list[ColumnElement[bool]]:
    """Every term in the text of one side, on the wanted line."""
    text = {Leg.CALLER: table.c.caller, Leg.AGENT: table.c.agent}
    sides = [text[leg] for leg in _legs(wanted)]
    conditions = [or_(*(side.contains(term, autoescape=True) for side in sides)) for term, _ in terms]
    if wanted.line:
        conditions.append(table.c.line == wanted.line)
    return conditions


def _query(terms: Iterable[Sequence[str]], legs: Sequence[Leg]) -> str:
    """All keys of every term on one side: ``('c昆仑' & 'c仑路' | 'a昆仑' & 'a仑路') & …``."""
    wanted = []
    for keys in terms:
        sides = (" & ".join(_quoted(_SIDE[leg], key) for key in keys) for leg in legs)
        wanted.append("(" + " | ".join(f"({side})" for side in sides) + ")")
    return " & ".join(wanted)


def _quoted(side: str, key: str) -> str:
    """A key in a query's own quotes; one character finds every pair that begins with it."""
    escaped = (side + key).replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'" + (":*" if len(key) == 1 else "")
