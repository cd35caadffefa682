"""Where names begin and end, character by character: a linear-chain model over what stands round each one.

The word lists say what a place or a party may look like, but a stranger's names and turns of speech are on no
list. The model weighs the lists' own reading, the endings of names, and the words before and behind; its
weights are fitted on labelled calls with their names exchanged for others (``hotline drafting fit``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ticketing_bridge.drafting.cuts import Cut, cuts
from ticketing_bridge.drafting.lexicon import any_of, word_list, words
from ticketing_bridge.drafting.numbers import NUMERAL
from ticketing_bridge.drafting.questions import Question

#: a character is outside of a place, its first, one inside, its last
OUTSIDE, FIRST, INSIDE, LAST = range(4)
TAGS = 4
#: what may follow what
FOLLOWS = np.full((TAGS, TAGS), -math.inf)
for _tag, _next in ((0, 0), (0, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 0), (3, 1)):
    FOLLOWS[_tag, _next] = 0.0
#: so far ahead an ending is looked for, in characters
_AHEAD = 6
#: behind so many characters it no longer matters how far the question is away
_NEAR_QUESTION = 4
#: a place of fewer characters is none
_SHORTEST = 2
#: lists of which a name may be or hold a word
_LISTS = ("stop_words", "joint", "says_place", "crossing", "leading", "generic", "standing")
#: what names of places end in, and what stands behind them
_ENDINGS = ("road", "estate", "village", "facility", "weak_estate", "tail", "thing")
_NUMBERED = ("unit_strong", "unit_chain")
_EDGE = "^"
_NO_WORD = Cut(0, 0, _EDGE, "")

Scores = NDArray[np.float64]
#: from, to (excluded), how sure
Spot = tuple[int, int, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a turn beside its characters.

    ``names`` are spans that are known as such, ``ruled`` what the lists read, with how sure they are;
    ``asked``: the agent asked for it just before; ``question``: what was asked for.
    """

    names: tuple[tuple[int, int], ...]
    ruled: tuple[tuple[int, int, float], ...]
    asked: bool
    question: Question = Question.NONE


@dataclass(frozen=True, slots=True)
class Spotter:
    """The fitted weights: of features, and of one tag after another."""

    columns: Mapping[str, int]
    weights: Scores
    follows: Scores

    @classmethod
    def of(cls, named: Mapping[str, Sequence[float]], follows: Scores) -> Spotter:
        """From a row a feature; what is not known weighs nothing."""
        rows = [*named.values(), (0.0,) * TAGS]
        return cls({name: at for at, name in enumerate(named)}, np.array(rows), follows)

    @classmethod
    def loads(cls, text: str) -> Spotter:
        """Read what ``dumps`` wrote."""
        stored = json.loads(text)
        return cls.of(stored["features"], np.array(stored["follows"]))

    def dumps(self) -> str:
        """As JSON, a feature a line."""
        rows = ",\n".join(
            json.dumps(name, ensure_ascii=False)
            + ":"
            + json.dumps(self.weights[at].tolist(), separators=(",", ":"))
            for name, at in sorted(self.columns.items())
        )
        return f'{{"follows":{json.dumps(self.follows.round(3).tolist())},\n"features":{{\n{rows}\n}}}}\n'

    def spans(self, text: str, reading: Reading) -> tuple[list[Spot], list[Spot]]:
        """The likeliest names of a turn, and what the lists read, each with its probability."""
        if len(text) < _SHORTEST:
            return [], []
        emitted, moves = self._emitted(text, reading), _moves(self.follows)
        tags = _likeliest(emitted, moves)
        likely = list(_tagged(tags))
        if not (likely or reading.ruled):
            return [], []
        forward, backward, whole = _sums(emitted, moves)

        def sure(start: int, end: int) -> float:
            if end - start < _SHORTEST:
                return 0.0
            path = forward[start][FIRST] + backward[end - 1][LAST]
            inside = [FIRST, *[INSIDE] * (end - start - 2), LAST]
            for at, (before, tag) in enumerate(pairwise(inside), start + 1):
                path += float(self.follows[before, tag]) + emitted[at][tag]
            return min(1.0, math.exp(path - whole))

        ruled = [(start, end) for start, end, _ in reading.ruled]
        spots = [[(start, end, sure(start, end)) for start, end in those] for those in (likely, ruled)]
        return spots[0], spots[1]

    def _emitted(self, text: str, reading: Reading) -> list[list[float]]:
        nothing = len(self.columns)
        known = [[self.columns.get(it, nothing) for it in here] for here in features(text, reading)]
        firsts = np.cumsum([0, *(len(it) for it in known[:-1])])
        flat = np.fromiter((it for here in known for it in here), dtype=np.int64)
        emitted: list[list[float]] = np.add.reduceat(self.weights[flat], firsts, axis=0).tolist()
        return emitted


def _tagged(tags: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for at, tag in enumerate(tags):
        if tag == FIRST:
            start = at
        elif tag == LAST:
            yield start, at + 1


#: for each tag the tags before it, with the weight of that step
Moves = tuple[tuple[tuple[int, float], ...], ...]


def _moves(follows: Scores) -> Moves:
    return tuple(
        tuple((before, float(follows[before, tag])) for before in range(TAGS) if FOLLOWS[before, tag] == 0.0)
        for tag in range(TAGS)
    )


def _likeliest(emitted: Sequence[Sequence[float]], moves: Moves) -> list[int]:
    """Viterbi's path; a turn begins and ends outside of a place or at its edge."""
    best = [emitted[0][OUTSIDE], emitted[0][FIRST], -math.inf, -math.inf]
    came: list[list[int]] = []
    for here in emitted[1:]:
        reached, scores = [], []
        for tag in range(TAGS):
            score, before = max((best[it] + weight, it) for it, weight in moves[tag])
            reached.append(before)
            scores.append(score + here[tag])
        came.append(reached)
        best = scores
    tags = [OUTSIDE if best[OUTSIDE] >= best[LAST] else LAST]
    for reached in reversed(came):
        tags.append(reached[tags[-1]])
    return tags[::-1]


def _sums(
    emitted: Sequence[Sequence[float]], moves: Moves
) -> tuple[list[list[float]], list[list[float]], float]:
    """Logarithms of the sums over all paths up to and from each character, and over all."""
    forward = [[emitted[0][OUTSIDE], emitted[0][FIRST], -math.inf, -math.inf]]
    for here in emitted[1:]:
        last = forward[-1]
        forward.append(
            [_added([last[it] + weight for it, weight in moves[tag]]) + here[tag] for tag in range(TAGS)]
        )
    backward = [[0.0, -math.inf, -math.inf, 0.0]]
    for here in reversed(emitted[1:]):
        later = [a + b for a, b in zip(here, backward[-1], strict=True)]
        reached: list[list[float]] = [[] for _ in range(TAGS)]
        for tag in range(TAGS):
            for it, weight in moves[tag]:
                reached[it].append(weight + later[tag])
        backward.append([_added(it) for it in reached])
    return forward, backward[::-1], _added([forward[-1][OUTSIDE], forward[-1][LAST]])


def _added(logarithms: Sequence[float]) -> float:
    """The logarithm of the sum."""
    most = max(logarithms)
    return most if most == -math.inf else most + math.log(sum(math.exp(it - most) for it in logarithms))


@cache
def _listed() -> tuple[tuple[str, re.Pattern[str]], ...]:
    kinds = [(name, word_list("places", name)) for name in (*_LISTS, *_ENDINGS, *_NUMBERED)]
    kinds.append(("shop", word_list("parties", "endings")))
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
    said = [_of(at, padded, begins, ends, named, ruled, usual, asked, length) for at in range(length)]
    for at, here in enumerate(said):
        here.append(f"q{reading.question}{min(at, _NEAR_QUESTION)}")
    _add_words(text, said)
    return said


def _add_words(text: str, said: Sequence[list[str]]) -> None:
    """What the general words round each character say, and where it stands in its own."""
    known = cuts(text)
    for number, word in enumerate(known):
        before = known[number - 1] if number else _NO_WORD
        after = known[number + 1] if number + 1 < len(known) else _NO_WORD
        often = f"l{before.often}{word.often}{after.often}"
        for at in range(word.start, word.end):
            mark = _part_of(at, word.start, word.end)
            said[at] += [f"k{mark}{word.often}", f"w{mark}{word.text}", often + mark]
            said[at] += [f"x{mark}{before.text}", f"y{mark}{after.text}"]
        said[word.start].append(f"X{before.text}|{word.text}")
        said[word.end - 1].append(f"Y{word.text}|{after.text}")


def _part_of(at: int, start: int, end: int) -> str:
    if end - start == 1:
        return "S"
    return "B" if at == start else "E" if at == end - 1 else "I"


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
