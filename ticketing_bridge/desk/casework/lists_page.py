"""Tickets in lists: the city's by what is to be done with them, and a unit's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from ticketing_bridge.access import Permission
from ticketing_bridge.desk.casework.case_view import RowView, row_view
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import SignedIn, Visitor, needs, own_form
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.store.keeping_repository import Warned
from ticketing_bridge.tickets import State
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.reading import TicketReader
from ticketing_bridge.tickets.states import ENDINGS
from ticketing_bridge.tickets.views import TicketView
from ticketing_bridge.tickets.warnings import WarningKind

router = APIRouter()
unit_router = APIRouter()
SHOWN = 100
#: rows that an export reads at once
EXPORTED = 2000
Short = Annotated[str, Query(max_length=60)]

#: lists by what is to be done, each with its states
LISTS: Mapping[str, tuple[State, ...]] = {
    "mine": (),
    "dispatch": (State.RECEIVED,),
    "unsigned": (State.DISPATCHED,),
    "handling": (State.HANDLING, State.SUSPENDED),
    "decide": (State.OBJECTED, State.CONSULTING, State.REVIEWING),
    "replied": (State.REPLIED,),
    "follow_up": (State.FOLLOW_UP,),
    "overdue": (State.DISPATCHED, State.HANDLING, State.OBJECTED, State.CONSULTING, State.REVIEWING),
    "ended": tuple(ENDINGS),
}


def filter_of(chosen: str, now: datetime, **more: Any) -> TicketFilter:
    """The filter of a list; raises ``HTTPException`` 404 for one that there is not."""
    if chosen not in LISTS:
        raise HTTPException(404)
    wanted = TicketFilter(states=tuple(it.value for it in LISTS[chosen]), **more)
    return replace(wanted, due_before=now) if chosen == "overdue" else wanted


async def _rows(
    desk: Desk, visitor: Visitor, wanted: TicketFilter, limit: int, said: str = ""
) -> tuple[list[RowView], dict[str, int]]:
    reader = TicketReader(desk.office)
    now = desk.now().astimezone(LOCAL)
    async with desk.database.unit_of_work() as uow:
        views = await reader.find(uow, visitor.person, wanted, limit, said)
        theirs = reader.theirs(visitor.person, TicketFilter())
        states = await uow.desk_tickets.count(theirs)
        late = await uow.desk_tickets.count(replace(filter_of("overdue", now), visible_to=theirs.visible_to))
    counts = {name: sum(states.get(it.value, 0) for it in group) for name, group in LISTS.items() if group}
    counts |= {"mine": sum(states.values()), "overdue": sum(late.values())}
    return [row_view(it, now) for it in views], counts


@router.get("/tickets")
async def tickets_page(
    request: Request,
    visitor: SignedIn,
    list_: Annotated[str, Query(alias="list", max_length=20)] = "mine",
    unit: Short = "",
    purpose: Short = "",
    number: Short = "",
    q: Annotated[str, Query(max_length=200)] = "",
    before: Short = "",
) -> Response:
    """The city's tickets, by what is to be done with them, or by what stands in them (``q``)."""
    desk: Desk = request.app.state.desk
    typed, said = number.strip(), q.strip()
    wanted = filter_of(
        list_,
        desk.now(),
        unit=desk.office.units.named(unit) or unit or None,
        purpose=purpose or None,
        number=typed or None,
        after=_place(before),
    )
    rows, counts = await _rows(desk, visitor, wanted, SHOWN, said)
    last = rows[-1] if len(rows) == SHOWN else None
    return render_page(
        request,
        "casework/tickets.html",
        place="tickets",
        now=desk.now(),
        rows=rows,
        counts=counts,
        chosen=list_,
        lists=case_words().lists,
        form={"unit": unit, "purpose": purpose, "number": typed, "q": said},
        units=desk.office.units.names,
        purposes=("咨询", "求助", "投诉", "举报", "建议", "表扬", "其他"),
        older=f"{last.received_at.isoformat()}|{last.number}" if last else "",
    )


def _place(before: str) -> tuple[datetime, str] | None:
    if not before:
        return None
    moment, _, number = before.partition("|")
    try:
        return datetime.fromisoformat(moment), number
    except ValueError:
        raise HTTPException(422) from None


@unit_router.get("/unit")
async def unit_page(
    request: Request,
    visitor: SignedIn,
    list_: Annotated[str, Query(alias="list", max_length=20)] = "mine",
) -> Response:
    """A unit's own tickets, its warnings first."""
    desk: Desk = request.app.state.desk
    unit = visitor.person.unit
    if unit is None:
        return render_page(request, "casework/no_unit.html", status=200, place="unit")
    rows, counts = await _rows(desk, visitor, filter_of(list_, desk.now()), SHOWN)
    async with desk.database.unit_of_work() as uow:
        warned = await uow.warnings.newest(unit=unit, unseen=True)
    shown = {it.number for it in rows}
    return render_page(
        request,
        "casework/unit.html",
        place="unit",
        now=desk.now(),
        unit=unit,
        rows=rows,
        counts=counts,
        chosen=list_,
        lists={name: text for name, text in case_words().lists.items() if name != "dispatch"},
        warnings=warning_rows([it for it in warned if it.ticket in shown or list_ == "mine"]),
    )


def warning_rows(found: Sequence[Warned]) -> list[dict[str, Any]]:
    """Warnings in words."""
    words = case_words()
    return [
        {
            "id": it.id,
            "ticket": it.ticket,
            "kind": words.warnings[WarningKind(it.kind)],
            "what": words.warned.get(it.stage.partition("@")[0], it.stage),
            "unit": it.unit,
            "at": it.at,
        }
        for it in found
    ]


@unit_router.get("/unit/tickets.csv")
async def unit_export(request: Request, visitor: SignedIn) -> Response:
    """A unit's own tickets to take away: the matter, never the person."""
    return await _export(request, visitor, "unit")


@router.get("/tickets.csv", dependencies=[needs(Permission.TICKETS_EXPORT)])
async def city_export(request: Request, visitor: SignedIn) -> Response:
    """The city's tickets to take away: the matter as its units see it, never the person."""
    return await _export(request, visitor, "city")


async def _export(request: Request, visitor: Visitor, name: str) -> Response:
    desk: Desk = request.app.state.desk
    reader = TicketReader(desk.office)
    words = case_words()
    views: list[TicketView] = []
    async with desk.database.unit_of_work() as uow:
        while len(found := await reader.find(uow, visitor.person, _after(views), EXPORTED)) == EXPORTED:
            views += found
        views += found
        await uow.audit.add(
            visitor.name, "tickets-exported", subject=name, fields=["title", "units", "limits"]
        )
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(
        ["工单号", "状态", "目的", "诉求分类", "标题", "承办单位", "受理时间", "到期时间", "办结时间"]
    )
    for it in views:
        ticket = it.ticket
        hidden = "（保密）" if ticket.confidential else (it.unit_texts or it.texts).title
        limit = ticket.limit.due_at if ticket.limit else None
        rows.writerow(
            [
                ticket.number,
                words.states[ticket.state].text,
                ticket.purpose,
                ticket.appeal,
                _safe(hidden),
                "、".join(ticket.units),
                *(f"{at.astimezone(LOCAL):%Y-%m-%d %H:%M}" if at else "" for at in
                  (ticket.received_at, limit, ticket.closed_at)),
            ]
        )  # fmt: skip
    return Response(
        "\ufeff" + out.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="tickets-{name}.csv"'},
    )


def _after(views: Sequence[TicketView]) -> TicketFilter:
    """All that come after these."""
    last = views[-1].ticket if views else None
    return TicketFilter(after=(last.received_at, last.number) if last else None)


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell


@unit_router.post("/unit/warnings/{warning}/seen", dependencies=[Depends(own_form)])
async def unit_warning_seen(request: Request, visitor: SignedIn, warning: int) -> Response:
    """Somebody of the unit has seen to it."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        own = {it.id for it in await uow.warnings.newest(unit=visitor.person.unit or "-", unseen=True)}
        if warning not in own or not await uow.warnings.seen(warning, visitor.name):
            raise HTTPException(404)
        await uow.audit.add(visitor.name, "warning-seen", subject=str(warning))
    return Response(status_code=303, headers={"Location": "/unit"})
