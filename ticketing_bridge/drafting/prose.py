"""Spoken turns as written clauses: where one ends, and how it is written of a third person.

Nothing is added to what was said: words are left out, or stand for others that mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ticketing_bridge.drafting.lexicon import any_of, pattern, words
from ticketing_bridge.drafting.model import Span
from ticketing_bridge.drafting.numbers import with_figures

#: a clause of fewer characters is joined to the one before
_SHORTEST = 4
_TWICE = re.compile(r"(.{2,6})\1+")
_COMMAS = re.compile("，{2,}|^，|，$")


@dataclass(frozen=True, slots=True)
class Clause:
    """Some of the caller's words, and how they are written."""

    span: Span
    written: str


def clauses(turn: int, text: str) -> Iterator[Clause]:
    """The clauses of a turn that tell something, in the order of speech."""
    for start, end in _cut(text):
        said = text[start:end]
        written = formal(said)
        if len(written) >= _SHORTEST:
            yield Clause(Span(turn, start, end, said), written)


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """Where speech pauses: behind a particle, in front of a word that begins a clause."""
    stops = sorted({it.end() for it in pattern("prose", "pauses").finditer(text)} | {len(text)})
    start = 0
    for stop in stops:
        if stop - start >= _SHORTEST or stop == len(text):
            yield start, stop
            start = stop


@cache
def _persons() -> tuple[re.Pattern[str], dict[str, str]]:
    names = {str(said): str(written) for said, written in words("prose")["persons"].items()}
    return re.compile(any_of(names)), names


@cache
def _plain() -> tuple[re.Pattern[str], dict[str, str]]:
    names = {str(said): str(written) for said, written in words("prose")["plain"].items()}
    return re.compile(any_of(names)), names


def formal(said: str) -> str:
    """A clause in written language, of the caller in the third person; empty when it tells nothing.

    >>> formal("我们家楼上天天漏水啊")
    '来电人家楼上每天漏水'
    """
    if pattern("prose", "nothing").fullmatch(said):
        return ""
    text = pattern("prose", "left_out").sub("", said)
    text = _TWICE.sub(r"\1", text)
    text = re.sub(words("prose")["objects"], rf"\g<verb>{words('prose')['caller']}", text)
    for expression, names in (_plain(), _persons()):
        text = expression.sub(lambda it, names=names: names[it[0]], text)  # type: ignore[misc]
    text = pattern("prose", "edges").sub("", text)
    return with_figures(text)


def joined(parts: Iterator[str] | list[str]) -> str:
    """Clauses as one sentence, without its full stop."""
    return _COMMAS.sub(lambda it: "，" if it.end() - it.start() > 1 and it.start() else "", "，".join(parts))
