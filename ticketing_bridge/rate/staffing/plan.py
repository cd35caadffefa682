"""Next week's plan: calls that are expected, agents that are needed, what a simulation says of both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import floor
from typing import Any, TypeAlias

from config.hotline import Hotline
from config.staffing import StaffingRules
from facts.agents import AgentState
from facts.errors import HotlineError
from ticketing_bridge.rate.book import LOCAL
from ticketing_bridge.rate.definitions import shipped
from ticketing_bridge.rate.plans import plan_of
from ticketing_bridge.rate.staffing.erlang import Goal, Performance, agents_needed, erlang_a
from ticketing_bridge.rate.staffing.forecast import DayCounts, days_from, error_share, forecast, kind_of
from ticketing_bridge.rate.staffing.simulation import Played, play
from ticketing_bridge.store.database import UnitOfWork

#: calls that a simulation plays, about
PLAYED: int = 40_000
MOST_TURNS: int = 12
DAYS = 7


#: runs a function elsewhere and gives its result, like ``asyncio.to_thread``
Aside: TypeAlias = Callable[[Callable[[], tuple["PlanDay", ...]]], Awaitable[tuple["PlanDay", ...]]]


class HistoryMissing(HotlineError):
    """There are no calls yet to plan by."""

    error_id = "history-missing"
    exit_code = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """What the plan rests on, from the past weeks. Seconds."""

    weeks: int
    talk_s: float
    #: after a talk; measured where agents' states are kept, else the queues' own time
    wrap_up_s: float
    wrap_up_measured: bool
    #: mean time until a waiting caller gives up: waiting of all ÷ those who gave up
    patience_s: float
    gave_up: int
    #: of all calls that count: missed before any queue, which no agent can mend
    lost_before: float
    #: how far forecasts of the last week were off, by the hour; None: too little past
    error: float | None

    @property
    def handle_s(self) -> float:
        return self.talk_s + self.wrap_up_s


@dataclass(frozen=True, slots=True)
class Slot:
    """One interval."""

    begin: datetime
    calls: float
    #: who must be ready or talking
    agents: int
    #: who must be rostered, so that so many are
    rostered: int
    expected: Performance


@dataclass(frozen=True, slots=True)
class PlanDay:
    """One day of the plan."""

    day: date
    kind: str
    slots: tuple[Slot, ...]
    played: Played

    @property
    def calls(self) -> float:
        return sum(it.calls for it in self.slots)

    @property
    def most(self) -> int:
        return max(it.rostered for it in self.slots)

    def hours(self, interval_min: int) -> float:
        """Hours of work that must be rostered."""
        return sum(it.rostered for it in self.slots) * interval_min / 60


@dataclass(frozen=True, slots=True)
class Plan:
    """A week, Monday first."""

    monday: date
    target_percent: float
    interval_min: int
    measured: Measured
    goal: Goal
    days: tuple[PlanDay, ...]
    #: the target can be reached by people alone
    reachable: bool

    def to_json(self) -> dict[str, Any]:
        """As ``hotline staffing --json`` prints it."""
        measured = self.measured
        return {
            "week": self.monday.isoformat(),
            "target_percent": self.target_percent,
            "reachable": self.reachable,
            "interval_min": self.interval_min,
            "measured": {
                "weeks": measured.weeks,
                "talk_s": round(measured.talk_s, 1),
                "wrap_up_s": round(measured.wrap_up_s, 1),
                "wrap_up_measured": measured.wrap_up_measured,
                "patience_s": round(measured.patience_s, 1),
                "gave_up": measured.gave_up,
                "lost_before_queue": round(measured.lost_before, 5),
                "forecast_error": None if measured.error is None else round(measured.error, 4),
            },
            "most_may_give_up": round(self.goal.abandons, 5),
            "days": [self._day(it) for it in self.days],
        }

    def _day(self, it: PlanDay) -> dict[str, Any]:
        return {
            "day": it.day.isoformat(),
            "kind": it.kind,
            "calls": round(it.calls, 1),
            "hours": it.hours(self.interval_min),
            "simulated": {
                "calls": it.played.calls,
                "answered_percent": round(100 * (1 - it.played.abandons), 2),
                "within_15s_percent": round(100 * it.played.within_share, 2),
                "occupancy_percent": round(100 * it.played.occupancy, 1),
            },
            "slots": [
                {
                    "begin": slot.begin.isoformat(),
                    "calls": round(slot.calls, 2),
                    "agents": slot.agents,
                    "rostered": slot.rostered,
                    "answered_percent": round(100 * slot.expected.answered, 2),
                    "within_15s_percent": round(100 * slot.expected.within, 2),
                }
                for slot in it.slots
            ],
        }


def monday_after(now: datetime) -> date:
    """The Monday of next week in the city."""
    today = now.astimezone(LOCAL).date()
    return today + timedelta(days=8 - today.isoweekday())


async def make_plan(
    uow: UnitOfWork,
    hotline: Hotline,
    rules: StaffingRules,
    target_percent: float,
    monday: date,
    now: datetime,
    *,
    aside: Aside | None = None,
) -> Plan:
    """Plan a week from the weeks that are over. ``aside`` runs what computes for long, off the event loop.

    Raises:
        HistoryMissing: no call was ever answered from a queue.
    """
    last = min(now.astimezone(LOCAL).date(), monday) - timedelta(days=1)
    first = last - timedelta(days=7 * rules.weeks - 1)
    begin = datetime.combine(first, time(), LOCAL)
    end = datetime.combine(last, time(), LOCAL) + timedelta(days=1)
    intervals = 24 * 60 // rules.interval_min
    queued = plan_of(shipped()["queue_offered"])
    assert queued is not None
    await uow.rates.plan_freshly()
    rows = await uow.rates.sums(begin, end, {"calls": queued.base}, by=f"every_{rules.interval_min}")
    counts = {
        (at.date(), (at.hour * 60 + at.minute) // rules.interval_min): it.values["calls"]
        for it in rows
        if isinstance(it.key, datetime) and (at := it.key.astimezone(LOCAL))
    }
    past = days_from(counts, first, last, intervals)
    error = error_share(past, hotline.calendar, intervals)
    measured = await _measured(uow, hotline, rules, begin, end, error)
    allowed = _may_give_up(target_percent / 100, measured.lost_before)
    goal = Goal(
        abandons=max(allowed, rules.least_abandons),
        occupancy=rules.most_occupancy,
        within=rules.within_share,
        least=rules.least_agents,
    )

    def compute() -> tuple[PlanDay, ...]:
        dates = [monday + timedelta(days=at) for at in range(DAYS)]
        return tuple(_day(it, past, hotline, rules, measured, goal, intervals) for it in dates)

    days = await aside(compute) if aside else compute()
    return Plan(
        monday, target_percent, rules.interval_min, measured, goal, days, allowed >= rules.least_abandons
    )


def _may_give_up(target: float, lost_before: float) -> float:
    """Share of those in a queue who may give up: what was lost before the queue counts, too.

    >>> round(_may_give_up(0.98, 0.005), 5), _may_give_up(0.98, 0.03) < 0
    (0.01508, True)
    """
    return 1 - target / (1 - lost_before)


async def _measured(
    uow: UnitOfWork,
    hotline: Hotline,
    rules: StaffingRules,
    begin: datetime,
    end: datetime,
    error: float | None,
) -> Measured:
    found = await uow.rate_rows.patience(begin, end)
    if not found.answered or not found.talk_ms:
        raise HistoryMissing(fix="plan again when the hotline has answered calls for some days")
    spans = await uow.agents.spans(begin, end)
    wraps = [it.seconds(end) for it in spans if it.state is AgentState.WRAP_UP]
    configured = [it.wrap_up_s for it in hotline.queues]
    base = found.queued + found.lost_before
    return Measured(
        weeks=rules.weeks,
        talk_s=found.talk_ms / found.answered / 1000,
        wrap_up_s=sum(wraps) / found.answered if wraps else max(configured, default=0),
        wrap_up_measured=bool(wraps),
        # nobody gave up: as patient as all the waiting that was seen, and one more
        patience_s=max(1.0, found.waited_ms / max(1, found.gave_up) / 1000),
        gave_up=found.gave_up,
        lost_before=found.lost_before / base if base else 0.0,
        error=error,
    )


def _day(
    day: date,
    past: Sequence[DayCounts],
    hotline: Hotline,
    rules: StaffingRules,
    measured: Measured,
    goal: Goal,
    intervals: int,
) -> PlanDay:
    expected = forecast(day, past, hotline.calendar, intervals)
    interval_s = rules.interval_min * 60.0
    midnight = datetime.combine(day, time(), LOCAL)
    slots = []
    for at, calls in enumerate(expected):
        rate = calls / interval_s
        agents = agents_needed(rate, measured.handle_s, measured.patience_s, goal)
        seen = erlang_a(rate, measured.handle_s, measured.patience_s, agents, goal.within_s)
        # of two people nobody's share is away: whole people only where they add up
        rostered = max(agents, floor(agents / rules.present + 0.5))
        slots.append(Slot(midnight + at * timedelta(seconds=interval_s), calls, agents, rostered, seen))
    turns = max(1, min(MOST_TURNS, int(PLAYED / DAYS / max(1.0, sum(expected)))))
    played = play(
        expected * turns,
        [it.agents for it in slots] * turns,
        interval_s,
        measured.handle_s,
        measured.patience_s,
        seed=day.toordinal(),
        within_s=goal.within_s,
    )
    return PlanDay(day, kind_of(day, hotline.calendar), tuple(slots), played)
