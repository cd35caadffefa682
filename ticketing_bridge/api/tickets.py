"""Tickets: taken from other channels, read as this client's role may see them, brought further by acts.

A unit's token sees the unit's tickets and nothing else; of a confidential one the matter without the person.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from ticketing_bridge.api.clients import Caller, NeedsScope, Scope
from ticketing_bridge.api.creating import Creator, Key, MadeApart, Order
from ticketing_bridge.api.problems import ApiProblem
from ticketing_bridge.api.values import (
    Cursor,
    Given,
    Limit,
    Moment,
    Page,
    cursor_moment,
    cursor_of,
    read_cursor,
)
from ticketing_bridge.delivery.inbound import source_of
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.tickets import (
    Act,
    NewTicket,
    State,
    Texts,
    TicketChanged,
    TicketExists,
    TicketRefused,
    TicketService,
    TicketUnknown,
)
from ticketing_bridge.tickets.fields import BY_HAND
from ticketing_bridge.tickets.model import Caller as Citizen
from ticketing_bridge.tickets.reading import TicketReader
from ticketing_bridge.tickets.views import EntryView, TicketView

router = APIRouter(tags=["tickets"])
Number = Annotated[str, Path(pattern=r"^[0-9]{10,20}$", description="Number of a ticket.")]
Text = Annotated[str, Field(max_length=4000)]
Short = Annotated[str, Field(max_length=200)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")]


class CitizenGiven(Given):
    """Who it is from; sealed at once, never shown by the API."""

    name: Short | None = None
    phone: Phone | None = None
    callback_phone: Phone | None = None


class TicketGiven(Given):
    """A ticket from another channel. ``reference`` is its number there: the same one is taken once."""

    channel: Annotated[str, Field(min_length=1, max_length=40, examples=["中国政府网"])]
    reference: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    purpose: Annotated[str, Field(min_length=1, max_length=20, examples=["投诉"])]
    appeal: Annotated[str, Field(min_length=1, max_length=60, examples=["城乡建设"])]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    content: Annotated[str, Field(min_length=1, max_length=8000)]
    places: Annotated[tuple[Short, ...], Field(max_length=10)] = ()
    when: Short = ""
    party: Short = ""
    demand: Text = ""
    citizen: CitizenGiven = CitizenGiven()
    anonymous: bool = False
    confidential: bool = False
    emergency: bool = False
    dedicated_line: Short | None = None


class ActGiven(Given):
    """Something that is done to a ticket. ``version`` is the one that was seen: an older one is refused."""

    act: Act
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    fields: dict[Annotated[str, Field(max_length=40)], str | int | bool | list[Short] | None] = Field(
        default_factory=dict, max_length=20
    )


class TicketShown(BaseModel):
    """A ticket as this client may see it. ``caller`` is masked; absent where it is hidden or not known."""

    number: str
    version: int
    state: State
    channel: str
    purpose: str
    appeal: str
    level: str
    received_at: datetime
    updated_at: datetime
    title: str
    content: str
    places: list[str]
    when: str
    party: str
    demand: str
    answer: str
    confidential: bool
    anonymous: bool
    emergency: bool
    main_unit: str | None
    joint_units: list[str]
    due_at: datetime | None
    dispatched_at: datetime | None
    replied_at: datetime | None
    closed_at: datetime | None
    caller_name: str | None = None
    caller_phone: str | None = None


class EventShown(BaseModel):
    """One entry of a ticket's history, as this client may see it."""

    version: int
    act: Act
    at: datetime
    by: str
    unit: str | None
    data: dict[str, Any]
    texts: dict[str, Any]


class StatusShown(BaseModel):
    """How a ticket stands, without its matter."""

    number: str
    version: int
    state: State
    main_unit: str | None
    due_at: datetime | None
    updated_at: datetime
    closed_at: datetime | None


Writer = Annotated[Caller, Depends(NeedsScope(Scope.TICKETS_WRITE))]
Reader = Annotated[Caller, Depends(NeedsScope(Scope.TICKETS_READ))]


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _reader(request: Request) -> TicketReader:
    return TicketReader(_service(request).office)


def _service(request: Request) -> TicketService:
    service: TicketService = request.app.state.tickets()
    return service


@router.post("/tickets", status_code=201)
async def create_ticket(
    request: Request,
    response: Response,
    given: TicketGiven,
    caller: Writer,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            pattern=r"^[\x21-\x7e]{1,200}$",
            description="Sent again with the same key and body, nothing is made twice.",
        ),
    ] = None,
) -> TicketShown:
    """Take a ticket from another channel."""

    new = NewTicket(
        channel=given.channel,
        purpose=given.purpose,
        appeal=given.appeal,
        texts=Texts(
            title=given.title,
            content=given.content,
            places=given.places,
            when=given.when,
            party=given.party,
            demand=given.demand,
        ),
        caller=Citizen(given.citizen.name, given.citizen.phone, given.citizen.callback_phone),
        source=source_of(given.channel, given.reference) if given.reference else None,
        dedicated_line=given.dedicated_line,
        emergency=given.emergency,
        anonymous=given.anonymous,
        confidential=given.confidential,
    )
    once = None
    if key is not None:
        once = Key(caller.client.id, key, hashlib.sha256(given.model_dump_json().encode()).digest())
    order = Order(caller.person, new, once)
    known = request.app.state.delivery.current().inbound
    if not known or given.channel in known:
        created: Creator = request.app.state.creator
        with suppress(MadeApart):
            return ticket_shown(await created(order))
    return await _once(request, caller, order, known)


async def _once(request: Request, caller: Caller, order: Order, channels: Collection[str]) -> TicketShown:
    """Make it once for a key: a request that comes again gets what the first one got."""
    async with _database(request).unit_of_work() as uow:
        key = order.key
        if key is not None and (before := await uow.api.claim(key.client, key.key, key.digest)) is not None:
            if before.request_digest != key.digest or before.answer is None:
                raise ApiProblem(422, "idempotency-key-reused", "this key was used for another request")
            number = str(before.answer["number"])
            return ticket_shown(await _reader(request).read(uow, number, caller.person))
        if channels and order.new.channel not in channels:
            raise ApiProblem(422, "channel-unknown", "one of " + "、".join(channels))
        try:
            made = await _service(request).create(uow, caller.person, order.new, request.app.state.now())
        except TicketExists as there:
            raise ApiProblem(409, "ticket-exists", f"it is ticket {there.number}") from None
        if key is not None:
            await uow.api.answered(key.client, key.key, 201, {"number": made.number})
        return ticket_shown(await _reader(request).read(uow, made.number, caller.person))


@router.get("/tickets")
async def list_tickets(
    request: Request,
    caller: Reader,
    state: Annotated[list[State] | None, Query(max_length=20)] = None,
    channel: Annotated[str | None, Query(max_length=40)] = None,
    unit: Annotated[str | None, Query(max_length=60)] = None,
    from_: Annotated[Moment | None, Query(alias="from")] = None,
    to: Moment | None = None,
    q: Annotated[
        str | None, Query(max_length=200, description="Words in it, as the client may read it.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TicketShown]:
    """Tickets that this client may see, newest first."""
    place = read_cursor(cursor, str, str)
    wanted = TicketFilter(
        states=tuple(state or ()),
        channel=channel,
        unit=unit,
        from_=from_,
        to=to,
        after=(cursor_moment(place[0]), place[1]) if place else None,
    )
    async with _database(request).unit_of_work() as uow:
        found = await _reader(request).find(uow, caller.person, wanted, limit + 1, q or "")
    last = found[limit - 1].ticket if len(found) > limit else None
    following = cursor_of(last.received_at.isoformat(), last.number) if last else None
    return Page(items=[ticket_shown(it) for it in found[:limit]], next=following)


async def _read(request: Request, number: str, caller: Caller) -> TicketView:
    async with _database(request).unit_of_work() as uow:
        try:
            return await _reader(request).read(uow, number, caller.person)
        except TicketUnknown:
            raise ApiProblem(404, "ticket-unknown") from None


@router.get("/tickets/{number}")
async def one_ticket(request: Request, caller: Reader, number: Number) -> TicketShown:
    """One ticket. The look is on record. Somebody else's number and a wrong one are answered alike."""
    return ticket_shown(await _read(request, number, caller))


@router.get("/tickets/{number}/status")
async def status_of_ticket(request: Request, caller: Reader, number: Number) -> StatusShown:
    """How it stands."""
    shown = ticket_shown(await _read(request, number, caller))
    return StatusShown.model_validate({name: getattr(shown, name) for name in StatusShown.model_fields})


@router.get("/tickets/{number}/events")
async def events_of_ticket(request: Request, caller: Reader, number: Number) -> Page[EventShown]:
    """Its history, oldest first, as far as this client may see it."""
    view = await _read(request, number, caller)
    return Page(items=[_event(it) for it in view.history])


def _event(it: EntryView) -> EventShown:
    plain = json.loads(json.dumps({"data": dict(it.data), "texts": dict(it.texts)}, default=str))
    return EventShown(version=it.version, act=it.act, at=it.at, by=it.by, unit=it.unit, **plain)


@router.post("/tickets/{number}/acts")
async def act_on_ticket(request: Request, caller: Writer, number: Number, given: ActGiven) -> TicketShown:
    """Sign for it, reply, object, … as this client's role may."""
    if given.act not in BY_HAND:
        raise ApiProblem(422, "act-unknown", f"{given.act} is not done by itself")
    async with _database(request).unit_of_work() as uow:
        try:
            await _service(request).do(
                uow,
                number,
                given.version,
                given.act,
                caller.person,
                request.app.state.now(),
                dict(given.fields),
            )
            view = await _reader(request).read(uow, number, caller.person)
        except TicketUnknown:
            raise ApiProblem(404, "ticket-unknown") from None
        except TicketChanged as changed:
            raise ApiProblem(409, changed.error_id, str(changed)) from None
        except TicketRefused as refused:
            raise ApiProblem(409, f"ticket-refused-{refused.why}".replace("_", "-"), str(refused)) from None
    return ticket_shown(view)


def ticket_shown(view: TicketView) -> TicketShown:
    """A view as the API gives it."""
    ticket, texts = view.ticket, view.texts
    return TicketShown(
        number=ticket.number,
        version=ticket.version,
        state=ticket.state,
        channel=ticket.channel,
        purpose=ticket.purpose,
        appeal=ticket.appeal,
        level=ticket.level,
        received_at=ticket.received_at,
        updated_at=ticket.updated_at,
        title=texts.title,
        content=texts.content,
        places=list(texts.places),
        when=texts.when,
        party=texts.party,
        demand=texts.demand,
        answer=texts.answer,
        confidential=ticket.confidential,
        anonymous=ticket.anonymous,
        emergency=ticket.emergency,
        main_unit=ticket.main.unit if ticket.main else None,
        joint_units=[it.unit for it in ticket.joint],
        due_at=ticket.limit.due_at if ticket.limit else None,
        dispatched_at=ticket.dispatched_at,
        replied_at=ticket.replied_at,
        closed_at=ticket.closed_at,
        caller_name=view.caller.name if view.caller else None,
        caller_phone=view.caller.phone if view.caller else None,
    )
