"""What of a ticket leaves the house, and to whom it must not go. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from config.delivery import ConnectorBase
from facts.masking import mask_spoken
from ticketing_bridge.tickets.states import State


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who called. ``phone`` is where they want to be reached."""

    name: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class OutboundTicket:
    """A ticket as it is told outside, frozen when it is sent. ``content`` is what the unit may read."""

    number: str
    revision: int
    channel: str
    received_at: datetime
    title: str
    content: str
    purpose: str
    appeal: str
    place: str | None
    state: str
    unit: str | None
    confidential: bool
    anonymous: bool
    demand: str | None = None
    district: str | None = None
    occurred: str | None = None
    line: str | None = None
    urgency: str | None = None
    joint_units: tuple[str, ...] = ()
    limit_at: datetime | None = None
    reply: str | None = None
    #: it has ended without a result (withdrawn, void): what is outside shall end, too
    withdrawn: bool = False
    #: whose the last change was: it is not told back to who said it
    told_by: str | None = None
    reporter: Reporter | None = None
    #: since which revision its units have it
    moved_at: int = 0


class Withheld(StrEnum):
    """Why a ticket does not go to a connector; keys of the page's labels."""

    CONFIDENTIAL = "confidential"
    REPORT = "report"


def released(
    ticket: OutboundTicket, connector: ConnectorBase, purpose_secret: str
) -> OutboundTicket | Withheld:
    """What of a ticket this connector gets, or why it gets nothing.

    A confidential ticket, and every 举报 (``purpose_secret``), stays away from public endpoints.
    Who called goes only where the connector is meant to know it, and never of a confidential or
    anonymous ticket; without it, long numbers in the texts are masked, too (数据安全法 art. 12).
    """
    if connector.public:
        if ticket.confidential:
            return Withheld.CONFIDENTIAL
        if ticket.purpose == purpose_secret:
            return Withheld.REPORT
    if connector.reporter and not connector.public and not ticket.confidential and not ticket.anonymous:
        return ticket
    return replace(
        ticket,
        reporter=None,
        title=mask_spoken(ticket.title),
        content=mask_spoken(ticket.content),
        demand=mask_spoken(ticket.demand) if ticket.demand else None,
        reply=mask_spoken(ticket.reply) if ticket.reply else None,
    )


def taken_away(ticket: OutboundTicket) -> OutboundTicket:
    """What is told to who has a ticket no more: that it is over for them, and whose an open one is.

    None of its words, nothing of what becomes of it: they do not see it on the page any more either.
    """
    hidden = ticket.confidential
    return OutboundTicket(
        number=ticket.number,
        revision=ticket.revision,
        channel="" if hidden else ticket.channel,
        received_at=ticket.received_at,
        title="",
        content="",
        purpose="" if hidden else ticket.purpose,
        appeal="" if hidden else ticket.appeal,
        place=None,
        state=State.WITHDRAWN.value,
        unit=None if hidden else ticket.unit,
        confidential=hidden,
        anonymous=ticket.anonymous,
        withdrawn=True,
        told_by=ticket.told_by,
        moved_at=ticket.moved_at,
    )


def wanted(connector: ConnectorBase, ticket: OutboundTicket) -> bool:
    """Whether this ticket is one of those that a connector is for."""
    if connector.channels and ticket.channel not in connector.channels:
        return False
    units = {ticket.unit, *ticket.joint_units}
    return not connector.units or bool(units & {*connector.units})
