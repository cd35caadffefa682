"""Calls by interval of a coming day, from past days: robust against days that were not like others. Pure.

A day's level is the weighted median of its like (the same day of the week, recent weeks weigh more), its
shape the smoothed mean share of each interval over days of its kind, without outliers. Holidays are a kind of
their own, worked weekends are working days.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from config.opening import SpecialDays, special_day

#: a day so many median deviations off its like is none of them
OUTLIER: Final = 5.0
#: after so many weeks a day weighs half
HALF_LIFE_WEEKS: Final = 4.0
#: neighbours of an interval take part in its share
KERNEL: Final = (1, 2, 3, 2, 1)
#: fewer days than this are not enough to speak of a kind
LEAST_DAYS: Final = 2

WORKING, WEEKEND, HOLIDAY = "working", "weekend", "holiday"


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Calls of one past day by interval."""

    day: date
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


def kind_of(day: date, calendar: Sequence[SpecialDays]) -> str:
    """What kind of day it is."""
    special = special_day(calendar, day)
    if special is not None:
        return WORKING if special.open else HOLIDAY
    return WEEKEND if day.isoweekday() > 5 else WORKING


def forecast(
    day: date, past: Sequence[DayCounts], calendar: Sequence[SpecialDays], intervals: int
) -> tuple[float, ...]:
    """Expected calls of a day by interval; all 0 without a past."""
    kinds = {it.day: kind_of(it.day, calendar) for it in past}
    kind = kind_of(day, calendar)
    shape_days = _usual([it for it in past if kinds[it.day] == kind])
    if len(shape_days) < LEAST_DAYS and kind == HOLIDAY:
        # no holiday yet: weekends are nearest to it
        return forecast(_a_sunday(day), past, calendar, intervals)
    if len(shape_days) < LEAST_DAYS:
        shape_days = _usual(past)
    same_weekday = [it for it in past if it.day.isoweekday() == day.isoweekday() and kinds[it.day] == kind]
    level_days = same_weekday if len(same_weekday) >= LEAST_DAYS else shape_days
    level = _weighted_median([(it.total, _weight(it.day, day)) for it in level_days])
    shape = _shape(shape_days, intervals)
    return tuple(level * share for share in shape)


def _a_sunday(day: date) -> date:
    """The Sunday after, by the ordinary week; the calendar says nothing of it where it is far enough."""
    ordinal = day.toordinal()
    return date.fromordinal(ordinal + 7 - day.isoweekday() % 7 + 364)


def _weight(past: date, day: date) -> float:
    return float(0.5 ** (max(0, (day - past).days) / 7 / HALF_LIFE_WEEKS))


def _usual(days: Sequence[DayCounts]) -> list[DayCounts]:
    """Without days that are far off their like, such as those of an outage."""
    if len(days) < 4:
        return list(days)
    totals = [it.total for it in days]
    middle = statistics.median(totals)
    spread = statistics.median(abs(it - middle) for it in totals) or max(1.0, 0.05 * middle)
    return [it for it in days if abs(it.total - middle) <= OUTLIER * spread]


def _weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The value that half of the weight is not above; between two that share it, their mean."""
    if not values:
        return 0.0
    ordered, half = sorted(values), sum(weight for _, weight in values) / 2
    seen = 0.0
    for at, (value, weight) in enumerate(ordered):
        seen += weight
        if abs(seen - half) < 1e-12 and at + 1 < len(ordered):
            return (value + ordered[at + 1][0]) / 2
        if seen > half:
            return value
    return ordered[-1][0]


def _shape(days: Sequence[DayCounts], intervals: int) -> list[float]:
    """Each interval's share of a day, smoothed with its neighbours; equal shares of nothing."""
    sums = [float(sum(it.counts[at] for it in days)) for at in range(intervals)]
    total = sum(sums)
    if not total:
        return [1 / intervals] * intervals
    reach, weight = len(KERNEL) // 2, sum(KERNEL)
    return [
        sum(k * sums[(at + off - reach) % intervals] for off, k in enumerate(KERNEL)) / weight / total
        for at in range(intervals)
    ]


def error_share(
    past: Sequence[DayCounts],
    calendar: Sequence[SpecialDays],
    intervals: int,
    guess: Callable[..., tuple[float, ...]] = forecast,
) -> float | None:
    """How far forecasts of the last seven days from those before were off: Σ|error| ÷ Σ calls, by hour.

    None: there is too little past for it.
    """
    days = sorted(past, key=lambda it: it.day)
    last, before = days[-7:], days[:-7]
    actual = sum(it.total for it in last)
    if len(before) < 14 or not actual:
        return None
    width = max(1, intervals // 24)
    off = 0.0
    for it in last:
        expected = guess(it.day, before, calendar, intervals)
        for first in range(0, intervals, width):
            off += abs(sum(expected[first : first + width]) - sum(it.counts[first : first + width]))
    return off / actual


def days_from(
    counts: Mapping[tuple[date, int], int], first: date, last: date, intervals: int
) -> list[DayCounts]:
    """Days from the first one with any call on, later ones without a call included."""
    seen = sorted({day for day, _ in counts})
    if not seen:
        return []
    begin = max(first, seen[0])
    return [
        DayCounts(day, tuple(counts.get((day, at), 0) for at in range(intervals)))
        for day in (date.fromordinal(it) for it in range(begin.toordinal(), last.toordinal() + 1))
    ]
