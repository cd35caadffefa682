"""Purpose and appeal, weighed: a log-linear model over cues, the catalogue's matters and runs of characters.

What the lists hear decides where they hear something; the runs of characters carry over to what nobody
listed.
The weights are fitted on labelled calls (``hotline drafting fit``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ticketing_bridge.drafting.model import DraftInput
from ticketing_bridge.drafting.questions import Question, asked_for

#: how much all runs of a call weigh together, beside one cue
RUNS = 5.0
#: characters of the longest run
LONGEST = 3


@dataclass(frozen=True, slots=True)
class Kinds:
    """The fitted weights of one field: a number a label, for each cue and each run."""

    labels: tuple[str, ...]
    cues: Mapping[str, tuple[float, ...]]
    runs: Mapping[str, tuple[float, ...]]

    @classmethod
    def loads(cls, text: str) -> Kinds:
        """Read what ``dumps`` wrote."""
        stored = json.loads(text)
        rows = {part: {name: tuple(it) for name, it in stored[part].items()} for part in ("cues", "runs")}
        return cls(tuple(stored["labels"]), rows["cues"], rows["runs"])

    def dumps(self) -> str:
        """As JSON, a feature a line."""

        def rows(those: Mapping[str, tuple[float, ...]]) -> str:
            return ",\n".join(
                json.dumps(name, ensure_ascii=False) + ":" + json.dumps([*it], separators=(",", ":"))
                for name, it in sorted(those.items())
            )

        labels = json.dumps(self.labels, ensure_ascii=False)
        return (
            f'{{"labels":{labels},\n"cues":{{\n{rows(self.cues)}\n}},\n"runs":{{\n{rows(self.runs)}\n}}}}\n'
        )

    def likely(self, cues: Mapping[str, float], runs: Iterable[str]) -> list[tuple[str, float]]:
        """Labels with their probabilities, likeliest first."""
        scores = [0.0] * len(self.labels)
        for name, value in cues.items():
            for at, weight in enumerate(self.cues.get(name, ())):
                scores[at] += weight * value
        known = [self.runs[it] for it in runs if it in self.runs]
        if known:
            each = RUNS / math.sqrt(len(known))
            for at, column in enumerate(zip(*known, strict=True)):
                scores[at] += each * math.fsum(column)
        most = max(scores)
        shares = [math.exp(it - most) for it in scores]
        whole = math.fsum(shares)
        ranked = sorted(zip(self.labels, shares, strict=True), key=lambda it: -it[1])
        return [(label, share / whole) for label, share in ranked]


@lru_cache(maxsize=16)
def runs_of(call: DraftInput) -> frozenset[str]:
    """Runs of characters of the caller's words, of the agent's, and of what is wished, marked as such."""
    found: set[str] = set()
    for turn, text in call.citizen():
        found.update(runs_in(text, 1, LONGEST))
        if asked_for(call.question_before(turn)) is Question.WISH:
            found |= {f"${it}" for it in runs_in(text, 1, LONGEST)}
    for _, text in call.agent():
        found |= {f"+{it}" for it in runs_in(text, 2, LONGEST)}
    return frozenset(found)


def runs_in(text: str, least: int, most: int) -> Iterator[str]:
    """Every run of so many characters.

    >>> list(runs_in("路灯坏", 2, 3))
    ['路灯', '灯坏', '路灯坏']
    """
    for length in range(least, most + 1):
        for at in range(len(text) - length + 1):
            yield text[at : at + length]
