"""Today's figures for the board: the rate by its named definition, and calls by hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from config.rates import Rates
from ticketing_bridge.desk.picture import HourCount
from ticketing_bridge.rate import Rate
from ticketing_bridge.rate.live import RateNow, rate_now
from ticketing_bridge.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class TodayFigures:
    """The day so far."""

    rate: Rate
    #: calls of the rate's base by the hour of their arrival
    hours: Mapping[int, HourCount]
    #: all of it: what the target allows, who was missed, alerts
    now: RateNow


async def today_figures(
    uow: UnitOfWork, now: datetime, target_percent: float = 98.0, rates: Rates | None = None
) -> TodayFigures:
    """Read the local day that holds ``now``, by the published definition."""
    seen = await rate_now(uow, now, target_percent=target_percent, rates=rates)
    hours = {it.hour: HourCount(it.reached, it.misses) for it in seen.hours}
    return TodayFigures(seen.rate, hours, seen)
