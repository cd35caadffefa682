"""What the workplace calls things, and its keys, read from ``wording.yaml`` and ``keys.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from facts.call_control import ControlRefusal, Standing
from ticketing_bridge.desk.labels import Label
from ticketing_bridge.store.workplace_records import MarkKind

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the workplace; ``bar``: it is shown on the bar of keys."""

    name: str
    keys: str
    label: str
    bar: bool

    @property
    def aria(self) -> str:
        """As ``aria-keyshortcuts`` wants it."""
        return self.keys


@dataclass(frozen=True, slots=True)
class WorkplaceWords:
    """All of them; a missing one is found at start."""

    scripts: Mapping[MarkKind, str]
    marks: Mapping[MarkKind, Label]
    #: by the draft's state; a plain matter needs no words
    states: Mapping[str, str]
    standings: Mapping[Standing, str]
    refusals: Mapping[ControlRefusal, str]
    problems: Mapping[str, str]
    done: Mapping[str, str]
    keys: Mapping[str, Key]


@cache
def workplace_words() -> WorkplaceWords:
    """The words of this installation."""
    raw = yaml.safe_load((HERE / "wording.yaml").read_text(encoding="utf-8"))
    keys = [Key(**it) for it in yaml.safe_load((HERE / "keys.yaml").read_text(encoding="utf-8"))]
    if len({it.keys for it in keys}) != len(keys):
        raise ValueError(f"{HERE / 'keys.yaml'}: a key is there twice")
    return WorkplaceWords(
        scripts={it: raw["scripts"][it] for it in MarkKind},
        marks={it: Label(**raw["marks"][it]) for it in MarkKind},
        states=raw["states"],
        standings={it: raw["standings"][it] for it in Standing},
        refusals={it: raw["refusals"][it] for it in ControlRefusal},
        problems=raw["problems"],
        done=raw["done"],
        keys={it.name: it for it in keys},
    )
