"""Where places begin and end, character by character: a linear-chain model over what stands round each one.

The word lists say what a place may look like, but a stranger's names and turns of speech are on no list.
The model weighs the lists' own reading, the endings of place names, and the words before and behind; its
weights are fitted on labelled calls with their places exchanged for others (``hotline drafting fit``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ticketing_bridge.drafting.lexicon import any_of, word_list, words
from ticketing_bridge.drafting.numbers import NUMERAL

#: a character is outside of a place, its first, one inside, its last
OUTSIDE, FIRST, INSIDE, LAST = range(4)
TAGS = 4
#: what may follow what
FOLLOWS = np.full((TAGS, TAGS), -math.inf)
for _tag, _next in ((0, 0), (0, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 0), (3, 1)):
    FOLLOWS[_tag, _next] = 0.0
#: so far ahead an ending is looked for, in characters
_AHEAD = 6
#: a place of fewer characters is none
_SHORTEST = 2
_KINDS = (
    "road",
    "estate",
    "village",
    "facility",
    "weak_estate",
    "tail",
    "unit_strong",
    "unit_chain",
    "thing",
)
_LISTS = ("stop_words", "joint", "says_place", "crossing", "leading", "generic")
_EDGE = "^"

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a turn beside its characters.

    ``names`` are spans of the gazetteer, ``ruled`` what the lists read as places, with how sure they are;
    ``asked``: the agent asked for a place just before.
    """

    names: tuple[tuple[int, int], ...]
    ruled: tuple[tuple[int, int, float], ...]
    asked: bool


@dataclass(frozen=True, slots=True)
class Spotter:
    """The fitted weights: of features, and of one tag after another."""

    features: Mapping[str, tuple[float, ...]]
    follows: Scores

    @classmethod
    def loads(cls, text: str) -> Spotter:
        """Read what ``dumps`` wrote."""
        stored = json.loads(text)
        return cls(
            {name: tuple(it) for name, it in stored["features"].items()},
            np.array(stored["follows"]) + FOLLOWS,
        )

    def dumps(self) -> str:
        """As JSON, a feature a line."""
        rows = ",\n".join(
            json.dumps(name, ensure_ascii=False) + ":" + json.dumps([*it], separators=(",", ":"))
            for name, it in sorted(self.features.items())
        )
        follows = np.where(np.isinf(self.follows), 0.0, self.follows).round(3).tolist()
        return f'{{"follows":{json.dumps(follows)},\n"features":{{\n{rows}\n}}}}\n'

    def spans(self, text: str, reading: Reading) -> Iterator[tuple[int, int, float]]:
        """The likeliest places of a turn, each with its probability."""
        if len(text) < _SHORTEST:
            return
        emitted = self._emitted(text, reading)
        tags = _likeliest(emitted, self.follows)
        if FIRST not in tags:
            return
        forward, backward, whole = _sums(emitted, self.follows)
        start = 0
        for at, tag in enumerate(tags):
            if tag == FIRST:
                start = at
            elif tag == LAST:
                path = float(forward[start, FIRST] + backward[at, LAST])
                for it in range(start + 1, at + 1):
                    path += float(self.follows[tags[it - 1], tags[it]] + emitted[it, tags[it]])
                yield start, at + 1, min(1.0, math.exp(path - whole))

    def _emitted(self, text: str, reading: Reading) -> Scores:
        emitted = np.zeros((len(text), TAGS))
        known = self.features
        for at, named in enumerate(features(text, reading)):
            rows = [known[it] for it in named if it in known]
            if rows:
                emitted[at] = np.sum(rows, axis=0)
        return emitted


def _likeliest(emitted: Scores, follows: Scores) -> list[int]:
    """Viterbi's path; a turn begins and ends outside of a place or at its edge."""
    best = np.where([True, True, False, False], emitted[0], -math.inf)
    came = np.zeros(emitted.shape, dtype=np.int64)
    for at in range(1, len(emitted)):
        through = best[:, None] + follows
        came[at] = through.argmax(axis=0)
        best = through.max(axis=0) + emitted[at]
    best = np.where([True, False, False, True], best, -math.inf)
    tags = [int(best.argmax())]
    for at in range(len(emitted) - 1, 0, -1):
        tags.append(int(came[at, tags[-1]]))
    return tags[::-1]


def _sums(emitted: Scores, follows: Scores) -> tuple[Scores, Scores, float]:
    """Logarithms of the sums over all paths up to and from each character, and over all."""
    length = len(emitted)
    forward, backward = np.full(emitted.shape, -math.inf), np.full(emitted.shape, -math.inf)
    forward[0] = np.where([True, True, False, False], emitted[0], -math.inf)
    backward[-1] = [0.0, -math.inf, -math.inf, 0.0]
    for at in range(1, length):
        forward[at] = np.logaddexp.reduce(forward[at - 1][:, None] + follows, axis=0) + emitted[at]
    for at in range(length - 2, -1, -1):
        backward[at] = np.logaddexp.reduce(follows + emitted[at + 1] + backward[at + 1], axis=1)
    return forward, backward, float(np.logaddexp.reduce(forward[-1] + backward[-1]))


@cache
def _listed() -> tuple[tuple[str, re.Pattern[str]], ...]:
    kinds = [(name, word_list("places", name)) for name in _LISTS]
    kinds.append(("shop", word_list("parties", "endings")))
    kinds.append(("standing", word_list("places", "standing")))
    return tuple((name, re.compile(f"(?=({any_of(those)}))")) for name, those in kinds)


@cache
def _pairs() -> frozenset[str]:
    return frozenset(words("common")["pairs"].split())


@cache
def _numeral() -> frozenset[str]:
    return frozenset(NUMERAL[1:-1])


def features(text: str, reading: Reading) -> list[list[str]]:
    """What is said of each character."""
    length = len(text)
    begins: list[list[str]] = [[] for _ in range(length + 1)]
    ends: list[list[str]] = [[] for _ in range(length + 1)]
    for name, expression in _listed():
        for found in expression.finditer(text):
            begins[found.start()].append(name)
            ends[found.end(1)].append(name)
    named = _marks(length, [(a, b, "n") for a, b in reading.names])
    ruled = _marks(length, [(a, b, "s" if sure >= 0.8 else "w") for a, b, sure in reading.ruled])
    usual = [text[it : it + 2] in _pairs() for it in range(length)]
    asked = "?" if reading.asked else ""
    padded = _EDGE * 3 + text + _EDGE * 3
    return [_of(at, padded, begins, ends, named, ruled, usual, asked, length) for at in range(length)]


def _of(
    at: int,
    padded: str,
    begins: Sequence[Sequence[str]],
    ends: Sequence[Sequence[str]],
    named: Sequence[str],
    ruled: Sequence[str],
    usual: Sequence[bool],
    asked: str,
    length: int,
) -> list[str]:
    here = at + 3
    this = padded[here]
    said = [
        f"0{this}",
        f"-{padded[here - 1]}",
        f"+{padded[here + 1]}",
        f"a{padded[here - 1 : here + 1]}",
        f"b{padded[here : here + 2]}",
        f"c{padded[here - 2 : here]}",
        f"d{padded[here + 1 : here + 3]}",
        f"e{padded[here - 1 : here + 2]}",
        f"f{padded[here - 2 : here + 1]}",
        f"g{padded[here : here + 3]}",
        f"r{ruled[at]}{asked}",
        f"R{ruled[at - 1] if at else ''}{ruled[at]}{ruled[at + 1] if at + 1 < length else ''}",
        f"n{named[at]}",
        f"N{named[at]}{ruled[at]}",
        f"u{usual[at - 1] if at else ''}{usual[at]}",
        f"#{this in _numeral()}",
        "bias" + asked,
    ]
    if at == 0:
        said.append("begin" + asked)
    if at == length - 1:
        said.append("end" + asked)
    said += [f"B{it}" for it in begins[at]]
    said += [f"C{it}" for it in begins[at + 1]]
    said += [f"E{it}" for it in ends[at + 1]]
    said += [f"F{it}" for it in ends[at]]
    for ahead in range(2, _AHEAD + 1):
        if at + ahead > length:
            break
        closing = ends[at + ahead]
        if closing:
            said += [f"A{ahead}{it}" for it in closing]
    return said


def _marks(length: int, spans: Sequence[tuple[int, int, str]]) -> list[str]:
    """The part of a span that each character is: its first, inside, last, or none."""
    marks = ["O"] * length
    for start, end, kind in spans:
        for at in range(start, min(end, length)):
            marks[at] = ("B" if at == start else "E" if at == end - 1 else "I") + kind
    return marks
