"""The knowledge base: searched, read, kept by its owners; and the questions that found no answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from asr.text.searching import normal
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.lookup.wording import lookup_words
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.knowledge.csv_import import day_of, several
from ticketing_bridge.knowledge.entries import (
    EntryInvalid,
    Standing,
    checked,
    entry_vector,
    standing,
    typed_question,
)
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.knowledge_records import EntryText, KnowledgeEntry
from ticketing_bridge.workplace.form import form

FOUND_SHOWN = 20
REVIEW_AFTER = timedelta(days=180)
QUESTION_LENGTH = 200

router = APIRouter()
EDIT = [Depends(own_form), needs(Permission.KNOWLEDGE_EDIT)]


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry as people see it."""

    id: int
    version: int
    text: EntryText
    standing: Standing
    label: str
    tone: str
    used: int
    changed_by: str
    changed_at: Any


def entry_view(entry: KnowledgeEntry, today: date) -> EntryView:
    """With how it stands today."""
    stands = standing(entry.text, today)
    label = lookup_words().standings[stands]
    return EntryView(
        entry.id,
        entry.version,
        entry.text,
        stands,
        label.text,
        label.tone,
        entry.used,
        entry.changed_by,
        entry.changed_at,
    )


def today_of(desk: Desk) -> date:
    """The local day."""
    return desk.now().astimezone(LOCAL).date()


async def found_entries(
    uow: UnitOfWork, text: str, *, today: date | None, limit: int = FOUND_SHOWN
) -> list[KnowledgeEntry]:
    """Entries for a typed question: those that have all of it, else those that have most of it."""
    asked = typed_question(text)
    if asked is None:
        return []
    every = await uow.knowledge.find(asked.every, today=today, limit=limit)
    return every or await uow.knowledge.find(asked.some, today=today, limit=limit)


@router.get("/knowledge")
async def knowledge_page(
    request: Request, visitor: SignedIn, q: Annotated[str, Query(max_length=QUESTION_LENGTH)] = ""
) -> Response:
    """Search; without a question what was changed last, and for editors what they must see to."""
    desk: Desk = request.app.state.desk
    today = today_of(desk)
    async with desk.database.unit_of_work() as uow:
        found = (
            await found_entries(uow, q, today=None) if q.strip() else await uow.knowledge.newest(FOUND_SHOWN)
        )
        due = await uow.knowledge.due(today)
        gaps = await uow.knowledge.gaps()
    return render_page(
        request,
        "lookup/knowledge.html",
        place="knowledge",
        q=q,
        found=_views(found, today),
        due=_views(due, today),
        gaps=gaps,
        now=desk.now(),
        may_edit=visitor.may(Permission.KNOWLEDGE_EDIT),
    )


def _views(entries: Iterable[KnowledgeEntry], today: date) -> list[EntryView]:
    return [entry_view(it, today) for it in entries]


@router.post("/knowledge/gaps", dependencies=[Depends(own_form)])
async def note_gap(
    request: Request,
    visitor: SignedIn,
    question: Annotated[str, Form(max_length=QUESTION_LENGTH)] = "",
    call: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """An agent found no answer: the question is put on the list."""
    desk: Desk = request.app.state.desk
    plain = normal(question)
    if not plain:
        raise HTTPException(422)
    async with desk.database.unit_of_work() as uow:
        await uow.knowledge.add_gap(plain, question.strip(), visitor.name, call or None)
    if request.headers.get("HX-Request"):
        return render_page(request, "lookup/_gap_noted.html", question=question.strip())
    return RedirectResponse("/knowledge", 303)


@router.post("/knowledge/gaps/{gap_id}/settle", dependencies=EDIT)
async def settle_gap(request: Request, visitor: SignedIn, gap_id: int) -> Response:
    """This question needs no entry."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        if not await uow.knowledge.settle_gap(gap_id, visitor.name, None):
            raise HTTPException(404)
        await uow.audit.add(visitor.name, "knowledge-gap-settled", subject=f"knowledge-gap:{gap_id}")
    return RedirectResponse("/knowledge", 303)


@router.get("/knowledge/new", dependencies=[needs(Permission.KNOWLEDGE_EDIT)])
async def new_entry(
    request: Request,
    visitor: SignedIn,
    question: Annotated[str, Query(max_length=QUESTION_LENGTH)] = "",
    gap: int = 0,
) -> Response:
    """An empty form, or one that begins with a question that found no answer."""
    today = today_of(request.app.state.desk)
    text = EntryText(question=question, answer="", owner=visitor.name, review_on=today + REVIEW_AFTER)
    return await _editor(request, text, entry_id=0, seen=0, gap=gap)


@router.get("/knowledge/{entry_id}")
async def entry_page(request: Request, visitor: SignedIn, entry_id: int) -> Response:
    """One entry and its versions."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        entry = await uow.knowledge.get(entry_id)
        versions = await uow.knowledge.versions(entry_id)
    if entry is None:
        raise HTTPException(404)
    return render_page(
        request,
        "lookup/entry.html",
        place="knowledge",
        entry=entry_view(entry, today_of(desk)),
        versions=versions,
        may_edit=visitor.may(Permission.KNOWLEDGE_EDIT),
    )


@router.get("/knowledge/{entry_id}/edit", dependencies=[needs(Permission.KNOWLEDGE_EDIT)])
async def edit_entry(request: Request, entry_id: int) -> Response:
    """The editor."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        entry = await uow.knowledge.get(entry_id)
    if entry is None:
        raise HTTPException(404)
    return await _editor(request, entry.text, entry_id=entry.id, seen=entry.version)


async def _editor(
    request: Request, text: EntryText, *, entry_id: int, seen: int, status: int = 200, **more: Any
) -> Response:
    context: Mapping[str, Any] = {
        "text": text,
        "entry_id": entry_id,
        "seen": seen,
        "gap": 0,
        "problem": "",
        "theirs": None,
        **more,
    }
    desk: Desk = request.app.state.desk
    return render_page(
        request,
        "lookup/entry_edit.html",
        status=status,
        place="knowledge",
        appeals=form()["appeal"].choices,
        units=(await desk.city()).units,
        **context,
    )


@router.post("/knowledge", dependencies=EDIT)
@router.post("/knowledge/{entry_id}", dependencies=EDIT)
async def save_entry(request: Request, visitor: SignedIn, entry_id: int = 0) -> Response:
    """Save; when somebody else was quicker, both texts are shown and nothing is lost."""
    desk: Desk = request.app.state.desk
    sent = {name: str(value) for name, value in (await request.form()).items()}
    seen, gap = (int(sent.get(name) or 0) for name in ("seen", "gap"))
    today = today_of(desk)
    try:
        text = _text_of(sent, visitor.name, today)
        checked(text)
    except EntryInvalid:
        problem = lookup_words().problems["entry"]
        return await _editor(
            request, text, entry_id=entry_id, seen=seen, gap=gap, status=422, problem=problem
        )
    except ValueError:
        raise HTTPException(422) from None
    text = checked(text)
    async with desk.database.unit_of_work() as uow:
        if entry_id == 0:
            entry_id = await uow.knowledge.add(text, entry_vector(text), visitor.name)
        elif not await uow.knowledge.change(entry_id, seen, text, entry_vector(text), visitor.name):
            theirs = await uow.knowledge.get(entry_id)
            if theirs is None:
                raise HTTPException(404)
            return await _editor(
                request,
                text,
                entry_id=entry_id,
                seen=theirs.version,
                status=409,
                theirs=theirs,
                problem=lookup_words().problems["overtaken"],
            )
        if gap:
            await uow.knowledge.settle_gap(gap, visitor.name, entry_id)
        await uow.audit.add(visitor.name, "knowledge-changed", subject=f"knowledge:{entry_id}")
    return RedirectResponse(f"/knowledge/{entry_id}", 303)


def _text_of(sent: Mapping[str, str], login: str, today: date) -> EntryText:
    """The form's fields. Raises ``ValueError`` for a day that is none."""
    return EntryText(
        question=sent.get("question", ""),
        answer=sent.get("answer", "").replace("\r\n", "\n"),
        owner=sent.get("owner") or login,
        review_on=day_of(sent.get("review_on", "")) or today + REVIEW_AFTER,
        also_asked=several(sent.get("also_asked", "").replace("\r\n", "\n")),
        appeal=sent.get("appeal", ""),
        unit=sent.get("unit", ""),
        basis=sent.get("basis", ""),
        expires_on=day_of(sent.get("expires_on", "")),
        withdrawn=sent.get("withdrawn") == "1",
    )
