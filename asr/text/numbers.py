"""Spoken numbers as people write them: 幺三九七… becomes 1397…, with the way back to what was said.

For display and for finding telephone numbers; the transcript keeps the words as they were heard. Dates, clock
times and ranges stay as said: their written form (2025/03/05, 3:30p.m.) is not how this country writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

_KEPT_AS_SAID = frozenset({"time", "date", "whitelist", "char"})
#: digits, and units in Chinese: 23号, 50万元, 98%
_WRITTEN = re.compile(r"[0-9.]+%?[\u4e00-\u9fff]{0,3}\d?")
_NUMERALS = re.compile(r"[零〇一二三四五六七八九十百千万亿两幺点]")


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

    def said_span(self, first: int, end: int) -> tuple[int, int]:
        """Where characters ``first`` to ``end`` of ``text`` stand in ``said``; a number counts as a whole."""
        return self._said_at(first, behind=False), self._said_at(end, behind=True)

    def _said_at(self, place: int, *, behind: bool) -> int:
        shift = 0
        for item in self.replacements:
            if place <= item.written_first:
                break
            if place < item.written_end:
                return item.end if behind else item.first
            shift = item.end - item.written_end
        return place + shift


def write_numbers(said: str) -> Written:
    """Numbers of two numerals or more in digits; everything else untouched. The first call takes 0.4 s."""
    if len(_NUMERALS.findall(said)) < 2:
        return Written(said, said)
    text = ""
    place = 0
    replacements: list[Replacement] = []
    for mapping in _rules().normalize_with_mapping(said).mappings:
        raw, written = said[mapping.input_start : mapping.input_end], mapping.output_text
        if raw != mapping.input_text or not _is_wanted(mapping.token_type, raw, written):
            continue
        text += said[place : mapping.input_start]
        first = len(text)
        text += written
        replacements.append(Replacement(mapping.input_start, mapping.input_end, first, len(text)))
        place = mapping.input_end
    return Written(said, text + said[place:], tuple(replacements))


def _is_wanted(kind: str, raw: str, written: str) -> bool:
    return (
        kind not in _KEPT_AS_SAID
        and len(_NUMERALS.findall(raw)) >= 2
        and _WRITTEN.fullmatch(written) is not None
        and len(written) <= len(raw) + 1  # 十万 is easier to read than 100000
    )


@cache
def _rules() -> Any:
    from wetext import Normalizer  # noqa: PLC0415 — half a second that only readers of numbers pay for

    return Normalizer(lang="zh", operator="itn")
