"""When a limit ends: hours, working hours, days and working days of the city's calendar. Pure.

Rules: 民法典 201 (the day on which it begins does not count), 203 (a last day that is a statutory
holiday or a day of rest moves to the next working day; it lasts until 24:00, or until business ends).
All moments are of the city's own clock; holidays and the days worked in their stead are the hotline's
calendar, the same that opens and closes the desk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.opening import OpeningHours, SpecialDays, special_day
from config.tickets import LimitUnit, Span

LOCAL = ZoneInfo("Asia/Shanghai")
_MONDAY, _FRIDAY = 1, 5
_DAY = timedelta(days=1)
#: a limit that does not end within this time is one over a calendar that never works
_FAR = 366 * 4


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """On which days, and at what hours, offices work."""

    special: tuple[SpecialDays, ...]
    hours: tuple[OpeningHours, ...]
    #: until when a last day lasts
    day_ends: time

    def works_on(self, day: date) -> bool:
        """Whether it is a working day."""
        found = special_day(self.special, day)
        return found.open if found is not None else day.isoweekday() <= _FRIDAY

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The hours that are worked on a day; a Saturday or Sunday that is worked has Monday's."""
        if not self.works_on(day):
            return []
        weekday = day.isoweekday() if day.isoweekday() <= _FRIDAY else _MONDAY
        own = sorted((it for it in self.hours if weekday in it.days), key=lambda it: it.opens)
        return [
            (datetime.combine(day, it.opens, LOCAL), datetime.combine(day, it.closes, LOCAL)) for it in own
        ]

    def end_of(self, day: date) -> datetime:
        """The moment at which a limit ends whose last day this is; 24:00 is the next midnight."""
        if self.day_ends >= time(23, 59, 59):
            return datetime.combine(day + _DAY, time(), LOCAL)
        return datetime.combine(day, self.day_ends, LOCAL)

    def known_until(self) -> date | None:
        """The last day that the calendar speaks of."""
        return max((it.until or it.day for it in self.special), default=None)


def due(start: datetime, span: Span, calendar: WorkCalendar) -> datetime:
    """When a limit ends that begins at ``start``.

    >>> rest = WorkCalendar((), (), time(23, 59, 59))
    >>> friday = datetime(2026, 11, 20, 10, tzinfo=LOCAL)
    >>> due(friday, Span(amount=1, unit="day"), rest).isoformat()
    '2026-11-24T00:00:00+08:00'
    """
    local = start.astimezone(LOCAL)
    if span.unit is LimitUnit.HOUR:
        return local + timedelta(hours=span.amount)
    if span.unit is LimitUnit.WORKING_HOUR:
        return _after_working_time(local, timedelta(hours=span.amount), calendar)
    return calendar.end_of(_last_day(local.date(), span, calendar))


def extended(before: datetime, span: Span, calendar: WorkCalendar) -> datetime:
    """The end of a limit that is extended by ``span`` from its end."""
    if span.unit in (LimitUnit.HOUR, LimitUnit.WORKING_HOUR):
        return due(before, span, calendar)
    return calendar.end_of(_last_day(_day_of_end(before), span, calendar))


def shifted(
    before: datetime, stood: timedelta, calendar: WorkCalendar, *, days: bool, roll: bool = True
) -> datetime:
    """The end of a limit whose clock stood still for a time; by whole days begun when it counts days.

    ``roll``: a new last day of rest moves to the next working day, as that of the limit does.
    """
    if not days:
        return before + stood
    added = -(-stood // _DAY)
    day = _day_of_end(before) + timedelta(days=added)
    while roll and not calendar.works_on(day):
        day += _DAY
    return calendar.end_of(day)


def last_moment_to_ask(end: datetime, cutoff: time) -> datetime:
    """Until when an extension may be asked for: the cut-off of the day on which the limit ends."""
    return min(end, datetime.combine(_day_of_end(end), cutoff, LOCAL))


def share_used(start: datetime, end: datetime, now: datetime) -> float:
    """How much of a limit is used up; above 1 when it is over.

    >>> day = datetime(2026, 11, 20, tzinfo=LOCAL)
    >>> share_used(day, day + _DAY, day + timedelta(hours=18))
    0.75
    """
    whole = (end - start).total_seconds()
    return (now - start).total_seconds() / whole if whole > 0 else 1.0


def _day_of_end(end: datetime) -> date:
    """The day that a limit's end belongs to: midnight is the end of the day before."""
    local = end.astimezone(LOCAL)
    return local.date() - _DAY if local.time() == time() else local.date()


def _last_day(first: date, span: Span, calendar: WorkCalendar) -> date:
    if span.unit is LimitUnit.DAY:
        day = first + timedelta(days=span.amount)
        while span.roll and not calendar.works_on(day):
            day += _DAY
        return day
    day, left = first, span.amount
    for _ in range(_FAR):
        day += _DAY
        left -= calendar.works_on(day)
        if left == 0:
            return day
    raise ValueError("the calendar has no working days")


def _after_working_time(start: datetime, wanted: timedelta, calendar: WorkCalendar) -> datetime:
    day = start.date()
    for _ in range(_FAR):
        for opens, closes in calendar.spans(day):
            begin = max(opens, start)
            if begin >= closes:
                continue
            if closes - begin >= wanted:
                return begin + wanted
            wanted -= closes - begin
        day += _DAY
    raise ValueError("the calendar has no working hours")
