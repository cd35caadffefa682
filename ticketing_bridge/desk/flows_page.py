"""流程: every flow as a picture, with how many callers went which way in a period."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from ivr_flows import FlowInvalid, FlowStore
from ivr_flows.picture import STYLE, Traffic, draw_svg, names_of
from ivr_flows.problems import FlowMissing
from ivr_flows.schema import Flow, Purpose
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.rate.service import LOCAL

#: days that are shown when none are chosen, today included
DAYS = 7
PURPOSES = {
    Purpose.ARRIVAL: "来电时",
    Purpose.WAITING: "等候中按键",
    Purpose.AFTER: "通话之后",
    Purpose.NO_AGENT: "没有话务员时",
    Purpose.OUTBOUND: "我们打给市民",
}

router = APIRouter()
Day = Annotated[str, Query(max_length=10)]


@router.get("/flows/style.css")
async def style() -> Response:
    """How drawings look."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.get("/flows")
@router.get("/flows/{name}")
async def flows(
    request: Request, name: str = "", from_: Annotated[Day, Query(alias="from")] = "", to: Day = ""
) -> Response:
    """One flow, by default the first line's, with its callers of the period (both days included)."""
    desk: Desk = request.app.state.desk
    known = await asyncio.to_thread(_known, desk.flows)
    wanted = name or desk.hotline.lines[0].flow
    chosen = next((flow for flow in known if flow.flow == wanted), None)
    if chosen is None:
        raise HTTPException(404)
    today = desk.now().astimezone(LOCAL).date()
    first, last, problem = _period(from_, to, today)
    begin, end = _midnight(first), _midnight(last + timedelta(days=1))
    async with desk.database.unit_of_work() as uow:
        calls = await uow.journeys.calls(chosen.flow, begin, end)
        ways = await uow.journeys.ways(chosen.flow, begin, end)
    drawing = draw_svg(
        chosen, names_of(desk.hotline, known, chosen), Traffic.of_ways(calls, ways), style=False
    )
    return render_page(
        request,
        "flows.html",
        place="flows",
        flow=chosen,
        flows=[(PURPOSES[purpose], [it for it in known if it.purpose is purpose]) for purpose in PURPOSES],
        drawing=Markup(drawing),  # every text in it is escaped
        calls=calls,
        first=first.isoformat(),
        last=last.isoformat(),
        problem=problem,
    )


def _known(store: FlowStore) -> list[Flow]:
    """Every flow of the folder that can be read; files that changed are parsed here."""
    return [flow for flow in (_flow(store, it) for it in store.names()) if flow is not None]


def _flow(store: FlowStore, name: str) -> Flow | None:
    """A flow of the folder; None for a file that is broken just now."""
    try:
        return store.get(name)
    except (FlowInvalid, FlowMissing):
        return None


def _period(from_: str, to: str, today: date) -> tuple[date, date, str]:
    """First and last day, and what was wrong with the ones asked for."""
    try:
        last = date.fromisoformat(to) if to else today
        first = date.fromisoformat(from_) if from_ else last - timedelta(days=DAYS - 1)
    except ValueError:
        return today - timedelta(days=DAYS - 1), today, "日期写法不对，例如 2026-11-21。"
    return (first, last, "") if first <= last else (last, first, "")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL)
