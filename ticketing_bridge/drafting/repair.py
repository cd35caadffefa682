"""Homophones put right for reading: 无业 is read as 物业, while the ticket quotes what was printed.

Only characters change, one for one, so that every span of the repaired text is one of the printed text.
Words come from the city's catalogue and from drafting's own lists; a word of three characters or more is put
right wherever it sounds so, one of two only where a character is printed that hardly occurs in speech.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from config.catalogue import CityData
from ticketing_bridge.drafting.lexicon import once_a_city, word_list, words
from ticketing_bridge.drafting.model import Draft, DraftInput, SecondMatter, Span, Value, When
from ticketing_bridge.drafting.numbers import DIGIT
from ticketing_bridge.drafting.sounds import syllable

Drafted = TypeVar("Drafted", Draft, SecondMatter)
_HAN = re.compile("[一-鿿]{2,}")
#: numbers that are no other word: figures said one by one (电话要八九 is none), days of the week (上周物业里)
_FIGURES = re.compile(f"{DIGIT}{{4,}}|(?:周|星期|礼拜)[一二三四五六]")
#: characters of the longest word that is looked for
_LONGEST = 8


@dataclass(frozen=True, slots=True)
class Words:
    """Known words by their sound, and pairs of characters that are nothing unusual."""

    by_sound: dict[tuple[str, ...], str]
    pairs: frozenset[str]
    characters: frozenset[str]


@cache
def _own() -> frozenset[str]:
    """Every run of characters in drafting's own lists, regular expressions included."""
    folder = files("ticketing_bridge.drafting") / "data"
    skip = {
        "invented.yaml",
        "utterances.yaml",
        "privacy.yaml",
        "calibration.yaml",
        "common.yaml",
        "reasons.yaml",
        "wording.yaml",
    }
    texts = [it.read_text(encoding="utf-8") for it in folder.iterdir() if it.name not in skip]
    lines = (line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#"))
    return frozenset(run for line in lines for run in _HAN.findall(line))


@once_a_city
def known_words(data: CityData) -> Words:
    """Built once a catalogue."""
    city = {part for matter in data.matters for word in matter.words for part in word.split("+")}
    city |= {name for unit in data.units for name in (unit.name, *unit.aliases, *unit.keywords)}
    city |= {name for place in data.places for name in (place.name, *place.aliases)}
    every = {it for it in (*_own(), *city) if 2 <= len(it) <= _LONGEST and _HAN.fullmatch(it)}
    by_sound: dict[tuple[str, ...], str] = {}
    for word in sorted(every, key=lambda it: (it not in city, it)):
        by_sound.setdefault(tuple(map(syllable, word)), word)
    pairs = {word[at : at + 2] for word in every for at in range(len(word) - 1)}
    pairs |= set(words("common")["pairs"].split())
    return Words(by_sound, frozenset(pairs), frozenset("".join(pairs) + words("common")["in_names"]))


@once_a_city
def _place_words(data: CityData) -> Words:
    """Only names of places and what they end in: names may hold anything else."""
    every = {name for place in data.places for name in (place.name, *place.aliases)}
    for kind in ("estate", "village", "facility", "road", "unit_strong", "tail", "crossing", "standing"):
        every |= set(word_list("places", kind))
    by_sound = {tuple(map(syllable, it)): it for it in sorted(every) if 2 <= len(it) <= _LONGEST}
    every_word = known_words(data)
    return Words(by_sound, every_word.pairs, every_word.characters)


def repaired(call: DraftInput, data: CityData, *, places: bool = False) -> DraftInput:
    """The call as it was probably said; with ``places`` only names and endings of places are put right."""
    known = _place_words(data) if places else known_words(data)
    return replace(call, turns=tuple(replace(it, text=_mended(it.text, known)) for it in call.turns))


def _mended(text: str, known: Words) -> str:
    sounds = [syllable(it) for it in text]
    mended = list(text)
    figures = {at for found in _FIGURES.finditer(text) for at in range(found.start(), found.end())}
    at = 0
    while at < len(text):
        for length in range(min(_LONGEST, len(text) - at), 1, -1):
            word = known.by_sound.get(tuple(sounds[at : at + length]))
            if not word or (figures and not figures.isdisjoint(range(at, at + length))):
                continue
            if word == text[at : at + length] or _odd(text, at, length, known):
                mended[at : at + length] = word
                at += length
                break
        else:
            at += 1
    return "".join(mended)


def _odd(text: str, at: int, length: int, known: Words) -> bool:
    """Whether what is printed there is unlikely to be meant."""
    inside = [text[it : it + 2] in known.pairs for it in range(at, at + length - 1)]
    if length >= 4:
        return True
    if length == 3:
        return not all(inside)
    rare = any(it not in known.characters for it in text[at : at + 2])
    return rare or (not inside[0] and tuple(map(syllable, text[at : at + 2])) in _often())


@cache
def _often() -> frozenset[tuple[str, ...]]:
    """Words of two characters that recognisers often print as others."""
    return frozenset(tuple(map(syllable, it)) for it in words("parties")["by_sound"])


def as_printed(draft: Drafted, call: DraftInput) -> Drafted:
    """Quotations and spans in the characters that were printed."""
    changed: dict[str, Any] = {}
    for name in (it.name for it in fields(draft)):
        found = getattr(draft, name)
        if isinstance(found, Value):
            changed[name] = _printed(found, call)
        elif name == "places":
            changed[name] = tuple(_printed(it, call) for it in found)
        elif isinstance(found, SecondMatter):
            changed[name] = as_printed(found, call)
    return replace(draft, **changed)


def _printed(value: Value[Any], call: DraftInput) -> Value[Any]:
    spans = tuple(_spans(value.spans, call))
    said = value.spans[0].text if value.spans else None
    quoted: Any = value.value
    if spans and isinstance(quoted, When) and quoted.text == said:
        quoted = replace(quoted, text=spans[0].text)
    elif spans and quoted == said:
        quoted = spans[0].text
    return replace(value, value=quoted, spans=spans)


def _spans(spans: Iterable[Span], call: DraftInput) -> Iterator[Span]:
    for span in spans:
        yield replace(span, text=call.turns[span.turn].text[span.start : span.end])
