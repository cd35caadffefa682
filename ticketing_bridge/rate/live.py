"""The rate as it stands now: what the board and the wall ask each second. Some milliseconds, from cells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from config.rates import RateDefinition, Rates
from ticketing_bridge.rate.allowance import Allowance, allowance
from ticketing_bridge.rate.book import LOCAL, definition_book
from ticketing_bridge.rate.definitions import Rate
from ticketing_bridge.rate.plans import plan_of
from ticketing_bridge.rate.service import RateQuery, day_of, rate_report
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.rate_records import AlertRow

#: so many of the same days of the week say what is still to come today
WEEKS = 4
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Calls of the rate's base that arrived in one local hour of today."""

    hour: int
    reached: int
    misses: int


@dataclass(frozen=True, slots=True)
class RateNow:
    """Today so far, by one definition. What must be printed beside (excluded, unresolved) is in ``rate``."""

    rate: Rate
    target_percent: float
    allowance: Allowance
    hours: tuple[HourCounts, ...]
    #: callers who were missed in the last 24 h and not reached since; numbers are never on a wall
    missed_callers: int
    #: misses of callers who withheld their number, in the last 24 h
    missed_withheld: int
    #: alerts that stand
    alerts: tuple[AlertRow, ...]
    #: when the ledger was last written; None: never
    as_of: datetime | None

    @property
    def below_target(self) -> bool:
        """By the figure as it is printed."""
        return self.rate.percent is not None and float(self.rate.percent) < self.target_percent


async def rate_now(
    uow: UnitOfWork,
    now: datetime,
    *,
    target_percent: float,
    definition: str | None = None,
    line: str | None = None,
    rates: Rates | None = None,
) -> RateNow:
    """Today's rate (``definition`` None: the published one), what it still allows, its hours, who was missed.

    Raises:
        DefinitionUnknown: naming those that there are.
    """
    begin, end = day_of(now)
    name = definition or (rates.published if rates else "person")
    query = RateQuery(begin, end, (name,), line, by="hour", beside=False)
    report = await rate_report(uow, query, rates=rates, now=now)
    rate = report.rate(name)
    hours = tuple(
        HourCounts(group.key.astimezone(LOCAL).hour, it.reached, it.misses)
        for group in report.groups
        for it in group.rates
        if isinstance(group.key, datetime) and it.base
    )
    held = (await definition_book(uow, rates)).on(name, now.astimezone(LOCAL).date())
    expected = await _expected(uow, held, now, end, line)
    return RateNow(
        rate=rate,
        target_percent=target_percent,
        allowance=allowance(rate.reached, rate.base - rate.unknown, target_percent, expected),
        hours=hours,
        missed_callers=await uow.rate_rows.lost_callers(now - DAY, now, line),
        missed_withheld=await uow.rate_rows.withheld_misses(now - DAY, now, line),
        alerts=tuple(await uow.rate_books.open_alerts()),
        as_of=report.as_of,
    )


async def _expected(
    uow: UnitOfWork, definition: RateDefinition | None, now: datetime, end: datetime, line: str | None
) -> int | None:
    """Calls until midnight: the middle of what the same hours of the last weeks brought; None: nothing."""
    plan = plan_of(definition) if definition else None
    if plan is None:
        return None
    found = []
    for week in range(1, WEEKS + 1):
        back = timedelta(weeks=week)
        (row,) = await uow.rates.sums(now - back, end - back, {"base": plan.base}, line=line)
        found.append(row.values["base"])
    seen = sorted(count for count in found if count)
    return seen[len(seen) // 2] if seen else None
