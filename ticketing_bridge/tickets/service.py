"""Tickets over the unit of work: made, changed, read; each time with its history, its audit, its outbox.

Nothing here commits: who calls holds the unit of work, so that a ticket, what is told outside of it and
who did it are one transaction. Who changes a ticket names the version that they saw: of two at once, the
second is told ``TicketChanged``, and nothing of the first is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from facts.errors import HotlineError
from ticketing_bridge.access import AccessRefused, Permission, Person
from ticketing_bridge.call_ledger.rows import CALL_CHANNEL
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.desk_ticket_records import TicketRow
from ticketing_bridge.tickets.barring import barred_units
from ticketing_bridge.tickets.checks import WHO, check
from ticketing_bridge.tickets.life import follow
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.model import Caller, Entry, Ticket
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.preparing import prepare
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.searching import ticket_tokens
from ticketing_bridge.tickets.states import OPEN, Act, State, follows
from ticketing_bridge.tickets.taking import NewTicket, Taking, new_entry, put_on_record, tell
from ticketing_bridge.tickets.undertakings import Undertakings
from ticketing_bridge.tickets.views import preview
from ticketing_bridge.tickets.why import TicketChanged, TicketRefused, Why

#: kinds of approvals
ADMIT, LOWER = "admit_named_unit", "lower_confidentiality"


class TicketUnknown(HotlineError):
    """There is no such ticket, or it is not yours to see."""

    error_id = "ticket-unknown"


class TicketService:
    """What can be done to tickets. ``at`` is the moment at which it happens, by the city's own clock."""

    def __init__(self, office: TicketOffice) -> None:
        self.office = office

    async def create(self, uow: UnitOfWork, person: Person, new: NewTicket, at: datetime) -> Ticket:
        """Take a ticket from what a person confirmed.

        Raises:
            TicketExists: its source is a ticket already; naming it.
            AccessRefused: the person may not.
        """
        taking = await self.taking(uow, [new], at)
        ticket = await taking.take(new, person)
        await taking.kept()
        return ticket

    async def taking(self, uow: UnitOfWork, news: Sequence[NewTicket], at: datetime) -> Taking:
        """Begin to write new tickets together: what all of them need is read at once."""
        sealer = Sealer(uow, self.office.vault)
        drawn = await sealer.draw(at.astimezone(LOCAL).date(), [(it.source, it.caller) for it in news])
        of = {id(new): (new, it) for new, it in zip(news, drawn, strict=True)}
        return Taking(self.office, self._entry, uow, at, sealer, of)

    async def do(
        self,
        uow: UnitOfWork,
        number: str,
        version: int,
        act: Act,
        person: Person,
        at: datetime,
        given: Mapping[str, Any] | None = None,
    ) -> Ticket:
        """Do one thing to a ticket; ``given`` are the fields that ``fields.FIELDS`` names for it.

        Raises:
            TicketUnknown: there is none, or it is not this person's to see.
            TicketChanged: ``version`` is not its version any more.
            TicketRefused: it cannot be done now; ``why`` says why.
        """
        if act in _BY_SERVICE:
            raise TicketRefused(Why.ROLE, f"{act} is not done by itself")
        if act is Act.MERGE:
            return await self._merge(uow, number, version, person, at, given or {})
        return await self._do(uow, number, version, act, person, at, given or {})

    async def _do(
        self,
        uow: UnitOfWork,
        number: str,
        version: int,
        act: Act,
        person: Person,
        at: datetime,
        given: Mapping[str, Any],
        extra: Mapping[str, Any] | None = None,
    ) -> Ticket:
        row, ticket, sealer = await self._opened(uow, number, person)
        if ticket.version != version:
            raise TicketChanged(number)
        caller = await sealer.caller(row) if act in _SENDS and ticket.hides_person else None
        entry = self._entry(ticket, act, person, at, given, caller, extra)
        changed = await self._keep(uow, sealer, row, follow(ticket, entry), entry)
        if act in (Act.UPHOLD, Act.VERDICT):
            await Undertakings(self.office).propose(uow, ticket, changed, act)
        if act is Act.HIDE:
            await uow.follow_ups.keep_secret(number)
            if changed.call is not None:
                await uow.notify(
                    CALL_CHANNEL, changed.call
                )  # pages that follow the call look whether they may
        return await self._withdrawn(uow, changed, person, at) if act in _BARS else changed

    async def _withdrawn(self, uow: UnitOfWork, ticket: Ticket, person: Person, at: datetime) -> Ticket:
        """Taken at once from units that have it and must not, as it has turned out."""
        if ticket.state not in OPEN or ticket.state is State.RECEIVED:
            return ticket
        if ticket.main is not None and ticket.main.unit in ticket.kept_from:
            return await self.decided(uow, ticket, Act.TAKE_BACK, person, at, {"hidden": True})
        for unit in [it.unit for it in ticket.joint if it.unit in ticket.kept_from]:
            ticket = await self.decided(uow, ticket, Act.RELEASE_JOINT, person, at, {"unit": unit})
        return ticket

    def _entry(
        self,
        ticket: Ticket,
        act: Act,
        person: Person,
        at: datetime,
        given: Mapping[str, Any],
        caller: Caller | None,
        extra: Mapping[str, Any] | None = None,
    ) -> Entry:
        """What an act adds to a ticket's history; ``caller``: of a secret that is sent."""
        refuse(check(ticket, act, person), ticket, act)
        if person.unit and act in (Act.JOINT_SIGN, Act.JOINT_REPLY):
            given = {**given, "unit": person.unit}
        prepared = prepare(self.office.city_rules, ticket, act, given, at)
        data = {**prepared.data, **(extra or {}), **self._derived(ticket, act, prepared.texts)}
        refuse(check(ticket, act, person, data), ticket, act)
        if act in _SENDS and ticket.hides_person and "unit_content" in prepared.texts:
            self._looked_through(ticket, caller, prepared.texts, given)
        return new_entry(ticket.number, ticket.version + 1, act, person, at, data, prepared.texts)

    def _looked_through(
        self, ticket: Ticket, caller: Caller | None, texts: Mapping[str, Any], given: Mapping[str, Any]
    ) -> None:
        """What a unit will read of a secret must have nothing marked, unless the sender says that it may."""
        seen = preview(ticket, caller, texts.get("unit_title"), texts["unit_content"])
        if not seen.clean and given.get("kept") not in (True, "yes"):
            raise TicketRefused(Why.GIVE_AWAY, "phrases that could give the caller away are left")

    async def decided(
        self,
        uow: UnitOfWork,
        ticket: Ticket,
        act: Act,
        person: Person,
        at: datetime,
        data: Mapping[str, Any],
    ) -> Ticket:
        """What follows from a decision that was made elsewhere; in the same transaction.

        Raises:
            TicketRefused: it cannot follow any more.
            TicketChanged: somebody else was first.
        """
        row, now, sealer = await self._opened(uow, ticket.number, person)
        if follows(now.state, act) is None:
            refuse(Why.STATE, now, act)
        entry = new_entry(now.number, now.version + 1, act, person, at, data, {})
        return await self._keep(uow, sealer, row, follow(now, entry), entry)

    async def _keep(
        self, uow: UnitOfWork, sealer: Sealer, row: TicketRow, changed: Ticket, entry: Entry
    ) -> Ticket:
        if not await uow.ticket_writing.next_version(await sealer.row(changed, row, None)):
            raise TicketChanged(changed.number)
        batch = uow.batch()
        uow.ticket_writing.put_entry(batch, await sealer.history_row(entry))
        if entry.texts:
            tokens = ticket_tokens(self.office.vault, changed.texts)
            uow.ticket_writing.put_words(batch, changed.number, tokens)
        put_on_record(uow, batch, entry, entry.act, sorted(entry.data))
        tell(uow, batch, changed, entry.act)
        await batch.send()
        return changed

    def _derived(self, ticket: Ticket, act: Act, texts: Mapping[str, Any]) -> dict[str, Any]:
        """What follows from the matter's words: whose they must not become."""
        if act is Act.AMEND:
            merged = replace(
                ticket.texts, **{it: texts[it] for it in ("title", "content", "demand") if it in texts}
            )
            confidential = ticket.confidential
        elif act is Act.HIDE:
            merged, confidential = ticket.texts, True
        else:
            return {}
        barred = barred_units(self.office.units, ticket.purpose, merged, None, confidential=confidential)
        return {"barred": list(dict.fromkeys((*ticket.barred, *barred)))}

    async def _merge(
        self,
        uow: UnitOfWork,
        number: str,
        version: int,
        person: Person,
        at: datetime,
        given: Mapping[str, Any],
    ) -> Ticket:
        """并单: this ticket goes on as part of another one, which takes it in, in one transaction."""
        into = str(given.get("into") or "").strip()
        _, own, _ = await self._opened(uow, number, person)
        try:
            _, other, _ = await self._opened(uow, into, person)
        except TicketUnknown:
            raise TicketRefused(Why.MERGE_GONE, f"there is no ticket {into!r}", detail=into) from None
        if own.hides_person and not other.hides_person:
            raise TicketRefused(Why.MERGE_SECRET, "a confidential ticket is not merged into an open one")
        merged = await self._do(uow, number, version, Act.MERGE, person, at, given)
        why = check(other, Act.TAKE_IN, person)
        if why is not None:
            raise TicketRefused(Why.MERGE_GONE, f"ticket {into} is {other.state}", detail=into)
        await self._do(uow, into, other.version, Act.TAKE_IN, person, at, {}, {"number": number})
        await uow.desk_tickets.add_link(number, into, "merged", person.name)
        return merged

    async def get(self, uow: UnitOfWork, number: str, person: Person) -> Ticket:
        """The ticket with its words, unrecorded: for deciding, never for showing.

        Raises:
            TicketUnknown: there is none, or it is not this person's to see.
        """
        _, ticket, _ = await self._opened(uow, number, person)
        return ticket

    async def _opened(self, uow: UnitOfWork, number: str, person: Person) -> tuple[TicketRow, Ticket, Sealer]:
        row = await uow.desk_tickets.get(number)
        if row is None or not visible(row, person):
            raise TicketUnknown(f"there is no ticket {number!r}", fix="check its number")
        sealer = Sealer(uow, self.office.vault)
        return row, await sealer.ticket(row), sealer


#: acts by which it may turn out whose it must not be
_BARS = frozenset({Act.HIDE, Act.AMEND})
#: acts after which other units read it
_SENDS = frozenset({Act.DISPATCH, Act.REDISPATCH, Act.UPHOLD, Act.VERDICT})
_BY_SERVICE = frozenset({Act.CREATE, Act.TAKE_IN, Act.UNHIDE, Act.ADMIT})


def visible(row: TicketRow, person: Person) -> bool:
    """Whether a ticket is this person's to see: a unit's are those that it has and is not barred from."""
    if person.may(Permission.TICKETS_SEE):
        return True
    own = person.may(Permission.TICKETS_OWN_UNIT) and person.unit is not None
    return own and person.unit in row.units and person.unit not in row.barred


def refuse(why: Why | None, ticket: Ticket, act: Act) -> None:
    """Raise what a check found."""
    if why is None:
        return
    if why is Why.ROLE:
        raise AccessRefused(f"{act} is not yours to do", fix="ask somebody whose role may")
    raise TicketRefused(why, f"ticket {ticket.number} ({ticket.state}): {act} is refused: {why}")


def may_act(person: Person) -> bool:
    """Whether this person ever does anything to tickets."""
    return person.may(Permission.TICKETS_OWN_UNIT) or any(
        person.may(it) for it in {who.permission for who in WHO.values()}
    )
