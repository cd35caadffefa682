"""Phrases that could give a caller away: found, shown to whoever sends, taken out of what units read. Pure.

Rules look for how people speak of themselves and of where they live and work; they err on the side of
taking out too much. A person looks through every text of a confidential ticket before it goes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parent / "give_aways.yaml"
#: figures and letters as a Chinese keyboard writes them in full width, one for one
_HALF = {full: full - 0xFEE0 for full in range(0xFF10, 0xFF5B)} | {ord("＃"): ord("#"), ord("－"): ord("-")}


class GiveAwayKind(StrEnum):
    """By what a phrase tells who speaks."""

    HOME = "home"
    WORK = "work"
    SELF = "self"
    FAMILY = "family"
    NUMBER = "number"
    CONTACT = "contact"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class GiveAway:
    """One phrase: ``text[start:end]``."""

    start: int
    end: int
    kind: GiveAwayKind


@cache
def _rules() -> tuple[Mapping[GiveAwayKind, re.Pattern[str]], Mapping[GiveAwayKind, str]]:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    words = raw.pop("words")
    patterns = {
        GiveAwayKind(kind): re.compile("|".join(_spelled(one, words) for one in it["patterns"]))
        for kind, it in raw.items()
    }
    return patterns, {GiveAwayKind(kind): it["instead"] for kind, it in raw.items()}


def _spelled(pattern: str, words: Mapping[str, str]) -> str:
    """A pattern with each ``{word}`` written out, words within words, too; ``{1,24}`` is none."""
    return re.sub(r"\{([a-z]+)\}", lambda named: _spelled(words[named[1]], words), pattern)


def give_aways(text: str, names: Iterable[str] = ()) -> tuple[GiveAway, ...]:
    """Phrases that could tell who the caller is, in order; none overlaps another.

    ``names``: what is known to be the caller's own: name, numbers.

    >>> [(text[it.start:it.end], it.kind.value) for text in ["我是三号楼二单元的住户，举报物业"]
    ...  for it in give_aways(text)]
    [('我是三号楼二单元的住户', 'self')]
    """
    patterns, _ = _rules()
    plain = text.translate(_HALF)
    found = [
        GiveAway(hit.start(), hit.end(), kind)
        for kind, pattern in patterns.items()
        for hit in pattern.finditer(plain)
        if hit.group()
    ]
    for name in filter(None, names):
        found += [
            GiveAway(hit.start(), hit.end(), GiveAwayKind.NAME) for hit in re.finditer(re.escape(name), text)
        ]
    return _apart(found)


def _apart(found: Iterable[GiveAway]) -> tuple[GiveAway, ...]:
    """Those that overlap made one, of the kind of the longest."""
    made: list[GiveAway] = []
    for it in sorted(found, key=lambda it: (it.start, -it.end)):
        last = made[-1] if made else None
        if last is None or it.start >= last.end:
            made.append(it)
        elif it.end > last.end:
            longer = it.kind if it.end - it.start > last.end - last.start else last.kind
            made[-1] = GiveAway(last.start, it.end, longer)
    return tuple(made)


def redacted(text: str, names: Iterable[str] = ()) -> str:
    """The text with a word for what was there in place of each phrase.

    >>> redacted("我在盐湖集团上班，他们偷排废水")
    '（工作单位已隐去），他们偷排废水'
    """
    _, instead = _rules()
    out, at = [], 0
    for it in give_aways(text, names):
        out += [text[at : it.start], instead[it.kind]]
        at = it.end
    return "".join([*out, text[at:]])
