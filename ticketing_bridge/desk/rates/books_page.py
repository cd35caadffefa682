"""Definitions with their days, shown and changed; calls that leave the base by two people."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from config.rates import RateDefinition
from facts.call import Outcome
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.rates.labels import rate_labels
from ticketing_bridge.desk.rates.pages import rates_of
from ticketing_bridge.desk.views import call_url
from ticketing_bridge.desk.visitor import SignedIn, Visitor, needs, own_form
from ticketing_bridge.rate.book import DefinitionRefused, change_definition, definition_book
from ticketing_bridge.rate.exclusions import ExclusionKind, ExclusionRefused, ask, confirm, end
from ticketing_bridge.rate.service import LOCAL
from ticketing_bridge.store.rate_records import DefinitionVersion

router = APIRouter()
_CHOICES = [it for it in Outcome if it is not Outcome.UNRESOLVED]


def _today(desk: Desk) -> date:
    return desk.now().astimezone(LOCAL).date()


async def _definitions(request: Request, visitor: Visitor, *, status: int = 200, **more: Any) -> Response:
    desk: Desk = request.app.state.desk
    rates, today = rates_of(desk), _today(desk)
    async with desk.database.unit_of_work() as uow:
        book = await definition_book(uow, rates)
    rows = [_version(it, book.versions(name), today) for name in book.names for it in book.versions(name)]
    edited = str(more.pop("edited", "") or request.query_params.get("edit", ""))
    held = book.on(edited, today) if edited in book.names else None
    context = {
        "rows": rows,
        "published": rates.published,
        "names": {it: labels().outcomes[it].text for it in Outcome},
        "choices": _CHOICES,
        "edited": held,
        "form": held.model_dump(mode="json") if held else {},
        "tomorrow": today + timedelta(days=1),
        "from_": str(today + timedelta(days=1)),
        "reason": "",
        "problem": None,
        "may": visitor.may(Permission.RATE_DEFINE),
        **more,
    }
    return render_page(
        request, "rate_definitions.html", status=status, place="rate", tab="definitions", **context
    )


def _version(it: DefinitionVersion, all_: list[DefinitionVersion], today: date) -> dict[str, Any]:
    later = [other.effective_from for other in all_ if other.effective_from > it.effective_from]
    until = min(later, default=None)
    state = "coming" if it.effective_from > today else "past" if until and until <= today else "now"
    return {"it": it, "definition": it.definition, "state": state, "until": until}


@router.get("/rate/definitions")
async def definitions_page(request: Request, visitor: SignedIn) -> Response:
    """All versions, what each says, and the form of one."""
    return await _definitions(request, visitor)


@router.post("/rate/definitions/{name}", dependencies=[Depends(own_form), needs(Permission.RATE_DEFINE)])
async def change(
    request: Request,
    visitor: SignedIn,
    name: str,
    title: Annotated[str, Form(max_length=40)] = "",
    reached: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    left_out: Annotated[list[str], Form()] = [],  # noqa: B006
    without_short: Annotated[bool, Form()] = False,
    queued_only: Annotated[bool, Form()] = False,
    within_s: Annotated[str, Form(max_length=6)] = "",
    clock: Annotated[str, Form(max_length=10)] = "arrival",
    recovered_min: Annotated[str, Form(max_length=6)] = "",
    from_: Annotated[str, Form(max_length=10, alias="from")] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Let a definition be so from a coming day on; what was published stays as it was."""
    desk: Desk = request.app.state.desk
    today = _today(desk)
    async with desk.database.unit_of_work() as uow:
        book = await definition_book(uow, rates_of(desk))
    held = book.on(name, today) if name in book.names else None
    if held is None:
        raise HTTPException(404)
    form: dict[str, Any] = {
        "title": title, "reached": reached, "left_out": left_out, "without_short": without_short,
        "queued_only": queued_only, "within_s": within_s or None, "clock": clock,
        "recovered_min": recovered_min or None,
    }  # fmt: skip
    problem = None
    try:
        wanted = RateDefinition.model_validate({**form, "name": name, "window_h": held.window_h})
        async with desk.database.unit_of_work() as uow:
            await change_definition(uow, wanted, date.fromisoformat(from_), reason, visitor.name, today)
    except (ValidationError, ValueError):
        problem = "definition_wrong"
    except DefinitionRefused:
        problem = "definition_reason" if not reason.strip() else "definition_day"
    if problem is None:
        return RedirectResponse("/rate/definitions", 303)
    said = rate_labels().refusals[problem]
    return await _definitions(
        request, visitor, status=422, edited=name, form=form, from_=from_, reason=reason, problem=said
    )


async def _exclusions(request: Request, visitor: Visitor, *, status: int = 200, **more: Any) -> Response:
    desk: Desk = request.app.state.desk
    words = rate_labels()
    async with desk.database.unit_of_work() as uow:
        found = await uow.rate_books.exclusions()
    rows: list[dict[str, Any]] = [
        {
            "it": it,
            "url": call_url(it.call),
            "kind": words.exclusions[ExclusionKind(it.kind)],
            "mine": it.asked_by == visitor.name,
        }
        for it in found
    ]
    context = {
        "waiting": [it for it in rows if it["it"].confirmed_at is None and it["it"].ended_at is None],
        "standing": [it for it in rows if it["it"].confirmed_at is not None and it["it"].ended_at is None],
        "over": [it for it in rows if it["it"].ended_at is not None],
        "kinds": words.exclusions,
        "form": {"call": request.query_params.get("call", ""), "kind": "test", "reason": ""},
        "problem": None,
        "may": visitor.may(Permission.RATE_EXCLUDE),
        **more,
    }
    return render_page(
        request, "rate_exclusions.html", status=status, place="rate", tab="exclusions", **context
    )


@router.get("/rate/exclusions")
async def exclusions_page(request: Request, visitor: SignedIn) -> Response:
    """What waits for a second person, what is out, and what was."""
    return await _exclusions(request, visitor)


@router.post("/rate/exclusions", dependencies=[Depends(own_form), needs(Permission.RATE_EXCLUDE)])
async def ask_for(
    request: Request,
    visitor: SignedIn,
    call: Annotated[str, Form(max_length=100)] = "",
    kind: Annotated[ExclusionKind, Form()] = ExclusionKind.TEST,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Ask for a call to be left out; it counts until somebody else agrees."""
    desk: Desk = request.app.state.desk
    try:
        async with desk.database.unit_of_work() as uow:
            await ask(uow, call, kind, reason, visitor.name)
    except ExclusionRefused as refused:
        said = rate_labels().refusals[refused.kind]
        form = {"call": call, "kind": kind, "reason": reason}
        return await _exclusions(request, visitor, status=422, form=form, problem=said)
    return RedirectResponse("/rate/exclusions", 303)


@router.post(
    "/rate/exclusions/{exclusion_id}/{deed}",
    dependencies=[Depends(own_form), needs(Permission.RATE_EXCLUDE)],
)
async def decide(request: Request, visitor: SignedIn, exclusion_id: int, deed: str) -> Response:
    """Agree as the second person, or end it."""
    deeds = {"confirm": confirm, "end": end}
    if deed not in deeds:
        raise HTTPException(404)
    desk: Desk = request.app.state.desk
    try:
        async with desk.database.unit_of_work() as uow:
            await deeds[deed](uow, exclusion_id, visitor.name)
    except ExclusionRefused as refused:
        return await _exclusions(request, visitor, status=422, problem=rate_labels().refusals[refused.kind])
    return RedirectResponse("/rate/exclusions", 303)
