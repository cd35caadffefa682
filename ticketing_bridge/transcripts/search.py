"""Finding what was said in calls. Transcripts are personal data: every search is on record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from asr.text.display import NO_NAMES, KeptNames
from asr.text.searching import Snippet, Terms, leg_lines, pairs, snippets
from facts.call import Call
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg, Transcript
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.records import SearchFilter, SearchWords, StoredTranscript

#: how many calls one answer has, unless more are asked for
PAGE_CALLS = 20
AUDIT_ACTION = "transcripts-searched"


class NothingToFind(HotlineError):
    """What was typed has no letter, digit or character."""

    error_id = "nothing-to-find"


@dataclass(frozen=True, slots=True)
class FoundWords:
    """A call, and the turns of it in which something was found; numbers in them are masked."""

    call: Call
    #: which hearing: ``record`` or ``live``
    kind: str
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The newest calls that have all terms; ``more`` when there are older ones (before ``until``)."""

    terms: tuple[str, ...]
    found: tuple[FoundWords, ...]
    more: bool

    @property
    def until(self) -> datetime | None:
        return self.found[-1].call.arrived_at if self.found else None


def search_words(transcript: Transcript, names: KeptNames = NO_NAMES) -> SearchWords:
    """What is kept to find a call by its words. Takes a tenth of a second for a call full of numbers."""
    caller = leg_lines(transcript, Leg.CALLER, names)
    agent = leg_lines(transcript, Leg.AGENT, names)
    return SearchWords("\n".join(caller), "\n".join(agent), _keys(caller), _keys(agent))


def _keys(lines: Iterable[str]) -> frozenset[str]:
    return frozenset(key for line in lines for key in pairs(line))


async def make_findable(uow: UnitOfWork, call: Call, kind: str, words: SearchWords) -> None:
    """Put a call's words into the index: of the newest hearing, in the transaction that keeps it."""
    await uow.search.put(call.key, kind, call.line, call.arrived_at, words)


async def search(
    database: Database,
    text: str,
    wanted: SearchFilter,
    *,
    actor: str,
    names: KeptNames = NO_NAMES,
    limit: int = PAGE_CALLS,
) -> SearchAnswer:
    """Look for what was typed, and write down who did so.

    Raises:
        NothingToFind: there is nothing to look for in it.
    """
    terms = Terms.of(text)
    if not terms.terms:
        raise NothingToFind("there is nothing to look for", fix="type words, a name or a number")
    async with database.unit_of_work() as uow:
        # on record before anything is shown; a number in it is masked, as everywhere
        await uow.audit.add_search(actor, AUDIT_ACTION, text, fields=_narrowed(wanted))
    async with database.unit_of_work() as uow:
        found = await uow.search.find([*zip(terms.terms, terms.keys, strict=True)], wanted, limit=limit + 1)
        words = await uow.search.loaded(found[:limit])
    shown = await asyncio.to_thread(_shown, words, terms, wanted.leg, names)
    return SearchAnswer(terms.terms, tuple(shown), more=len(found) > limit)


def _narrowed(wanted: SearchFilter) -> list[str]:
    named = {"from": wanted.from_, "to": wanted.to, "line": wanted.line, "leg": wanted.leg}
    return [f"{name}={value}" for name, value in named.items() if value]


def _shown(
    words: Sequence[tuple[Call, StoredTranscript]], terms: Terms, leg: Leg | None, names: KeptNames
) -> list[FoundWords]:
    return [
        FoundWords(call, stored.kind, snippets(stored.transcript, terms, leg, names))
        for call, stored in words
    ]


async def index_missing(database: Database, names: KeptNames, *, at_once: int = 50) -> int:
    """Make calls findable that were heard before there was an index; returns how many."""
    done = 0
    while True:
        async with database.unit_of_work() as uow:
            keys = await uow.search.missing(limit=at_once)
            for key in keys:
                await _index(uow, key, names)
        done += len(keys)
        if len(keys) < at_once:
            return done


async def _index(uow: UnitOfWork, key: CallKey, names: KeptNames) -> None:
    call = await uow.calls.get(key)
    stored = await uow.transcripts.get(key, "record") or await uow.transcripts.get(key, "live")
    if call is not None and stored is not None:
        words = await asyncio.to_thread(search_words, stored.transcript, names)
        await make_findable(uow, call, stored.kind, words)
