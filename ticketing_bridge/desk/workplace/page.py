"""The workplace's pages and what its keys do to the sheet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from facts.identity import CallKey
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import SHEET_CHANNEL, Desk
from ticketing_bridge.desk.events import parse_key
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.recording_page import began_s
from ticketing_bridge.desk.secret_calls import keeps_secrets
from ticketing_bridge.desk.team.view import agent_row
from ticketing_bridge.desk.visitor import Needs, SignedIn, Visitor, own_fields, own_form, signed_in
from ticketing_bridge.desk.workplace.offers import offers_for, searched_entries, searched_numbers
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.desk.workplace.place import Workplace, fields_event, load_workplace
from ticketing_bridge.desk.workplace.saving import Pressed, Refused, Saver, Wish
from ticketing_bridge.desk.workplace.stream import home_stream, place_context, workplace_stream
from ticketing_bridge.desk.workplace.wording import workplace_words
from ticketing_bridge.store.workplace_records import Sheet
from ticketing_bridge.workplace.form import form
from ticketing_bridge.workplace.sheets import FieldConflict, FieldUnknown, SheetClosed, give_back, type_in

MOST_MATTERS = 5
QUERY_LENGTH = 100

router = APIRouter()
_WORKS = Needs((Permission.TICKETS_WORK,))
#: as they stand in an address
_MATTERS = {str(it): it for it in range(1, MOST_MATTERS + 1)}


def office_of(request: Request) -> WorkplaceOffice:
    """What workplaces share."""
    office: WorkplaceOffice = request.app.state.workplaces
    return office


@router.get("/desk")
async def home(
    request: Request, visitor: SignedIn, done: str = "", ticket: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Waiting for a call; who has one goes there at once."""
    office = office_of(request)
    desk, agent = office.desk, office.agent_of(visitor.name)
    await office.rings.look()
    call = office.rings.call_of(agent)
    if call is not None:
        return RedirectResponse(f"/desk/calls/{quote(str(call.key), safe=':')}", 303)
    now = await office.agents.now(agent) if agent else None
    async with desk.database.unit_of_work() as uow:
        sheets = await uow.sheets.left_open(visitor.name)
        calls = {it.call: await uow.calls.get(CallKey.parse(it.call)) for it in sheets}
    words = workplace_words()
    return render_page(
        request,
        "workplace/home.html",
        place="desk",
        health=desk.health_view(),
        agent=agent_row(desk.hotline, now) if now else None,
        pauses=office.agents.pause_reasons(),
        sheets=[(it, found, _title(it)) for it in sheets if (found := calls[it.call]) is not None],
        done=words.done.get(done, ""),
        done_ticket=ticket,
        keys=words.keys,
        now=desk.now(),
    )


def _title(sheet: Sheet) -> str:
    typed = sheet.typed.get("title")
    return typed.value if typed else ""


def _matter(matter: int) -> int:
    if not 1 <= matter <= MOST_MATTERS:
        raise HTTPException(404)
    return matter


async def _found(request: Request, visitor: Visitor, key: str, matter: int, *, make: bool) -> Workplace:
    """The workplace of an address; 404 when there is no such call or matter."""
    place = await load_workplace(
        office_of(request),
        parse_key(key),
        _matter(matter),
        visitor.person,
        open_for=visitor.name if make else None,
    )
    if place is None:
        raise HTTPException(404)
    return place


@router.get("/desk/calls/{key}")
async def workplace(request: Request, visitor: SignedIn, key: str, matter: int = 1) -> Response:
    """One call's workplace."""
    place = await _found(request, visitor, key, matter, make=True)
    return await _page(request, visitor, place)


async def _page(
    request: Request, visitor: Visitor, place: Workplace, *, status: int = 200, problem: str = ""
) -> Response:
    office = office_of(request)
    desk, words = office.desk, workplace_words()
    return render_page(
        request,
        "workplace/call.html",
        status=status,
        place="desk",
        health=desk.health_view(),
        **place_context(office, place, await offers_for(office, place)),
        form_fields=form(),
        field_labels={name: it.label for name, it in form().items()},
        shown=place.fields(),
        event=fields_event(place),
        states=words.states,
        wording=words.problems,
        units=(city := await desk.city()).units,
        closed_units=city.closed,
        began_s=began_s(place.call),
        problem=problem,
    )


def _streaming(stream: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.get("/events/desk")
async def home_events(request: Request, visitor: SignedIn) -> StreamingResponse:
    """What rings."""
    return _streaming(home_stream(office_of(request), visitor))


@router.get("/events/desk/calls/{key}")
async def workplace_events(
    request: Request, visitor: SignedIn, key: str, matter: int = 1
) -> StreamingResponse:
    """One workplace."""
    place = await _found(request, visitor, key, matter, make=False)
    return _streaming(workplace_stream(office_of(request), place, visitor))


@router.post("/desk/calls/{key}/{matter}/field", dependencies=[Depends(own_form)])
async def keep_field(
    request: Request,
    visitor: SignedIn,
    key: str,
    matter: int,
    name: Annotated[str, Form(max_length=40)],
    value: Annotated[str, Form(max_length=4000)] = "",
    seen: Annotated[int, Form(ge=0)] = 0,
    accepted: Annotated[bool, Form()] = False,
    back: Annotated[bool, Form()] = False,
) -> Response:
    """One field as it is typed, accepted, or given back to the draft. 409: somebody else has changed it."""
    desk: Desk = request.app.state.desk
    call = parse_key(key)
    async with desk.database.unit_of_work() as uow:
        sheet = await uow.sheets.get(str(call), matter, lock=True)
        if sheet is None:
            raise HTTPException(404)
        try:
            changed = (
                give_back(sheet, name)
                if back
                else type_in(sheet, name, value, seen=seen, by=visitor.name, accepted=accepted)
            )
        except FieldConflict as conflict:
            theirs = conflict.theirs
            return JSONResponse({"value": theirs.value, "by": theirs.by, "version": theirs.version}, 409)
        except SheetClosed:
            return JSONResponse({"closed": workplace_words().problems["closed"]}, 423)
        except FieldUnknown:
            raise HTTPException(422) from None
        if changed is not sheet:
            await uow.sheets.save(changed)
            await uow.notify(SHEET_CHANNEL, str(call))
    kept = changed.typed.get(name)
    return JSONResponse({"version": kept.version if kept else 0, "sheet": changed.version})


async def save(request: Request) -> Response:
    """The sheet becomes a ticket: dispatched, answered or merged; or it is dropped.

    Everybody may press this in the same moment. So it asks itself for what other routes depend on: to have
    that found for it takes the framework long.
    """
    visitor = await _WORKS(await signed_in(request))
    await keeps_secrets(request, visitor)
    sent = await own_fields(request)
    key, matter = request.path_params["key"], _MATTERS.get(request.path_params["matter"], 0)
    saver: Saver = request.app.state.saver
    script = "application/json" in request.headers.get("accept", "")
    try:
        done = await saver.save(Pressed(parse_key(key), _matter(matter), visitor.person, Wish.of(sent)))
    except Refused as refused:
        if script:
            return JSONResponse(refused.facts, refused.status)
        place = await _found(request, visitor, key, matter, make=True)
        return await _page(request, visitor, place, status=refused.status, problem=refused.text)
    if done is None:
        raise HTTPException(404)
    address = f"/desk?done={done.what}&ticket={done.ticket or ''}"
    if script:
        text = workplace_words().done[done.what]
        return JSONResponse({"text": text, "ticket": done.ticket, "unit": done.unit, "next": address})
    return RedirectResponse(address, 303)


#: not the router's, whose routes are looked through for their dependencies
save_route = Route("/desk/calls/{key}/{matter}/save", save, methods=["POST"])


@router.get("/desk/find/numbers")
async def find_numbers_typed(
    request: Request, q: Annotated[str, Query(max_length=QUERY_LENGTH)] = ""
) -> Response:
    """The phone book, for what the agent types."""
    office = office_of(request)
    numbers = await searched_numbers(office, q) if q.strip() else ()
    return _fragment(request, "workplace/_numbers.html", numbers=numbers, searched=q)


@router.get("/desk/find/answers")
async def find_answers_typed(
    request: Request, q: Annotated[str, Query(max_length=QUERY_LENGTH)] = ""
) -> Response:
    """The knowledge base, for what the agent types."""
    office = office_of(request)
    entries = await searched_entries(office, q) if q.strip() else ()
    return _fragment(request, "workplace/_answers.html", entries=entries, searched=q)


def _fragment(request: Request, template: str, **context: Any) -> Response:
    return render_page(request, template, keys=workplace_words().keys, **context)
