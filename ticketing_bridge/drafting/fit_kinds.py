"""Fits the weights of ``kinds``: multinomial logistic regression, ridge-penalised, climbed with AdaGrad."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalogue import CityData
from ticketing_bridge.drafting.kinds import RUNS, Kinds, runs_of
from ticketing_bridge.drafting.lines import call_of
from ticketing_bridge.drafting.marks import is_emergency
from ticketing_bridge.drafting.matters import appeal_cues, hear
from ticketing_bridge.drafting.purpose import is_answered, purpose_cues
from ticketing_bridge.drafting.repair import repaired

#: a run must occur in so many calls
_LEAST_CALLS = 2
_STEPS = 200
_RATE = 0.3
_PENALTY = 1.5
#: weights below these say nothing
_NOTHING = {"cues": 0.02, "runs": 0.03}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A call's features and its label."""

    cues: dict[str, float]
    runs: frozenset[str]
    label: str


def labelled(rows: Sequence[dict[str, Any]], data: CityData, field: str) -> Iterator[Labelled]:
    """The calls that have a label of this field."""
    for number, row in enumerate(rows, 1):
        gold = row["gold"]
        if not isinstance(gold.get(field), str):
            continue
        call = repaired(call_of(row, number), data)
        emergency = is_emergency(call).value
        heard = hear(call, data, emergency=emergency)
        if field == "purpose":
            # while somebody speaks, who is blamed is often not found
            unnamed = purpose_cues(call, heard, party=False)
            every = [unnamed, unnamed | {"party": 1.0}] if gold.get("party") else [unnamed]
        else:
            asked = gold.get("purpose") == "咨询" and is_answered(call, "咨询").value
            every = [appeal_cues(heard, answered=asked, emergency=emergency)]
        for cues in every:
            yield Labelled(cues, runs_of(call), gold[field])


def fit_kinds(calls: Sequence[Labelled]) -> Kinds:
    """The weights under which the labels are likeliest."""
    labels = tuple(sorted({it.label for it in calls}))
    often = Counter(run for it in calls for run in it.runs)
    cues = sorted({name for it in calls for name in it.cues})
    runs = sorted(it for it, calls_with in often.items() if calls_with >= _LEAST_CALLS)
    columns = {f"cue {name}": at for at, name in enumerate(cues)}
    columns |= {name: at for at, name in enumerate(runs, len(cues))}
    rows = Rows.of([_row(it, columns) for it in calls], len(columns))
    wanted = np.eye(len(labels), dtype=np.float32)[[labels.index(it.label) for it in calls]]
    weights = _climbed(rows, wanted)
    return Kinds(
        labels,
        kept(cues, weights[: len(cues)], _NOTHING["cues"]),
        kept(runs, weights[len(cues) :], _NOTHING["runs"]),
    )


def _row(call: Labelled, columns: dict[str, int]) -> dict[int, float]:
    known = [columns[run] for run in call.runs if run in columns]
    each = RUNS / math.sqrt(max(1, len(known)))
    return {columns[f"cue {name}"]: value for name, value in call.cues.items()} | dict.fromkeys(known, each)


@dataclass(frozen=True, slots=True)
class Rows:
    """Calls by what is there of them: of ten thousands of features a call has some hundreds."""

    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, rows: Sequence[dict[int, float]], width: int) -> Rows:
        columns = np.fromiter((it for row in rows for it in row), dtype=np.int64)
        values = np.fromiter((it for row in rows for it in row.values()), dtype=np.float32)
        return cls(columns, values, np.cumsum([0, *(len(it) for it in rows[:-1])]), width)

    def scores(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weighted sum of each call."""
        return np.add.reduceat(weights[self.columns] * self.values[:, None], self.starts, axis=0)

    def gathered(self, of_rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the calls give to each feature."""
        counts = np.diff([*self.starts, len(self.columns)])
        each = np.repeat(of_rows, counts, axis=0) * self.values[:, None]
        sums = [np.bincount(self.columns, weights=it, minlength=self.width) for it in each.T]
        return np.stack(sums, axis=1).astype(np.float32)


def _climbed(rows: Rows, wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.zeros((rows.width, wanted.shape[1]), dtype=np.float32)
    square = np.full(weights.shape, 1e-8, dtype=np.float32)
    for _ in range(_STEPS):
        scores = rows.scores(weights)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        slope = rows.gathered(wanted - shares) - _PENALTY * weights
        square += slope**2
        weights += _RATE * slope / np.sqrt(square)
    return weights


def kept(
    names: Sequence[str], weights: NDArray[np.floating[Any]], least: float
) -> dict[str, tuple[float, ...]]:
    """Weights as they are shipped: without those that say nothing."""
    return {
        name: tuple(round(float(it), 2) for it in row)
        for name, row in zip(names, weights, strict=True)
        if float(np.abs(row).max()) >= least
    }
