"""Spoken numbers as people write them: 幺三九七… becomes 1397…, with the way back to what was said.

For display and for finding telephone numbers; the transcript keeps the words as they were heard. House
numbers, dates, clock times and plates go by rules of our own (``measures``), all other numbers by the
grammars of ``wetext``. Those bring a second build of the library that Vosk is made with: both in one
process wait for each other for ever, so this module refuses to write where Vosk is loaded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from asr.text.measures import Stretch, measured
from facts.errors import HotlineError

#: stands for what is written already, one for one: the grammars see no number in it
_MASK = "某"
_WANTED = frozenset({"cardinal", "measure", "money", "fraction"})
_NUMERAL = "[零〇一二三四五六七八九十百千万亿两幺]"
_WORTH_A_LOOK = re.compile(rf"{_NUMERAL}点?{_NUMERAL}|百分之{_NUMERAL}")
_SAID_NUMBER = re.compile(r"(?:百分之)?[负零〇一二三四五六七八九十百千万亿两幺点]+")
_FIGURES = re.compile(r"-?[0-9]+(?:\.[0-9]+)?%?")


#: pages are made ready in threads, and the grammars do not say that they bear two at once
_ONE_AT_A_TIME = Lock()


class NumbersUnavailable(HotlineError):
    """Numbers cannot be written in this process."""

    error_id = "numbers-unavailable"


@dataclass(frozen=True, slots=True)
class Replacement:
    """Characters ``first`` to ``end`` of what was said stand at ``written_first`` to ``written_end``."""

    first: int
    end: int
    written_first: int
    written_end: int


@dataclass(frozen=True, slots=True)
class Written:
    """A text with its numbers in digits."""

    said: str
    text: str
    replacements: tuple[Replacement, ...] = ()


def write_numbers(said: str, *, kept: Iterable[tuple[int, int]] = ()) -> Written:
    """Numbers in digits; everything else, and the spans ``kept`` (names of places), untouched.

    The first call takes 0.4 s.

    Raises:
        NumbersUnavailable: Vosk is loaded in this process.
    """
    taken = bytearray(len(said))
    stretches: list[Stretch] = []

    def take(first: int, end: int) -> bool:
        free = not any(taken[first:end])
        if free:
            taken[first:end] = b"\1" * (end - first)
        return free

    for first, end in kept:
        take(first, end)
    stretches += [it for it in measured(said) if take(it.first, it.end)]
    rest = "".join(_MASK if taken[place] else character for place, character in enumerate(said))
    stretches += [it for it in _by_grammar(rest) if take(it.first, it.end)]
    return _written(said, sorted(stretches, key=lambda it: it.first))


def _written(said: str, stretches: Iterable[Stretch]) -> Written:
    text, place = "", 0
    replacements: list[Replacement] = []
    for it in stretches:
        if said[it.first : it.end] == it.written:
            continue
        text += said[place : it.first]
        replacements.append(Replacement(it.first, it.end, len(text), len(text) + len(it.written)))
        text += it.written
        place = it.end
    return Written(said, text + said[place:], tuple(replacements))


def _by_grammar(rest: str) -> Iterable[Stretch]:
    """What is left to the grammars; only the figures are taken, the unit stays as said (3.5公里)."""
    if not _WORTH_A_LOOK.search(rest):
        return
    with _ONE_AT_A_TIME:
        mappings = _rules().normalize_with_mapping(rest).mappings
    for it in mappings:
        raw = rest[it.input_start : it.input_end]
        number = _SAID_NUMBER.match(raw)
        figures = _FIGURES.findall(it.output_text)
        if raw != it.input_text or it.token_type not in _WANTED or number is None or len(figures) != 1:
            continue
        if len(number[0]) >= 2 and not set(" ~") & set(it.output_text):
            yield Stretch(it.input_start, it.input_start + len(number[0]), figures[0])


@cache
def _rules() -> Any:
    if "vosk" in sys.modules:
        raise NumbersUnavailable(
            "numbers cannot be written where Vosk is loaded: both libraries would wait for each other",
            fix="write numbers in the process that asked for the words, not in the one that recognises",
        )
    from wetext import Normalizer  # noqa: PLC0415 - half a second that only readers of numbers pay for

    return Normalizer(lang="zh", operator="itn")
