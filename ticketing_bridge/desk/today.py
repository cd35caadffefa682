"""Today's figures for the board: the rate by its named definition, and calls by hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from facts.call import Call
from ticketing_bridge.desk.picture import HourCount
from ticketing_bridge.rate import DEFINITIONS, Definition, Rate, measure
from ticketing_bridge.rate.service import LOCAL, day_of
from ticketing_bridge.store import UnitOfWork

#: the rate on the wall
SHOWN = DEFINITIONS["person"]


@dataclass(frozen=True, slots=True)
class TodayFigures:
    """The day so far."""

    rate: Rate
    #: calls of the rate's base by the hour of their arrival
    hours: Mapping[int, HourCount]


async def today_figures(uow: UnitOfWork, now: datetime) -> TodayFigures:
    """Read the local day that holds ``now``."""
    begin, end = day_of(now)
    calls = await uow.calls.list(from_=begin, to=end)
    return TodayFigures(measure(SHOWN, calls), by_hour(SHOWN, calls))


def by_hour(definition: Definition, calls: Iterable[Call]) -> dict[int, HourCount]:
    """Reached and missed calls of the definition's base by local hour of arrival; sums to the rate."""
    counts: Counter[tuple[int, bool]] = Counter()
    for call in calls:
        if measure(definition, (call,)).base:
            counts[call.arrived_at.astimezone(LOCAL).hour, bool(definition.reached(call))] += 1
    return {hour: HourCount(counts[hour, True], counts[hour, False]) for hour, _ in counts}
