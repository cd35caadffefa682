"""Definitions of connection rates: what counts, what is left out, by which clock. Read from YAML."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from config.city_file import load_fact
from config.facts import Fact
from facts.call import Outcome

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]


class Clock(StrEnum):
    """From when a wait counts."""

    ARRIVAL = "arrival"
    #: from the first place in a queue
    QUEUE = "queue"


class RateDefinition(Fact):
    """A named rate: reached ÷ base. Unresolved and excluded calls are in no base, whatever it says.

    Source of the shipped ones: docs/rates.md.
    """

    name: Name
    #: for people, in Chinese
    title: str = Field(min_length=1, max_length=40)
    reached: tuple[Outcome, ...] = Field(min_length=1)
    left_out: tuple[Outcome, ...] = ()
    #: short abandons are out of the base
    without_short: bool = False
    #: the base is calls that got a place in a queue
    queued_only: bool = False
    #: reached within so many seconds by ``clock``
    within_s: int | None = Field(None, ge=1, le=3600)
    clock: Clock = Clock.ARRIVAL
    #: a missed caller whom we reached by call-back within so many minutes counts as reached
    recovered_min: int | None = Field(None, ge=1, le=1440)
    #: the least rate over any continuous window of so many hours
    window_h: int | None = Field(None, ge=1, le=168)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if both := sorted(set(self.reached) & set(self.left_out)):
            problems.append(f"{', '.join(both)} cannot be reached and left out at once")
        if Outcome.UNRESOLVED in (*self.reached, *self.left_out):
            problems.append("unresolved is in no base anyway: leave it away")
        if self.within_s is not None and self.recovered_min is not None:
            problems.append("within_s and recovered_min exclude each other")
        if self.within_s is None and self.clock is Clock.QUEUE:
            problems.append("clock needs within_s")
        if self.clock is Clock.QUEUE and not self.queued_only:
            problems.append("the clock of the queue needs queued_only: others have no such moment")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Rates(Fact):
    """All of them; ``published`` is the one that is meant where none is named."""

    published: Name = "person"
    #: the national floor over any continuous 24 h (GB/T 33358-2016), percent
    floor_percent: float = Field(95.0, gt=0, le=100)
    definitions: tuple[RateDefinition, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [it.name for it in self.definitions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is there twice")
        if self.published not in names:
            raise ValueError(f"published: no definition {self.published}")
        return self


def load_rates(folder: Path | None = None) -> Rates:
    """Read ``rates.yaml`` of the city's folder where there is one, else the built-in one.

    Raises:
        HotlineConfigInvalid: naming the file and every wrong place in it.
    """
    return load_fact(Rates, "rates.yaml", folder)


@cache
def built_in_rates() -> Rates:
    """The shipped definitions."""
    return load_rates()
