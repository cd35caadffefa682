"""Today's figures for the board: the rate by its named definition, and calls by hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ticketing_bridge.desk.picture import HourCount
from ticketing_bridge.rate import Rate
from ticketing_bridge.rate.live import rate_now
from ticketing_bridge.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class TodayFigures:
    """The day so far."""

    rate: Rate
    #: calls of the rate's base by the hour of their arrival
    hours: Mapping[int, HourCount]


async def today_figures(uow: UnitOfWork, now: datetime, target_percent: float = 98.0) -> TodayFigures:
    """Read the local day that holds ``now``."""
    seen = await rate_now(uow, now, target_percent=target_percent)
    hours = {it.hour: HourCount(it.reached, it.misses) for it in seen.hours}
    return TodayFigures(seen.rate, hours)
