"""What the pages of what is looked up call things, read from ``wording.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ticketing_bridge.desk.labels import Label
from ticketing_bridge.knowledge.entries import Standing
from ticketing_bridge.store.knowledge_records import FoundBy, PhoneFault
from ticketing_bridge.store.workplace_records import Verdict

FILE = Path(__file__).parent / "wording.yaml"


@dataclass(frozen=True, slots=True)
class LookupWords:
    """All of them; a missing one is found at start."""

    standings: dict[Standing, Label]
    faults: dict[PhoneFault, Label]
    found_by: dict[FoundBy, str]
    verdicts: dict[Verdict, str]
    problems: dict[str, str]


@cache
def lookup_words() -> LookupWords:
    """The words of this installation."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return LookupWords(
        standings={it: Label(**raw["standings"][it]) for it in Standing},
        faults={it: Label(**raw["faults"][it]) for it in PhoneFault},
        found_by={it: raw["found_by"][it] for it in FoundBy},
        verdicts={it: raw["verdicts"][it] for it in Verdict},
        problems=raw["problems"],
    )
