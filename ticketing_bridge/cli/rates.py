"""``hotline rate …``: the connection rate, never without its definition, and what lies behind it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from config.rates import load_rates
from facts.percent import percent_of
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.cli.within import From, LineId, To, day, with_database
from ticketing_bridge.house import House
from ticketing_bridge.rate.book import DefinitionBook, definition_book
from ticketing_bridge.rate.counting import ensure_counted, fold_all, recount_all
from ticketing_bridge.rate.definitions import DASH, Rate, formula_of
from ticketing_bridge.rate.miss_report import (
    MissedList,
    MissReport,
    miss_json,
    miss_report,
    missed_list,
)
from ticketing_bridge.rate.report import RateReport
from ticketing_bridge.rate.rolling import Window
from ticketing_bridge.rate.service import LOCAL, RateQuery, day_of, rate_report
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.rate_records import AlertRow, Exclusion

#: beside every rate
NUMBERS = ("n", "reached", "misses", "unknown", "unresolved", "excluded")
_rate = typer.Typer(help="The connection rate, never without its definition; today's unless days are given.")


class By(StrEnum):
    """What a rate is broken down by."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    LINE = "line"
    QUEUE = "queue"
    AGENT = "agent"


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    _rate.callback(invoke_without_command=True)(rate)
    app.add_typer(_rate, name="rate")


def period(from_: str | None, to: str | None) -> tuple[datetime, datetime]:
    """The days that were asked for: today, one day, or from the first to the last. Raises ``DayInvalid``."""
    first, last = day_of(datetime.now(LOCAL))
    if from_ is None and to is None:
        return first, last
    begin = day(from_ or to)
    end = day(to, after=True) or last
    assert begin is not None
    return begin.astimezone(UTC), end.astimezone(UTC)


def rate(
    context: typer.Context,
    from_: From = None,
    to: To = None,
    line: LineId = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    definition: Annotated[list[str] | None, typer.Option(help="Which definition; default: all.")] = None,
    by: Annotated[By | None, typer.Option(help="Break down; by agent: answered of offered rings.")] = None,
    callers: Annotated[
        bool, typer.Option("--callers", help="Tell callers apart over more than 40 days, too (slower).")
    ] = False,
    json_: Json = False,
) -> None:
    """The connection rate of calls that arrived on these days."""
    if context.invoked_subcommand is not None:
        return

    async def work(house: House, database: Database) -> RateReport:
        begin, end = period(from_, to)
        rates = load_rates(house.settings.hotline_config)
        names = tuple(definition or ((rates.published,) if by not in (None, By.AGENT) else ()))
        query = RateQuery(begin, end, names, line, queue, by.value if by else None, callers)
        await ensure_counted(database)
        await fold_all(database)
        async with database.unit_of_work() as uow:
            return await rate_report(uow, query, rates=rates)

    report = with_database(work)
    if json_:
        print_json(report.to_json())
    else:
        _tell(report)


@_rate.command()
def rebuild(json_: Json = False) -> None:
    """Count every call anew from its row. Exit code 1 when one was counted wrongly before."""

    async def work(_: House, database: Database) -> int:
        with Progress(console=errors, transient=True) as shown:
            task = shown.add_task("calls", total=None)
            return await recount_all(database, lambda seen: shown.update(task, completed=seen))

    changed = with_database(work)
    if json_:
        print_json({"changed": changed})
    else:
        console.print(f"{changed} calls were counted wrongly before", highlight=False)
    raise typer.Exit(1 if changed else 0)


@_rate.command()
def misses(
    from_: From = None,
    to: To = None,
    line: LineId = None,
    limit: Annotated[int, typer.Option(min=0, help="How many single misses are printed.")] = 20,
    json_: Json = False,
) -> None:
    """Why each call was missed and what would have saved it, ranked; today's unless days are given."""

    async def work(house: House, database: Database) -> MissReport:
        begin, end = period(from_, to)
        await ensure_counted(database)
        async with database.unit_of_work() as uow:
            return await miss_report(uow, house.hotline, begin, end, line=line)

    report = with_database(work)
    if json_:
        print_json(report.to_json())
        return
    table = Table("misses", "cause", "would have saved them", "rang in vain", header_style="bold")
    for it in report.ranked:
        rang = ", ".join(f"{agent} {count}×" for agent, count in it.rang[:5])
        table.add_row(str(it.count), it.cause.value, it.remedy.value, rang)
    console.print(table)
    for miss in report.misses[:limit]:
        facts = {name: value for name, value in miss_json(miss).items() if value not in (None, [], "")}
        shown = " ".join(f"{name}={value}" for name, value in facts.items() if name in _OF_ONE)
        at = miss.arrived_at.astimezone(LOCAL)
        console.print(f"{at:%m-%d %H:%M:%S} {miss.cause.value}: {shown} {miss.call}", highlight=False)


@_rate.command()
def alerts(
    secret: Annotated[
        bool, typer.Option("--secret", help="Print what signs alerts told by webhook, for the receiver.")
    ] = False,
    json_: Json = False,
) -> None:
    """What stands, and what was raised in the last week. Exit code 1 when something stands."""

    async def work(house: House, database: Database) -> list[AlertRow]:
        if secret:
            console.print(house.secrets.alerts, highlight=False, markup=False)
            raise typer.Exit(0)
        async with database.unit_of_work() as uow:
            return await uow.rate_books.recent_alerts(datetime.now(LOCAL) - timedelta(days=7))

    found = with_database(work)
    if json_:
        print_json([asdict(it) for it in found])
    else:
        table = Table("raised", "cleared", "alert", "figures", "webhook", header_style="bold")
        for it in found:
            cleared = f"{it.cleared_at.astimezone(LOCAL):%m-%d %H:%M:%S}" if it.cleared_at else "stands"
            figures = " ".join(f"{name}={value}" for name, value in it.facts.items())
            raised = f"{it.raised_at.astimezone(LOCAL):%m-%d %H:%M:%S}"
            table.add_row(raised, cleared, it.kind, figures, it.told or DASH)
        console.print(table)
    raise typer.Exit(1 if any(it.cleared_at is None for it in found) else 0)


@_rate.command()
def exclusions(json_: Json = False) -> None:
    """Calls that were taken out of every base, by whom and why, and those that wait for a second person."""

    async def work(_: House, database: Database) -> list[Exclusion]:
        async with database.unit_of_work() as uow:
            return await uow.rate_books.exclusions()

    found = with_database(work)
    if json_:
        print_json([asdict(it) for it in found])
        return
    table = Table("id", "call", "kind", "reason", "asked by", "confirmed by", "ended by", header_style="bold")
    for it in found:
        by = (it.asked_by, it.confirmed_by or "waits", it.ended_by or "")
        table.add_row(str(it.id), it.call, it.kind, it.reason, *by)
    console.print(table)


@_rate.command()
def definitions(json_: Json = False) -> None:
    """All definitions with their versions, each from its day on."""

    async def work(house: House, database: Database) -> DefinitionBook:
        async with database.unit_of_work() as uow:
            return await definition_book(uow, load_rates(house.settings.hotline_config))

    book = with_database(work)
    versions = [it for name in book.names for it in book.versions(name)]
    if json_:
        print_json(
            [
                {
                    **it.definition.model_dump(mode="json"),
                    "formula": formula_of(it.definition),
                    "effective_from": None if it.made_at is None else it.effective_from.isoformat(),
                    "made_by": it.made_by or None,
                    "reason": it.reason or None,
                }
                for it in versions
            ]
        )
        return
    table = Table("definition", "from", "formula", "title", "made by", "reason", header_style="bold")
    for it in versions:
        from_ = "shipped" if it.made_at is None else str(it.effective_from)
        one = it.definition
        table.add_row(one.name, from_, formula_of(one), one.title, it.made_by, it.reason)
    console.print(table)


_OF_ONE = ("line", "queue", "waited_s", "lasted_s", "ahead", "busy", "rang", "place")


@_rate.command()
def missed(
    from_: From = None,
    to: To = None,
    line: LineId = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 500,
    json_: Json = False,
) -> None:
    """Callers who were missed and not reached within 24 h, numbers masked; today's unless days are given."""

    async def work(_: House, database: Database) -> MissedList:
        begin, end = period(from_, to)
        await ensure_counted(database)
        async with database.unit_of_work() as uow:
            return await missed_list(uow, begin, end, line=line, limit=limit)

    found, now = with_database(work), datetime.now(LOCAL)
    facts = found.to_json(now)
    if json_:
        print_json(facts)
        return
    names = ("caller", "line", "outcome", "misses", "first_at", "can_be_reached_until", "callback", "call")
    table = Table(*names, header_style="bold")
    for row in facts["callers"]:
        table.add_row(*(str(row[name] or DASH) for name in names))
    console.print(table)
    console.print(f"{found.withheld_misses} more misses withheld their number", highlight=False)


def _tell(report: RateReport) -> None:
    """For a person: figures, then what must be known beside them."""
    if report.by == "agent":
        _tell_agents(report)
    else:
        console.print(_table(report))
        if report.groups:
            console.print(_groups(report))
    for name, window in report.windows.items():
        console.print(f"{name}: {_window(window)}", highlight=False)
    _tell_waits(report)
    changes = "; ".join(
        f"{name} changes on {', '.join(map(str, days))}" for name, days in report.changes.items()
    )
    as_of = f"{report.as_of.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}" if report.as_of else "never written"
    excluded = ", ".join(f"{count} {kind}" for kind, count in report.excluded_kinds.items())
    begin, end = (f"{it.astimezone(LOCAL):%Y-%m-%d %H:%M}" for it in (report.begin, report.end))
    for said in (
        f"excluded by two people: {excluded}" if excluded else "",
        _carrier(report),
        changes,
        f"calls from {begin} to {end}; ledger as of {as_of}; {report.took_ms:.0f} ms",
    ):
        if said:
            console.print(said, highlight=False)


def _table(report: RateReport) -> Table:
    table = Table("definition", "rate", *NUMBERS, "open", "formula", header_style="bold")
    for one in report.rates:
        mark = "" if one.from_cells else " (counted call by call)"
        table.add_row(one.definition, one.percent_text, *_numbers(one), str(one.open), one.formula + mark)
    return table


def _numbers(one: Rate) -> list[str]:
    return [str(it) for it in (one.base, one.reached, one.misses, one.unknown, one.unresolved, one.excluded)]


def _groups(report: RateReport) -> Table:
    table = Table(report.by or "", "definition", "rate", *NUMBERS, header_style="bold")
    form = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}.get(report.by or "", "")
    for group in report.groups:
        key = group.key
        shown = key or DASH if isinstance(key, str) else key.astimezone(LOCAL).strftime(form)
        for one in group.rates:
            table.add_row(shown, one.definition, one.percent_text, *_numbers(one))
    return table


def _window(window: Window | None) -> str:
    if window is None:
        return f"{DASH} (no window is over)"
    start = f"{window.start.astimezone(LOCAL):%Y-%m-%d %H:%M}"
    percent = percent_of(window.reached, window.base)
    return f"{percent} % at least, in the window from {start} (n {window.base}, misses {window.misses})"


def _tell_agents(report: RateReport) -> None:
    table = Table("agent", "offered rings", "answered", "answered of offered", "talk", header_style="bold")
    for it in report.agents:
        percent = percent_of(it.answered, it.rings)
        shown = DASH if percent is None else f"{percent} %"
        table.add_row(it.agent, str(it.rings), str(it.answered), shown, f"{it.talk_ms / 60_000:.0f} min")
    console.print(table)
    console.print("answered of offered rings says nothing about the connection rate", highlight=False)


def _tell_waits(report: RateReport) -> None:
    if (it := report.waits) is not None:
        parts = {
            "ASA": it.asa_s,
            "longest wait of an answered call": it.longest_answered_s,
            "longest until giving up": it.longest_abandoned_s,
            "talk": it.talk_s,
        }
        shown = (f"{name} {DASH if value is None else f'{value:.1f} s'}" for name, value in parts.items())
        console.print("; ".join(shown), highlight=False)
    if (of := report.callers) is not None:
        percent = DASH if of.percent is None else f"{of.percent} %"
        found = of.callers
        console.print(
            f"per caller ({of.definition}): {percent} of {found.callers} numbers; "
            f"{found.withheld_calls} calls withheld their number",
            highlight=False,
        )


def _carrier(report: RateReport) -> str:
    found = report.to_json()["carrier"]
    if report.line is not None or report.queue is not None:
        return ""
    counted = f"the carrier counted {found['offered']} calls, {found['refused']} refused before the PBX"
    return "; ".join(filter(None, [counted if found["days"] else "", found["note"] or ""]))
