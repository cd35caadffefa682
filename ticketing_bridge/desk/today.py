"""Today's figures for the board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from facts.call import Outcome
from ticketing_bridge.desk.picture import HourCount
from ticketing_bridge.desk.views import BEIJING
from ticketing_bridge.store import UnitOfWork

REACHED = frozenset({Outcome.ANSWERED, Outcome.TRANSFERRED_EMERGENCY})


@dataclass(frozen=True, slots=True)
class TodayFigures:
    definition: str
    reached: int
    base: int
    unresolved: int
    percent_text: str
    hours: Mapping[int, HourCount]


async def today_figures(uow: UnitOfWork, day: datetime, now: datetime) -> TodayFigures:
    calls = [call for call in await uow.calls.list(from_=day) if call.outcome]
    unresolved = sum(call.outcome is Outcome.UNRESOLVED for call in calls)
    counted = [c for c in calls if c.outcome not in {Outcome.UNRESOLVED, Outcome.SELF_SERVICE}]
    reached = sum(call.outcome in REACHED for call in counted)
    answered: Counter[int] = Counter()
    missed: Counter[int] = Counter()
    for call in counted:
        hour = call.arrived_at.astimezone(BEIJING).hour
        (answered if call.outcome in REACHED else missed)[hour] += 1
    hours = {hour: HourCount(answered[hour], missed[hour]) for hour in {*answered, *missed}}
    text = f"{100 * reached / len(counted):.2f}" if counted else "—"
    return TodayFigures("person", reached, len(counted), unresolved, text, hours)
