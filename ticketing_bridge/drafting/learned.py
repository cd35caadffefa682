"""A classifier learned from the city's own labelled calls: purpose, appeal, unit by the characters said.

Complement naive Bayes (Rennie et al. 2003) over runs of one to three characters: small, fast, and good with
few examples of rare classes. It counts for a field only where cross-validation showed that it beats the
rules, and only when the installation switches it on.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalogue import CityData
from facts.errors import HotlineError
from ticketing_bridge.drafting.draft import draft_call
from ticketing_bridge.drafting.evaluate import Score, count
from ticketing_bridge.drafting.kinds import runs_in
from ticketing_bridge.drafting.lexicon import because
from ticketing_bridge.drafting.lines import call_of
from ticketing_bridge.drafting.model import Draft, DraftInput, Value

FIELDS = ("purpose", "appeal", "unit")
_LONGEST = 3
#: a run of characters must occur in so many calls
_LEAST_CALLS = 2
_SMOOTH = 0.3


class ModelInvalid(HotlineError):
    """This file is no drafting model."""

    error_id = "drafting-model-invalid"


@dataclass(frozen=True, slots=True)
class FieldModel:
    """One field's weights: a row a class, a column a run of characters."""

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    #: divides the scores so that they become probabilities; fitted by cross-validation
    temperature: float
    counts: bool

    def likely(self, columns: Mapping[int, float]) -> list[tuple[str, float]]:
        """Labels with their probabilities, likeliest first."""
        at = np.fromiter(columns, dtype=np.int64, count=len(columns))
        how = np.fromiter(columns.values(), dtype=np.float32, count=len(columns))
        scores = (self.weights[:, at] @ how if len(at) else np.zeros(len(self.labels))) / self.temperature
        shares = np.exp(scores - scores.max())
        shares = shares / shares.sum()
        order = np.argsort(-shares)
        return [(self.labels[int(it)], float(shares[int(it)])) for it in order]


@dataclass(frozen=True, slots=True)
class Learned:
    """A trained classifier."""

    columns: Mapping[str, int]
    fields: Mapping[str, FieldModel]

    def likely(self, name: str, call: DraftInput) -> list[tuple[str, float]]:
        """Labels of a field with their probabilities, likeliest first."""
        return self.fields[name].likely(_vector(runs(call), self.columns))

    def second(self, draft: Draft, call: DraftInput) -> Draft:
        """The draft with the learned value in every field where learning beat the rules and is surer."""
        changed: dict[str, Any] = {}
        for name, field in self.fields.items():
            value: Value[str | None] = getattr(draft, name)
            (label, sure), *others = self.likely(name, call)
            if not field.counts or (value.value is not None and value.confidence >= sure):
                continue
            candidates = [
                it for it in (value.value, *(other for other, _ in others[:3])) if it and it != label
            ]
            changed[name] = Value(
                label, sure, because("learned"), value.spans, tuple(dict.fromkeys(candidates))
            )
        return replace(draft, **changed) if changed else draft

    def dumps(self) -> str:
        """As JSON, to be read by ``loads``."""
        return json.dumps(
            {
                "columns": list(self.columns),
                "fields": {
                    name: {
                        "labels": field.labels,
                        "temperature": field.temperature,
                        "counts": field.counts,
                        "weights": [[round(float(it), 3) for it in row] for row in field.weights],
                    }
                    for name, field in self.fields.items()
                },
            },
            ensure_ascii=False,
        )

    @classmethod
    def loads(cls, text: str) -> Learned:
        """A model that ``dumps`` wrote.

        Raises:
            ModelInvalid: it is something else.
        """
        try:
            stored = json.loads(text)
            columns = {run: at for at, run in enumerate(stored["columns"])}
            fields = {
                name: FieldModel(
                    tuple(it["labels"]),
                    np.array(it["weights"], dtype=np.float32).reshape(len(it["labels"]), len(columns)),
                    float(it["temperature"]),
                    bool(it["counts"]),
                )
                for name, it in stored["fields"].items()
            }
        except (ValueError, KeyError, TypeError) as problem:
            raise ModelInvalid(
                f"not a drafting model ({problem})", fix="make one with hotline drafting train"
            ) from None
        if not set(fields) <= set(FIELDS):
            raise ModelInvalid("not a drafting model", fix="make one with hotline drafting train")
        return cls(columns, fields)


def runs(call: DraftInput) -> Counter[str]:
    """Runs of characters of the caller's words, and of the agent's, marked as such."""
    found: Counter[str] = Counter()
    for side, turns in (("", call.citizen()), ("+", call.agent())):
        for _, text in turns:
            found.update(side + it for it in runs_in(text, 1, _LONGEST))
    return found


def _vector(found: Counter[str], columns: Mapping[str, int]) -> dict[int, float]:
    """Logarithmic counts of the known runs, of length 1."""
    known = {columns[run]: 1 + math.log(times) for run, times in found.items() if run in columns}
    length = math.sqrt(math.fsum(it * it for it in known.values())) or 1.0
    return {at: it / length for at, it in known.items()}


def train(rows: Sequence[dict[str, Any]], counts: Mapping[str, bool], temperature: float = 1.0) -> Learned:
    """Learn from labelled calls; ``counts`` says for which fields the model shall count."""
    said = [runs(call_of(row, number)) for number, row in enumerate(rows, 1)]
    often = Counter(run for it in said for run in it)
    kept = sorted(run for run, calls in often.items() if calls >= _LEAST_CALLS)
    columns = {run: at for at, run in enumerate(kept)}
    vectors = [_vector(it, columns) for it in said]
    fields = {
        name: _learn(
            vectors,
            [str(row["gold"][name]) for row in rows],
            len(columns),
            temperature,
            counts.get(name, False),
        )
        for name in FIELDS
    }
    return Learned(columns, fields)


def _learn(
    vectors: Sequence[Mapping[int, float]],
    wanted: Sequence[str],
    width: int,
    temperature: float,
    counts: bool,
) -> FieldModel:
    labels = tuple(sorted(set(wanted)))
    sums = np.zeros((len(labels), width))
    for vector, label in zip(vectors, wanted, strict=True):
        row = sums[labels.index(label)]
        for at, how in vector.items():
            row[at] += how
    others = sums.sum(axis=0) - sums + _SMOOTH
    weights = -np.log(others / others.sum(axis=1, keepdims=True))
    weights -= weights.mean(axis=0)
    return FieldModel(labels, weights.astype(np.float32), temperature, counts)


def best_temperature(rows: Sequence[dict[str, Any]]) -> float:
    """The temperature with which labels of calls that were not learned from are least surprising."""
    held, kept = rows[::3], [row for at, row in enumerate(rows) if at % 3]
    model = train(kept, {})
    surprise = {}
    for tried in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
        fields = {name: replace(field, temperature=tried) for name, field in model.fields.items()}
        sharp = Learned(model.columns, fields)
        surprise[tried] = sum(
            -math.log(max(dict(sharp.likely(name, call_of(row, 1))).get(str(row["gold"][name]), 0.0), 1e-6))
            for row in held
            for name in FIELDS
        )
    return min(surprise, key=lambda it: surprise[it])


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field, by cross-validation: the rules alone, learning alone, both together."""

    field: str
    rules: Score
    learned: Score
    together: Score
    #: calls that only together, or only the rules, had right
    gained: int
    lost: int

    @property
    def p(self) -> float:
        """Exact sign test: how likely so many gains are by chance (one-sided)."""
        n = self.gained + self.lost
        return sum(math.comb(n, it) for it in range(self.gained, n + 1)) / 2**n if n else 1.0

    @property
    def better(self) -> bool:
        """Whether learning may count: more gained than lost, and hardly by chance."""
        return self.gained > self.lost and self.p < 0.05


def cross_validate(
    rows: Sequence[dict[str, Any]], data: CityData, folds: int, temperature: float, step: Callable[[], None]
) -> list[Comparison]:
    """Every call is judged by a model that has not seen it."""
    scores: dict[str, tuple[Score, Score, Score]] = {it: (Score(), Score(), Score()) for it in FIELDS}
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    every = dict.fromkeys(FIELDS, True)
    for fold in range(folds):
        model = train([row for at, row in enumerate(rows) if at % folds != fold], every, temperature)
        for row in (row for at, row in enumerate(rows) if at % folds == fold):
            call = call_of(row, 1)
            draft = draft_call(call, data)
            both = model.second(draft, call)
            for name, (alone, learned, together) in scores.items():
                wanted, plain = row["gold"][name], getattr(draft, name).value
                joined = getattr(both, name).value
                count(alone, call.id, plain, wanted)
                count(learned, call.id, model.likely(name, call)[0][0], wanted)
                count(together, call.id, joined, wanted)
                tally[name][0] += joined == wanted != plain
                tally[name][1] += plain == wanted != joined
        step()
    return [Comparison(name, *scores[name], *tally[name]) for name in FIELDS]
