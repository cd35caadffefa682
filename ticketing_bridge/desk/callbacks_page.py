"""Call-backs: who is owed one and why it is not made yet, who is for a person, what became of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from config.hotline import Hotline
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.callback_view import CallbackView, attempt_view, callback_view
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import record_reveal, render_page
from ticketing_bridge.desk.secret_calls import keeps_callback_secret
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form
from ticketing_bridge.journeys.callback_rules import News, Standing, hindrance
from ticketing_bridge.journeys.callbacks import apply_news, midnight, standing
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.journeys.queue_board import FRESH_S
from ticketing_bridge.store.journey_records import (
    FINAL_STATES,
    RUNNING_STATES,
    Callback,
    CallbackState,
)

#: how many of those that are over are shown
OVER_SHOWN = 30

router = APIRouter()


def _views(found: Sequence[Callback], hotline: Hotline, known: Standing, now: datetime) -> list[CallbackView]:
    return [
        callback_view(
            it,
            hotline,
            hindrance(it, known, hotline.callback, now) if it.state is CallbackState.WANTED else None,
        )
        for it in found
    ]


@router.get("/callbacks")
async def callbacks_page(request: Request) -> Response:
    """All that is owed, and what became of the last ones."""
    desk: Desk = request.app.state.desk
    hotline, now = desk.hotline, desk.now().astimezone(LOCAL)
    waiting = (CallbackState.WANTED, *RUNNING_STATES)
    async with desk.database.unit_of_work() as uow:
        persons = await uow.callbacks.newest(states=[CallbackState.BY_PERSON])
        owed = await uow.callbacks.newest(states=waiting)
        over = await uow.callbacks.newest(states=FINAL_STATES, limit=OVER_SHOWN)
        counts = await uow.callbacks.counts(midnight(now))
        known = await standing(uow, hotline, desk.settings.pbx_id, owed, now, FRESH_S)
    owed.sort(key=lambda it: it.due_at)
    return render_page(
        request,
        "callbacks.html",
        place="callbacks",
        now=now,
        persons=_views(persons, hotline, known, now),
        owed=_views(owed, hotline, known, now),
        over=_views(over, hotline, known, now),
        today=sum(counts.values()),
        reached=counts.get(CallbackState.REACHED, 0) + counts.get(CallbackState.SEEN_TO, 0),
        given_up=counts.get(CallbackState.GIVEN_UP, 0),
    )


async def _page(request: Request, callback_id: int, *, status: int = 200, **more: Any) -> Response:
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        found = await uow.callbacks.get(callback_id)
        attempts = await uow.callbacks.attempts([callback_id])
    if found is None:
        raise HTTPException(404)
    context = {
        "callback": callback_view(found, desk.hotline),
        "attempts": [attempt_view(it, desk.hotline) for it in attempts],
        "number": None,
        "reason": "",
        "problem": False,
        **more,
    }
    if context["number"] is True:
        context["number"] = found.number
    return render_page(request, "callback.html", status=status, place="callbacks", **context)


@router.get("/callbacks/{callback_id}", dependencies=[Depends(keeps_callback_secret)])
async def callback_page(request: Request, callback_id: int) -> Response:
    """One call-back and its tries."""
    return await _page(request, callback_id)


@router.post(
    "/callbacks/{callback_id}/number",
    dependencies=[Depends(own_form), needs(Permission.NUMBERS_REVEAL), Depends(keeps_callback_secret)],
)
async def show_callback_number(
    request: Request,
    visitor: SignedIn,
    callback_id: int,
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """The number in clear, once; who and why is on record before it is shown."""
    desk: Desk = request.app.state.desk
    words = " ".join(reason.split())
    if not await record_reveal(desk, visitor, f"callback:{callback_id}", words):
        return await _page(request, callback_id, status=422, reason=words, problem=True)
    return await _page(request, callback_id, number=True, reason=words)


@router.post(
    "/callbacks/{callback_id}/done", dependencies=[Depends(own_form), Depends(keeps_callback_secret)]
)
async def callback_done(request: Request, visitor: SignedIn, callback_id: int) -> Response:
    """A person has seen to it: the PBX does not call any more."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        found = await apply_news(
            uow, callback_id, News.SEEN_TO, desk.hotline.callback, desk.now().astimezone(LOCAL)
        )
        if found is None:
            raise HTTPException(404)
        await uow.callbacks.save(replace(found, done_by=visitor.name))
        await uow.audit.add(visitor.name, "callback-seen-to", subject=f"callback:{callback_id}")
    return RedirectResponse("/callbacks", 303)
