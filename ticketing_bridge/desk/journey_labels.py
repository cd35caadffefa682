"""What call-backs, follow-ups and notices are called on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ticketing_bridge.desk.labels import Label
from ticketing_bridge.store.journey_records import CallbackKind, CallbackState, FollowUpState

FILE = Path(__file__).parent / "journey_labels.yaml"


@dataclass(frozen=True, slots=True)
class JourneyLabels:
    """All of them; a missing one is found at start."""

    states: Mapping[CallbackState, Label]
    kinds: Mapping[CallbackKind, str]
    reasons: Mapping[str, str]
    follow_ups: Mapping[FollowUpState, Label]
    asked_by: Mapping[str, str]
    questions: Mapping[str, tuple[str, ...]]
    notice_problems: Mapping[str, str]
    survey: Mapping[int, str]


@cache
def journey_labels() -> JourneyLabels:
    """The labels of this installation; ``KeyError`` names one that is missing."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return JourneyLabels(
        {state: Label(**raw["callback_states"][state.value]) for state in CallbackState},
        {kind: raw["callback_kinds"][kind.value] for kind in CallbackKind},
        raw["reasons"],
        {state: Label(**raw["follow_up_states"][state.value]) for state in FollowUpState},
        raw["asked_by"],
        {question: tuple(answers) for question, answers in raw["questions"].items()},
        raw["notice_problems"],
        raw["survey"],
    )
