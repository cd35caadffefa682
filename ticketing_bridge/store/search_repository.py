"""Queries over what was said in all calls.

Keys are pairs of neighbouring characters and single ones, marked by the side that said them (``c昆仑``,
``a昆仑``). With the installation's key they are tokens that tell nothing and have no beginning to look for,
and the text beside them is sealed under the call's key: the index narrows, the text itself decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import cast, func, null, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Leg
from ticketing_bridge.store import tables
from ticketing_bridge.store.batch import Batch, answer_to
from ticketing_bridge.store.desk_ticket_records import DataKey
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.number_rows import CallRows
from ticketing_bridge.store.records import FoundCall, SearchFilter, SearchWords, StoredTranscript
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.store.seals import WordSeals, index_place, words_subject
from ticketing_bridge.store.word_repositories import opened_transcript

#: calls whose keys are read without the index: some milliseconds
NEWEST = 500

#: rows that are opened at once, at most
MOST_ROWS = 2000

#: candidates that the index gives at once, the newest first
CANDIDATES = 2000
#: opened beside as many as are wanted: some have the keys, but not side by side
FEW_MORE = 11

_WORDS = tables.transcript_words
_SIDE = {Leg.CALLER: "c", Leg.AGENT: "a"}
_KIND = "words"

#: how many calls the database expects to have the keys; no call is read for it
_EXPECTED = "EXPLAIN (FORMAT JSON) SELECT FROM transcript_words WHERE keys @@ %(asked)s::tsquery"
_SIZE = (
    "SELECT greatest(reltuples, 0)::bigint AS calls FROM pg_class WHERE oid = 'transcript_words'::regclass"
)
_AMONG_NEWEST = """
SELECT call FROM (
  SELECT call, line, arrived_at, keys FROM transcript_words WHERE {within}
  ORDER BY arrived_at DESC LIMIT %(newest)s
) newest WHERE keys @@ %(asked)s::tsquery AND {line} ORDER BY arrived_at DESC, call
"""
_LAST_OF_NEWEST = """
SELECT arrived_at FROM transcript_words WHERE {within}
ORDER BY arrived_at DESC OFFSET %(newest)s - 1 LIMIT 1
"""
#: looked up whole before it is sorted: in the order of time every call would be read for what few said
_BY_INDEX = """
WITH matching AS MATERIALIZED (
  SELECT call, arrived_at FROM transcript_words WHERE keys @@ %(asked)s::tsquery AND {within} AND {line}
)
SELECT call FROM matching ORDER BY arrived_at DESC, call OFFSET %(skipped)s LIMIT %(most)s
"""
_TEXTS = """
SELECT words.call, words.kind, words.line, words.arrived_at, words.content, words.sealed,
       data_key.id AS key_id, data_key.wrapped
FROM unnest(%(calls)s::text[]) WITH ORDINALITY AS it (call, place) JOIN transcript_words words USING (call)
LEFT JOIN data_key ON data_key.subject = 'words:' || words.call AND data_key.wrapped IS NOT NULL
ORDER BY it.place
"""
#: the newest of each kind that was found
_SAID = """
SELECT said.*, data_key.id AS key_id, data_key.wrapped
FROM unnest(%(calls)s::text[], %(kinds)s::text[]) AS it (call, kind)
CROSS JOIN LATERAL (
  SELECT call, kind, model, content, audio_digest, made_at, sealed FROM transcript
  WHERE transcript.call = it.call AND transcript.kind = it.kind ORDER BY made_at DESC LIMIT 1
) said
LEFT JOIN data_key ON data_key.subject = 'words:' || said.call AND data_key.wrapped IS NOT NULL
"""

Terms = Sequence[tuple[str, Sequence[str]]]


def index_key(vault: Vault | None, side: str, key: str) -> str:
    """A key of one side as it stands in the index."""
    return vault.token(_KIND, side + key) if vault else side + key


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is looked for: as keys, as text, and in which calls."""

    query: str
    terms: Terms
    wanted: SearchFilter

    @property
    def values(self) -> dict[str, Any]:
        wanted = self.wanted
        return {"asked": self.query, "from": wanted.from_, "to": wanted.to, "line": wanted.line}

    @property
    def within(self) -> str:
        """The condition on time."""
        asked = ((self.wanted.from_, "arrived_at >= %(from)s"), (self.wanted.to, "arrived_at < %(to)s"))
        return " AND ".join(condition for value, condition in asked if value) or "true"

    @property
    def of_line(self) -> str:
        """The condition on the line."""
        return "line = %(line)s" if self.wanted.line is not None else "true"


class SearchRepository:
    """What was said in calls, by call."""

    def __init__(
        self, connection: AsyncConnection, seals: WordSeals, vault: Vault | None, numbers: Numbers
    ) -> None:
        self._connection = connection
        self._seals = seals
        self._vault = vault
        self._calls = CallRows(numbers)

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
        is not there, or is not said often, the index of keys is asked. It would give all of the many before
        it knew the newest.

        Args:
            terms: normal text of each term and its keys.
            wanted: which calls.
            limit: the most that are given.
        """
        asked = _Asked(self._query([it for _, it in terms], wanted), terms, wanted)
        found: list[FoundCall] = []
        until: datetime | None = None
        if await self._said_often(asked, limit):
            calls, until = await self._among_newest(asked)
            found = await self._those_that_say(calls, asked, limit)
            if len(found) >= limit or until is None:
                return found
        known = {it.call for it in found}
        skipped = 0
        while len(found) < limit:
            calls = await self._by_index(asked, until, skipped)
            found += await self._those_that_say(
                [it for it in calls if it not in known], asked, limit - len(found)
            )
            skipped += len(calls)
            if len(calls) < CANDIDATES:
                break
        return found

    def _query(self, terms: Iterable[Sequence[str]], wanted: SearchFilter) -> str:
        sides = [_SIDE[leg] for leg in _legs(wanted)]
        return _tsquery(terms, sides, lambda side, key: index_key(self._vault, side, key))

    async def _said_often(self, asked: _Asked, limit: int) -> bool:
        """Whether the newest calls are likely to have enough, by the database's own statistics of keys."""
        batch = Batch(self._connection)
        plan = batch.ask(_EXPECTED, asked.values)
        size = batch.ask(_SIZE, {})
        await batch.send()
        expected, calls = plan.value[0]["Plan"]["Plan Rows"], size.value
        return bool(calls < NEWEST or expected * NEWEST >= limit * calls)

    async def _among_newest(self, asked: _Asked) -> tuple[list[str], datetime | None]:
        """Those of the newest that have the keys, and when the last of the newest arrived; None: of all."""
        batch = Batch(self._connection)
        values = asked.values | {"newest": NEWEST}
        calls = batch.ask(_AMONG_NEWEST.format(within=asked.within, line=asked.of_line), values)
        last = batch.ask(_LAST_OF_NEWEST.format(within=asked.within), values)
        await batch.send()
        return [row["call"] for row in calls.rows], last.value

    async def _by_index(self, asked: _Asked, until: datetime | None, skipped: int) -> list[str]:
        """The newest that have the keys, from the one after ``skipped`` on."""
        older = " AND arrived_at <= %(until)s" if until else ""
        statement = _BY_INDEX.format(within=asked.within + older, line=asked.of_line)
        values = asked.values | {"until": until, "most": CANDIDATES, "skipped": skipped}
        calls = await answer_to(self._connection, statement, values)
        return [row["call"] for row in calls.rows]

    async def _those_that_say(self, calls: Sequence[str], asked: _Asked, limit: int) -> list[FoundCall]:
        """Those whose text has every term: keys may stand apart, and tokens be those of others.

        In the order of ``calls``, and no more are opened than are likely to be needed.
        """
        found: list[FoundCall] = []
        opened, size = 0, limit + FEW_MORE
        while len(found) < limit and opened < len(calls):
            some = {"calls": [*calls[opened : opened + size]]}
            rows = await answer_to(self._connection, _TEXTS, some)
            await self._know(rows.rows)
            for row in rows.rows:
                said = await self._seals.opened(row["content"], row["sealed"], index_place(row["call"]))
                if said is not None and _has(said, asked.terms, asked.wanted):
                    found.append(FoundCall(row["call"], row["kind"], row["line"], row["arrived_at"]))
            opened += size
            size = min(4 * size, MOST_ROWS)
        return found[:limit]

    async def _know(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The keys of calls that were read with their rows; of what was sealed under others, those."""
        there = [row for row in rows if row["key_id"] is not None]
        self._seals.know(DataKey(it["key_id"], words_subject(it["call"]), it["wrapped"]) for it in there)
        await self._seals.fetch_keys(row["sealed"] for row in rows)

    async def loaded(self, found: Sequence[FoundCall]) -> list[tuple[Call, StoredTranscript]]:
        """The calls and the words in which they were found, in the same order, without those gone."""
        keys = [it.call for it in found]
        calls = await self._connection.execute(select(tables.call).where(tables.call.c.key.in_(keys)))
        by_key = {str(it.key): it for it in await self._calls.calls(calls.mappings())}
        rows = await answer_to(self._connection, _SAID, {"calls": keys, "kinds": [it.kind for it in found]})
        await self._know(rows.rows)
        words = {(row["call"], row["kind"]): await opened_transcript(self._seals, row) for row in rows.rows}
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
