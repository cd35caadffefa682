"""What was told to other systems, and their signed messages back."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import BaseModel, Field, ValidationError

from config.delivery import Webhook
from config.delivery_files import DeliveryFiles
from facts.masking import mask_spoken
from ticketing_bridge.api.clients import Caller, NeedsScope, Scope
from ticketing_bridge.api.problems import ApiProblem
from ticketing_bridge.api.values import Cursor, Given, Limit, Page, RowId, cursor_of, read_cursor
from ticketing_bridge.delivery.by_hand import DeliveryNotYours, DeliveryUnknown, resend
from ticketing_bridge.delivery.hearing import Hearing
from ticketing_bridge.delivery.mapping.remote import RemoteTicket
from ticketing_bridge.delivery.mapping.webhook import FRESH_S, rightly_signed
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.outbox_records import Delivery, DeliveryState, OutboxKind

#: a message's id is remembered longer than its signature is good
REMEMBERED = timedelta(seconds=4 * FRESH_S)

router = APIRouter(tags=["deliveries"])


class DeliveryShown(BaseModel):
    """Something on its way to another system."""

    id: int
    connector: str
    kind: OutboxKind
    subject: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    reason: str | None
    remote_id: str | None
    remote_status: str | None
    remote_meaning: str | None
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime


class StatusMessage(Given):
    """What another system says of a ticket: by our number, or by its own id."""

    ticket: str | None = Field(None, max_length=60)
    id: str | None = Field(None, max_length=200)
    status: str = Field(min_length=1, max_length=100)
    note: str | None = Field(None, max_length=4000)


class StatusTaken(BaseModel):
    """What a message did here; ``again``: it had been taken before."""

    taken: str


def _shown(it: Delivery) -> DeliveryShown:
    return DeliveryShown.model_validate({name: getattr(it, name) for name in DeliveryShown.model_fields})


@router.get("/deliveries", dependencies=[Depends(NeedsScope(Scope.DELIVERIES_READ))])
async def list_deliveries(
    request: Request,
    state: Annotated[list[DeliveryState] | None, Query(max_length=10)] = None,
    connector: Annotated[str | None, Query(max_length=40)] = None,
    ticket: Annotated[str | None, Query(max_length=120)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DeliveryShown]:
    """Deliveries, newest first."""
    place = read_cursor(cursor, int)
    database: Database = request.app.state.database
    async with database.unit_of_work() as uow:
        found = await uow.deliveries.newest(
            states=state,
            connector=connector,
            subject=ticket,
            before=place[0] if place else None,
            limit=limit + 1,
        )
    following = cursor_of(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[_shown(it) for it in found[:limit]], next=following)


@router.get("/deliveries/{number}", dependencies=[Depends(NeedsScope(Scope.DELIVERIES_READ))])
async def one_delivery(request: Request, number: Annotated[RowId, Path()]) -> DeliveryShown:
    """One delivery."""
    database: Database = request.app.state.database
    async with database.unit_of_work() as uow:
        it = await uow.deliveries.get(number)
    if it is None:
        raise ApiProblem(404, "delivery-unknown")
    return _shown(it)


@router.post("/deliveries/{number}/resend", status_code=202)
async def send_again(
    request: Request,
    number: Annotated[RowId, Path()],
    caller: Annotated[Caller, Depends(NeedsScope(Scope.DELIVERIES_WRITE))],
) -> DeliveryShown:
    """Send again what was given up, withheld or dropped; it is searched for first."""
    database: Database = request.app.state.database
    async with database.unit_of_work() as uow:
        try:
            await resend(uow, number, caller.person.name)
        except DeliveryUnknown:
            raise ApiProblem(404, "delivery-unknown") from None
        except DeliveryNotYours as problem:
            raise ApiProblem(409, problem.error_id, str(problem)) from None
        again = await uow.deliveries.get(number)
    assert again is not None
    return _shown(again)


@router.post(
    "/webhooks/{connector}",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/StatusMessage"}}},
        }
    },
)
async def take_status(
    request: Request,
    connector: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,30}$")],
    stamp: Annotated[str, Header(alias="Hotline-Timestamp", max_length=20)],
    message: Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=200)],
    signed: Annotated[str, Header(alias="Hotline-Signature", max_length=200)],
) -> StatusTaken:
    """A signed message of another system about a ticket's state. Each is taken once; old ones are refused."""
    files: DeliveryFiles = request.app.state.delivery
    config, secret = files.current(), None
    setting = config.get(connector)
    if isinstance(setting, Webhook):
        secret = files.secrets.get(setting.secret)
    body = await request.body()
    # without such a connector everything is compared all the same: nobody learns which there are
    right = rightly_signed(secret or "no such connector", stamp, message, body, signed, time.time())
    if secret is None or not right:
        raise ApiProblem(401, "signature-wrong")
    try:
        told = StatusMessage.model_validate_json(body)
    except ValidationError as problem:
        raise ApiProblem(422, "request-invalid", _first(problem)) from None
    hearing = Hearing(config, request.app.state.house_tickets)
    return StatusTaken(taken=await _take(request.app.state.database, hearing, connector, message, told))


def _first(problem: ValidationError) -> str:
    first: Any = problem.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:300]


async def _take(
    database: Database, hearing: Hearing, connector: str, message: str, told: StatusMessage
) -> str:
    async with database.unit_of_work() as uow:
        if not await uow.deliveries.take_message(connector, message, forget=REMEMBERED):
            return "again"
        it = None
        if told.ticket is not None:
            it = await uow.deliveries.ticket_at(told.ticket, connector)
        elif told.id is not None:
            it = await uow.deliveries.by_remote(connector, told.id)
        if it is None:
            raise ApiProblem(404, "ticket-unknown")
        note = mask_spoken(told.note) if told.note else None
        shown = RemoteTicket(told.id or it.remote_id or "", it.subject, told.status, note)
        return await hearing.hear(uow, it.id, shown)
