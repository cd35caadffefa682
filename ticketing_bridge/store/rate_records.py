"""Rows of the books beside the rate: versions of definitions, exclusions, carrier counts, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from config.rates import RateDefinition


@dataclass(frozen=True, slots=True)
class DefinitionVersion:
    """A definition as it holds from a day on (Asia/Shanghai), until the next version of its name."""

    definition: RateDefinition
    effective_from: date
    reason: str = ""
    made_by: str = ""
    made_at: datetime | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A call that somebody wants out of every base; it is when a second person confirmed it."""

    id: int
    call: str
    kind: str
    reason: str
    asked_by: str
    asked_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class CarrierCount:
    """What the carrier counted for one number on one day; ``refused`` never came to the PBX."""

    day: date
    number: str
    offered: int
    refused: int
    source: str


@dataclass(frozen=True, slots=True)
class CarrierSum:
    """Carrier counts of a period: on how many of its days there are any, and what they say."""

    days: int
    offered: int
    refused: int


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert, while it stands and after."""

    id: int
    kind: str
    facts: Mapping[str, Any]
    raised_at: datetime
    cleared_at: datetime | None
    told: str | None
    tries: int
