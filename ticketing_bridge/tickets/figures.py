"""The named figures of tickets, each with its parts, over a period and as of a cut-off. Pure.

- ``closed_of_dispatched`` 办结率 (Golmud): closed at the cut-off ÷ dispatched in the period
- ``closed_of_received`` 办结率 (Xining): closed or answered at the cut-off ÷ received in the period
- ``on_time`` 按时办结率: handed in within the limit ÷ limits that ended in the period until the cut-off, open
  overdue ones included (one whose clock stands still has not ended); ``on_time_first`` the same without
  extensions and suspensions
- ``response`` 响应率: first contact in time ÷ first contacts that were due in the period
- ``solved`` 解决率, ``satisfied`` 满意率: of those who said so, by their last answer in the period;
  ``coverage`` followed up ÷ due, ``reach`` reached ÷ followed up. No answer is never satisfied
- ``returned`` 退单率: with an upheld objection ÷ dispatched; ``redone`` 退回重办率: with a returned reply
  or a re-do ÷ dispatched; ``dissatisfied_again`` 不满意再受理率: re-done and dissatisfied ÷ followed up

Withdrawn, void and merged tickets have their own ending: they stay in the totals and leave the limits.
Units' tables count main units, so that they sum to the total; joint parts stand apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from config.tickets import Zones
from facts.percent import percent_of
from ticketing_bridge.tickets.limits import due
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.preparing import CityRules
from ticketing_bridge.tickets.states import State

_GONE = frozenset({State.WITHDRAWN, State.VOID, State.MERGED})
_DONE = frozenset({State.CLOSED, State.RATED})


@dataclass(frozen=True, slots=True)
class Ratio:
    """Part of whole. 0 ÷ 0 has no percentage.

    >>> Ratio(1, 3).percent, str(Ratio(2, 3)), str(Ratio(0, 0))
    (Decimal('33.33'), '66.67%', '—')
    """

    part: int
    whole: int

    @property
    def percent(self) -> Decimal | None:
        """Two decimals, half up, from the unrounded quotient."""
        return percent_of(self.part, self.whole)

    def __str__(self) -> str:
        return "—" if self.percent is None else f"{self.percent}%"


@dataclass(frozen=True, slots=True)
class Period:
    """``[begin, end)``, looked at as of ``cutoff``: what has not come by then is in no figure."""

    begin: datetime
    end: datetime
    cutoff: datetime

    def has(self, moment: datetime | None) -> bool:
        """Whether a moment is in the period."""
        return moment is not None and self.begin <= moment < self.end

    def ended(self, limit: datetime) -> bool:
        """Whether a limit's end is in the period, and has come."""
        return self.has(limit) and limit <= self.cutoff


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them for some tickets."""

    received: int
    dispatched: int
    joint: int
    closed: int
    overdue_open: int
    ratios: Mapping[str, Ratio]


def _ratio(tickets: Iterable[Ticket], part: Callable[[Ticket], bool]) -> Ratio:
    whole = [*tickets]
    return Ratio(sum(map(part, whole)), len(whole))


def figures(tickets: Iterable[Ticket], period: Period, rules: CityRules, joint: int = 0) -> Figures:
    """The figures of these tickets."""
    known = [*tickets]
    received = [it for it in known if period.has(it.received_at)]
    dispatched = [it for it in known if period.has(it.dispatched_at)]
    limited = [it for it in known if it.limit and it.state not in _GONE]
    runs = [it for it in limited if it.state is not State.SUSPENDED]
    ended = [it for it in runs if it.limit and period.ended(it.limit.due_at)]
    first_ended = [it for it in limited if it.limit and period.ended(it.limit.first_due_at)]
    contact = [it for it in dispatched if it.state not in _GONE and not it.hides_person]
    contact_due = [it for it in contact if contact_until(it, rules) <= period.cutoff]
    asked_due = [it for it in known if period.has(it.accepted_at)]
    asked = [it for it in asked_due if it.asked]
    rated = [answers for it in known if (answers := last_answers(it, period))]
    solved = [it["solved"] for it in rated if it["solved"] is not None]
    satisfied = [it["satisfied"] for it in rated if it["satisfied"] is not None]
    ratios = {
        "closed_of_dispatched": _ratio(dispatched, lambda it: closed_by(it, period.cutoff)),
        "closed_of_received": _ratio(
            received, lambda it: closed_by(it, period.cutoff) or it.state is State.ANSWERED
        ),
        "on_time": _ratio(ended, on_time),
        "on_time_first": _ratio(first_ended, lambda it: on_time(it, first=True)),
        "response": _ratio(
            contact_due,
            lambda it: it.contacted_at is not None and it.contacted_at <= contact_until(it, rules),
        ),
        "coverage": Ratio(len(asked), len(asked_due)),
        "reach": _ratio(asked, lambda it: any(answer.reached for answer in it.asked)),
        "solved": Ratio(sum(solved), len(solved)),
        "satisfied": Ratio(sum(satisfied), len(satisfied)),
        "returned": _ratio(dispatched, lambda it: it.returns > 0),
        "redone": _ratio(dispatched, lambda it: it.replies_returned > 0 or it.redos > 0),
        "dissatisfied_again": _ratio(asked, lambda it: it.redos > 0 and dissatisfied(it)),
    }
    return Figures(
        len(received),
        len(dispatched),
        joint,
        sum(closed_by(it, period.cutoff) for it in dispatched),
        sum(it.clock_runs and it.limit is not None and it.limit.due_at < period.cutoff for it in limited),
        ratios,
    )


def closed_by(ticket: Ticket, cutoff: datetime) -> bool:
    """Whether it is closed as handled, at the cut-off."""
    return ticket.state in _DONE and ticket.closed_at is not None and ticket.closed_at < cutoff


def on_time(ticket: Ticket, *, first: bool = False) -> bool:
    """Whether the reply that stands was handed in within the limit; our own delay makes no unit late.

    A request that was found unreasonable is done when it ended.
    """
    done = ticket.closed_at if ticket.state is State.UNREASONABLE else ticket.handed_in_at
    if ticket.limit is None or done is None:
        return False
    return done <= (ticket.limit.first_due_at if first else ticket.limit.due_at)


def contact_until(ticket: Ticket, rules: CityRules) -> datetime:
    """Until when the citizen is to be contacted."""
    return due(ticket.dispatched_at or ticket.received_at, rules.tickets.contact_within, rules.calendar)


def last_answers(ticket: Ticket, period: Period) -> dict[str, bool | None] | None:
    """What the citizen said last in the period; None: nothing."""
    said = [it for it in ticket.follow_ups if it.reached and period.has(it.at)]
    return {"solved": said[-1].solved, "satisfied": said[-1].satisfied} if said else None


def dissatisfied(ticket: Ticket) -> bool:
    """Whether the citizen said at least once that it is not solved, or not to their satisfaction."""
    return any(it.solved is False or it.satisfied is False for it in ticket.follow_ups)


def by_unit(tickets: Iterable[Ticket], period: Period, rules: CityRules) -> dict[str, Figures]:
    """Figures of each main unit, the one with most tickets first; joint parts are counted beside them."""
    known = [*tickets]
    mains: dict[str, list[Ticket]] = {}
    joints: dict[str, int] = {}
    for ticket in known:
        if ticket.main is not None:
            mains.setdefault(ticket.main.unit, []).append(ticket)
        for part in ticket.joint:
            joints[part.unit] = joints.get(part.unit, 0) + period.has(part.given_at)
    made = {
        unit: figures(mains.get(unit, ()), period, rules, joints.get(unit, 0)) for unit in {*mains, *joints}
    }
    return dict(sorted(made.items(), key=lambda it: (-it[1].dispatched, it[0])))


def zone(found: Figures, zones: Zones) -> str | None:
    """红黄蓝: blue when both are at or above blue's border, red when one is below red's, else yellow."""
    if found.dispatched < zones.least_tickets:
        return None
    pairs = (
        (found.ratios["on_time"].percent, zones.on_time),
        (found.ratios["satisfied"].percent, zones.satisfied),
    )
    known = [(percent, border) for percent, border in pairs if percent is not None]
    if not known:
        return None
    if any(percent < Decimal(str(border.red)) for percent, border in known):
        return "red"
    return "blue" if all(percent >= Decimal(str(border.blue)) for percent, border in known) else "yellow"
