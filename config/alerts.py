"""When an alert is raised, and who is told. Read from YAML."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from config.city_file import load_fact
from config.delivery import Url
from config.facts import Fact, Identifier


class AlertRules(Fact):
    """Limits, at the volume of this hotline."""

    #: so few further misses allowed today, or fewer
    misses_left: int = Field(2, ge=0)
    #: without a forecast of the day, fewer calls than this say nothing about it
    least_calls: int = Field(50, ge=1)
    #: so many callers who wait for longer than ``wait_s`` from arrival
    waiting: int = Field(1, ge=1)
    wait_s: float = Field(15, ge=1)
    #: queues for which somebody must be signed in at all times
    staffed: tuple[Identifier, ...] = ("main",)
    #: what is wrong for so long is told; what is over for so long is cleared (seconds)
    hold_s: float = Field(3, ge=0)
    clear_s: float = Field(30, ge=0)
    #: told by signed POST; None: nobody
    webhook: Url | None = None


def load_alerts(folder: Path | None = None) -> AlertRules:
    """Read ``alerts.yaml`` of the city's folder where there is one, else the built-in one.

    Raises:
        HotlineConfigInvalid: naming the file and every wrong place in it.
    """
    return load_fact(AlertRules, "alerts.yaml", folder)
