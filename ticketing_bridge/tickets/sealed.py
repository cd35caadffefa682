"""Words and persons of tickets, sealed and opened: between values and rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from facts.telephone import LAST_DIGITS, national, new_salt, phone_digest
from ticketing_bridge.store.batch import Batch
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.desk_ticket_records import DataKey, HistoryRow, TicketRow
from ticketing_bridge.store.mapping import own_values
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.store.seals import Seals
from ticketing_bridge.store.ticket_writing import Drawn, Wanted
from ticketing_bridge.tickets.life import from_json, to_json
from ticketing_bridge.tickets.model import Caller, Entry, Ticket
from ticketing_bridge.tickets.states import Act

_CALLER_FIELDS = tuple(Caller.__dataclass_fields__)


def ticket_subject(number: str) -> str:
    """To whom a ticket's key belongs."""
    return f"ticket:{number}"


def person_subject(lookup: str) -> str:
    """To whom a person's key belongs."""
    return f"person:{lookup}"


class Sealer(Seals):
    """Seals and opens within one transaction; keys are read once."""

    def __init__(self, uow: UnitOfWork, vault: Vault) -> None:
        super().__init__(uow.keys, vault)
        self._writing = uow.ticket_writing

    async def draw(self, day: date, wanted: Sequence[tuple[str | None, Caller]]) -> Sequence[Drawn]:
        """What new tickets need before they can be sealed, each of a source and a caller."""
        drawn = await self._writing.draw(day, [self._wanted(*it) for it in wanted])
        for it in drawn:
            if it.person is not None:
                self.take(it.person)
        return drawn

    def _wanted(self, source: str | None, caller: Caller) -> Wanted:
        lookup = self._found_by(_phone(caller))
        if not lookup:  # whom nobody could find again has a key with the ticket
            return Wanted(source, 2, None)
        subject = person_subject(lookup)
        return Wanted(source, 1, (subject, self._vault.new_key(subject)[1]))

    def make_keys(self, batch: Batch, number: str, drawn: Drawn) -> None:
        """Keys of a new ticket's own, under the ids that were drawn."""
        subjects = (ticket_subject(number), person_subject(self._vault.lookup("ticket", number)))
        for subject, key_id in zip(subjects, drawn.key_ids, strict=False):
            key = DataKey(key_id, subject, self._vault.new_key(subject)[1])
            self._writing.put_key(batch, key)
            self.take(key)

    def _found_by(self, phone: str | None) -> str | None:
        """By what somebody with this number is found again."""
        return self._vault.lookup("phone", phone) if phone else None

    async def ticket(self, row: TicketRow) -> Ticket:
        """The ticket of a row, with its words as long as their key is there."""
        return from_json(row.body, await self.open(row.texts, f"ticket:{row.number}") or {})

    async def caller(self, row: TicketRow) -> Caller | None:
        """Who called; None when nothing is known, or the person was erased."""
        found = await self.open(row.person, f"person of {row.number}")
        return None if found is None else Caller(**{name: found.get(name) for name in _CALLER_FIELDS})

    async def person(self, subject: str, number: str, caller: Caller) -> bytes:
        """Who called, as ticket ``number`` keeps them, with the key of ``subject``."""
        return await self.seal(subject, own_values(caller), f"person of {number}")

    async def entry(self, row: HistoryRow) -> Entry:
        """One entry of the history, with its words as long as their key is there."""
        texts = await self.open(row.texts, f"entry:{row.ticket}:{row.version}")
        return Entry(
            row.ticket, row.version, Act(row.act), row.at, row.by, row.role, row.unit, row.data, texts or {}
        )

    async def history_row(self, entry: Entry) -> HistoryRow:
        """An entry as it is kept."""
        place = f"entry:{entry.ticket}:{entry.version}"
        texts = await self.seal(ticket_subject(entry.ticket), entry.texts, place) if entry.texts else None
        return HistoryRow(
            entry.ticket,
            entry.version,
            entry.act.value,
            entry.at,
            entry.by,
            entry.role,
            entry.unit,
            dict(entry.data),
            texts,
        )

    async def row(self, ticket: Ticket, before: TicketRow | None, caller: Caller | None) -> TicketRow:
        """A ticket as it is kept. ``caller`` None: who called is as it was before."""
        texts = await self.seal(
            ticket_subject(ticket.number), own_values(ticket.texts), f"ticket:{ticket.number}"
        )
        person = await self._person(ticket, before, caller)
        return TicketRow(
            number=ticket.number,
            version=ticket.version,
            state=ticket.state.value,
            body=to_json(ticket),
            texts=texts,
            channel=ticket.channel,
            purpose=ticket.purpose,
            appeal=ticket.appeal,
            call=ticket.call,
            main_unit=ticket.main.unit if ticket.main else None,
            units=ticket.units,
            barred=ticket.kept_from,
            confidential=ticket.confidential,
            received_at=ticket.received_at,
            updated_at=ticket.updated_at,
            dispatched_at=ticket.dispatched_at,
            due_at=ticket.limit.due_at if ticket.limit else None,
            closed_at=ticket.closed_at,
            **person,
        )

    async def _person(
        self, ticket: Ticket, before: TicketRow | None, caller: Caller | None
    ) -> dict[str, Any]:
        names = ("person", "person_lookup", "phone_last4", "phone_salt", "phone_hash")
        if caller is None:
            return {name: getattr(before, name) if before else None for name in names}
        phone = _phone(caller)
        lookup = self._found_by(phone)
        subject = person_subject(lookup or self._vault.lookup("ticket", ticket.number))
        salt = new_salt() if phone else None
        return {
            "person": await self.person(subject, ticket.number, caller),
            "person_lookup": lookup,
            "phone_last4": phone[-LAST_DIGITS:] if phone else None,
            "phone_salt": salt,
            "phone_hash": phone_digest(phone, salt) if phone and salt else None,
        }


def _phone(caller: Caller) -> str | None:
    return national(caller.to_call) if caller.to_call else None
