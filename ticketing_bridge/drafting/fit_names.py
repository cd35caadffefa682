"""Fits the weights of ``spotting``: labelled calls, varied with invented names, tell where names are.

A conditional random field (Lafferty et al. 2001): the likelihood of the labelled tags, penalised so that rare
features weigh little, climbed with AdaGrad over small batches.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalogue import CityData
from ticketing_bridge.drafting.address_parts import gazetteer
from ticketing_bridge.drafting.fit_kinds import kept
from ticketing_bridge.drafting.invented import Inventor, varied
from ticketing_bridge.drafting.lines import call_of
from ticketing_bridge.drafting.model import DraftInput, Span
from ticketing_bridge.drafting.parties import party_reading
from ticketing_bridge.drafting.places import reading_of
from ticketing_bridge.drafting.repair import repaired
from ticketing_bridge.drafting.spotting import (
    FIRST,
    FOLLOWS,
    INSIDE,
    LAST,
    OUTSIDE,
    TAGS,
    Reading,
    Spotter,
    features,
)

#: how often each call is varied, beside the call as it was
VARIANTS = 2
_LEAST_TIMES = 4
_EPOCHS = 8
#: from this one on the weights are averaged
_SETTLED = 4
_BATCH = 64
_RATE = 0.25
_PENALTY = 2e-4
#: a weight below this says nothing
_NOTHING = 0.06
_NEVER = -1e9


@dataclass(frozen=True, slots=True)
class Turn:
    """A caller's turn: the features of each character, and its tag."""

    features: list[list[str]]
    tags: list[int]


def turns_of(
    rows: Sequence[dict[str, Any]], data: CityData, field: str = "places", variants: int = VARIANTS
) -> Iterator[Turn]:
    """The turns to learn the places or the party from: each call as it was, and with other names."""
    for number, row in enumerate(rows, 1):
        gold = row["gold"]
        if field not in gold:
            continue
        second = gold.get("second_matter")
        more = second if isinstance(second, dict) else {}
        places = [*(gold.get("places") or []), *(more.get("places") or [])]
        call, party = call_of(row, number), gold.get("party")
        versions = [(call, places, party)]
        for variant in range(variants):
            versions.append(varied(call, places, party, Inventor(f"{call.id}/{variant}")))
        for said, named, blamed in versions:
            read = _read_places if field == "places" else _read_party
            wanted = named if field == "places" else [blamed] if blamed else []
            yield from _turns(said, wanted, read(repaired(said, data, places=True), named, data))


def _turns(
    call: DraftInput, wanted: Sequence[str], readings: Iterable[tuple[int, str, Reading]]
) -> Iterator[Turn]:
    for at, text, reading in readings:
        if len(text) >= 2:
            said = [[*map(intern, here)] for here in features(text, reading)]
            yield Turn(said, _tags(call.turns[at].text, wanted, reading))


def _read_places(
    call: DraftInput, places: Sequence[str], data: CityData
) -> Iterator[tuple[int, str, Reading]]:
    for at, text in call.citizen():
        yield at, text, reading_of(call, at, text, gazetteer(data))


def _read_party(
    call: DraftInput, places: Sequence[str], data: CityData
) -> Iterator[tuple[int, str, Reading]]:
    for at, text in call.citizen():
        spans = [
            Span(at, it.start(), it.end(), it[0])
            for place in places
            for it in re.finditer(re.escape(place), text)
        ]
        yield at, text, party_reading(call, at, text, spans, data)[0]


def _tags(text: str, wanted: Sequence[str], reading: Reading) -> list[int]:
    """The tag of each character; a shorter mention of what is labelled is one, too."""
    spans = [
        it.span()
        for name in sorted(wanted, key=len, reverse=True)
        for it in re.finditer(re.escape(name), text)
    ]
    spans += [(a, b) for a, b, _ in reading.ruled if any(text[a:b] in name for name in wanted)]
    tags = [OUTSIDE] * len(text)
    for start, end in spans:
        if end - start >= 2 and not any(tags[start:end]):
            tags[start:end] = [FIRST, *[INSIDE] * (end - start - 2), LAST]
    return tags


def fit_names(turns: Sequence[Turn]) -> Spotter:
    """The weights under which the labels are likeliest."""
    often = Counter(name for turn in turns for here in turn.features for name in here)
    columns = {name: at for at, name in enumerate(sorted(it for it, n in often.items() if n >= _LEAST_TIMES))}
    known = [[[columns[it] for it in here if it in columns] for here in turn.features] for turn in turns]
    weights, follows = _fitted(known, [turn.tags for turn in turns], len(columns))
    return Spotter.of(kept([*columns], weights[:-1], _NOTHING), follows)


def _fitted(
    known: Sequence[list[list[int]]], wanted: Sequence[list[int]], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of features and of steps, averaged once they have settled."""
    weights, follows = np.zeros((width + 1, TAGS)), np.zeros((TAGS, TAGS))
    square, square_follows = np.full(weights.shape, 1e-8), np.full(follows.shape, 1e-8)
    mean, mean_follows, averaged = np.zeros(weights.shape), np.zeros(follows.shape), 0
    order = list(range(len(wanted)))
    draw = random.Random(0)
    for epoch in range(_EPOCHS):
        draw.shuffle(order)
        order.sort(key=lambda it: (len(wanted[it]) + draw.randint(0, 8)) // 8)  # batches of like lengths
        starts = list(range(0, len(order), _BATCH))
        draw.shuffle(starts)
        for start in starts:
            batch = _Batch.of([(known[it], wanted[it]) for it in order[start : start + _BATCH]], width)
            slope, slope_follows = batch.slope(weights, follows)
            slope -= _PENALTY * batch.count * weights
            square += slope**2
            square_follows += slope_follows**2
            weights += _RATE * slope / np.sqrt(square)
            follows += _RATE * slope_follows / np.sqrt(square_follows)
            if epoch >= _SETTLED:
                mean, mean_follows, averaged = mean + weights, mean_follows + follows, averaged + 1
    return mean / averaged, mean_follows / averaged


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some turns side by side: columns of features and tags, padded to one length."""

    columns: NDArray[np.int64]
    tags: NDArray[np.int64]
    there: NDArray[np.bool_]

    @classmethod
    def of(cls, turns: Sequence[tuple[list[list[int]], list[int]]], nothing: int) -> _Batch:
        longest = max(len(tags) for _, tags in turns)
        widest = max(len(it) for known, _ in turns for it in known)
        columns = np.full((len(turns), longest, widest), nothing)
        tags = np.zeros((len(turns), longest), dtype=np.int64)
        there = np.zeros((len(turns), longest), dtype=bool)
        for row, (known, wanted) in enumerate(turns):
            for at, here in enumerate(known):
                columns[row, at, : len(here)] = here
            tags[row, : len(wanted)] = wanted
            there[row, : len(wanted)] = True
        return cls(columns, tags, there)

    @property
    def count(self) -> int:
        return len(self.tags)

    def slope(
        self, weights: NDArray[np.float64], follows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How the logarithm of the likelihood grows with each weight."""
        emitted = weights[self.columns].sum(axis=2)
        allowed = np.where(np.isinf(FOLLOWS), _NEVER, follows)
        expected, moves = _expected(emitted, allowed, self.there)
        wanted = np.eye(TAGS)[self.tags] * self.there[..., None]
        grown = np.zeros(weights.shape)
        for tag in range(TAGS):
            each = np.repeat((wanted - expected)[..., tag].ravel(), self.columns.shape[2])
            grown[:, tag] = np.bincount(self.columns.ravel(), weights=each, minlength=len(weights))
        grown[-1] = 0.0
        said = np.zeros(follows.shape)
        both = self.there[:, 1:]
        np.add.at(said, (self.tags[:, :-1][both], self.tags[:, 1:][both]), 1.0)
        return grown, np.where(np.isinf(FOLLOWS), 0.0, said - moves)


def _expected(
    emitted: NDArray[np.float64], follows: NDArray[np.float64], there: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities of each tag of each character, and how often each tag is expected after each."""
    longest = emitted.shape[1]
    forward = np.full(emitted.shape, _NEVER)
    forward[:, 0] = np.where([True, True, False, False], emitted[:, 0], _NEVER)
    for at in range(1, longest):
        moved = np.logaddexp.reduce(forward[:, at - 1, :, None] + follows, axis=1) + emitted[:, at]
        forward[:, at] = np.where(there[:, at, None], moved, forward[:, at - 1])
    ending = np.where([True, False, False, True], forward[:, -1], _NEVER)
    whole = np.logaddexp.reduce(ending, axis=1)
    backward = np.zeros(emitted.shape)
    backward[:, -1] = [0.0, _NEVER, _NEVER, 0.0]
    for at in range(longest - 2, -1, -1):
        moved = np.logaddexp.reduce(follows + (emitted[:, at + 1] + backward[:, at + 1])[:, None, :], axis=2)
        backward[:, at] = np.where(there[:, at + 1, None], moved, [0.0, _NEVER, _NEVER, 0.0])
    tags = np.exp(np.minimum(0.0, forward + backward - whole[:, None, None])) * there[..., None]
    through = (
        forward[:, :-1, :, None]
        + follows
        + (emitted[:, 1:] + backward[:, 1:])[:, :, None, :]
        - whole[:, None, None, None]
    )
    moves = (np.exp(np.minimum(0.0, through)) * there[:, 1:, None, None]).sum(axis=(0, 1))
    return tags, moves
