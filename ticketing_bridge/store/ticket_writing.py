"""How tickets are written: what a new one needs is read in one way there and back, its rows go in another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.batch import Answer, Batch, adding, answer_to
from ticketing_bridge.store.desk_ticket_records import DataKey, HistoryRow, TicketRow
from ticketing_bridge.store.kept_phones import KeptPhones
from ticketing_bridge.store.mapping import own_values

_OF_SOURCES = "SELECT source, ticket FROM ticket_source WHERE source = ANY(%(sources)s)"
_SERIALS = """
SELECT nextval('ticket_serial_seq') - base AS serial
FROM ticket_serial, generate_series(1, %(tickets)s) WHERE day = %(day)s
"""
_FIRST_SERIAL = """
INSERT INTO ticket_serial (day, base) VALUES (%(day)s, nextval('ticket_serial_seq')) ON CONFLICT DO NOTHING
"""
_KEY_IDS = "SELECT nextval('data_key_id_seq') AS id FROM generate_series(1, %(keys)s)"
#: the keys that there are, or these; neither when somebody else made one in this very moment
_KEYS = """
WITH wanted AS (SELECT subject, wrapped FROM jsonb_populate_recordset(NULL::data_key, %(rows)s)),
there AS (
  SELECT id, subject, wrapped FROM data_key
  WHERE subject IN (SELECT subject FROM wanted) AND wrapped IS NOT NULL
),
made AS (
  INSERT INTO data_key (subject, wrapped)
  SELECT subject, wrapped FROM wanted WHERE subject NOT IN (SELECT subject FROM there) ORDER BY subject
  ON CONFLICT DO NOTHING RETURNING id, subject, wrapped
)
SELECT * FROM there UNION ALL SELECT * FROM made
"""
_ADD_KEYS = """
INSERT INTO data_key (id, subject, wrapped) OVERRIDING SYSTEM VALUE
SELECT id, subject, wrapped FROM jsonb_populate_recordset(NULL::data_key, %(rows)s)
"""
_TICKET = tuple(TicketRow.__dataclass_fields__)
_ENTRY = tuple(HistoryRow.__dataclass_fields__)


_ADD_TICKETS = adding("ticket", _TICKET)
_CLAIM = adding("ticket_source", ("source", "ticket")) + " ON CONFLICT DO NOTHING RETURNING ticket"
_ADD_ENTRIES = adding("ticket_event", _ENTRY)
_NEXT_VERSION = f"""
UPDATE ticket SET {", ".join(f'"{name}" = it."{name}"' for name in _TICKET if name != "number")}
FROM jsonb_populate_recordset(NULL::ticket, %(rows)s) AS it
WHERE ticket.number = it.number AND ticket.version = it.version - 1 RETURNING ticket.version
"""
#: unless its caller was erased
_WORDS = """
INSERT INTO ticket_words (ticket, keys)
SELECT ticket, array_to_tsvector(tokens)
FROM jsonb_to_recordset(%(rows)s) AS it (ticket text, tokens text[])
ON CONFLICT (ticket) DO UPDATE SET keys = EXCLUDED.keys WHERE ticket_words.keys IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new ticket asks for before it can be written.

    Args:
        source: by what it is known that this is a ticket already.
        keys: how many keys of its own it will have.
        person: to whom the key of the person belongs, and one for when there is none.
    """

    source: str | None
    keys: int
    person: tuple[str, bytes] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a new ticket needs before it can be written."""

    serial: int
    #: the ticket that its source became already
    there: str | None
    #: ids for keys of its own
    key_ids: tuple[int, ...]
    #: the key of whoever called
    person: DataKey | None = field(repr=False)


class TicketWriting:
    """New tickets and next versions. Rows change by their version only: who comes second is told so."""

    def __init__(self, connection: AsyncConnection, phones: KeptPhones) -> None:
        self._connection = connection
        self._phones = phones

    async def draw(self, day: date, wanted: Sequence[Wanted]) -> Sequence[Drawn]:
        """Of each a serial number of the day, ids for keys, and the person's key: made when there is none.

        A day has its first number from a sequence: two savers never wait for each other, and numbers of
        transactions that fail are left out.
        """
        batch = Batch(self._connection)
        there = batch.ask(_OF_SOURCES, {"sources": [it.source for it in wanted if it.source is not None]})
        serials = batch.ask(_SERIALS, {"day": day, "tickets": len(wanted)})
        ids = batch.ask(_KEY_IDS, {"keys": sum(it.keys for it in wanted)})
        subjects = dict(it.person for it in wanted if it.person is not None)
        keys = batch.rows(
            _KEYS, [{"subject": it, "wrapped": wrapped} for it, wrapped in sorted(subjects.items())]
        )
        await batch.send()
        if len(serials.rows) < len(wanted):
            serials = await self._first_serials(day, len(wanted))
        tickets = {row["source"]: row["ticket"] for row in there.rows}
        own = (row["id"] for row in ids.rows)
        persons = {row["subject"]: DataKey(**row) for row in keys.rows}
        return [
            Drawn(
                serial["serial"],
                tickets.get(it.source or ""),
                tuple(islice(own, it.keys)),
                persons.get(it.person[0]) if it.person is not None else None,
            )
            for it, serial in zip(wanted, serials.rows, strict=True)
        ]

    async def _first_serials(self, day: date, tickets: int) -> Answer:
        batch = Batch(self._connection)
        batch.do(_FIRST_SERIAL, {"day": day})
        serials = batch.ask(_SERIALS, {"day": day, "tickets": tickets})
        await batch.send()
        return serials

    def put_key(self, batch: Batch, key: DataKey) -> None:
        """Keep a key under an id that was drawn."""
        batch.rows(_ADD_KEYS, [{"id": key.id, "subject": key.subject, "wrapped": key.wrapped}])

    def put_new(self, batch: Batch, row: TicketRow, entries: Sequence[HistoryRow]) -> None:
        """Keep a new ticket with its history."""
        batch.rows(_ADD_TICKETS, [self._values(row)])
        for entry in entries:
            self.put_entry(batch, entry)

    def put_claim(self, batch: Batch, source: str, number: str) -> Answer:
        """Keep what became this ticket; the batch's answer lacks it when that became another one."""
        return batch.rows(_CLAIM, [{"source": source, "ticket": number}])

    def put_entry(self, batch: Batch, entry: HistoryRow) -> None:
        """Keep what happened to a ticket."""
        batch.rows(_ADD_ENTRIES, [own_values(entry)])

    def put_words(self, batch: Batch, number: str, tokens: Collection[str]) -> None:
        """Make a ticket findable by these tokens, unless its caller was erased."""
        batch.rows(_WORDS, [{"ticket": number, "tokens": [*tokens]}])

    async def next_version(self, row: TicketRow) -> bool:
        """The ticket's next version; False when it is not the next one any more."""
        batch = Batch(self._connection)
        changed = batch.rows(_NEXT_VERSION, [self._values(row)])
        await batch.send()
        return bool(changed.rows)

    def _values(self, row: TicketRow) -> dict[str, Any]:
        return own_values(row) | self._phones.kept(row.phone_last4, row.phone_hash)

    async def of_source(self, source: str) -> str | None:
        """The ticket that this draft, message or row became."""
        found = await answer_to(self._connection, _OF_SOURCES, {"sources": [source]})
        return found.first["ticket"] if found.first else None
