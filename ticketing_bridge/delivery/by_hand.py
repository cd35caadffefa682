"""What people do with deliveries: send again, give up. On record, each with who did it."""

from __future__ import annotations

from facts.errors import HotlineError
from ticketing_bridge.delivery.policy import DROPPABLE, RESENDABLE
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.outbox_records import Delivery, DeliveryState


class DeliveryUnknown(HotlineError):
    """There is no such delivery."""

    error_id = "delivery-unknown"


class DeliveryNotYours(HotlineError):
    """In its state a delivery cannot be changed so."""

    error_id = "delivery-in-other-state"
    exit_code = 1


async def resend(uow: UnitOfWork, number: int, by: str) -> Delivery:
    """Have a dead, withheld or dropped delivery sent again: searched for first, under the rules of now.

    Raises:
        DeliveryUnknown: there is none.
        DeliveryNotYours: it is delivered, or on its way.
    """
    return await _decided(uow, number, by, DeliveryState.WAITING)


async def drop(uow: UnitOfWork, number: int, by: str) -> Delivery:
    """Give a delivery up: people have seen to it otherwise.

    Raises:
        DeliveryUnknown: there is none.
        DeliveryNotYours: it is delivered, or an attempt runs.
    """
    return await _decided(uow, number, by, DeliveryState.DROPPED)


async def _decided(uow: UnitOfWork, number: int, by: str, to: DeliveryState) -> Delivery:
    it = await uow.deliveries.get(number, lock=True)
    if it is None:
        raise DeliveryUnknown(f"there is no delivery {number}", fix="hotline delivery list shows them")
    again = to is DeliveryState.WAITING
    if it.state not in (RESENDABLE if again else DROPPABLE):
        raise DeliveryNotYours(f"delivery {number} is {it.state.value}", fix="look at it again")
    await uow.deliveries.decide(it, to, reason=None if again else "by_person", by=by)
    action = "delivery-sent-again" if again else "delivery-given-up"
    await uow.audit.add(by, action, subject=it.subject, fields=(it.connector, it.kind.value))
    return it
