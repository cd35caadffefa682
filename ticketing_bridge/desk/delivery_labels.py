"""What deliveries are called on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ticketing_bridge.desk.labels import Label
from ticketing_bridge.store.outbox_records import AttemptResult, DeliveryState, OutboxKind

FILE = Path(__file__).parent / "delivery_labels.yaml"


@dataclass(frozen=True, slots=True)
class DeliveryLabels:
    """All of them; a missing one is found at start."""

    states: Mapping[DeliveryState, Label]
    kinds: Mapping[OutboxKind, str]
    reasons: Mapping[str, str]
    results: Mapping[AttemptResult, str]
    meanings: Mapping[str, str]
    applied: Mapping[str, str]
    purposes: Sequence[str]
    register: Mapping[str, str]


@cache
def delivery_labels() -> DeliveryLabels:
    """The labels of this installation; ``KeyError`` names one that is missing."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return DeliveryLabels(
        {state: Label(**raw["states"][state.value]) for state in DeliveryState},
        {kind: raw["kinds"][kind.value] for kind in OutboxKind},
        raw["reasons"],
        {result: raw["results"][result.value] for result in AttemptResult},
        raw["meanings"],
        raw["applied"],
        raw["purposes"],
        raw["register"],
    )
