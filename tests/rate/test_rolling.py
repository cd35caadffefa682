"""The least of all continuous windows, found without reading every minute, beside a reading of every one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.rates import RateDefinition
from facts.call import Outcome
from ticketing_bridge.rate import shipped
from ticketing_bridge.rate.rolling import AT_ONCE, Window, least_window
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.rate_pieces import CHINA
from ticketing_bridge.store.rate_repository import Sums

DAY = datetime(2026, 11, 21, tzinfo=CHINA)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WINDOW = shipped()["rolling_24h"]
#: minute since DAY → base, reached
Counts = dict[int, tuple[int, int]]


@dataclass
class Minutes:
    """Counts of each minute, as the cells keep them; remembers what was read by the minute."""

    counts: Counts
    read: list[Sequence[datetime]] = field(default_factory=list)

    @property
    def rates(self) -> Minutes:
        return self

    @property
    def rate_rows(self) -> Minutes:
        return self

    async def plan_freshly(self) -> None:
        """Nothing is planned."""

    async def sums(self, begin: datetime, end: datetime, *_: object, by: str, **__: object) -> list[Sums]:
        assert by == "hour"
        hours: dict[datetime, tuple[int, int]] = {}
        for minute, (base, reached) in self.counts.items():
            if begin <= (at := DAY + minute * MINUTE) < end:
                hour = DAY + (at - DAY) // HOUR * HOUR
                before = hours.get(hour, (0, 0))
                hours[hour] = (before[0] + base, before[1] + reached)
        return [Sums(hour, {"b": base, "r": reached}) for hour, (base, reached) in hours.items()]

    async def minutes(self, hours: Sequence[datetime], *_: object) -> dict[datetime, Mapping[str, int]]:
        self.read.append(hours)
        return {
            DAY + minute * MINUTE: {"b": base, "r": reached}
            for minute, (base, reached) in self.counts.items()
            if DAY + minute // 60 * HOUR in hours
        }


async def least(
    minutes: Minutes, begin: datetime, end: datetime, now: datetime, of: RateDefinition = WINDOW
) -> Window | None:
    return await least_window(cast(UnitOfWork, minutes), of, begin, end, now)


def of_all(
    counts: Counts, begin: datetime, end: datetime, now: datetime, hours: int
) -> dict[datetime, tuple[int, int]]:
    """Every window that touches ``[begin, end)`` and is over, with its base and reached."""
    length, start, found = timedelta(hours=hours), begin - timedelta(hours=hours) + MINUTE, {}
    times = [(DAY + minute * MINUTE, both) for minute, both in counts.items()]
    while start < end and start + length <= now:
        inside = [both for at, both in times if start <= at < start + length]
        if base := sum(it for it, _ in inside):
            found[start] = (base, sum(it for _, it in inside))
        start += MINUTE
    return found


some = st.integers(0, 5).flatmap(lambda base: st.tuples(st.just(base), st.integers(0, base)))
DAYS = 3
#: few calls, far apart; a whole busy morning
sparse = st.dictionaries(st.integers(0, 60 * 24 * DAYS - 1), some, max_size=25)
dense = st.lists(some, min_size=1, max_size=300).map(lambda them: dict(enumerate(them, 30 * 60)))
ANSWERED_THEN_LOST = {30 * 60: (9, 9), 30 * 60 + 1: (1, 0), 54 * 60 + 1: (5, 5)}
#: the least two hours begin and end in the midst of hours, and hold just the lost calls of these
AT_THE_EDGES = {1800: (9, 9), 1830: (1, 0), 1860: (10, 10), 1949: (1, 0), 1950: (9, 9)}


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    counts=st.one_of(sparse, dense),
    hours=st.sampled_from([1, 2, 5, 24]),
    begins=st.integers(0, 60 * 40),
    lasts=st.integers(1, 60 * 24),
    over=st.integers(-60 * 20, 60 * 30),
)
@example(counts=ANSWERED_THEN_LOST, hours=24, begins=1440, lasts=1440, over=1440)
@example(counts=AT_THE_EDGES, hours=2, begins=1440, lasts=1440, over=1440)
@example(counts={30 * 60: (1, 1)}, hours=1, begins=1440, lasts=1440, over=1440)
async def test_the_least_window_is_the_least_of_all(
    counts: Counts, hours: int, begins: int, lasts: int, over: int
) -> None:
    begin = DAY + begins * MINUTE
    end = begin + lasts * MINUTE
    now = end + over * MINUTE + timedelta(seconds=17)
    found = await least(Minutes(counts), begin, end, now, WINDOW.model_copy(update={"window_h": hours}))
    every = of_all(counts, begin, end, now, hours)
    if found is None:
        assert not every
        return
    assert every[found.start] == (found.base, found.reached), "its figures are those of its minutes"
    assert found.end - found.start == timedelta(hours=hours)
    assert found.rate() == min(reached / base for base, reached in every.values())
    assert found.misses == found.base - found.reached


async def test_the_least_window_begins_after_the_call_that_was_answered() -> None:
    """None that begins on the hour has the lost call without the answered ones beside it."""
    begin = DAY + timedelta(days=1)
    found = await least(
        Minutes(ANSWERED_THEN_LOST), begin, begin + timedelta(days=1), DAY + timedelta(days=9)
    )
    assert found is not None
    assert (found.base, found.reached, found.misses, found.rate()) == (1, 0, 1, 0.0)
    assert found.start <= DAY + timedelta(hours=30, minutes=1) < found.end


async def test_most_hours_need_not_be_read() -> None:
    """A month of steady hours with one bad: only those beside it are looked at by the minute."""
    counts = dict.fromkeys(range(0, 60 * 24 * 30, 7), (20, 19))
    bad = 60 * 24 * 12 + 60 * 9 + 30
    counts |= dict.fromkeys(range(bad, bad + 20), (20, 2))
    minutes = Minutes(counts)
    found = await least(minutes, DAY, DAY + timedelta(days=30), DAY + timedelta(days=40))
    assert found is not None
    assert found.start <= DAY + bad * MINUTE
    assert found.end >= DAY + (bad + 20) * MINUTE
    assert 0 < len({hour for hours in minutes.read for hour in hours}) <= 3 * AT_ONCE


@pytest.mark.parametrize(
    ("definition", "now"),
    [
        (WINDOW, DAY - HOUR),
        (WINDOW.model_copy(update={"within_s": 17, "reached": (Outcome.ANSWERED,)}), DAY + timedelta(days=9)),
    ],
    ids=["no window is over", "cells do not know 17 s"],
)
async def test_nothing_is_said_of_what_is_not_known(definition: RateDefinition, now: datetime) -> None:
    minutes = Minutes(dict.fromkeys(range(600), (1, 0)))
    assert await least(minutes, DAY, DAY + timedelta(days=1), now, definition) is None
    assert minutes.read == []


async def test_without_a_call_there_is_no_rate() -> None:
    assert await least(Minutes({}), DAY, DAY + timedelta(days=1), DAY + timedelta(days=9)) is None
