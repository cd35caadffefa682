"""New tickets: taken from what people confirmed, and written together with all that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from facts.errors import HotlineError
from facts.masking import mask_spoken
from ticketing_bridge.access import Permission, Person
from ticketing_bridge.store.batch import Answer, Batch
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.mapping import own_values
from ticketing_bridge.store.outbox_records import OutboxKind
from ticketing_bridge.store.ticket_writing import Drawn
from ticketing_bridge.tickets.barring import REPORT, barred_units, purpose_named
from ticketing_bridge.tickets.life import born, follow
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.model import Caller, Entry, Intake, Texts, Ticket
from ticketing_bridge.tickets.numbering import ticket_number
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.searching import ticket_tokens
from ticketing_bridge.tickets.states import Act, State

#: acts of which the outside is told: who handles it, or how it ended
_TOLD = frozenset(Act) - {Act.NOTE, Act.CREATE, Act.REPORT_TRACK, Act.ADMIT}


class TicketExists(HotlineError):
    """This became a ticket already."""

    error_id = "ticket-exists"
    exit_code = 1

    def __init__(self, number: str) -> None:
        super().__init__(f"it is ticket {number} already", fix="open that one")
        self.number = number


@dataclass(frozen=True, slots=True)
class NewTicket(Intake):
    """What a person confirmed. Numbers in texts are masked before anything is kept."""

    channel: str
    purpose: str
    appeal: str
    texts: Texts
    caller: Caller = field(default_factory=Caller, repr=False)
    #: None: as the rules have it for this purpose
    level: str | None = None
    #: by what it is known that this became a ticket: ``draft:<call>``, ``api:<client>:<key>``
    source: str | None = None


#: what an act adds to a ticket's history; raises ``TicketRefused`` when it cannot be done
EntryOf = Callable[[Ticket, Act, Person, datetime, Mapping[str, Any], Caller | None], Entry]


class Taking:
    """New tickets that are written together, and what belongs to the same moment (``batch``)."""

    def __init__(
        self,
        office: TicketOffice,
        entry_of: EntryOf,
        uow: UnitOfWork,
        at: datetime,
        sealer: Sealer,
        drawn: Mapping[int, tuple[NewTicket, Drawn]],
    ) -> None:
        self._office = office
        self._entry_of = entry_of
        self._uow = uow
        self._at = at
        self._sealer = sealer
        self._drawn = drawn
        #: sources with the tickets that they become, and which of these were the first
        self._claims: list[tuple[str, str]] = []
        self._claimed: Answer | None = None
        self.batch = uow.batch()

    async def take(
        self, new: NewTicket, person: Person, act: Act | None = None, given: Mapping[str, Any] | None = None
    ) -> Ticket:
        """One of them, with the first thing that is done to it; ``kept`` writes it. Refused, nothing is.

        Raises:
            TicketExists: its source is a ticket already; naming it.
            TicketRefused: the act cannot be done.
            AccessRefused: the person may not.
        """
        person.must(Permission.TICKETS_WORK)
        (_, drawn), office = self._drawn[id(new)], self._office
        if drawn.there is not None:
            raise TicketExists(drawn.there)
        day = self._at.astimezone(LOCAL).date()
        number = ticket_number(day, drawn.serial, office.rules.number.serial_digits)
        entries = [_creation(office, number, person, new, self._at)]
        ticket = born(entries[0])
        if act is not None:
            entries.append(self._entry_of(ticket, act, person, self._at, given or {}, new.caller))
            ticket = follow(ticket, entries[1])
        await self._put(new, drawn, ticket, entries)
        return ticket

    async def _put(self, new: NewTicket, drawn: Drawn, ticket: Ticket, entries: Sequence[Entry]) -> None:
        uow, batch, sealer = self._uow, self.batch, self._sealer
        sealer.make_keys(batch, ticket.number, drawn)
        row = await sealer.row(ticket, None, new.caller)
        uow.ticket_writing.put_new(batch, row, [await sealer.history_row(it) for it in entries])
        if new.source is not None:
            self._claimed = uow.ticket_writing.put_claim(batch, new.source, ticket.number)
            self._claims.append((new.source, ticket.number))
        uow.ticket_writing.put_words(batch, ticket.number, ticket_tokens(self._office.vault, ticket.texts))
        put_on_record(uow, batch, entries[0], "created", _known(new.caller))
        if new.caller.to_call:
            uow.outbox.put(batch, OutboxKind.RECEIPT, ticket.number)
        for entry in entries[1:]:
            put_on_record(uow, batch, entry, entry.act, sorted(entry.data))
            tell(uow, batch, ticket, entry.act)

    async def kept(self) -> None:
        """Write all that was taken, with everything that was added.

        Raises:
            TicketExists: a source became another ticket in this very moment; the transaction is void.
        """
        await self.batch.send()
        claimed = {row["ticket"] for row in self._claimed.rows} if self._claimed is not None else set()
        for source, number in self._claims:
            if number not in claimed:
                raise TicketExists(await self._uow.ticket_writing.of_source(source) or "")


def _creation(office: TicketOffice, number: str, person: Person, new: NewTicket, at: datetime) -> Entry:
    """The entry with which a history begins."""
    purpose = purpose_named(new.purpose)
    confidential = new.confidential or purpose == REPORT
    texts = _masked(new.texts)
    data = {
        "channel": new.channel,
        "purpose": purpose,
        "appeal": new.appeal,
        "level": new.level or office.rules.usual_level(purpose, emergency=new.emergency),
        "received_at": at.astimezone(LOCAL).isoformat(),
        **{name: getattr(new, name) for name in Intake.__dataclass_fields__},
        "confidential": confidential,
        "known": _known(new.caller),
        "barred": barred_units(office.units, purpose, texts, new.caller, confidential=confidential),
    }
    office.rules.level(str(data["level"]))
    return new_entry(number, 1, Act.CREATE, person, at, data, own_values(texts))


def put_on_record(uow: UnitOfWork, batch: Batch, entry: Entry, what: str, fields: Sequence[str]) -> None:
    """A line of the audit log of what somebody did to a ticket."""
    uow.audit.put(batch, entry.by, f"ticket-{what}", subject=entry.ticket, fields=fields)


def tell(uow: UnitOfWork, batch: Batch, ticket: Ticket, act: Act) -> None:
    """Have the outside told of it, where it is to be told."""
    if act is Act.DISPATCH:
        uow.outbox.put(batch, OutboxKind.TICKET, ticket.number, revision=ticket.version)
    elif act in _TOLD and ticket.dispatched_at is not None:
        uow.outbox.put(batch, OutboxKind.UPDATE, ticket.number, revision=ticket.version)
    if ticket.state in (State.CLOSED, State.ANSWERED, State.UNREASONABLE) and act is not Act.RATE:
        uow.outbox.put(batch, OutboxKind.RESULT, ticket.number, revision=ticket.version)


def new_entry(
    number: str,
    version: int,
    act: Act,
    person: Person,
    at: datetime,
    data: Mapping[str, Any],
    texts: Mapping[str, Any],
) -> Entry:
    """What somebody does to a ticket, in the city's own time."""
    return Entry(
        number, version, act, at.astimezone(LOCAL), person.name, person.role, person.unit, data, texts
    )


def _known(caller: Caller) -> list[str]:
    return [name for name, value in own_values(caller).items() if value]


def _masked(texts: Texts) -> Texts:
    plain: Sequence[str] = ("title", "content", "when", "party", "demand", "answer")
    masked = {name: mask_spoken(getattr(texts, name) or "") for name in plain}
    return replace(texts, **masked, places=tuple(mask_spoken(it) for it in texts.places))
