"""Secrets that two people share: letting a named unit in, lowering confidentiality, and hiding late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ticketing_bridge.access import Permission, Person
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.desk_ticket_records import Approval
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.sealed import Sealer, ticket_subject
from ticketing_bridge.tickets.service import ADMIT, LOWER, TicketService, TicketUnknown
from ticketing_bridge.tickets.states import Act
from ticketing_bridge.tickets.why import TicketRefused, Why


class TicketSecrecy:
    """What one person asks for and another one decides."""

    def __init__(self, tickets: TicketService) -> None:
        self._tickets = tickets

    async def ask(
        self,
        uow: UnitOfWork,
        number: str,
        kind: str,
        person: Person,
        reason: str,
        units: Sequence[str] = (),
    ) -> int:
        """Ask that a named unit may have it (``ADMIT``), or that it is confidential no more (``LOWER``).

        Raises:
            TicketUnknown, TicketRefused: there is nothing to ask for.
        """
        person.must(Permission.TICKETS_WORK)
        ticket = await self._tickets.get(uow, number, person)
        if not reason.strip():
            raise TicketRefused(Why.MISSING, "a reason is needed", detail="reason")
        if kind == ADMIT:
            units = [it for it in units if it in ticket.kept_from]
            if not units:
                raise TicketRefused(Why.MISSING, "none of these units is barred", detail="units")
        elif not ticket.confidential:
            raise TicketRefused(Why.NOT_HIDDEN, "it is not confidential")
        sealer = Sealer(uow, self._tickets.office.vault)
        sealed = await sealer.seal(ticket_subject(number), {"reason": reason.strip()}, f"approval:{number}")
        asked = await uow.approvals.ask(number, kind, units, person.name, sealed)
        await uow.audit.add(person.name, f"asked-{kind}", subject=number, fields=units)
        return asked

    async def decide(
        self, uow: UnitOfWork, approval: int, person: Person, at: datetime, *, granted: bool
    ) -> Ticket:
        """Decide what somebody else asked for; granted, it happens at once.

        Raises:
            TicketUnknown: nobody asked for it, or it is decided.
            TicketRefused: ``SECOND_PERSON``: who asked cannot be who decides.
        """
        person.must(Permission.CONFIDENTIAL_CONFIRM)
        asked = await uow.approvals.get(approval)
        if asked is None or asked.granted is not None:
            raise TicketUnknown("nobody waits for this decision", fix="look at the list again")
        if asked.asked_by == person.name:
            raise TicketRefused(Why.SECOND_PERSON, "who asked cannot be the second person")
        await uow.approvals.decide(approval, person.name, granted=granted)
        verdict = "granted" if granted else "refused"
        await uow.audit.add(
            person.name,
            f"{verdict}-{asked.kind}",
            subject=asked.ticket,
            fields=[*asked.units, asked.asked_by],
        )
        ticket = await self._tickets.get(uow, asked.ticket, person)
        if not granted:
            return ticket
        act, data = (Act.ADMIT, {"units": [*asked.units]}) if asked.kind == ADMIT else (Act.UNHIDE, {})
        return await self._tickets.decided(uow, ticket, act, person, at, data)

    async def hide(
        self, uow: UnitOfWork, number: str, version: int, person: Person, at: datetime, reason: str
    ) -> Ticket:
        """Confidential from now on, found late: barred units see it no more, and it is taken from them."""
        return await self._tickets.do(uow, number, version, Act.HIDE, person, at, {"reason": reason})

    async def waiting(self, uow: UnitOfWork, number: str | None = None) -> list[tuple[Approval, str]]:
        """What waits for a second person, with the reason that was given."""
        sealer = Sealer(uow, self._tickets.office.vault)
        found = await uow.approvals.waiting(number)
        await sealer.fetch_keys([it.reason for it in found])
        reasons = [await sealer.open(it.reason, f"approval:{it.ticket}") or {} for it in found]
        return [(it, str(words.get("reason", ""))) for it, words in zip(found, reasons, strict=True)]


__all__ = ["ADMIT", "LOWER", "TicketSecrecy"]
