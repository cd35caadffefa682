"""The least rate over any continuous hours, to the minute, without reading every minute of a year.

A window that starts within an hour holds the hours between whole, and parts of the two at its edges. Its rate
is not below what comes out if those two give all their misses and nobody reached: only hours whose bound is
below the least rate found so far are looked at by the minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from config.rates import RateDefinition
from ticketing_bridge.rate.plans import plan_of
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.rate_pieces import Level
from ticketing_bridge.store.rate_repository import Sums

Ints = npt.NDArray[np.int64]
HOUR: Final = timedelta(hours=1)
#: candidates that are looked at by the minute in one query
AT_ONCE: Final = 24


@dataclass(frozen=True, slots=True)
class Window:
    """The window with the least rate; of equal ones the earliest that was found."""

    start: datetime
    end: datetime
    base: int
    reached: int

    @property
    def misses(self) -> int:
        return self.base - self.reached

    def rate(self) -> float:
        return self.reached / self.base


async def least_window(
    uow: UnitOfWork,
    definition: RateDefinition,
    begin: datetime,
    end: datetime,
    now: datetime,
    *,
    line: str | None = None,
    queue: str | None = None,
) -> Window | None:
    """The window of ``definition.window_h`` hours with the least rate of those that touch ``[begin, end)``.

    Windows cross the period's edges, and none reaches past ``now``. None: none is over, or none has a call.
    """
    hours = definition.window_h or 24
    plan = plan_of(definition)
    if plan is None:
        return None
    length = timedelta(hours=hours)
    first = Level.HOUR.floor(begin - length + timedelta(minutes=1))
    last = min(end - timedelta(minutes=1), Level.MINUTE.floor(now) - length)
    if last < first:
        return None
    await uow.rates.plan_freshly()
    columns = {"b": (*plan.base, *(f"-{it}" for it in plan.unknown)), "r": plan.reached}
    until = Level.HOUR.ceil(last) + length + HOUR
    sums = await uow.rates.sums(first, until, columns, line=line, queue=queue, by="hour")
    base, reached = _hourly(first, until, sums)
    search = _Search(first, begin - length + timedelta(minutes=1), last, hours, base, reached)
    while asked := search.wanted():
        edges = sorted({hour for at in asked for hour in (search.hour(at), search.hour(at + hours))})
        found = await uow.rate_rows.minutes(edges, columns, line, queue)
        for at in asked:
            search.look(at, *(_minutes(search.hour(it), found) for it in (at, at + hours)))
    return search.best


def _hourly(first: datetime, until: datetime, sums: Sequence[Sums]) -> tuple[Ints, Ints]:
    count = (until - first) // HOUR
    base, reached = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for it in sums:
        if isinstance(it.key, datetime):
            at = (it.key - first) // HOUR
            base[at], reached[at] = it.values["b"], it.values["r"]
    return base, reached


def _minutes(hour: datetime, found: Mapping[datetime, Mapping[str, int]]) -> Ints:
    """Base and reached of the hour's 60 minutes."""
    rows = (found.get(hour + timedelta(minutes=it)) for it in range(60))
    return np.array([(row["b"], row["r"]) if row else (0, 0) for row in rows], np.int64)


class _Search:
    """Best first. Starts are counted in hours from ``first``; allowed are those in ``[earliest, latest]``."""

    def __init__(
        self, first: datetime, earliest: datetime, latest: datetime, hours: int, base: Ints, reached: Ints
    ) -> None:
        self._first, self._earliest, self._latest, self._hours = first, earliest, latest, hours
        self._base, self._reached = base, reached
        self.best: Window | None = None
        starts = len(base) - hours
        whole = [np.concatenate(([0], np.cumsum(it))) for it in (base, reached)]
        inner_b, inner_r = (it[hours : hours + starts] - it[1 : 1 + starts] for it in whole)
        missed = base - reached
        edges = missed[:starts] + missed[hours : hours + starts]
        # without a call between, one missed at an edge may be all there is
        worst = np.where(inner_b + edges > 0, inner_r / np.maximum(1, inner_b + edges), 2.0)
        alone = (inner_b == 0) & (base[:starts] + base[hours : hours + starts] > 0)
        self._bound = np.where(alone, np.minimum(worst, 1.0), worst)
        full_b, full_r = (it[hours : hours + starts] - it[:starts] for it in whole)
        self._aligned(full_b, full_r)
        self._order = [int(at) for at in np.argsort(self._bound, kind="stable") if self._bound[at] <= 1.0]
        self._next = 0

    def hour(self, at: int) -> datetime:
        return self._first + at * HOUR

    def _aligned(self, base: Ints, reached: Ints) -> None:
        """Windows that start on the hour are known already."""
        for at in np.argsort(np.where(base > 0, reached / np.maximum(1, base), 2.0), kind="stable"):
            if base[at] == 0:
                return
            if self._earliest <= self.hour(int(at)) <= self._latest:
                self._take(self.hour(int(at)), int(base[at]), int(reached[at]))
                return

    def _take(self, start: datetime, base: int, reached: int) -> None:
        found = Window(start, start + timedelta(hours=self._hours), base, reached)
        if base and (self.best is None or found.rate() < self.best.rate()):
            self.best = found

    def wanted(self) -> list[int]:
        """The next hours that may hold a lower rate; none: the least is found."""
        limit = self.best.rate() if self.best else 2.0
        asked = [at for at in self._order[self._next : self._next + AT_ONCE] if self._bound[at] < limit]
        self._next += len(asked)
        return asked

    def look(self, at: int, left: Ints, right: Ints) -> None:
        """All starts within an hour, by the minute."""
        inner = np.array([it[at + 1 : at + self._hours].sum() for it in (self._base, self._reached)])
        suffix = np.cumsum(left[::-1], axis=0)[::-1]
        prefix = np.concatenate((np.zeros((1, 2), np.int64), np.cumsum(right, axis=0)[:-1]))
        totals = suffix + prefix + inner
        rates = np.where(totals[:, 0] > 0, totals[:, 1] / np.maximum(1, totals[:, 0]), 2.0)
        for minute in np.argsort(rates, kind="stable"):
            start = self.hour(at) + timedelta(minutes=int(minute))
            if self._earliest <= start <= self._latest:
                self._take(start, int(totals[minute, 0]), int(totals[minute, 1]))
                return
