"""The notice of the hour: written, heard beforehand, switched on with its end, and off."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.journey_labels import journey_labels
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.views import line_name
from ticketing_bridge.desk.visitor import SignedIn, Visitor, own_form
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.journeys.hour_notice import (
    NoticeRefused,
    check_notice,
    checked_text,
    most_ms,
    spoken,
    switch_off,
    switch_on,
)
from ticketing_bridge.store.journey_records import HourNotice
from voice.wav import wav_bytes

USUAL = timedelta(hours=2)

router = APIRouter()


def leads(visitor: Visitor) -> bool:
    """Whether this person may switch notices."""
    return visitor.may(Permission.NOTICE_SWITCH)


def _view(notice: HourNotice, desk: Desk) -> dict[str, Any]:
    return {
        "id": notice.id,
        "text": notice.text,
        "lines": "、".join(line_name(desk.hotline, line) for line in notice.lines) or "全部线路",
        "until": notice.until,
        "made_by": notice.made_by,
        "made_at": notice.made_at,
        "ended_at": notice.ended_at,
        "ended_by": notice.ended_by,
    }


async def _page(request: Request, visitor: Visitor, *, status: int = 200, **more: Any) -> Response:
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        on = await uow.notices.current()
        recent = await uow.notices.recent()
    ids = {it.id for it in on}
    now = desk.now()
    form = {"text": "", "lines": (), "until": f"{(now + USUAL).astimezone(LOCAL):%Y-%m-%dT%H:%M}"}
    context = {
        "on": [_view(it, desk) for it in on],
        "recent": [_view(it, desk) for it in recent if it.id not in ids],
        "may": leads(visitor),
        "lines": [(line.id, line.name) for line in desk.hotline.lines],
        "form": form,
        "problem": None,
        "preview": None,
        "took_s": None,
        "allowed_s": await asyncio.to_thread(most_ms, desk.hotline) / 1000,
        **more,
    }
    return render_page(request, "notice.html", status=status, place="notice", now=now, **context)


def _refused(request: Request) -> Response:
    return render_page(request, "problem.html", status=403, code="not_allowed")


@router.get("/notice")
async def notice_page(request: Request, visitor: SignedIn) -> Response:
    """What is on, the form, and what was on."""
    return await _page(request, visitor)


@router.get("/notice/preview.wav")
async def preview(visitor: SignedIn, text: Annotated[str, Query(max_length=200)]) -> Response:
    """The words as callers would hear them."""
    try:
        words = checked_text(text)
    except NoticeRefused:
        return Response(status_code=422)
    sound = await asyncio.to_thread(lambda: wav_bytes(spoken(words)))
    return Response(sound, media_type="audio/wav")


@router.post("/notice", dependencies=[Depends(own_form)])
async def switch_notice_on(
    request: Request,
    visitor: SignedIn,
    text: Annotated[str, Form(max_length=500)] = "",
    until: Annotated[str, Form(max_length=30)] = "",
    lines: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    do: Annotated[str, Form(max_length=10)] = "preview",
) -> Response:
    """Measure the notice; say it back, or switch it on."""
    if not leads(visitor):
        return _refused(request)
    desk: Desk = request.app.state.desk
    form = {"text": text, "lines": lines, "until": until}
    try:
        end = _end(until)
        took_ms = await asyncio.to_thread(check_notice, desk.hotline, text, lines, end, desk.now())
    except NoticeRefused as refused:
        problem = journey_labels().notice_problems[refused.kind]
        heard = _preview_address(text) if refused.kind == "too_long" else None
        return await _page(request, visitor, status=422, form=form, problem=problem, preview=heard)
    if do != "publish":
        heard = _preview_address(text)
        return await _page(request, visitor, form=form, preview=heard, took_s=took_ms / 1000)
    async with desk.database.unit_of_work() as uow:
        await switch_on(uow, text, lines, end, visitor.name)
    return RedirectResponse("/notice", 303)


@router.post("/notice/{notice_id}/off", dependencies=[Depends(own_form)])
async def switch_notice_off(request: Request, visitor: SignedIn, notice_id: int) -> Response:
    """End a notice now."""
    if not leads(visitor):
        return _refused(request)
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        await switch_off(uow, visitor.name, notice_id)
    return RedirectResponse("/notice", 303)


def _preview_address(text: str) -> str | None:
    try:
        return "/notice/preview.wav?" + urlencode({"text": checked_text(text)})
    except NoticeRefused:
        return None


def _end(until: str) -> datetime:
    """The end as the form gives it, in the city's time. Raises ``NoticeRefused``."""
    try:
        return datetime.fromisoformat(until).replace(tzinfo=LOCAL)
    except ValueError:
        raise NoticeRefused("form", f"{until!r} is no time", "give day and time") from None
