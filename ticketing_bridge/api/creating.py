"""Tickets from other channels: those that come in the same moment are made in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from facts.errors import HotlineError
from facts.gathering import Gathering
from ticketing_bridge.access import Person
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.tickets import NewTicket, TicketService
from ticketing_bridge.tickets.reading import TicketReader
from ticketing_bridge.tickets.views import TicketView

log = structlog.get_logger(__name__)

#: tickets that are made by one transaction, and transactions that are under way at the same time
TOGETHER: Final = 32
TURNS: Final = 2


@dataclass(frozen=True, slots=True)
class Key:
    """A client's own key for a request, and the digest of what it asks for."""

    client: int
    key: str
    digest: bytes

    @property
    def name(self) -> tuple[int, str]:
        return self.client, self.key


@dataclass(frozen=True, slots=True)
class Order:
    """A ticket that somebody wants to be made. ``key``: what comes again with it is made once."""

    person: Person
    new: NewTicket = field(repr=False)
    key: Key | None = None


class MadeApart(HotlineError):
    """This one is to be made in a transaction of its own, where it is told what is the matter."""

    error_id = "made-apart"


Creator = Gathering[Order, TicketView]


def creator(database: Database, service: Callable[[], TicketService], now: Callable[[], datetime]) -> Creator:
    """Makes tickets as their makers may see them, each by itself or not at all (``MadeApart``)."""

    async def turn(orders: Sequence[Order]) -> Sequence[TicketView | Exception]:
        try:
            async with database.unit_of_work() as uow:
                return await _made(uow, service(), orders, now())
        except DatabaseAway:  # whether they were kept nobody knows
            raise
        except Exception as void:  # noqa: BLE001 - whose it is is told to them alone
            log.warning("tickets are made one by one", tickets=len(orders), problem=repr(void))
            return [MadeApart()] * len(orders)

    return Gathering(turn, most=TOGETHER, turns=TURNS)


async def _made(
    uow: UnitOfWork, service: TicketService, orders: Sequence[Order], at: datetime
) -> Sequence[TicketView | Exception]:
    """Views of those that were made.

    Raises:
        Exception: whatever it is, the transaction is void.
    """
    used = await uow.api.used([it.key.name for it in orders if it.key is not None])
    fresh: dict[int, Order] = {}
    for number, it in enumerate(orders):
        if it.key is None or it.key.name not in used:
            fresh[number] = it
            used |= {it.key.name} if it.key is not None else set()
    taking = await service.taking(uow, [it.new for it in fresh.values()], at)
    reader = TicketReader(service.office)
    made: dict[int, TicketView] = {}
    for number, it in fresh.items():
        try:
            ticket = await taking.take(it.new, it.person)
        except HotlineError:
            continue
        made[number] = reader.made(uow, taking.batch, ticket, it.new.caller, it.person)
        if it.key is not None:
            uow.api.put_answer(
                taking.batch, it.key.client, it.key.key, it.key.digest, 201, {"number": ticket.number}
            )
    await taking.kept()
    return [made.get(number) or MadeApart() for number in range(len(orders))]
