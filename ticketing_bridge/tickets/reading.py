"""Tickets read: each view as this person may have it, and a line in the audit log for each.

The desk, the API and the command line read tickets here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asr.text.searching import Terms
from ticketing_bridge.access import AccessRefused, Permission, Person
from ticketing_bridge.store.batch import Batch
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.desk_ticket_records import TicketFilter, TicketRow
from ticketing_bridge.tickets.model import Caller, Ticket
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.searching import says, wanted_tokens
from ticketing_bridge.tickets.service import TicketUnknown, visible
from ticketing_bridge.tickets.views import Preview, TicketView, may_reveal, preview, view_for

#: letters of a reason
REASON = range(2, 201)


class ReasonMissing(AccessRefused):
    """Why somebody's number or name is looked at must be written down."""

    error_id = "reason-missing"
    exit_code = 2


class TicketReader:
    """What people see of tickets."""

    def __init__(self, office: TicketOffice) -> None:
        self.office = office

    async def read(self, uow: UnitOfWork, number: str, person: Person) -> TicketView:
        """One ticket with its history, as this person sees it; on record.

        Raises:
            TicketUnknown: there is none, or it is not theirs to see: both sound alike.
        """
        row = await uow.desk_tickets.get(number)
        if row is None or not visible(row, person):
            raise TicketUnknown(f"there is no ticket {number!r}", fix="check its number")
        sealer = Sealer(uow, self.office.vault)
        rows = await uow.desk_tickets.history(number)
        await sealer.fetch_keys([row.texts, row.person, *(it.texts for it in rows)])
        ticket, caller = await sealer.ticket(row), await sealer.caller(row)
        view = view_for(ticket, caller, person, [await sealer.entry(it) for it in rows])
        batch = uow.batch()
        _put_look(uow, batch, ticket, view, person)
        await batch.send()
        return view

    def made(
        self, uow: UnitOfWork, batch: Batch, ticket: Ticket, caller: Caller, person: Person
    ) -> TicketView:
        """A ticket that is written by this batch, as whoever made it sees it; on record with it."""
        view = view_for(ticket, caller, person)
        _put_look(uow, batch, ticket, view, person)
        return view

    async def before_dispatch(
        self, uow: UnitOfWork, number: str, person: Person, title: str | None, content: str | None
    ) -> Preview | None:
        """What a unit would read of it; None: only who may see the original sends it.

        Who called is opened, to find what would give them away, and that is on record.

        Raises:
            TicketUnknown: see ``read``.
        """
        view = await self.read(uow, number, person)
        row = await uow.desk_tickets.get(number)
        if row is None or not view.original:
            return None
        sealer = Sealer(uow, self.office.vault)
        ticket, caller = await sealer.ticket(row), await sealer.caller(row)
        await uow.audit.add(person.name, "caller-compared", subject=number, fields=ticket.known)
        return preview(ticket, caller, title, content)

    async def find(
        self, uow: UnitOfWork, person: Person, wanted: TicketFilter, limit: int = 100, said: str = ""
    ) -> list[TicketView]:
        """Tickets of this person, newest first, without their history; the look is on record.

        ``said``: what was typed; only those are given that ``search`` finds by it.
        """
        if said.strip():
            return await self.search(uow, person, wanted, said, limit)
        rows = await uow.desk_tickets.find(self.theirs(person, wanted), limit)
        views = await _views(Sealer(uow, self.office.vault), rows, person)
        await uow.audit.add(person.name, "tickets-listed", fields=[row.number for row in rows])
        return views

    async def search(
        self, uow: UnitOfWork, person: Person, wanted: TicketFilter, said: str, limit: int = 100
    ) -> list[TicketView]:
        """Tickets of this person in whose words, as they may read them, all that was typed stands.

        Newest first; the look and what was looked for (numbers masked) are on record. Nothing that can be
        looked for finds nothing.
        """
        terms = Terms.of(said)
        if not terms.terms:
            return []
        place = replace(self.theirs(person, wanted), words=wanted_tokens(self.office.vault, terms))
        sealer, found = Sealer(uow, self.office.vault), list[TicketView]()
        while len(found) < limit:
            rows = await uow.desk_tickets.find(place, limit)
            found += [it for it in await _views(sealer, rows, person) if says(it.texts, terms.terms)]
            if len(rows) < limit:
                break
            place = replace(place, after=(rows[-1].received_at, rows[-1].number))
        shown = found[:limit]
        numbers = [it.ticket.number for it in shown]
        await uow.audit.add_search(person.name, "tickets-searched", said, fields=numbers)
        return shown

    def theirs(self, person: Person, wanted: TicketFilter) -> TicketFilter:
        """The filter narrowed to what this person may see.

        Raises:
            AccessRefused: they may see none.
        """
        if person.may(Permission.TICKETS_SEE):
            return wanted
        if person.may(Permission.TICKETS_OWN_UNIT) and person.unit is not None:
            return replace(wanted, visible_to=person.unit)
        raise AccessRefused(f"{person.role} sees no tickets", fix="ask somebody whose role may")

    async def reveal(self, uow: UnitOfWork, number: str, person: Person, reason: str) -> Caller | None:
        """Who called, in clear; None: erased, or never known. On record before it is given.

        Raises:
            TicketUnknown: see ``read``.
            ReasonMissing: no reason was given.
            AccessRefused: it is not this person's to know.
        """
        row = await uow.desk_tickets.get(number)
        if row is None or not visible(row, person):
            raise TicketUnknown(f"there is no ticket {number!r}", fix="check its number")
        sealer = Sealer(uow, self.office.vault)
        ticket = await sealer.ticket(row)
        if not may_reveal(ticket, person):
            await uow.audit.add(person.name, "caller-refused", subject=number)
            raise AccessRefused("who called is not shown", fix="a person with confidential.see may look")
        words = " ".join(reason.split())
        if len(words) not in REASON:
            raise ReasonMissing(fix="write it in 2 to 200 letters")
        await uow.audit.add(person.name, "caller-shown", subject=number, fields=ticket.known, reason=words)
        return await sealer.caller(row)


def _put_look(uow: UnitOfWork, batch: Batch, ticket: Ticket, view: TicketView, person: Person) -> None:
    action = "confidential-viewed" if ticket.hides_person else "ticket-viewed"
    seen = ["texts" if view.original else "redacted", *(["caller-masked"] if view.caller else [])]
    uow.audit.put(batch, person.name, action, subject=ticket.number, fields=seen)


async def _views(sealer: Sealer, rows: Sequence[TicketRow], person: Person) -> list[TicketView]:
    """Rows as this person sees them, without their history."""
    await sealer.fetch_keys(blob for row in rows for blob in (row.texts, row.person))
    return [view_for(await sealer.ticket(row), await sealer.caller(row), person) for row in rows]
