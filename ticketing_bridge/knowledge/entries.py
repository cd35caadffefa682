"""Knowledge entries: when they hold, and how they are found in Chinese. Pure: no clock, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml

from asr.text.searching import Terms, normal
from facts.errors import HotlineError
from ticketing_bridge.store.knowledge_records import EntryText

_WORDS = Path(__file__).parent / "words.yaml"
#: keys of a spoken question that are asked for, the newest first: what was said long ago is another matter
MOST_SPOKEN_KEYS = 60
#: part of the spoken keys that an entry must have to be offered while people talk
LEAST_COVERED = 0.12
#: pairs of characters that must be found before an entry is offered unasked
LEAST_KEYS = 3
#: PostgreSQL counts places up to this one
_LAST_PLACE = 16383


class EntryInvalid(HotlineError):
    """A knowledge entry lacks something."""

    error_id = "knowledge-entry-invalid"


class Standing(StrEnum):
    """Whether an entry may be given to a citizen today."""

    GOOD = "good"
    #: still true as far as we know, but nobody has looked at it in time
    REVIEW_DUE = "review_due"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


def standing(entry: EntryText, today: date) -> Standing:
    """How an entry stands on a day; an entry that ends today is not given today."""
    if entry.withdrawn:
        return Standing.WITHDRAWN
    if entry.expires_on is not None and entry.expires_on <= today:
        return Standing.EXPIRED
    return Standing.REVIEW_DUE if entry.review_on < today else Standing.GOOD


def may_be_given(entry: EntryText, today: date) -> bool:
    """Whether an agent may answer with it; one whose review is due may, and is marked."""
    return standing(entry, today) in {Standing.GOOD, Standing.REVIEW_DUE}


def checked(entry: EntryText) -> EntryText:
    """The entry without stray blanks.

    Raises:
        EntryInvalid: naming all that is missing or contradicts itself.
    """
    missing = [
        name
        for name, value in (("question", entry.question), ("answer", entry.answer), ("owner", entry.owner))
        if not value.strip()
    ]
    if missing:
        raise EntryInvalid(f"missing: {', '.join(missing)}", fix="fill them in")
    if entry.expires_on is not None and entry.review_on > entry.expires_on:
        raise EntryInvalid(
            f"review on {entry.review_on} is after the expiry on {entry.expires_on}", fix="review it before"
        )
    return EntryText(
        question=entry.question.strip(),
        answer=entry.answer.strip(),
        owner=entry.owner.strip(),
        review_on=entry.review_on,
        also_asked=tuple(it.strip() for it in entry.also_asked if it.strip()),
        appeal=entry.appeal.strip(),
        unit=entry.unit.strip(),
        basis=entry.basis.strip(),
        expires_on=entry.expires_on,
        withdrawn=entry.withdrawn,
    )


def keys_of(text: str) -> Iterator[str]:
    """Pairs of neighbouring characters of a text, and the last one alone so that it can begin a pair."""
    plain = normal(text)
    yield from map("".join, pairwise(plain))
    if plain:
        yield plain[-1]


def entry_vector(entry: EntryText) -> str:
    """The entry's keys as PostgreSQL writes a ``tsvector``: question A, other questions B, answer D."""
    places: dict[str, list[str]] = {}
    place = 0
    for weight, texts in (("A", (entry.question,)), ("B", entry.also_asked), ("D", (entry.answer,))):
        for text in texts:
            for key in keys_of(text):
                place = min(place + 1, _LAST_PLACE)
                known = places.setdefault(key, [])
                if len(known) < 200:
                    known.append(f"{place}{weight}")
            place = min(place + 10, _LAST_PLACE)
    return " ".join(f"{quoted(key)}:{','.join(known)}" for key, known in places.items())


def quoted(key: str) -> str:
    """A key in PostgreSQL's own quotes."""
    return "'" + key.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the index is asked: all of these, or as many as possible of these."""

    every: str
    some: str
    keys: frozenset[str]


def typed_question(text: str) -> Asked | None:
    """What somebody typed into the search field; None when it has no letter and no character."""
    terms = Terms.of(text)
    if not terms.terms:
        return None
    keys = [key for term in terms.keys for key in term]
    every = " & ".join(_prefixed(key) for key in keys)
    telling = [key for key in dict.fromkeys(keys) if key not in _common()] or keys
    return Asked(every, " | ".join(map(_prefixed, telling)), frozenset(telling))


def spoken_question(turns: Iterable[str]) -> Asked | None:
    """What a caller has said, the newest turn first; None while nothing in it tells anything."""
    keys: dict[str, None] = {}
    for text in turns:
        for left, right in pairwise(normal(text)):
            if left + right not in _common() and len(keys) < MOST_SPOKEN_KEYS:
                keys[left + right] = None
    if len(keys) < LEAST_KEYS:
        return None
    return Asked("", " | ".join(map(quoted, keys)), frozenset(keys))


def covered(asked: Asked, question: str, also_asked: Iterable[str]) -> int:
    """How many of the asked keys are in the entry's own questions."""
    own = {key for text in (question, *also_asked) for key in keys_of(text)}
    return len(asked.keys & own)


def is_offered(asked: Asked, entry: EntryText) -> bool:
    """Whether an entry fits what was said well enough to be offered without being asked for."""
    hits = covered(asked, entry.question, entry.also_asked)
    return hits >= LEAST_KEYS and hits >= LEAST_COVERED * len(asked.keys)


def _prefixed(key: str) -> str:
    return quoted(key) + (":*" if len(key) == 1 else "")


@cache
def _common() -> frozenset[str]:
    """Pairs that stand in every question."""
    lines = yaml.safe_load(_WORDS.read_text(encoding="utf-8"))["common"]
    return frozenset(key for phrase in lines for key in map("".join, pairwise(normal(phrase))))
