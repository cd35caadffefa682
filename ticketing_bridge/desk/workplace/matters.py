"""From a work sheet to a ticket: dispatched, answered online, or merged; the ledger learns from each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from facts.errors import HotlineError
from ticketing_bridge.access import Permission, Person
from ticketing_bridge.desk.desk import SHEET_CHANNEL
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.batch import Batch
from ticketing_bridge.store.desk_ticket_records import TicketRow
from ticketing_bridge.store.workplace_records import Sheet, SheetState
from ticketing_bridge.tickets.earlier import rows_of_number
from ticketing_bridge.tickets.model import Caller, Texts, Ticket
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.service import TicketService
from ticketing_bridge.tickets.states import OPEN, Act, State
from ticketing_bridge.tickets.taking import NewTicket
from ticketing_bridge.workplace.form import YES
from ticketing_bridge.workplace.proposals import JOINT
from ticketing_bridge.workplace.sheets import ShownField, finished
from ticketing_bridge.workplace.similar import Comparable, MatterText, most_alike
from ticketing_bridge.workplace.verdicts import verdicts_on

#: tickets among which similar ones are looked for
LOOKED_THROUGH = 300
SIMILAR_WITHIN = timedelta(days=30)


class NothingToSay(HotlineError):
    """An online answer without an answer."""

    error_id = "answer-empty"


@dataclass(frozen=True, slots=True)
class CallersTicket:
    """A ticket beside a call. Of a confidential one only that it is there."""

    number: str
    state: State
    title: str
    place: str
    unit: str
    received_at: datetime
    confidential: bool

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class SimilarTicket:
    """A ticket that may be the same matter, and how alike it is (0 … 1)."""

    ticket: CallersTicket
    alike: float


def _view(row: TicketRow, ticket: Ticket) -> CallersTicket:
    hidden = row.confidential
    return CallersTicket(
        number=row.number,
        state=ticket.state,
        title="" if hidden else ticket.texts.title,
        place="" if hidden else JOINT.join(ticket.texts.places),
        unit=row.main_unit or "",
        received_at=row.received_at,
        confidential=hidden,
    )


async def callers_tickets(
    uow: UnitOfWork, service: TicketService, number: str | None, person: Person
) -> list[CallersTicket]:
    """The newest tickets of whoever has this number, for those who may see tickets."""
    if number is None or not person.may(Permission.TICKETS_SEE):
        return []
    rows = await rows_of_number(uow, service.office, number)
    sealer = Sealer(uow, service.office.vault)
    await sealer.fetch_keys(row.texts for row in rows)
    return [_view(row, await sealer.ticket(row)) for row in rows]


class OpenMatters:
    """Open tickets as new matters are compared with them: each version is opened once for all desks.

    Confidential ones are never among them.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[CallersTicket, Comparable]] = {}

    async def like(
        self, uow: UnitOfWork, service: TicketService, fields: Mapping[str, ShownField], now: datetime
    ) -> list[SimilarTicket]:
        """Open tickets about the same place and matter as a sheet's, the likest first."""
        matter = MatterText(
            place=fields["places"].value,
            words=fields["title"].value + fields["content"].value,
            appeal=fields["appeal"].value,
            unit=fields["unit"].value,
        )
        if not matter.place:
            return []
        known = await self._as_they_are(uow, service, now)
        found = most_alike(matter, ((number, it) for number, (_, it) in known.items()))
        return [SimilarTicket(known[number][0], round(value, 2)) for number, value in found]

    async def _as_they_are(
        self, uow: UnitOfWork, service: TicketService, now: datetime
    ) -> dict[str, tuple[CallersTicket, Comparable]]:
        states = [it.value for it in OPEN]
        there = await uow.desk_tickets.open_versions(states, now - SIMILAR_WITHIN, LOOKED_THROUGH)
        if new := [number for number, version in there if (number, version) not in self._known]:
            rows = await uow.desk_tickets.many(new)
            sealer = Sealer(uow, service.office.vault)
            await sealer.fetch_keys([row.texts for row in rows])
            for row in rows:
                if not row.confidential:
                    self._known[row.number, row.version] = _compared(row, await sealer.ticket(row))
        self._known = {it: self._known[it] for it in there if it in self._known}
        return {number: it for (number, _), it in self._known.items()}


def _compared(row: TicketRow, ticket: Ticket) -> tuple[CallersTicket, Comparable]:
    words = ticket.texts.title + ticket.texts.content
    matter = MatterText(JOINT.join(ticket.texts.places), words, ticket.appeal, row.main_unit or "")
    return _view(row, ticket), Comparable.of(matter)


def new_ticket(sheet: Sheet, keeping: Keeping) -> NewTicket:
    """What the person confirmed, as tickets take it."""
    value = {name: it.value.strip() for name, it in keeping.fields.items()}
    return NewTicket(
        channel="电话",
        purpose=value["purpose"] or "其他",
        appeal=value["appeal"] or "其他",
        texts=Texts(
            title=value["title"],
            content=value["content"],
            places=tuple(it.strip() for it in value["places"].split(JOINT) if it.strip()),
            when=value["when"],
            party=value["party"],
            demand=value["demand"],
        ),
        caller=Caller(
            name=value["caller_name"] or None,
            phone=keeping.caller_number or None,
            callback_phone=value["callback_phone"] or None,
        ),
        source=f"desk:{sheet.call}:{sheet.matter}",
        call=sheet.call,
        draft_version=keeping.draft_version,
        dedicated_line=value["dedicated_line"] or None,
        emergency=value["emergency"] == YES,
        anonymous=keeping.caller_number is None and not value["callback_phone"],
        confidential=value["confidential"] == YES,
    )


@dataclass(frozen=True, slots=True)
class Keeping:
    """What saving a sheet needs to know beside the sheet. ``caller_number`` None: it was withheld."""

    caller_number: str | None
    fields: Mapping[str, ShownField]
    rules: str
    draft_version: int | None
    person: Person


@dataclass(frozen=True, slots=True)
class Becoming:
    """A sheet that is to become a ticket, with the first thing that is done to it."""

    sheet: Sheet
    keeping: Keeping
    new: NewTicket
    act: Act | None
    given: Mapping[str, Any]
    #: the knowledge entry that it is answered with
    entry: int | None = None


def dispatching(sheet: Sheet, keeping: Keeping) -> Becoming:
    """A ticket of this sheet, to be given to the unit that it names."""
    given = {"main": keeping.fields["unit"].value.strip()}
    return Becoming(sheet, keeping, new_ticket(sheet, keeping), Act.DISPATCH, given)


def answering(sheet: Sheet, keeping: Keeping, entry: int | None) -> Becoming:
    """A ticket of this sheet that is closed at the desk by an answer (在线答复).

    Raises:
        NothingToSay: there is no answer.
    """
    answer = keeping.fields["answer"].value.strip()
    if not answer:
        raise NothingToSay
    new = new_ticket(sheet, keeping)
    return Becoming(sheet, keeping, new, Act.ANSWER_ONLINE, {"answer": answer}, entry)


async def kept(
    uow: UnitOfWork, service: TicketService, matters: Sequence[Becoming], now: datetime
) -> Sequence[Ticket | HotlineError]:
    """Tickets of these sheets, the sheets and the ledger, in one way there and back.

    Of one that is refused nothing is written; instead of its ticket there is what refused it.

    Raises:
        TicketExists: one was saved already in this very moment; the transaction is void.
    """
    taking = await service.taking(uow, [it.new for it in matters], now)
    told: list[Ticket | HotlineError] = []
    for it in matters:
        try:
            ticket = await taking.take(it.new, it.keeping.person, it.act, it.given)
        except HotlineError as refused:
            told.append(refused)
            continue
        done = finished(it.sheet, SheetState.SAVED, now, ticket.number, it.entry)
        await _finish(uow, taking.batch, it.sheet, it.keeping, done)
        if it.entry is not None:
            await uow.knowledge.was_used(it.entry)
        told.append(ticket)
    await taking.kept()
    return told


async def merge_matter(
    uow: UnitOfWork,
    service: TicketService,
    sheet: Sheet,
    keeping: Keeping,
    into: str,
    now: datetime,
) -> Ticket:
    """并单: a ticket of this sheet that goes on as part of another one.

    Raises:
        TicketRefused: the other one cannot take it in.
    """
    ticket = await service.create(uow, keeping.person, new_ticket(sheet, keeping), now)
    fields = keeping.fields
    given = {"into": into, "reason": f"{fields['title'].value}（{fields['places'].value}）"}
    merged = await service.do(uow, ticket.number, ticket.version, Act.MERGE, keeping.person, now, given)
    batch = uow.batch()
    await _finish(uow, batch, sheet, keeping, finished(sheet, SheetState.MERGED, now, merged.number))
    await batch.send()
    return merged


async def drop_matter(uow: UnitOfWork, sheet: Sheet, now: datetime) -> None:
    """No ticket comes of it; what was drafted is no lesson for the ledger."""
    batch = uow.batch()
    await uow.sheets.put(batch, finished(sheet, SheetState.DROPPED, now))
    uow.tell(batch, SHEET_CHANNEL, sheet.call)
    await batch.send()


async def _finish(uow: UnitOfWork, batch: Batch, sheet: Sheet, keeping: Keeping, done: Sheet) -> None:
    await uow.sheets.put(batch, done)
    uow.draft_ledger.put(batch, verdicts_on(sheet, keeping.fields, keeping.rules, keeping.person.name))
    uow.tell(batch, SHEET_CHANNEL, sheet.call)
