"""Fits what is fitted: places, parties, purpose, appeal, marks, and the probabilities of ``calibration``.

Every labelled call is drafted, undisturbed and disturbed, by weights that were fitted without it: that says
how good the weights are, and when a value is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalogue import CityData
from ticketing_bridge.drafting.calibration import Hearing, probability
from ticketing_bridge.drafting.draft import CALIBRATED, draft_call
from ticketing_bridge.drafting.evaluate import Evaluation, Quotes, Score, evaluate_rows
from ticketing_bridge.drafting.fit_kinds import Labelled, fit_kinds, labelled
from ticketing_bridge.drafting.fit_names import VARIANTS, Turn, fit_names, turns_of
from ticketing_bridge.drafting.fit_signals import Talk, fit_signal, talks
from ticketing_bridge.drafting.lines import call_of
from ticketing_bridge.drafting.model import Draft, Value
from ticketing_bridge.drafting.noise import disturb
from ticketing_bridge.drafting.repair import known_words, repaired
from ticketing_bridge.drafting.weighing import Weights, trying

#: shares of disturbed characters at which every field must keep its precision
LEVELS = (0.0, 0.1, 0.2, 0.3)
#: wanted of what is shown, at every level, of calls that the weights have not seen
PRECISION = 0.9
#: bound of a call that was heard well: a value that is rather right than wrong is shown
_LENIENT = 0.55
#: of several places one more is rather shown than left out
_LENIENT_FOR = {"places": 0.4}
_ENOUGH = 10
_HEAD = "# weights of the probability, and below which it is not shown: heard well, badly (drafting fit)"
_RIDGE = 0.3


@dataclass(frozen=True, slots=True)
class Sample:
    """One value that was drafted: how disturbed the call was, what is known of it, whether it is right."""

    level: float
    features: tuple[float, ...]
    right: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one labelled call teaches, taken apart once: a call is learned from in every fold but one."""

    places: tuple[Turn, ...]
    party: tuple[Turn, ...]
    purpose: tuple[Labelled, ...]
    appeal: tuple[Labelled, ...]
    emergency: tuple[Talk, ...]
    confidential: tuple[Talk, ...]


def lessons(rows: Sequence[dict[str, Any]], data: CityData, variants: int = VARIANTS) -> list[Lesson]:
    """One a call that is labelled at least in part; ``variants``: how often its names are exchanged."""
    return [
        Lesson(
            tuple(turns_of([row], data, "places", variants)),
            tuple(turns_of([row], data, "party", variants)),
            tuple(labelled([row], data, "purpose")),
            tuple(labelled([row], data, "appeal")),
            tuple(talks([row], "emergency")),
            tuple(talks([row], "confidential")),
        )
        for row in rows
    ]


def fit_weights(taught: Sequence[Lesson]) -> Weights:
    """All weights."""
    return Weights(
        fit_names([turn for it in taught for turn in it.places]),
        fit_names([turn for it in taught for turn in it.party]),
        fit_kinds([call for it in taught for call in it.purpose]),
        fit_kinds([call for it in taught for call in it.appeal]),
        fit_signal([talk for it in taught for talk in it.emergency]),
        fit_signal([talk for it in taught for talk in it.confidential]),
    )


def crossed(
    rows: Sequence[dict[str, Any]],
    taught: Sequence[Lesson],
    data: CityData,
    folds: int,
    seeds: Sequence[str],
    progress: Callable[[], None],
) -> tuple[dict[str, list[Sample]], Evaluation]:
    """Samples of every call, drafted with weights that were fitted without it, and how right they are.

    ``taught`` has a lesson for each of the rows and may have more, of which all folds learn.
    """
    found: dict[str, list[Sample]] = defaultdict(list)
    scores: dict[str, Score] = evaluate_rows((), data).fields
    for fold in range(folds):
        weights = fit_weights([it for at, it in enumerate(taught) if at >= len(rows) or at % folds != fold])
        held = [row for at, row in enumerate(rows) if at % folds == fold]
        with trying(weights):
            for name, values in samples(held, data, seeds, lambda: None).items():
                found[name] += values
            evaluate_rows(held, data, into=scores)
        progress()
    return dict(found), Evaluation(len(rows), scores)


def samples(
    rows: Sequence[dict[str, Any]], data: CityData, seeds: Iterable[str], progress: Callable[[], None]
) -> dict[str, list[Sample]]:
    """Drafts every call at every level with nothing held back, and compares."""
    found: dict[str, list[Sample]] = defaultdict(list)
    known = known_words(data)
    for seed in seeds:
        for level in LEVELS:
            for number, row in enumerate(rows, 1):
                call = call_of(row, number)
                disturbed = disturb(call, level, seed)
                quotes = Quotes(call, disturbed if level else None)
                draft = draft_call(disturbed.call, data, shown_only=False)
                hearing = Hearing.of(disturbed.call, repaired(disturbed.call, data), known)
                for name, value, right in _judged(draft, row["gold"], quotes):
                    found[name].append(Sample(level, hearing.features(value), right))
                progress()
    return dict(found)


def _judged(draft: Draft, gold: dict[str, Any], quotes: Quotes) -> Iterator[tuple[str, Value[Any], bool]]:
    """Each value of a field that the labels name, and whether it is right."""
    for name in (it for it in CALIBRATED if it in gold):
        if name == "places":
            for place in draft.places:
                yield name, place, any(quotes.same(place, it) for it in gold[name] or [])
            continue
        value = getattr(draft, name)
        if value.value is None:
            continue
        if name == "when":
            wanted = gold["when"] or {}
            same = [wanted.get("start"), wanted.get("end")] == [value.value.start, value.value.end]
            yield name, value, same and quotes.same(value, wanted.get("text"))
        elif name == "party":
            yield name, value, quotes.same(value, gold["party"])
        else:
            yield name, value, value.value == gold[name]


def fit(found: dict[str, list[Sample]]) -> dict[str, dict[str, Any]]:
    """Weights of each field, and the probabilities below which it is not shown: heard well, heard badly.

    The second bound is one for all fields: the lowest with which, at every disturbed level, what is shown
    of all fields together keeps ``PRECISION``.
    """
    weights = {
        name: _rounded(
            _logistic(np.array([it.features for it in values]), np.array([it.right for it in values], float))
        )
        for name, values in found.items()
        if len(values) >= _ENOUGH
    }
    judged = [
        (it.level, probability(weights[name], it.features), it.right)
        for name in weights
        for it in found[name]
    ]
    badly = _bound(judged)
    return {
        name: {"weights": it, "least": [_LENIENT_FOR.get(name, _LENIENT), badly]}
        for name, it in weights.items()
    }


def calibration_text(fitted: dict[str, dict[str, Any]]) -> str:
    """What ``fit`` found, as the file that drafting reads."""
    lines = (f"{name}: {{weights: {it['weights']}, least: {it['least']}}}" for name, it in fitted.items())
    return "\n".join((_HEAD, *lines)) + "\n"


def _rounded(weights: NDArray[np.float64]) -> list[float]:
    return [round(float(it), 3) for it in weights]


def _logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge-penalised logistic regression by Newton's method; the constant is not penalised."""
    weights = np.zeros(x.shape[1])
    penalty = np.full(x.shape[1], _RIDGE)
    penalty[0] = 1e-6
    for _ in range(50):
        sure = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (y - sure) - penalty * weights
        curve = (x * (sure * (1 - sure))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights += step
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights


def _bound(judged: Sequence[tuple[float, float, bool]]) -> float:
    for bound in (step / 100 for step in range(50, 99)):
        if all(_precision(judged, level, bound) >= PRECISION for level in LEVELS[1:]):
            return bound
    return 0.99


def _precision(judged: Sequence[tuple[float, float, bool]], level: float, bound: float) -> float:
    shown = [right for at, sure, right in judged if at == level and sure >= bound]
    return sum(shown) / len(shown) if shown else 1.0
