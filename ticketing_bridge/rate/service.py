"""Rates of a stretch of time, from the cells; what they cannot answer from the calls, saying so."""

from __future__ import annotations

import time as clocks
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from config.rates import RateDefinition, Rates
from facts.agents import AgentState
from facts.call import Outcome
from facts.percent import percent_of
from ticketing_bridge.rate.book import LOCAL, DefinitionBook, DefinitionUnknown, Stretch, definition_book
from ticketing_bridge.rate.definitions import Rate, formula_of
from ticketing_bridge.rate.plans import Plan, plan_of, wanted
from ticketing_bridge.rate.report import CallerRate, Group, RateReport
from ticketing_bridge.rate.rolling import Window, least_window
from ticketing_bridge.rate.waits import COLUMNS, Waits, highest_edge_ms, waits_of
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.rate_facts import ABANDONED
from ticketing_bridge.store.rate_repository import Sums

__all__ = [
    "LOCAL",
    "DefinitionUnknown",
    "RateQuery",
    "RateReport",
    "day_of",
    "rate_between",
    "rate_report",
    "today",
]

#: callers are told apart over so long unless asked for: it reads every call
CALLERS_DAYS = 40
_MOMENT = timedelta(microseconds=1)
#: beside every rate, in the same columns
_BESIDE: Mapping[str, tuple[str, ...]] = {"unresolved": ("n_unresolved",), "excluded": ("excluded",)}
_OUTCOMES: Mapping[str, tuple[str, ...]] = {f"n_{it}": (f"n_{it}",) for it in Outcome}


@dataclass(frozen=True, slots=True)
class RateQuery:
    """Calls that arrived in ``[begin, end)``, to the minute; ``names`` empty: all definitions.

    ``by``: hour, day, month, line, queue or agent.
    """

    begin: datetime
    end: datetime
    names: tuple[str, ...] = ()
    line: str | None = None
    queue: str | None = None
    by: str | None = None
    #: tell callers apart although the period is long
    callers: bool = False
    #: waits, callers, exclusions, the carrier's counts
    beside: bool = True


def day_of(now: datetime) -> tuple[datetime, datetime]:
    """Begin and end (UTC) of the day in Asia/Shanghai that holds ``now``."""
    begin = datetime.combine(now.astimezone(LOCAL).date(), time(), LOCAL)
    return begin.astimezone(UTC), (begin + timedelta(days=1)).astimezone(UTC)


async def today(
    uow: UnitOfWork, now: datetime, *names: str, line: str | None = None, rates: Rates | None = None
) -> RateReport:
    """Rates of the local day that holds ``now``; without names ``person`` alone."""
    begin, end = day_of(now)
    return await rate_between(uow, begin, end, *(names or ("person",)), line=line, rates=rates)


async def rate_between(
    uow: UnitOfWork,
    begin: datetime,
    end: datetime,
    *names: str,
    line: str | None = None,
    rates: Rates | None = None,
) -> RateReport:
    """Rates of the calls that arrived in ``[begin, end)``; without names all definitions.

    Raises:
        DefinitionUnknown: naming those that there are.
    """
    return await rate_report(uow, RateQuery(begin, end, names, line), rates=rates)


async def rate_report(
    uow: UnitOfWork, query: RateQuery, *, rates: Rates | None = None, now: datetime | None = None
) -> RateReport:
    """The whole answer.

    Raises:
        DefinitionUnknown: naming those that there are.
    """
    began = clocks.perf_counter()
    await uow.rates.plan_freshly()
    book = await definition_book(uow, rates)
    names = query.names or book.names
    stretches = book.stretches(names, query.begin, query.end)
    plain = [replace(it, definitions=tuple(d for d in it.definitions if not d.window_h)) for it in stretches]
    opened = await uow.rate_rows.open_calls(query.begin, query.end, query.line)
    totals, figures, sums = await _totals(uow, query, plain, opened)
    report = RateReport(
        begin=query.begin,
        end=query.end,
        line=query.line,
        queue=query.queue,
        by=query.by,
        rates=tuple(figures[name] for name in names if name in figures),
        outcomes=_outcomes(totals, opened),
        as_of=await uow.calls.changed_at(),
        windows=await _windows(uow, query, stretches, now or datetime.now(UTC)),
        groups=await _groups(uow, query, plain),
        agents=tuple(await uow.rate_rows.agents(query.begin, query.end)) if query.by == "agent" else (),
        changes=_changes(book, names, query),
    )
    if query.beside:
        report = await _with_books(uow, query, report, plain, sums)
    return replace(report, took_ms=1000 * (clocks.perf_counter() - began))


async def _totals(
    uow: UnitOfWork, query: RateQuery, stretches: Sequence[Stretch], opened: int
) -> tuple[dict[str, int], dict[str, Rate], dict[str, int]]:
    """Outcomes, rates and waits' columns of the whole period."""
    sums: dict[str, int] = {}
    figures: dict[str, Rate] = {}
    beside = COLUMNS if query.beside else {}
    for stretch in stretches:
        plans = _plans(stretch.definitions)
        columns = {**_OUTCOMES, **_BESIDE, **beside, **wanted(plans.items())}
        (row,) = await uow.rates.rows(stretch.begin, stretch.end, columns, line=query.line, queue=query.queue)
        for name, value in zip(columns, row[1:], strict=True):
            sums[name] = sums.get(name, 0) + value
        for definition in stretch.definitions:
            rate = _maker(definition, [*columns], definition.name in plans)(row)
            if definition.name not in plans:
                rate = _counted(rate, (await _exact(uow, query, stretch, definition, None))[0].values)
            before = figures.get(definition.name)
            figures[definition.name] = before.plus(rate) if before else rate
    return sums, {name: replace(it, open=opened) for name, it in figures.items()}, sums


def _plans(definitions: Sequence[RateDefinition]) -> dict[str, Plan]:
    found = {it.name: plan_of(it) for it in definitions}
    return {name: plan for name, plan in found.items() if plan is not None}


async def _exact(
    uow: UnitOfWork, query: RateQuery, stretch: Stretch, definition: RateDefinition, by: str | None
) -> list[Sums]:
    return await uow.rate_rows.exact(
        definition, stretch.begin, stretch.end, line=query.line, queue=query.queue, by=by
    )


def _maker(
    definition: RateDefinition, columns: Sequence[str], from_cells: bool
) -> Callable[[Sequence[Any]], Rate]:
    """Figures of rows (a key, then these columns), for thousands of them; 0 ÷ 0 where cells cannot answer."""
    at = {column: place for place, column in enumerate(columns, 1)}
    unresolved, excluded = at["unresolved"], at["excluded"]
    name, title, formula = definition.name, definition.title, formula_of(definition)
    if not from_cells:
        return lambda row: Rate(
            name, formula, 0, 0, 0, 0, row[unresolved], 0, row[excluded], title, from_cells=False
        )
    base, reached, unknown = (at[f"{it}_{name}"] for it in "bru")

    def make(row: Sequence[Any]) -> Rate:
        misses = row[base] - row[reached] - row[unknown]
        return Rate(
            name, formula, row[base], row[reached], misses, row[unknown],
            row[unresolved], 0, row[excluded], title,
        )  # fmt: skip

    return make


def _counted(rate: Rate, row: Mapping[str, int]) -> Rate:
    """The same from the calls."""
    base, reached, unknown = (row[it] for it in "bru")
    return replace(rate, base=base, reached=reached, unknown=unknown, misses=base - reached - unknown)


def _outcomes(sums: Mapping[str, int], opened: int) -> dict[str, int]:
    counts = {it.value: sums.get(f"n_{it}", 0) for it in Outcome} | {"open": opened}
    return {name: count for name, count in counts.items() if count}


async def _windows(
    uow: UnitOfWork, query: RateQuery, stretches: Sequence[Stretch], now: datetime
) -> dict[str, Window | None]:
    found: dict[str, Window | None] = {}
    # a window is judged by the definition at the period's end
    for definition in stretches[-1].definitions if stretches else ():
        if definition.window_h:
            found[definition.name] = await least_window(
                uow, definition, query.begin, query.end, now, line=query.line, queue=query.queue
            )
    return found


async def _groups(uow: UnitOfWork, query: RateQuery, stretches: Sequence[Stretch]) -> tuple[Group, ...]:
    if query.by in (None, "agent"):
        return ()
    found: dict[str | datetime, tuple[Rate, ...]] = {}
    for stretch in stretches:
        plans = _plans(stretch.definitions)
        columns = {**_BESIDE, **wanted(plans.items())}
        rows = await uow.rates.rows(
            stretch.begin, stretch.end, columns, line=query.line, queue=query.queue, by=query.by
        )
        exact = {
            it.name: {row.key: row.values for row in await _exact(uow, query, stretch, it, query.by)}
            for it in stretch.definitions
            if it.name not in plans
        }
        makers = [_maker(it, [*columns], it.name in plans) for it in stretch.definitions]
        for row in rows:
            key = row[0]
            rates = tuple([make(row) for make in makers])
            if exact:
                rates = tuple(
                    _counted(it, exact[it.definition].get(key, _NOTHING)) if it.definition in exact else it
                    for it in rates
                )
            before = found.get(key)
            found[key] = _together(before, rates) if before else rates
    ordered = found.items() if len(stretches) == 1 else sorted(found.items(), key=lambda it: str(it[0]))
    return tuple(Group(key, rates) for key, rates in ordered)


_NOTHING: Mapping[str, int] = {"b": 0, "r": 0, "u": 0}


def _together(before: Sequence[Rate], after: Sequence[Rate]) -> tuple[Rate, ...]:
    """Rates of one group on both sides of a definition's change."""
    rates = {it.definition: it for it in before}
    for it in after:
        rates[it.definition] = rates[it.definition].plus(it) if it.definition in rates else it
    return tuple(rates.values())


async def _with_books(
    uow: UnitOfWork,
    query: RateQuery,
    report: RateReport,
    stretches: Sequence[Stretch],
    sums: Mapping[str, int],
) -> RateReport:
    """Waits, callers, exclusions and the carrier's counts beside the rates."""
    first = next((it for stretch in stretches for it in stretch.definitions), None)
    short = query.end - query.begin <= timedelta(days=CALLERS_DAYS)
    callers = None
    if first is not None and (query.callers or short):
        callers = CallerRate(
            first.name, await uow.rate_rows.callers(first, query.begin, query.end, query.line)
        )
    first_day, last_day = (it.astimezone(LOCAL).date() for it in (query.begin, query.end - _MOMENT))
    # the carrier counts numbers, not lines or queues
    whole = query.line is None and query.queue is None
    return replace(
        report,
        waits=await _waits(uow, query, sums),
        callers=callers,
        excluded_kinds=(
            await uow.rate_books.excluded_kinds(query.begin, query.end, query.line)
            if sums.get("excluded")
            else {}
        ),
        carrier=await uow.rate_books.carrier(first_day, last_day) if whole else None,
    )


async def _waits(uow: UnitOfWork, query: RateQuery, sums: Mapping[str, int]) -> Waits | None:
    if not sums:
        return None
    longest = []
    for name, outcomes in (("wait", [Outcome.ANSWERED]), ("lost", [*ABANDONED])):
        least = highest_edge_ms(sums, name)
        longest.append(
            None
            if least is None
            else await uow.rate_rows.longest_ms(
                outcomes, query.begin, query.end, at_least_ms=least, line=query.line
            )
        )
    wrap_up_s, occupancy = await _work(uow, query)
    return waits_of(
        sums,
        longest_answered_ms=longest[0],
        longest_abandoned_ms=longest[1],
        wrap_up_s=wrap_up_s,
        occupancy_percent=occupancy,
    )


async def _work(uow: UnitOfWork, query: RateQuery) -> tuple[float | None, Decimal | None]:
    """Mean wrap-up, and occupancy, from agents' states. An agent's time is of no line or queue alone."""
    if query.line or query.queue or query.end - query.begin > timedelta(days=CALLERS_DAYS):
        return None, None
    now = datetime.now(UTC)
    spans = await uow.agents.spans(query.begin, min(query.end, now))
    wraps = [it.seconds(now) for it in spans if it.state is AgentState.WRAP_UP]
    busy = sum(it.seconds(now) for it in spans if it.state in _OCCUPIED)
    there = sum(it.seconds(now) for it in spans if it.state.signed_in)
    return (sum(wraps) / len(wraps) if wraps else None), percent_of(round(busy), round(there))


#: what counts as work of those who are signed in
_OCCUPIED = frozenset({AgentState.RINGING, AgentState.TALKING, AgentState.BUSY, AgentState.WRAP_UP})


def _changes(book: DefinitionBook, names: Sequence[str], query: RateQuery) -> dict[str, list[date]]:
    first, last = query.begin.astimezone(LOCAL).date(), query.end.astimezone(LOCAL).date()
    found = {
        name: [it.effective_from for it in book.versions(name) if first < it.effective_from <= last]
        for name in names
    }
    return {name: days for name, days in found.items() if days}
