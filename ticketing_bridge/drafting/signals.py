"""What must not be missed in a call: danger to life, and the wish that nobody learn who called.

People hardly ever use the word for it (底下压着呢, 单子上写个热心市民就行), and the words for it mostly
mean something else (急死人, 跳楼价, 信息被泄露了). So it is learned from labelled talks, as log-linear
weights of runs of characters: of one turn of the caller's, of what the agent had asked, of what the caller
says before and after it, and of what the agent says next. A call is as dangerous as its most dangerous turn
(multiple-instance learning). The weights are fitted by ``hotline drafting fit``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ticketing_bridge.drafting.kinds import LONGEST, runs_in
from ticketing_bridge.drafting.model import DraftInput, Span

#: calls, and turns, of which is remembered what was found: each is asked for several times
_KEPT_CALLS, _KEPT_TEXTS = 16, 512
#: characters of a question's end that say what is asked
_ASKED = 10


class Part(StrEnum):
    """Where a run of characters stands, seen from the turn that is weighed: its mark in the weights."""

    OWN = "="
    ASKED = "?"
    BEFORE = "<"
    AFTER = ">"
    ANSWER = "!"
    AGENT = "+"


#: how much all runs of a part weigh together, and the characters of its shortest
WEIGHT: Final[Mapping[Part, float]] = MappingProxyType(
    {Part.OWN: 5.0, Part.ASKED: 1.5, Part.BEFORE: 1.0, Part.AFTER: 2.0, Part.ANSWER: 2.0, Part.AGENT: 3.0}
)
_SHORTEST: Final[Mapping[Part, int]] = MappingProxyType({it: 1 if it is Part.OWN else 2 for it in Part})


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller's with what stands round it, as marked runs of characters."""

    number: int
    runs: Mapping[Part, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sign:
    """How likely it is, and the words that say so most; no span where nobody has spoken."""

    likely: float
    span: Span | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """The fitted weights of one mark."""

    const: float
    #: from this probability on it is said
    least: float
    runs: Mapping[str, float]

    @classmethod
    def loads(cls, text: str) -> Signal:
        """Read what ``dumps`` wrote."""
        stored = json.loads(text)
        return cls(stored["const"], stored["least"], stored["runs"])

    def dumps(self) -> str:
        """As JSON, a run a line."""
        rows = ",\n".join(
            f"{json.dumps(run, ensure_ascii=False)}:{weight}" for run, weight in sorted(self.runs.items())
        )
        return f'{{"const":{self.const},"least":{self.least},"runs":{{\n{rows}\n}}}}\n'

    def sign(self, call: DraftInput) -> Sign:
        """What the caller's most telling turn says."""
        weighed = [(self._score(turn), turn) for turn in turns_of(call)]
        if not weighed:
            return Sign(0.0)
        score, turn = max(weighed, key=lambda it: it[0])
        return Sign(1 / (1 + math.exp(-score)), self._words(turn.number, call.turns[turn.number].text))

    def _score(self, turn: Turn) -> float:
        score = self.const
        for part, runs in turn.runs.items():
            known = [self.runs[it] for it in runs if it in self.runs]
            if known:
                score += WEIGHT[part] / math.sqrt(len(known)) * math.fsum(known)
        return score

    def _words(self, number: int, text: str) -> Span | None:
        """The stretch of a turn whose characters' weights sum up to the most (Kadane's algorithm)."""
        each = [0.0] * len(text)
        for length in range(1, LONGEST + 1):
            for at in range(len(text) - length + 1):
                weight = self.runs.get(Part.OWN + text[at : at + length], 0.0) / length
                for character in range(at, at + length):
                    each[character] += weight
        best, sum_here, begins, span = 0.0, 0.0, 0, (0, len(text))
        for at, weight in enumerate(each):
            if sum_here <= 0:
                sum_here, begins = 0.0, at
            sum_here += weight
            if sum_here > best:
                best, span = sum_here, (begins, at + 1)
        return Span(number, *span, text[slice(*span)]) if text else None


@lru_cache(maxsize=_KEPT_CALLS)
def turns_of(call: DraftInput) -> tuple[Turn, ...]:
    """Each turn of the caller's with what stands round it."""
    citizen, agent = list(call.citizen()), list(call.agent())
    answers = {at: tuple(_answers(call, at)) for at, _ in citizen}
    return tuple(
        Turn(
            number,
            {
                Part.OWN: _runs(Part.OWN, text),
                Part.ASKED: _runs(Part.ASKED, call.question_before(number)),
                Part.BEFORE: _joined(Part.BEFORE, (it for at, it in citizen if at < number)),
                Part.AFTER: _joined(Part.AFTER, (it for at, it in citizen if at > number)),
                Part.ANSWER: tuple(
                    dict.fromkeys(it for at, _ in citizen if at > number for it in answers[at])
                ),
                Part.AGENT: _joined(Part.AGENT, (it for at, it in agent if at > number)),
            },
        )
        for number, text in citizen
        if text
    )


def _answers(call: DraftInput, number: int) -> Iterator[str]:
    """What the agent asked together with how the answer begins: 没有 to 有人受伤吗 is no 没有 to 出来了吗."""
    asked, answer = call.question_before(number)[-_ASKED:], call.turns[number].text
    for pair in runs_in(asked, 2, 2):
        for length in range(1, LONGEST + 1):
            if len(answer) >= length:
                yield f"{Part.ANSWER}{pair}{answer[:length]}"


def _joined(part: Part, texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for text in texts for run in _runs(part, text)))


@lru_cache(maxsize=_KEPT_TEXTS)
def _runs(part: Part, text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sys.intern(part + it) for it in runs_in(text, _SHORTEST[part], LONGEST)))
