"""What was told to other systems: what could not be comes first, with the keys to send it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from config.delivery import DeliveryConfig
from facts.identity import CallKey
from facts.masking import mask_spoken
from ticketing_bridge.access import Permission
from ticketing_bridge.delivery.by_hand import DeliveryNotYours, DeliveryUnknown, drop, resend
from ticketing_bridge.delivery.policy import DROPPABLE, RESENDABLE
from ticketing_bridge.desk.delivery_labels import delivery_labels
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form
from ticketing_bridge.store.outbox_records import Delivery, DeliveryState, OutboxKind

SHOWN: Final = 100
_UNDER_WAY: Final = (DeliveryState.WAITING, DeliveryState.SENDING)
_OVER: Final = (DeliveryState.DELIVERED, DeliveryState.WITHHELD, DeliveryState.DROPPED)

router = APIRouter()


@router.get("/delivery")
async def delivery_page(request: Request, visitor: SignedIn) -> Response:
    """Dead ones, those under way, the newest that are over; counts of each system."""
    desk: Desk = request.app.state.desk
    config = desk.delivery.current()
    async with desk.database.unit_of_work() as uow:
        counts = await uow.deliveries.counts()
        dead = await uow.deliveries.newest(states=[DeliveryState.DEAD], limit=SHOWN)
        under_way = await uow.deliveries.newest(states=_UNDER_WAY, limit=SHOWN)
        over = await uow.deliveries.newest(states=_OVER, limit=30)
    return render_page(
        request,
        "delivery.html",
        place="delivery",
        now=desk.now(),
        may=visitor.may(Permission.DELIVERY_RESEND),
        problem=desk.delivery.problem,
        systems=_systems(config, counts),
        dead=[_row(it, config) for it in dead],
        under_way=[_row(it, config) for it in under_way],
        over=[_row(it, config) for it in over],
    )


def _systems(config: DeliveryConfig, counts: Mapping[tuple[str, DeliveryState], int]) -> list[dict[str, Any]]:
    names = [*(it.id for it in config.connectors), *sorted({connector for connector, _ in counts})]
    return [
        {
            "name": _name(connector, config),
            "public": bool((setting := config.get(connector)) and setting.public),
            "waiting": sum(counts.get((connector, state), 0) for state in _UNDER_WAY),
            "delivered": counts.get((connector, DeliveryState.DELIVERED), 0),
            "dead": counts.get((connector, DeliveryState.DEAD), 0),
            "other": sum(counts.get((connector, state), 0) for state in _OVER[1:]),
        }
        for connector in dict.fromkeys(names)
    ]


def _name(connector: str, config: DeliveryConfig) -> str:
    setting = config.get(connector)
    return setting.label if setting else connector


def _row(it: Delivery, config: DeliveryConfig) -> dict[str, Any]:
    names = delivery_labels()
    of_call = it.kind in {OutboxKind.CALL, OutboxKind.MISSED_CALL}
    return {
        "id": it.id,
        "system": _name(it.connector, config),
        "kind": names.kinds[it.kind],
        "subject": CallKey.parse(it.subject).uniqueid if of_call else it.subject,
        "url": f"/calls/{it.subject}" if of_call else None,
        "state": names.states[it.state],
        "why": names.reasons.get(it.reason or "", it.reason or ""),
        "attempts": it.attempts,
        "remote_id": it.remote_id,
        "remote": names.meanings.get(it.remote_meaning or "", it.remote_status or ""),
        "due_at": it.due_at,
        "updated_at": it.updated_at,
        "done_by": it.done_by,
        "resendable": it.state in RESENDABLE,
        "droppable": it.state in DROPPABLE,
    }


@router.get("/delivery/{number}")
async def one_delivery(request: Request, visitor: SignedIn, number: int) -> Response:
    """One delivery: its attempts, and what the other side said."""
    desk: Desk = request.app.state.desk
    config = desk.delivery.current()
    names = delivery_labels()
    async with desk.database.unit_of_work() as uow:
        it = await uow.deliveries.get(number) if number < 2**63 else None
        if it is None:
            raise HTTPException(404)
        attempts = await uow.deliveries.attempts_of(number)
        heard = await uow.deliveries.statuses_of(number)
    return render_page(
        request,
        "delivery_one.html",
        place="delivery",
        now=desk.now(),
        may=visitor.may(Permission.DELIVERY_RESEND),
        it=_row(it, config),
        attempts=[
            {
                "attempt": one.attempt,
                "at": one.at,
                "result": names.results[one.result] if one.result else None,
                "detail": mask_spoken(one.detail or ""),
            }
            for one in attempts
        ],
        heard=[
            {
                "at": one.at,
                "status": one.remote_status,
                "meaning": names.meanings.get(one.meaning or "", "—"),
                "note": mask_spoken(one.note or ""),
                "applied": names.applied.get(one.applied.partition(":")[0], one.applied),
            }
            for one in heard
        ],
    )


@router.post("/delivery/{number}/resend", dependencies=[Depends(own_form), needs(Permission.DELIVERY_RESEND)])
async def send_again(request: Request, visitor: SignedIn, number: int) -> Response:
    """Send it again."""
    desk: Desk = request.app.state.desk
    try:
        async with desk.database.unit_of_work() as uow:
            await resend(uow, number, visitor.name)
    except (DeliveryUnknown, DeliveryNotYours):
        raise HTTPException(404) from None
    return RedirectResponse("/delivery", 303)


@router.post("/delivery/{number}/drop", dependencies=[Depends(own_form), needs(Permission.DELIVERY_RESEND)])
async def give_up(request: Request, visitor: SignedIn, number: int) -> Response:
    """People have seen to it otherwise."""
    desk: Desk = request.app.state.desk
    try:
        async with desk.database.unit_of_work() as uow:
            await drop(uow, number, visitor.name)
    except (DeliveryUnknown, DeliveryNotYours):
        raise HTTPException(404) from None
    return RedirectResponse("/delivery", 303)
