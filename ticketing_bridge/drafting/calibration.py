"""From a rule's own weight to a probability that the value is right; too low a one is not shown.

How strange the text is tells how well it was heard: where a recogniser guessed, there are characters that
hardly occur in speech, and words that only make sense as others of the same sound. The weights are fitted
on labelled calls, undisturbed and disturbed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ticketing_bridge.drafting.lexicon import because, words
from ticketing_bridge.drafting.model import DraftInput, Span, Value
from ticketing_bridge.drafting.repair import Words

Held = TypeVar("Held")

#: a call of which fewer characters are strange was heard well: names alone make a few so
WELL_HEARD = 0.03
#: strange characters that the names of any call may hold, and the length of a call that says little of itself
_NAMES = 3
_SHORT = 60
#: characters round a value that tell how well it was heard
_AROUND = 2


@dataclass(frozen=True, slots=True)
class Hearing:
    """How well a call was heard, character by character of each turn: True where it is strange."""

    strange: tuple[tuple[bool, ...], ...]
    share: float

    @classmethod
    def of(cls, printed: DraftInput, repaired: DraftInput, known: Words) -> Hearing:
        """Of the call as it was printed, and as it was probably said."""
        strange = tuple(
            tuple(
                a != b or (a not in known.characters and "一" <= a <= "鿿")
                for a, b in zip(one.text, two.text, strict=True)
            )
            for one, two in zip(printed.turns, repaired.turns, strict=True)
        )
        marks = [it for turn in strange for it in turn]
        beyond = max(0, sum(marks) - _NAMES)
        return cls(strange, beyond / max(len(marks), _SHORT))

    def near(self, spans: Sequence[Span]) -> float:
        """Strange characters in and next to the value's first words, up to three."""
        if not spans:
            return 0.0
        span = spans[0]
        marks = self.strange[span.turn][max(0, span.start - _AROUND) : span.end + _AROUND]
        return float(min(3, sum(marks)))

    def features(self, value: Value[object]) -> tuple[float, ...]:
        """What the probability is made of."""
        sure, share = value.confidence, min(0.4, self.share)
        return (1.0, sure, share * 10, self.near(value.spans), sure * share * 10)


def calibrated(name: str, value: Value[Held | None], hearing: Hearing) -> Value[Held | None]:
    """The value with its probability; empty, and a candidate, when that is below the field's bound."""
    settings = words("calibration").get(name)
    if settings is None or value.value is None:
        return value
    sure = probability(settings["weights"], hearing.features(value))
    well, badly = settings["least"]
    if sure >= (well if hearing.share < WELL_HEARD else badly):
        return replace(value, confidence=sure)
    said = getattr(value.value, "text", value.value)
    candidates = tuple(dict.fromkeys((str(said), *value.candidates)))
    return Value(None, sure, because("doubtful"), (), candidates)


def probability(weights: Sequence[float], features: Sequence[float]) -> float:
    """The logistic function of the weighted sum."""
    return 1 / (1 + math.exp(-math.fsum(w * x for w, x in zip(weights, features, strict=True))))
