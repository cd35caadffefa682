"""The units' phone book: searched, kept, and the numbers that were found dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from asr.text.searching import normal
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.lookup.knowledge_page import today_of
from ticketing_bridge.desk.lookup.wording import lookup_words
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.knowledge.csv_import import day_of, several
from ticketing_bridge.knowledge.phone_book import (
    BookEntry,
    PhoneInvalid,
    checked_number,
    find_numbers,
    phone_book,
)
from ticketing_bridge.store.knowledge_records import FoundBy, PhoneEntry, PhoneFault, PhoneText

router = APIRouter()
EDIT = [Depends(own_form), needs(Permission.KNOWLEDGE_EDIT)]
NOTE_LENGTH = 200


def matching(book: Sequence[BookEntry], q: str) -> list[PhoneEntry]:
    """Entries for a typed question: those that contain all of it, then those whose duties fit."""
    entries = [it.entry for it in book]
    words = [normal(it) for it in q.split() if normal(it)]
    if not words:
        return entries
    direct = [it for it in entries if all(word in _searched(it.text) for word in words)]
    fitting = find_numbers(book, [q], most=20)
    known = {it.id for it in direct}
    return [*direct, *(it.entry for it in fitting if it.entry.id not in known)]


def _searched(text: PhoneText) -> str:
    return normal(" ".join((text.unit, text.office, text.number, text.address, *text.duties)))


@router.get("/phonebook")
async def phone_book_page(
    request: Request, visitor: SignedIn, q: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """All numbers by unit, or those that fit a question."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        entries = await uow.phones.all()
    shown: Sequence[PhoneEntry] = entries
    if q.strip():
        city = await desk.city()
        shown = matching(phone_book(entries, aliases=city.aliases, duties=city.duties), q)
    return render_page(
        request,
        "lookup/phone_book.html",
        place="phonebook",
        q=q,
        entries=shown,
        all=len(entries),
        dead=sum(it.dead > 0 for it in entries),
        faults=lookup_words().faults,
        now=desk.now(),
        may_edit=visitor.may(Permission.KNOWLEDGE_EDIT),
    )


@router.get("/phonebook/dead")
async def dead_numbers(
    request: Request, visitor: SignedIn, day: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    """What was found on one day (each night's list), and what is open of before."""
    desk: Desk = request.app.state.desk
    try:
        wanted = day_of(day) or today_of(desk)
    except ValueError:
        raise HTTPException(422) from None
    begin = datetime.combine(wanted, time(), LOCAL)
    async with desk.database.unit_of_work() as uow:
        found = await uow.phones.reports(from_=begin, to=begin + timedelta(days=1))
        before = await uow.phones.reports(to=begin, open_only=True)
    words = lookup_words()
    return render_page(
        request,
        "lookup/dead_numbers.html",
        place="phonebook",
        day=wanted,
        earlier=wanted - timedelta(days=1),
        later=wanted + timedelta(days=1) if wanted < today_of(desk) else None,
        found=found,
        before=before,
        faults=words.faults,
        found_by=words.found_by,
        now=desk.now(),
        may_edit=visitor.may(Permission.KNOWLEDGE_EDIT),
    )


@router.get("/phonebook/new", dependencies=[needs(Permission.KNOWLEDGE_EDIT)])
async def new_number(request: Request) -> Response:
    """An empty form."""
    return await _editor(request, PhoneText(unit="", number=""), entry_id=0, seen=0)


@router.get("/phonebook/{entry_id}", dependencies=[needs(Permission.KNOWLEDGE_EDIT)])
async def edit_number(request: Request, entry_id: int) -> Response:
    """The editor."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        entry = await uow.phones.get(entry_id)
    if entry is None:
        raise HTTPException(404)
    return await _editor(request, entry.text, entry_id=entry.id, seen=entry.version)


async def _editor(
    request: Request, text: PhoneText, *, entry_id: int, seen: int, status: int = 200, **more: Any
) -> Response:
    desk: Desk = request.app.state.desk
    context = {"problem": "", "theirs": None, **more}
    return render_page(
        request,
        "lookup/phone_edit.html",
        status=status,
        place="phonebook",
        text=text,
        entry_id=entry_id,
        seen=seen,
        units=(await desk.city()).units,
        **context,
    )


@router.post("/phonebook", dependencies=EDIT)
@router.post("/phonebook/{entry_id}", dependencies=EDIT)
async def save_number(request: Request, visitor: SignedIn, entry_id: int = 0) -> Response:
    """Save; when somebody else was quicker, both are shown."""
    desk: Desk = request.app.state.desk
    sent = {name: str(value) for name, value in (await request.form()).items()}
    seen = int(sent.get("seen") or 0)
    words = lookup_words()
    text = _text_of(sent, today_of(desk))
    try:
        good = checked_number(text)
    except PhoneInvalid:
        return await _editor(
            request, text, entry_id=entry_id, seen=seen, status=422, problem=words.problems["phone"]
        )
    async with desk.database.unit_of_work() as uow:
        if entry_id == 0:
            entry_id = await uow.phones.put(good, visitor.name)
        elif not await uow.phones.change(entry_id, seen, good, visitor.name):
            theirs = await uow.phones.get(entry_id)
            if theirs is None:
                raise HTTPException(404)
            return await _editor(
                request,
                good,
                entry_id=entry_id,
                seen=theirs.version,
                status=409,
                theirs=theirs,
                problem=words.problems["overtaken"],
            )
        elif sent.get("checked") == "1":
            await uow.phones.settle(entry_id, visitor.name, "checked")
        await uow.audit.add(visitor.name, "phone-book-changed", subject=f"phone:{entry_id}")
    return RedirectResponse("/phonebook", 303)


def _text_of(sent: Mapping[str, str], today: date) -> PhoneText:
    return PhoneText(
        unit=sent.get("unit", ""),
        number=sent.get("number", ""),
        office=sent.get("office", ""),
        duties=several(sent.get("duties", "")),
        hours=sent.get("hours", ""),
        address=sent.get("address", ""),
        note=sent.get("note", ""),
        closed=sent.get("closed") == "1",
        successor=sent.get("successor", ""),
        checked_on=today if sent.get("checked") == "1" else _day_or_none(sent.get("checked_on", "")),
    )


def _day_or_none(text: str) -> date | None:
    try:
        return day_of(text)
    except ValueError:
        return None


@router.post("/phonebook/{entry_id}/report", dependencies=[Depends(own_form)])
async def report_number(
    request: Request,
    visitor: SignedIn,
    entry_id: int,
    kind: Annotated[PhoneFault, Form()] = PhoneFault.DEAD,
    found_by: Annotated[FoundBy, Form()] = FoundBy.CITIZEN,
    call: Annotated[str, Form(max_length=200)] = "",
    note: Annotated[str, Form(max_length=NOTE_LENGTH)] = "",
) -> Response:
    """A number is dead, unanswered or another's: into tonight's list."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        entry = await uow.phones.get(entry_id)
        if entry is None:
            raise HTTPException(404)
        await uow.phones.report(entry, kind, found_by, visitor.name, call=call or None, note=note.strip())
    if request.headers.get("HX-Request"):
        return render_page(request, "lookup/_reported.html", entry=entry, fault=lookup_words().faults[kind])
    return RedirectResponse("/phonebook", 303)


@router.post("/phonebook/{entry_id}/settle", dependencies=EDIT)
async def settle_number(
    request: Request,
    visitor: SignedIn,
    entry_id: int,
    settlement: Annotated[str, Form(max_length=NOTE_LENGTH)] = "",
) -> Response:
    """Somebody has seen to a number that was found dead."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        if not await uow.phones.settle(entry_id, visitor.name, settlement.strip()):
            raise HTTPException(404)
        await uow.audit.add(visitor.name, "phone-report-settled", subject=f"phone:{entry_id}")
    return RedirectResponse("/phonebook/dead", 303)
