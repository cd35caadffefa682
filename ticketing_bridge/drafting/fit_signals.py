"""Fits the weights of ``signals``: logistic regression over the turns of talks labelled as a whole.

Which of a talk's turns the label is about is not known: the slope goes to its likeliest ones
(multiple-instance learning by a soft maximum). Ridge-penalised, climbed with AdaGrad.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ticketing_bridge.drafting.fit_kinds import Rows
from ticketing_bridge.drafting.lines import call_of
from ticketing_bridge.drafting.noise import disturb
from ticketing_bridge.drafting.signals import WEIGHT, Signal, Turn, turns_of

#: a run must occur in so many talks
_LEAST_TALKS = 3
_STEPS = 150
_RATE = 0.3
_PENALTY = 0.2
#: how much likelier than the next a talk's likeliest turn counts
_SHARPNESS = 2.0
#: weights below this say nothing
_NOTHING = 0.05
#: the share of characters that a recogniser may have misheard in the second copy of a talk
_NOISE = 0.2
#: from which probability on a mark is set: a false alarm costs a glance, a missed one more
_LEAST = 0.2


@dataclass(frozen=True, slots=True)
class Talk:
    """A talk's turns, and whether it bears the mark."""

    turns: tuple[Turn, ...]
    marked: bool


def talks(rows: Sequence[Mapping[str, Any]], mark: str, *, noise: bool = True) -> Iterator[Talk]:
    """The talks that are labelled with this mark, as they were said and as they may be heard."""
    for number, row in enumerate(rows, 1):
        if isinstance(row["gold"].get(mark), bool):
            call = call_of(dict(row), number)
            for heard in (call, disturb(call, _NOISE).call) if noise else (call,):
                if turns := turns_of(heard):
                    yield Talk(turns, row["gold"][mark])


def fit_signal(taught: Sequence[Talk]) -> Signal:
    """The weights under which the labels are likeliest."""
    often = Counter(run for it in taught for run in {run for turn in it.turns for run in _every(turn)})
    runs = sorted(run for run, talks_with in often.items() if talks_with >= _LEAST_TALKS)
    columns = {run: at for at, run in enumerate(runs, 1)}
    rows = Rows.of([_row(turn, columns) for it in taught for turn in it.turns], len(columns) + 1)
    first = np.cumsum([0, *(len(it.turns) for it in taught[:-1])])
    weights = _climbed(rows, first, np.array([it.marked for it in taught], dtype=np.float32))
    kept = {
        run: round(float(it), 2)
        for run, it in zip(runs, weights[1:], strict=True)
        if abs(float(it)) >= _NOTHING
    }
    return Signal(round(float(weights[0]), 3), _LEAST, kept)


def _every(turn: Turn) -> Iterator[str]:
    for runs in turn.runs.values():
        yield from runs


def _row(turn: Turn, columns: Mapping[str, int]) -> dict[int, float]:
    row = {0: 1.0}
    for part, runs in turn.runs.items():
        known = [columns[it] for it in runs if it in columns]
        row |= dict.fromkeys(known, WEIGHT[part] / math.sqrt(max(1, len(known))))
    return row


def _climbed(rows: Rows, first: NDArray[np.int64], marked: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.zeros((rows.width, 1), dtype=np.float32)
    square = np.full(weights.shape, 1e-8, dtype=np.float32)
    owner = np.repeat(np.arange(len(first)), np.diff([*first, len(rows.starts)]))
    for _ in range(_STEPS):
        scores = rows.scores(weights)[:, 0]
        most = np.maximum.reduceat(scores, first)
        shares = np.exp(_SHARPNESS * (scores - most[owner]))
        shares /= np.add.reduceat(shares, first)[owner]
        wrong = (marked - 1 / (1 + np.exp(-most)))[owner] * shares
        slope = rows.gathered(wrong[:, None])
        slope[1:] -= _PENALTY * weights[1:]
        square += slope**2
        weights += _RATE * slope / np.sqrt(square)
    return weights[:, 0]
