"""Next week's plan as a picture: a row a day, a column an interval, each cell its agents."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from config.staffing import load_staffing
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.rates.labels import rate_labels
from ticketing_bridge.rate.staffing.plan import HistoryMissing, Plan, PlanDay, make_plan, monday_after

router = APIRouter()

LEFT: Final = 74
TOP: Final = 22
CELL: Final = 22
ROW: Final = 40
#: below this many agents at most, every one is a shade of its own
SHADES: Final = 7


@dataclass(frozen=True, slots=True)
class Cell:
    """One interval in the picture."""

    x: float
    y: float
    shade: int
    agents: int
    title: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Coordinates, in the units of its own view box."""

    width: int
    height: int
    cell: int
    cells: tuple[Cell, ...]
    rows: tuple[tuple[float, str, str], ...]
    hours: tuple[tuple[float, int], ...]


def picture(plan: Plan) -> Picture:
    """The week: the darker, the more agents."""
    words = rate_labels()
    people = [slot.rostered for day in plan.days for slot in day.slots]
    least, most = min(people), max(people)
    per_hour = 60 // plan.interval_min
    cell = max(6, CELL * 2 // per_hour)
    cells = []
    for row, day in enumerate(plan.days):
        for at, slot in enumerate(day.slots):
            title = words.slot.format(
                begin=f"{slot.begin:%H:%M}",
                calls=f"{slot.calls:.1f}",
                agents=slot.agents,
                rostered=slot.rostered,
                answered=f"{100 * slot.expected.answered:.1f}",
                within=f"{100 * slot.expected.within:.1f}",
            )
            shade = -(-(slot.rostered - least + 1) * SHADES // (most - least + 1)) if slot.rostered else 0
            cells.append(Cell(LEFT + at * cell, TOP + row * ROW, shade, slot.rostered, title))
    return Picture(
        width=LEFT + cell * 24 * per_hour + 2,
        height=TOP + ROW * len(plan.days),
        cell=cell,
        cells=tuple(cells),
        rows=tuple((TOP + row * ROW, *_names(day)) for row, day in enumerate(plan.days)),
        hours=tuple((LEFT + hour * per_hour * cell, hour) for hour in range(0, 24, 2)),
    )


def _names(day: PlanDay) -> tuple[str, str]:
    words = rate_labels()
    return words.weekdays[day.day.isoweekday() - 1], f"{day.day:%m-%d}"


@router.get("/rate/staffing")
async def staffing_page(request: Request, week: Annotated[str, Query(max_length=10)] = "") -> Response:
    """The plan of a week; next week's when none is named."""
    desk: Desk = request.app.state.desk
    now = desk.now()
    monday = _monday(week, monday_after(now))
    rules = load_staffing(desk.settings.hotline_config)
    plan: Plan | None = None
    try:
        async with desk.database.unit_of_work() as uow:
            plan = await make_plan(
                uow, desk.hotline, rules, desk.settings.target_percent, monday, now, aside=asyncio.to_thread
            )
    except HistoryMissing:
        pass
    return render_page(
        request,
        "rate_staffing.html",
        place="rate",
        tab="staffing",
        now=now,
        monday=monday,
        sunday=monday + timedelta(days=6),
        before=monday - timedelta(days=7),
        after=monday + timedelta(days=7),
        plan=plan,
        picture=picture(plan) if plan else None,
        rows=_rows(plan) if plan else [],
        kinds=rate_labels().kinds,
        present=rules.present,
    )


def _monday(text: str, default: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return default
    return day - timedelta(days=day.isoweekday() - 1)


def _rows(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "name": " ".join(_names(it)),
            "kind": it.kind,
            "calls": it.calls,
            "hours": it.hours(plan.interval_min),
            "most": it.most,
            "answered": 100 * (1 - it.played.abandons),
            "within": 100 * it.played.within_share,
            "occupancy": 100 * it.played.occupancy,
        }
        for it in plan.days
    ]
