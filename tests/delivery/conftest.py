"""Deliveries on the real database against real HTTP servers of other systems, and tickets to deliver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from config.delivery import DeliveryConfig, Meaning
from ticketing_bridge.bench.outside.serving import Outside
from ticketing_bridge.delivery.outbound import OutboundTicket, Reporter
from ticketing_bridge.delivery.service import DeliveryService, open_delivery
from ticketing_bridge.delivery.subjects import Said
from ticketing_bridge.store import Database, UnitOfWork
from ticketing_bridge.store.outbox_records import Delivery, DeliveryState, OutboxKind

SECRETS = {"key": "k-311-secret", "token": "z-token-secret", "sign": "shared-secret-1", "sms": "sms-secret-1"}
NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)


def a_ticket(number: str, **changes: Any) -> OutboundTicket:
    ticket = OutboundTicket(
        number=number,
        revision=1,
        channel="电话",
        received_at=NOW,
        title="八一路路灯不亮",
        content="来电人反映，八一路三号院门口的路灯三天不亮，请联系13997361508。",
        purpose="投诉",
        appeal="城乡建设",
        place="八一路三号院门口",
        state="dispatched",
        unit="市住房和城乡建设局",
        confidential=False,
        anonymous=False,
        reporter=Reporter("李先生", "13997361508"),
    )
    return replace(ticket, **changes)


@dataclass
class Desk:
    """Tickets by number, and what other systems said of them."""

    tickets: dict[str, OutboundTicket] = field(default_factory=dict)
    said: list[tuple[str, Meaning, str | None]] = field(default_factory=list)

    def put(self, ticket: OutboundTicket) -> None:
        self.tickets[ticket.number] = ticket

    async def outbound(self, uow: UnitOfWork, number: str) -> OutboundTicket | None:
        return self.tickets.get(number)

    async def reporter(self, uow: UnitOfWork, number: str) -> Reporter | None:
        ticket = self.tickets.get(number)
        return ticket.reporter if ticket else None

    async def told(self, uow: UnitOfWork, number: str, said: Said) -> str:
        self.said.append((number, said.meaning, said.note))
        return "applied"


@pytest.fixture
def outside() -> Iterator[Outside]:
    with Outside() as made:
        yield made


@pytest.fixture
def desk() -> Desk:
    return Desk()


@dataclass
class Post:
    """A delivery service whose jobs are done by hand, at once, whatever their time."""

    database: Database
    service: DeliveryService

    async def hand_in(self, subject: str, kind: OutboxKind = OutboxKind.TICKET, **more: Any) -> None:
        async with self.database.unit_of_work() as uow:
            await uow.outbox.add(kind, subject, **more)
            (entry,) = [it for it in await uow.outbox.of(subject) if it.routed_at is None]
        await self.service.route([entry.id])

    async def once(self, *, states: tuple[DeliveryState, ...] = (DeliveryState.WAITING,)) -> int:
        """One attempt of everything that waits."""
        async with self.database.unit_of_work() as uow:
            due = await uow.deliveries.newest(states=states, limit=2000)
        for it in reversed(due):
            await self.service.deliver(it.id)
        return len(due)

    async def until_done(self, most: int = 30) -> None:
        for _ in range(most):
            if not await self.once():
                return
        raise AssertionError("deliveries go on for ever")

    async def time_goes_by(self, days: float = 1.0) -> None:
        """Everything was asked for, and changed, so long ago."""
        moved = text("""
            UPDATE delivery SET ask_at = ask_at - make_interval(secs => :s),
              updated_at = updated_at - make_interval(secs => :s)
        """)
        async with self.database.unit_of_work() as uow:
            await uow.connection.execute(moved, {"s": days * 86_400})

    async def all(self, subject: str | None = None) -> list[Delivery]:
        async with self.database.unit_of_work() as uow:
            return await uow.deliveries.newest(subject=subject, limit=5000)

    async def only(self, subject: str) -> Delivery:
        (it,) = await self.all(subject)
        return it


class post_for:
    """``async with post_for(database, desk, [connector, …]) as post``."""

    def __init__(self, database: Database, desk: Desk, *connectors: Mapping[str, Any]) -> None:
        common = {"timeout_s": 0.2, "retry": {"attempts": 30, "first_s": 0.001, "most_s": 0.002}}
        config = DeliveryConfig.model_validate({"connectors": [{**common, **it} for it in connectors]})
        self._opening = open_delivery(
            database, config, SECRETS, desk, house="格尔木12345", agents={"8001": "王话务员"}
        )
        self._database = database

    async def __aenter__(self) -> Post:
        return Post(self._database, await self._opening.__aenter__())

    async def __aexit__(self, *error: Any) -> None:
        await self._opening.__aexit__(*error)
