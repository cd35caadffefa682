"""How next week is planned. Read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from config.city_file import load_fact
from config.facts import Fact


class StaffingRules(Fact):
    """What the plan rests on and what it must hold."""

    interval_min: Literal[15, 30, 60] = 30
    #: so many past weeks are looked at
    weeks: int = Field(8, ge=2, le=52)
    #: somebody is there at all times
    least_agents: int = Field(1, ge=0)
    #: agents talk no longer than this share of the time
    most_occupancy: float = Field(0.85, gt=0, le=1)
    #: of those who are rostered, so many are at their telephone (breaks, training, illness)
    present: float = Field(0.88, gt=0, le=1)
    #: share of those in a queue who are answered within 15 s; 0: the target alone counts
    within_share: float = Field(0.0, ge=0, le=1)
    #: no smaller share of those who give up is planned for: it would take any number of people
    least_abandons: float = Field(0.002, gt=0, le=0.2)


def load_staffing(folder: Path | None = None) -> StaffingRules:
    """Read ``staffing.yaml`` of the city's folder where there is one, else the built-in one.

    Raises:
        HotlineConfigInvalid: naming the file and every wrong place in it.
    """
    return load_fact(StaffingRules, "staffing.yaml", folder)
