"""Queries over what was said in all calls.

Keys are pairs of neighbouring characters and single ones, marked by the side that said them (``c昆仑``,
``a昆仑``). With the installation's key they are tokens that tell nothing and have no beginning to look for,
and the text beside them is sealed under the call's key: the index narrows, the text itself decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, cast, func, null, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Leg
from ticketing_bridge.store import tables
from ticketing_bridge.store.mapping import call_from_row
from ticketing_bridge.store.records import FoundCall, SearchFilter, SearchWords, StoredTranscript
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.store.seals import WordSeals, index_place
from ticketing_bridge.store.word_repositories import opened_transcript

#: calls whose keys are read without the index: some milliseconds
NEWEST = 500

#: rows that are opened at once, at most
MOST_ROWS = 2000

_WORDS = tables.transcript_words
_SIDE = {Leg.CALLER: "c", Leg.AGENT: "a"}
_KIND = "words"
_TOLD = ("call", "kind", "line", "arrived_at", "content", "sealed")

Terms = Sequence[tuple[str, Sequence[str]]]


def index_key(vault: Vault | None, side: str, key: str) -> str:
    """A key of one side as it stands in the index."""
    return vault.token(_KIND, side + key) if vault else side + key


class SearchRepository:
    """What was said in calls, by call."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals, vault: Vault | None) -> None:
        self._connection = connection
        self._seals = seals
        self._vault = vault

    async def put(
        self, call: CallKey, kind: str, line: str, arrived_at: datetime, words: SearchWords
    ) -> None:
        """Make a call's words findable, in place of what was there."""
        sides = ((Leg.CALLER, words.caller_keys), (Leg.AGENT, words.agent_keys))
        keys = [index_key(self._vault, _SIDE[leg], it) for leg, said in sides for it in said]
        said = {Leg.CALLER.value: words.caller, Leg.AGENT.value: words.agent}
        plain, sealed = await self._seals.closed(str(call), said, index_place(str(call)))
        values = {
            "kind": kind,
            "line": line,
            "arrived_at": arrived_at,
            "keys": func.array_to_tsvector(cast(keys, ARRAY(Text))),
            "content": null() if plain is None else plain,
            "sealed": sealed,
        }
        insertion = insert(_WORDS).values(call=str(call), **values)
        await self._connection.execute(insertion.on_conflict_do_update(index_elements=["call"], set_=values))

    async def find(self, terms: Terms, wanted: SearchFilter, *, limit: int) -> list[FoundCall]:
        """Calls that have every term, the newest first.

        What is said in many calls is said in the newest ones, whose keys are read as they are; only for what
        is not there the index of keys is asked. It would give all of the many before it knew the newest.

        Args:
            terms: normal text of each term and its keys.
            wanted: which calls.
            limit: the most that are given.
        """
        asked = cast(self._query([it for _, it in terms], wanted), TSQUERY)
        recent = select(_WORDS).where(*_within(wanted)).order_by(_WORDS.c.arrived_at.desc()).limit(NEWEST)
        found = await self._found(recent.subquery(), asked, [], terms, wanted, limit)
        until = None if len(found) >= limit else await self._oldest_of_newest(wanted)
        if until is None:
            return found
        known = {it.call for it in found}
        within = [_WORDS.c.arrived_at <= until, *_within(wanted)]
        more = await self._found(_WORDS, asked, within, terms, wanted, limit + len(known))
        return [*found, *(it for it in more if it.call not in known)][:limit]

    def _query(self, terms: Iterable[Sequence[str]], wanted: SearchFilter) -> str:
        sides = [_SIDE[leg] for leg in _legs(wanted)]
        return _tsquery(terms, sides, lambda side, key: index_key(self._vault, side, key))

    async def _oldest_of_newest(self, wanted: SearchFilter) -> datetime | None:
        """When the last of the newest calls arrived, None when these were all."""
        newest = select(_WORDS.c.arrived_at).where(*_within(wanted)).order_by(_WORDS.c.arrived_at.desc())
        return (await self._connection.execute(newest.offset(NEWEST - 1).limit(1))).scalar()

    async def _found(
        self,
        table: FromClause,
        asked: ColumnElement[Any],
        within: Sequence[ColumnElement[bool]],
        terms: Terms,
        wanted: SearchFilter,
        limit: int,
    ) -> list[FoundCall]:
        """Those whose text has every term: keys may stand apart, and tokens be those of others."""
        found: list[FoundCall] = []
        conditions = [table.c["keys"].op("@@")(asked), *within]
        if wanted.line is not None:
            conditions.append(table.c.line == wanted.line)
        # looked up whole before it is sorted: in the order of time every call would be read for what few said
        every = select(*(table.c[name] for name in _TOLD)).where(*conditions).cte("matching")
        matching = every.prefix_with("MATERIALIZED", dialect="postgresql")
        newest = select(matching).order_by(matching.c.arrived_at.desc(), matching.c.call)
        seen, size = 0, limit
        while len(found) < limit:
            rows = (await self._connection.execute(newest.offset(seen).limit(size))).mappings().all()
            await self._seals.fetch_keys(row["sealed"] for row in rows)
            for row in rows:
                said = await self._seals.opened(row["content"], row["sealed"], index_place(row["call"]))
                if said is not None and _has(said, terms, wanted):
                    found.append(FoundCall(row["call"], row["kind"], row["line"], row["arrived_at"]))
            seen += len(rows)
            if len(rows) < size:
                break
            size = min(4 * size, MOST_ROWS)  # looked up anew each time: rather many at once
        return found[:limit]

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
        rows = stored.mappings().all()
        await self._seals.fetch_keys(row["sealed"] for row in rows)
        words = {(row["call"], row["kind"]): await opened_transcript(self._seals, row) for row in rows}
        return [
            (by_key[it.call], said)
            for it in found
            if it.call in by_key and (said := words.get((it.call, it.kind))) is not None
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


def _has(said: Mapping[Any, Any], terms: Terms, wanted: SearchFilter) -> bool:
    """Whether one of the wanted sides says each term."""
    sides = [str(said[leg.value]) for leg in _legs(wanted)]
    return all(any(term in side for side in sides) for term, _ in terms)


def _tsquery(terms: Iterable[Sequence[str]], sides: Sequence[str], key: Callable[[str, str], str]) -> str:
    """All keys of every term on one side: ``('c昆仑' & 'c仑路' | 'a昆仑' & 'a仑路') & …``."""
    wanted = []
    for keys in terms:
        of_sides = (" & ".join(_quoted(key(side, it)) for it in keys) for side in sides)
        wanted.append("(" + " | ".join(f"({it})" for it in of_sides) + ")")
    return " & ".join(wanted)


def _quoted(key: str) -> str:
    """A key in a query's own quotes."""
    escaped = key.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
