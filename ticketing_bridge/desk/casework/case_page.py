"""One ticket: what this person may see of it, and all that they may do to it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from ticketing_bridge.access import AccessRefused, Permission
from ticketing_bridge.desk.casework.case_view import act_views, limit_view, marked, step_views
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import NotAllowed, SignedIn, Visitor, needs, own_form
from ticketing_bridge.tickets import Act, State, TicketRefused, TicketService, TicketUnknown, Why
from ticketing_bridge.tickets.fields import FIELDS, Kind
from ticketing_bridge.tickets.give_aways import give_aways
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.reading import ReasonMissing, TicketReader
from ticketing_bridge.tickets.secrecy import ADMIT, LOWER, TicketSecrecy
from ticketing_bridge.tickets.views import TicketView

router = APIRouter()
NUMBER_LENGTH = 20
_MANY = frozenset({Kind.UNITS, Kind.PARTNERS})
WORKERS = needs(Permission.TICKETS_WORK)


def services(desk: Desk) -> tuple[TicketService, TicketReader]:
    """What writes tickets, and what reads them."""
    return TicketService(desk.office), TicketReader(desk.office)


async def _read(desk: Desk, number: str, visitor: Visitor) -> TicketView:
    _, reader = services(desk)
    try:
        async with desk.database.unit_of_work() as uow:
            return await reader.read(uow, number, visitor.person)
    except TicketUnknown:
        raise HTTPException(404) from None


async def _page(
    request: Request,
    visitor: Visitor,
    number: str,
    *,
    status: int = 200,
    given: Mapping[str, Any] | None = None,
    act: Act | None = None,
    **more: Any,
) -> Response:
    desk: Desk = request.app.state.desk
    view = await _read(desk, number, visitor)
    secrecy = TicketSecrecy(TicketService(desk.office))
    staff = visitor.may(Permission.TICKETS_WORK)
    async with desk.database.unit_of_work() as uow:
        waiting = await secrecy.waiting(uow, number) if staff else []
        links = await uow.desk_tickets.links(number) if staff else []
        seen_by = await _seen_by(desk, number) if staff and view.ticket.hides_person else []
    now = desk.now().astimezone(LOCAL)
    secret = view.original and view.ticket.hides_person and visitor.person.unit is None
    marks = give_aways(view.texts.content, view.own_names) if secret else ()
    given = given or {}
    if secret and view.unit_texts is not None:
        seen = view.unit_texts
        given = {"unit_title": seen.title, "unit_content": seen.content, **given}
    context = {
        "view": view,
        "ticket": view.ticket,
        "content": marked(view.texts.content, marks),
        "told": len(marks),
        "state": case_words().states[view.ticket.state],
        "level": desk.office.rules.level(view.ticket.level),
        "limit": limit_view(view.ticket, now),
        "steps": step_views(view.history, desk.office),
        "acts": act_views(view.ticket, visitor.person, desk.office, given, act),
        "units": desk.office.units.names,
        "channels": {it.id: it.name for it in desk.office.rules.channels},
        "waiting": waiting,
        "links": links,
        "seen_by": seen_by,
        "words": case_words(),
        "hideable": staff and not view.ticket.confidential,
        "staff": staff,
        "sends": (Act.DISPATCH.value, Act.REDISPATCH.value, Act.UPHOLD.value, Act.VERDICT.value),
        "caller": None,
        "reveal_problem": False,
        "reason": "",
        "problem": None,
        "now": now,
        **more,
    }
    place = "unit" if visitor.person.unit else "tickets"
    return render_page(request, "casework/case.html", status=status, place=place, **context)


async def _seen_by(desk: Desk, number: str) -> list[str]:
    """Who has looked at a secret, each once, the newest first."""
    async with desk.database.unit_of_work() as uow:
        lines = await uow.audit.list(subject=number, limit=500)
    looked = ("viewed" in it.action or "shown" in it.action for it in lines)
    return list(dict.fromkeys(it.actor for it, did in zip(lines, looked, strict=True) if did))


@router.get("/tickets/{number}")
async def case_page(request: Request, visitor: SignedIn, number: str) -> Response:
    """One ticket; the look is on record."""
    return await _page(request, visitor, number)


async def _given(request: Request, act: Act) -> dict[str, Any]:
    form = await request.form()
    values: dict[str, Any] = {}
    for field in FIELDS[act]:
        if field.kind in _MANY:
            values[field.name] = [str(it) for it in form.getlist(field.name)]
        else:
            values[field.name] = str(form.get(field.name) or "")
    values["kept"] = str(form.get("kept") or "")
    return values


@router.post("/tickets/{number}/act", dependencies=[Depends(own_form)])
async def do_act(
    request: Request,
    visitor: SignedIn,
    number: str,
    act: Annotated[str, Form(max_length=40)],
    version: Annotated[int, Form()],
) -> Response:
    """Do one thing; what is refused comes back with its reason and everything that was typed."""
    desk: Desk = request.app.state.desk
    try:
        wanted = Act(act)
    except ValueError:
        raise HTTPException(422) from None
    service, _ = services(desk)
    given = await _given(request, wanted)
    try:
        async with desk.database.unit_of_work() as uow:
            done = await service.do(uow, number, version, wanted, visitor.person, desk.now(), given)
    except TicketUnknown:
        raise HTTPException(404) from None
    except AccessRefused:
        raise NotAllowed from None
    except TicketRefused as refused:
        return await _refused(request, visitor, number, wanted, given, refused)
    gone = visitor.person.unit is not None and visitor.person.unit not in done.units
    return RedirectResponse("/unit" if gone else f"/tickets/{number}", 303)


async def _refused(
    request: Request, visitor: Visitor, number: str, act: Act, given: dict[str, Any], refused: TicketRefused
) -> Response:
    desk: Desk = request.app.state.desk
    service, _ = services(desk)
    async with desk.database.unit_of_work() as uow:
        state: State = (await service.get(uow, number, visitor.person)).state
    return await _page(
        request,
        visitor,
        number,
        status=409 if refused.why is Why.CHANGED else 422,
        given=given,
        act=act,
        problem=case_words().refusal(refused, act, state),
        barred=given.get("main", "") if refused.why is Why.NAMED_UNIT else "",
    )


@router.post("/tickets/{number}/preview", dependencies=[Depends(own_form), WORKERS])
async def show_preview(
    request: Request,
    visitor: SignedIn,
    number: str,
    unit_title: Annotated[str, Form(max_length=500)] = "",
    unit_content: Annotated[str, Form(max_length=8000)] = "",
) -> Response:
    """Exactly what a unit would read, with what could still give the caller away marked."""
    desk: Desk = request.app.state.desk
    _, reader = services(desk)
    try:
        async with desk.database.unit_of_work() as uow:
            seen = await reader.before_dispatch(
                uow, number, visitor.person, unit_title or None, unit_content or None
            )
    except TicketUnknown:
        raise HTTPException(404) from None
    if seen is None:
        raise NotAllowed
    return render_page(
        request,
        "casework/_preview.html",
        title=marked(seen.title, seen.title_marks),
        content=marked(seen.content, seen.content_marks),
        seen=seen,
        marks=len(seen.title_marks) + len(seen.content_marks),
    )


@router.post("/tickets/{number}/caller", dependencies=[Depends(own_form)])
async def show_caller(
    request: Request, visitor: SignedIn, number: str, reason: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """Who called, in clear, once; who looks and why is on record before it is shown."""
    desk: Desk = request.app.state.desk
    _, reader = services(desk)
    words = " ".join(reason.split())
    try:
        async with desk.database.unit_of_work() as uow:
            caller = await reader.reveal(uow, number, visitor.person, words)
    except TicketUnknown:
        raise HTTPException(404) from None
    except ReasonMissing:
        return await _page(request, visitor, number, status=422, reveal_problem=True, reason=words)
    except AccessRefused:
        raise NotAllowed from None
    desk.metrics.numbers_shown.inc()
    return await _page(request, visitor, number, caller=caller or "erased", reason=words)


@router.post("/tickets/{number}/hide", dependencies=[Depends(own_form), WORKERS])
async def hide(
    request: Request,
    visitor: SignedIn,
    number: str,
    version: Annotated[int, Form()],
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Confidential from now on: units that must not see it do not any more."""
    desk: Desk = request.app.state.desk
    service, _ = services(desk)
    try:
        async with desk.database.unit_of_work() as uow:
            await TicketSecrecy(service).hide(uow, number, version, visitor.person, desk.now(), reason)
    except TicketUnknown:
        raise HTTPException(404) from None
    except TicketRefused as refused:
        return await _refused(request, visitor, number, Act.HIDE, {"reason": reason}, refused)
    return RedirectResponse(f"/tickets/{number}", 303)


@router.post("/tickets/{number}/ask", dependencies=[Depends(own_form), WORKERS])
async def ask_second(
    request: Request,
    visitor: SignedIn,
    number: str,
    kind: Annotated[str, Form(max_length=40)],
    reason: Annotated[str, Form(max_length=1000)] = "",
    units: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Ask for what needs a second person."""
    desk: Desk = request.app.state.desk
    if kind not in (ADMIT, LOWER):
        raise HTTPException(422)
    service, _ = services(desk)
    try:
        async with desk.database.unit_of_work() as uow:
            await TicketSecrecy(service).ask(uow, number, kind, visitor.person, reason, units)
    except TicketUnknown:
        raise HTTPException(404) from None
    except TicketRefused as refused:
        return await _refused(request, visitor, number, Act.HIDE, {}, refused)
    return RedirectResponse(f"/tickets/{number}", 303)


@router.post(
    "/tickets/{number}/decide", dependencies=[Depends(own_form), needs(Permission.CONFIDENTIAL_CONFIRM)]
)
async def decide(
    request: Request,
    visitor: SignedIn,
    number: str,
    approval: Annotated[int, Form()],
    granted: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Decide, as the second person."""
    desk: Desk = request.app.state.desk
    service, _ = services(desk)
    try:
        async with desk.database.unit_of_work() as uow:
            await TicketSecrecy(service).decide(
                uow, approval, visitor.person, desk.now(), granted=granted == "yes"
            )
    except TicketUnknown:
        raise HTTPException(404) from None
    except TicketRefused as refused:
        return await _refused(request, visitor, number, Act.UNHIDE, {}, refused)
    return RedirectResponse(f"/tickets/{number}", 303)
