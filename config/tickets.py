"""The city's rules for tickets: numbers, limits, extensions, warnings, special channels, retention."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from config.facts import Fact, Identifier
from config.hotline import DEFAULTS
from config.opening import Clock
from config.strict_yaml import load_strict
from facts.errors import HotlineError

#: a telephone that gets messages
Mobile = Annotated[str, Field(pattern=r"^1[3-9]\d{9}$")]


class TicketRulesInvalid(HotlineError):
    """The rules for tickets are wrong."""

    error_id = "ticket-rules-invalid"


class LimitUnit(StrEnum):
    """In what a limit is counted. Days begin with the day after (民法典 201)."""

    HOUR = "hour"
    #: an hour of the offices' opening hours
    WORKING_HOUR = "working_hour"
    DAY = "day"
    WORKING_DAY = "working_day"


class Span(Fact):
    """A length of time by the calendar."""

    amount: int = Field(ge=1, le=366)
    unit: LimitUnit
    #: a last day that is a holiday moves to the next working day (民法典 203)
    roll: bool = True


class Level(Span):
    """One level of limits: 1, 3, 7, 11 days in Xining."""

    id: Identifier
    name: str


class KindRule(Fact):
    """What a purpose usually is, or a limit of its own for one of its levels."""

    purpose: str
    usual: Identifier | None = None
    level: Identifier | None = None
    amount: int | None = Field(None, ge=1, le=366)
    unit: LimitUnit | None = None
    roll: bool = True

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        own = (self.level, self.amount, self.unit)
        if (self.usual is None) == (None in own) or (self.usual is not None and any(own)):
            raise ValueError(f"{self.purpose}: give either usual, or level with amount and unit")
        return self


class Extension(Fact):
    """``levels``: by how many of the limit's units it may be extended at most, each time."""

    most: int = Field(default=1, ge=0, le=5)
    cutoff: Clock
    levels: Mapping[Identifier, Annotated[int, Field(ge=1, le=366)]]


class Suspension(Fact):
    """When the clock may stand still, and for how many natural days in all."""

    reasons: tuple[str, ...]
    most_days: int = Field(default=60, ge=1, le=366)


class Warnings(Fact):
    """Shares of the limit after which somebody is warned, and whose telephones are told."""

    due_shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.7, 0.9)
    lag_share: float = Field(default=0.5, gt=0, lt=1)
    #: duty telephones by unit, and of shift leaders, who are told of every unit's
    mobiles: Mapping[str, tuple[Mobile, ...]] = Field(default_factory=dict)
    shift_mobiles: tuple[Mobile, ...] = ()

    def told(self, unit: str | None) -> tuple[str, ...]:
        """Telephones of those who can act on a warning about this unit, each once."""
        return tuple(dict.fromkeys((*self.mobiles.get(unit or "", ()), *self.shift_mobiles)))


class Border(Fact):
    """Percentages: from ``blue`` on blue, below ``red`` red."""

    blue: float = Field(ge=0, le=100)
    red: float = Field(ge=0, le=100)


class Zones(Fact):
    """Red, yellow, blue of a unit; none for one with fewer than ``least_tickets``."""

    on_time: Border
    satisfied: Border
    least_tickets: int = Field(default=5, ge=0)


class FollowUpQuota(Fact):
    """Who asks citizens: the robot within its hours, people up to their share of the day."""

    robot: bool = True
    daily_per_person: int = Field(default=40, ge=1, le=1000)


class Channel(Fact):
    """A special channel (政协直通车 …): who takes matters from the hotline."""

    id: Identifier
    name: str
    handler: str


class Numbering(Fact):
    """``serial_digits``: how many a day there may be, as a power of ten."""

    serial_digits: int = Field(default=4, ge=3, le=6)


class DataClass(StrEnum):
    """What is kept for its own time."""

    AUDIO = "audio"
    WORDS = "words"
    CALLER_NUMBERS = "caller_numbers"
    TICKET_PERSONS = "ticket_persons"


class TicketRules(Fact):
    """All of them; ``tickets.yaml`` of the city's folder."""

    number: Numbering = Numbering()
    levels: tuple[Level, ...] = Field(min_length=1)
    kinds: tuple[KindRule, ...] = ()
    emergency_level: Identifier
    day_ends: Clock
    sign_within: Span
    contact_within: Span
    object_within: Span
    joint_within_main: bool = True
    extension: Extension
    suspension: Suspension
    warnings: Warnings = Warnings()
    zones: Zones
    follow_up: FollowUpQuota = FollowUpQuota()
    joint_supervision: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    superiors: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    retention: Mapping[DataClass, Annotated[int, Field(ge=1, le=36_500)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = {it.id for it in self.levels}
        named = {
            *(it.usual or it.level or "" for it in self.kinds),
            *self.extension.levels,
            self.emergency_level,
        }
        problems = [f"there is no level {it}" for it in sorted(named - known)]
        ids = [it.id for it in self.levels]
        problems += [f"level {it} is there twice" for it in sorted(set(ids)) if ids.count(it) > 1]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def level(self, level: str) -> Level:
        """The level with this id. Raises ``KeyError``."""
        return {it.id: it for it in self.levels}[level]

    def usual_level(self, purpose: str, *, emergency: bool = False) -> str:
        """The level that a ticket has unless somebody says otherwise."""
        if emergency:
            return self.emergency_level
        found = next((it.usual for it in self.kinds if it.purpose == purpose and it.usual), None)
        return found or self.levels[-1].id

    def limit(self, purpose: str, level: str) -> Span:
        """The limit of this kind and level. Raises ``KeyError`` for an unknown level."""
        own = next((it for it in self.kinds if it.purpose == purpose and it.level == level), None)
        if own is not None and own.amount is not None and own.unit is not None:
            return Span(amount=own.amount, unit=own.unit, roll=own.roll)
        found = self.level(level)
        return Span(amount=found.amount, unit=found.unit, roll=found.roll)


def load_ticket_rules(folder: Path | None = None) -> TicketRules:
    """Read ``tickets.yaml`` of the city's folder, or the built-in one when the folder has none.

    Raises:
        TicketRulesInvalid: naming the file and every wrong place in it.
    """
    path = (folder or DEFAULTS) / "tickets.yaml"
    if not path.exists():
        path = DEFAULTS / "tickets.yaml"
    try:
        return TicketRules.model_validate(load_strict(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as problem:
        raise TicketRulesInvalid(f"{path} is not YAML: {' '.join(str(problem).split())}") from None
    except ValidationError as problems:
        lines = [f"{'.'.join(map(str, it['loc'])) or 'file'}: {it['msg']}" for it in problems.errors()]
        raise TicketRulesInvalid(f"{path}: " + "; ".join(lines)) from None
