"""What things are called on the page, read from ``labels.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from facts.call import CallFlag, CallState, EndedBy, Outcome

FILE = Path(__file__).parent / "labels.yaml"


class Label(NamedTuple):
    """A word for people and the tone in which it is shown: ok, wait, miss, mute."""

    text: str
    tone: str


class Labels:
    """All labels; a missing one is found at start, not by a citizen's call."""

    def __init__(self, path: Path = FILE) -> None:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.states = {name: Label(**label) for name, label in raw["states"].items()}
        self.outcomes = {Outcome(name): Label(**label) for name, label in raw["outcomes"].items()}
        self.flags = {CallFlag(name): text for name, text in raw["flags"].items()}
        self.ended_by = {EndedBy(name): text for name, text in raw["ended_by"].items()}
        self.legs: dict[str, str] = raw["legs"]
        self.ring_results: dict[str, str] = raw["ring_results"]
        self.steps: dict[str, str] = raw["steps"]
        self.definitions: dict[str, dict[str, str]] = raw["definitions"]
        self.draft_fields: dict[str, str] = raw["draft_fields"]
        self.phrases: dict[str, str] = raw["phrases"]
        self.problems: dict[str, str] = raw["problems"]
        self.sources: dict[str, str] = raw["sources"]
        missing = [
            *(state for state in CallState if state not in self.states),
            *(outcome for outcome in Outcome if outcome not in self.outcomes),
            *(flag for flag in CallFlag if flag not in self.flags),
            *(end for end in EndedBy if end not in self.ended_by),
        ]
        if missing:
            raise ValueError(f"{path} has no label for: {', '.join(missing)}")


@cache
def labels() -> Labels:
    """The labels of this installation; they do not change while it runs."""
    return Labels()
