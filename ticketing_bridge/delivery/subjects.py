"""What deliveries are about, as the rest of the house knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from config.delivery import Meaning
from ticketing_bridge.delivery.outbound import OutboundTicket, Reporter
from ticketing_bridge.store.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Said:
    """What another system says of a ticket. ``units``: whose system it is; empty: everybody's."""

    meaning: Meaning
    note: str | None
    connector: str
    units: tuple[str, ...] = ()


def by(connector: str) -> str:
    """As whom a connector stands in a ticket's history."""
    return f"connector:{connector}"


class Tickets(Protocol):
    """The tickets, read when something is sent and told when something comes back."""

    async def outbound(self, uow: UnitOfWork, number: str) -> OutboundTicket | None:
        """What may be told of a ticket now; None when there is none, or it is not confirmed."""
        ...

    async def reporter(self, uow: UnitOfWork, number: str) -> Reporter | None:
        """Whom to tell about it."""
        ...

    async def told(self, uow: UnitOfWork, number: str, said: Said) -> str:
        """Another system says how it stands there; what that did here: ``applied`` or why it did nothing."""
        ...
