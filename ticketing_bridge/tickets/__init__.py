"""Our own tickets: their life by one table, their limits, their secrecy.

``TicketService(open_office(settings, hotline))`` over a unit of work is the way in:

    ticket = await service.create(uow, person, NewTicket(…), at)
    given = {"main": "市公安局"}
    ticket = await service.do(uow, ticket.number, ticket.version, Act.DISPATCH, person, at, given)
"""

from __future__ import annotations

from ticketing_bridge.tickets.model import Caller, Texts, Ticket
from ticketing_bridge.tickets.office import TicketOffice, open_office
from ticketing_bridge.tickets.service import TicketService, TicketUnknown
from ticketing_bridge.tickets.states import Act, State
from ticketing_bridge.tickets.taking import NewTicket, TicketExists
from ticketing_bridge.tickets.why import TicketChanged, TicketRefused, Why

__all__ = [
    "Act",
    "Caller",
    "NewTicket",
    "State",
    "Texts",
    "Ticket",
    "TicketChanged",
    "TicketExists",
    "TicketOffice",
    "TicketRefused",
    "TicketService",
    "TicketUnknown",
    "Why",
    "open_office",
]
