"""Tickets over the unit of work: made, changed, read; each time with its history, its audit, its outbox.

Nothing here commits: who calls holds the unit of work, so that a ticket, what is told outside of it and
who did it are one transaction. Who changes a ticket names the version that they saw: of two at once, the
second is told ``TicketChanged``, and nothing of the first is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from facts.errors import HotlineError
from facts.masking import mask_spoken
from ticketing_bridge.access import AccessRefused, Permission, Person
from ticketing_bridge.store.batch import Answer, Batch
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.desk_ticket_records import TicketRow
from ticketing_bridge.store.outbox_records import OutboxKind
from ticketing_bridge.tickets.barring import barred_units
from ticketing_bridge.tickets.checks import WHO, check
from ticketing_bridge.tickets.life import born, follow
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.model import Caller, Entry, Texts, Ticket
from ticketing_bridge.tickets.numbering import ticket_number
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.preparing import prepare
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.searching import ticket_tokens
from ticketing_bridge.tickets.states import Act, State, follows
from ticketing_bridge.tickets.undertakings import Undertakings
from ticketing_bridge.tickets.views import preview
from ticketing_bridge.tickets.why import TicketChanged, TicketRefused, Why

#: acts of which the outside is told: who handles it, or how it ended
_TOLD = frozenset(Act) - {Act.NOTE, Act.CREATE, Act.REPORT_TRACK, Act.ADMIT}
#: kinds of approvals
ADMIT, LOWER = "admit_named_unit", "lower_confidentiality"


class TicketUnknown(HotlineError):
    """There is no such ticket, or it is not yours to see."""

    error_id = "ticket-unknown"


class TicketExists(HotlineError):
    """This became a ticket already."""

    error_id = "ticket-exists"
    exit_code = 1

    def __init__(self, number: str) -> None:
        super().__init__(f"it is ticket {number} already", fix="open that one")
        self.number = number


@dataclass(frozen=True, slots=True)
class NewTicket:
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
    call: str | None = None
    draft_version: int | None = None
    dedicated_line: str | None = None
    caller_kind: str = "自然人"
    emergency: bool = False
    repeat: bool = False
    anonymous: bool = False
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A new ticket that is not written yet: what belongs to the same moment may be added to ``batch``."""

    ticket: Ticket
    batch: Batch
    _uow: UnitOfWork
    _source: str | None
    _claim: Answer | None

    async def kept(self) -> Ticket:
        """Write it with everything that was added.

        Raises:
            TicketExists: its source became another ticket in this very moment.
        """
        await self.batch.send()
        if self._source is not None and self._claim is not None and not self._claim.rows:
            raise TicketExists(await self._uow.ticket_writing.of_source(self._source) or "")
        return self.ticket


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
        return await (await self.take(uow, person, new, at)).kept()

    async def take(
        self,
        uow: UnitOfWork,
        person: Person,
        new: NewTicket,
        at: datetime,
        act: Act | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> Taken:
        """The same, with the first thing that is done to it; ``kept`` writes all of it at once.

        Raises:
            TicketExists: its source is a ticket already; naming it.
            TicketRefused: the act cannot be done.
            AccessRefused: the person may not.
        """
        person.must(Permission.TICKETS_WORK)
        sealer = Sealer(uow, self.office.vault)
        day = at.astimezone(LOCAL).date()
        drawn = await sealer.draw(day, new.source, new.caller)
        if drawn.there is not None:
            raise TicketExists(drawn.there)
        number = ticket_number(day, drawn.serial, self.office.rules.number.serial_digits)
        entries = [self._creation(number, person, new, at)]
        ticket = born(entries[0])
        if act is not None:
            entries.append(self._entry(ticket, act, person, at, given or {}, new.caller))
            ticket = follow(ticket, entries[1])
        batch = uow.batch()
        sealer.make_keys(batch, number, drawn)
        rows = [await sealer.history_row(entry) for entry in entries]
        claim = uow.ticket_writing.put_new(
            batch, await sealer.row(ticket, None, new.caller), rows, new.source
        )
        uow.ticket_writing.put_words(batch, number, ticket_tokens(self.office.vault, ticket.texts))
        _put_on_record(uow, batch, entries[0], "created", _known(new.caller))
        if new.caller.to_call:
            uow.outbox.put(batch, OutboxKind.RECEIPT, number)
        for entry in entries[1:]:
            _put_on_record(uow, batch, entry, entry.act, sorted(entry.data))
            _tell(uow, batch, ticket, entry.act)
        return Taken(ticket, batch, uow, new.source, claim)

    def _creation(self, number: str, person: Person, new: NewTicket, at: datetime) -> Entry:
        """The entry with which a history begins."""
        # 举报 is confidential by default (数据安全法 12)
        confidential = new.confidential or new.purpose == "举报"
        texts = _masked(new.texts)
        data = {
            "channel": new.channel,
            "purpose": new.purpose,
            "appeal": new.appeal,
            "level": new.level or self.office.rules.usual_level(new.purpose, emergency=new.emergency),
            "received_at": at.astimezone(LOCAL).isoformat(),
            "call": new.call,
            "draft_version": new.draft_version,
            "dedicated_line": new.dedicated_line,
            "caller_kind": new.caller_kind,
            "emergency": new.emergency,
            "repeat": new.repeat,
            "anonymous": new.anonymous,
            "confidential": confidential,
            "known": _known(new.caller),
            "barred": barred_units(
                self.office.units, new.purpose, texts, new.caller, confidential=confidential
            ),
        }
        self.office.rules.level(str(data["level"]))
        return _entry(number, 1, Act.CREATE, person, at, data, asdict(texts))

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
        return changed

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
        return _entry(ticket.number, ticket.version + 1, act, person, at, data, prepared.texts)

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
        entry = _entry(now.number, now.version + 1, act, person, at, data, {})
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
        _put_on_record(uow, batch, entry, entry.act, sorted(entry.data))
        _tell(uow, batch, changed, entry.act)
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
        try:
            _, other, _ = await self._opened(uow, into, person)
        except TicketUnknown:
            raise TicketRefused(Why.MERGE_GONE, f"there is no ticket {into!r}", detail=into) from None
        _, own, _ = await self._opened(uow, number, person)
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


def _put_on_record(uow: UnitOfWork, batch: Batch, entry: Entry, what: str, fields: Sequence[str]) -> None:
    uow.audit.put(batch, entry.by, f"ticket-{what}", subject=entry.ticket, fields=fields)


def _tell(uow: UnitOfWork, batch: Batch, ticket: Ticket, act: Act) -> None:
    if act is Act.DISPATCH:
        uow.outbox.put(batch, OutboxKind.TICKET, ticket.number, revision=ticket.version)
    elif act in _TOLD and ticket.dispatched_at is not None:
        uow.outbox.put(batch, OutboxKind.UPDATE, ticket.number, revision=ticket.version)
    if ticket.state in (State.CLOSED, State.ANSWERED, State.UNREASONABLE) and act is not Act.RATE:
        uow.outbox.put(batch, OutboxKind.RESULT, ticket.number, revision=ticket.version)


def _entry(
    number: str,
    version: int,
    act: Act,
    person: Person,
    at: datetime,
    data: Mapping[str, Any],
    texts: Mapping[str, Any],
) -> Entry:
    return Entry(
        number, version, act, at.astimezone(LOCAL), person.name, person.role, person.unit, data, texts
    )


def _known(caller: Caller) -> list[str]:
    return [name for name, value in asdict(caller).items() if value]


def _masked(texts: Texts) -> Texts:
    plain: Sequence[str] = ("title", "content", "when", "party", "demand", "answer")
    masked = {name: mask_spoken(getattr(texts, name) or "") for name in plain}
    return replace(texts, **masked, places=tuple(mask_spoken(it) for it in texts.places))
