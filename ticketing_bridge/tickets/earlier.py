"""The tickets that somebody who calls has already: for the page beside the call, and for the draft."""

from __future__ import annotations

from typing import Final

from facts.call import Call
from facts.telephone import national
from ticketing_bridge.drafting import EarlierTicket
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.desk_ticket_records import TicketRow
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.states import OPEN

#: how many are looked at
NEWEST: Final = 6


async def rows_of_number(uow: UnitOfWork, office: TicketOffice, number: str) -> list[TicketRow]:
    """The newest tickets of whoever has this number, sealed."""
    return await uow.desk_tickets.of_person(office.vault.lookup("phone", national(number)), NEWEST)


async def earlier_tickets(uow: UnitOfWork, office: TicketOffice, call: Call) -> tuple[EarlierTicket, ...]:
    """What a draft may know of the caller's tickets from before this call.

    Drafts are read by more people than confidential tickets are: those are not opened for one.
    """
    if not call.caller_number:
        return ()
    rows = await rows_of_number(uow, office, call.caller_number)
    sealer = Sealer(uow, office.vault)
    wanted = [row for row in rows if not row.confidential and row.received_at < call.arrived_at]
    await sealer.fetch_keys(row.texts for row in wanted)
    return tuple([_earlier(await sealer.ticket(row)) for row in wanted])


def _earlier(ticket: Ticket) -> EarlierTicket:
    return EarlierTicket(
        ticket.number,
        ticket.received_at,
        ticket.texts.title,
        "、".join(ticket.texts.places) or None,
        ticket.main.unit if ticket.main else None,
        ticket.state in OPEN,
    )
