"""``hotline staffing``: next week's calls and the agents that they need."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from config.staffing import load_staffing
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import DayInvalid, with_database
from ticketing_bridge.house import House
from ticketing_bridge.rate.book import LOCAL
from ticketing_bridge.rate.counting import ensure_counted
from ticketing_bridge.rate.staffing.plan import Plan, make_plan, monday_after
from ticketing_bridge.store.database import Database

#: shades of the picture, from nobody to the most
_SHADES = " ·░▒▓█"


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(staffing)


def week_of(text: str | None, now: datetime) -> date:
    """The Monday of a week: 2026-W49, or any day of it; next week without one. Raises ``DayInvalid``."""
    if text is None:
        return monday_after(now)
    try:
        day = date.fromisoformat(f"{text}-1" if "W" in text else text)
    except ValueError:
        raise DayInvalid(f"{text!r} is no week", fix="write it as 2026-W49, or a day as 2026-11-30") from None
    return day - timedelta(days=day.isoweekday() - 1)


def staffing(
    week: Annotated[
        str | None, typer.Option(help="2026-W49, or a day of the week; default: next week.")
    ] = None,
    json_: Json = False,
) -> None:
    """Expected calls and needed agents of a week. Exit code 1 when people alone cannot reach the target."""

    async def work(house: House, database: Database) -> Plan:
        now = datetime.now(LOCAL)
        settings = house.settings
        rules = load_staffing(settings.hotline_config)
        await ensure_counted(database)
        async with database.unit_of_work() as uow:
            return await make_plan(
                uow, house.hotline, rules, settings.target_percent, week_of(week, now), now
            )

    plan = with_database(work)
    if json_:
        print_json(plan.to_json())
    else:
        _tell(plan)
    raise typer.Exit(0 if plan.reachable else 1)


def _tell(plan: Plan) -> None:
    """The week as a picture: a row a day, a column an interval."""
    most = max(day.most for day in plan.days)
    table = Table(
        "day", "calls", "hours", "most", "0 … 24 h", "answered", "≤ 15 s", "busy", header_style="bold"
    )
    for day in plan.days:
        bar = "".join(_SHADES[-(-slot.rostered * (len(_SHADES) - 1) // most)] for slot in day.slots)
        table.add_row(
            f"{day.day:%a %m-%d}" + ("" if day.kind == "working" else f" {day.kind}"),
            f"{day.calls:.0f}",
            f"{day.hours(plan.interval_min):.0f}",
            str(day.most),
            Text(bar),
            f"{100 * (1 - day.played.abandons):.1f} %",
            f"{100 * day.played.within_share:.1f} %",
            f"{100 * day.played.occupancy:.0f} %",
        )
    console.print(table)
    it = plan.measured
    wrap = "measured" if it.wrap_up_measured else "as configured"
    error = "not known yet" if it.error is None else f"{100 * it.error:.0f} %"
    console.print(
        f"talk {it.talk_s:.0f} s, wrap-up {it.wrap_up_s:.0f} s ({wrap}), patience {it.patience_s:.0f} s "
        f"({it.gave_up} gave up); lost before a queue {100 * it.lost_before:.2f} %; "
        f"forecast off by {error} by the hour last week",
        highlight=False,
    )
    if not plan.reachable:
        console.print(
            f"{plan.target_percent:g} % cannot be reached by people: too much is lost before the queue",
            highlight=False,
        )
