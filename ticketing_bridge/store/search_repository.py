"""Queries over what was said in all calls.

Keys are pairs of neighbouring characters, marked by the side that said them (``c昆仑``, ``a昆仑``): an index
of keys narrows, the text itself decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Leg
from ticketing_bridge.store import tables
from ticketing_bridge.store.mapping import call_from_row, stored_transcript
from ticketing_bridge.store.records import FoundCall, SearchFilter, SearchWords, StoredTranscript

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
        insertion = insert(tables.transcript_words).values(call=str(call), **values)
        await self._connection.execute(insertion.on_conflict_do_update(index_elements=["call"], set_=values))

    async def find(
        self, terms: Sequence[tuple[str, Sequence[str]]], wanted: SearchFilter, *, limit: int
    ) -> list[FoundCall]:
        """Calls that have every term, the newest first.

        Args:
            terms: normal text of each term and its keys; a key that is one character long is a beginning.
            wanted: which calls.
            limit: the most that are given.
        """
        table = tables.transcript_words
        legs = [wanted.leg] if wanted.leg else [*Leg]
        text = {Leg.CALLER: table.c.caller, Leg.AGENT: table.c.agent}
        conditions: list[ColumnElement[bool]] = [
            table.c["keys"].op("@@")(cast(_query([keys for _, keys in terms], legs), TSQUERY))
        ]
        conditions += [or_(*(text[leg].contains(term, autoescape=True) for leg in legs)) for term, _ in terms]
        if wanted.from_:
            conditions.append(table.c.arrived_at >= wanted.from_)
        if wanted.to:
            conditions.append(table.c.arrived_at < wanted.to)
        if wanted.line:
            conditions.append(table.c.line == wanted.line)
        columns = (table.c.call, table.c.kind, table.c.line, table.c.arrived_at)
        query = select(*columns).where(and_(*conditions)).order_by(table.c.arrived_at.desc()).limit(limit)
        return [FoundCall(**row) for row in (await self._connection.execute(query)).mappings()]

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
        words, transcript, call = tables.transcript_words, tables.transcript, tables.call
        query = (
            select(transcript.c.call)
            .distinct()
            .join(call, call.c.key == transcript.c.call)
            .where(~select(words.c.call).where(words.c.call == transcript.c.call).exists())
            .order_by(transcript.c.call)
            .limit(limit)
        )
        return [CallKey.parse(call) for call in (await self._connection.execute(query)).scalars()]


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
