"""How tickets are written: what a new one needs is read in one way there and back, its rows go in another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.batch import Answer, Batch
from ticketing_bridge.store.desk_ticket_records import DataKey, HistoryRow, TicketRow
from ticketing_bridge.store.kept_phones import KeptPhones

_OF_SOURCE = "SELECT ticket FROM ticket_source WHERE source = %(source)s"
_SERIAL = "SELECT nextval('ticket_serial_seq') - base AS serial FROM ticket_serial WHERE day = %(day)s"
_FIRST_SERIAL = """
INSERT INTO ticket_serial (day, base) VALUES (%(day)s, nextval('ticket_serial_seq')) ON CONFLICT DO NOTHING
"""
_KEY_IDS = "SELECT nextval('data_key_id_seq') AS id FROM generate_series(1, %(keys)s)"
#: the key that there is, or this one; neither when somebody else made it in this very moment
_KEY = """
WITH there AS (SELECT id, wrapped FROM data_key WHERE subject = %(subject)s AND wrapped IS NOT NULL),
made AS (
  INSERT INTO data_key (subject, wrapped) SELECT %(subject)s, %(wrapped)s WHERE NOT EXISTS (SELECT FROM there)
  ON CONFLICT DO NOTHING RETURNING id, wrapped
)
SELECT * FROM there UNION ALL SELECT * FROM made
"""
_ADD_KEY = """
INSERT INTO data_key (id, subject, wrapped) OVERRIDING SYSTEM VALUE VALUES (%(id)s, %(subject)s, %(wrapped)s)
"""
_TICKET = tuple(TicketRow.__dataclass_fields__)
_ENTRY = tuple(HistoryRow.__dataclass_fields__)


def _columns(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _places(names: Sequence[str]) -> str:
    return ", ".join(f"%({name})s" for name in names)


_ADD_TICKET = f"INSERT INTO ticket ({_columns(_TICKET)}) VALUES ({_places(_TICKET)})"
_CLAIM = """
INSERT INTO ticket_source (source, ticket) VALUES (%(source)s, %(ticket)s)
ON CONFLICT DO NOTHING RETURNING ticket
"""
_ADD_ENTRY = f"INSERT INTO ticket_event ({_columns(_ENTRY)}) VALUES ({_places(_ENTRY)})"
_NEXT_VERSION = f"""
UPDATE ticket SET {", ".join(f'"{name}" = %({name})s' for name in _TICKET if name != "number")}
WHERE number = %(number)s AND version = %(version)s - 1 RETURNING version
"""
#: unless its caller was erased
_WORDS = """
INSERT INTO ticket_words (ticket, keys) VALUES (%(ticket)s, array_to_tsvector(%(tokens)s::text[]))
ON CONFLICT (ticket) DO UPDATE SET keys = EXCLUDED.keys WHERE ticket_words.keys IS NOT NULL
"""


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

    async def draw(self, day: date, source: str | None, keys: int, person: tuple[str, bytes] | None) -> Drawn:
        """A serial number, ids for keys, and the person's key: made when there is none.

        A day has its first number from a sequence: two savers never wait for each other, and numbers of
        transactions that fail are left out.

        Args:
            day: whose serial number.
            source: by what it is known that this is a ticket already.
            keys: how many keys of its own it will have.
            person: to whom the key of the person belongs, and one for when there is none.
        """
        batch = Batch(self._connection)
        there = batch.ask(_OF_SOURCE, {"source": source}) if source is not None else None
        serial = batch.ask(_SERIAL, {"day": day})
        ids = batch.ask(_KEY_IDS, {"keys": keys})
        subject, wrapped = person or ("", b"")
        key = batch.ask(_KEY, {"subject": subject, "wrapped": wrapped}) if person is not None else None
        await batch.send()
        return Drawn(
            serial.value or await self._first_serial(day),
            there.value if there is not None else None,
            tuple(row["id"] for row in ids.rows),
            DataKey(subject=subject, **key.first) if key and key.first else None,
        )

    async def _first_serial(self, day: date) -> int:
        batch = Batch(self._connection)
        batch.do(_FIRST_SERIAL, {"day": day})
        serial = batch.ask(_SERIAL, {"day": day})
        await batch.send()
        return int(serial.value)

    def put_key(self, batch: Batch, key: DataKey) -> None:
        """Keep a key under an id that was drawn."""
        batch.do(_ADD_KEY, {"id": key.id, "subject": key.subject, "wrapped": key.wrapped})

    def put_new(
        self, batch: Batch, row: TicketRow, entries: Sequence[HistoryRow], source: str | None
    ) -> Answer | None:
        """Keep a new ticket with its history; the answer has no row when its source became another one."""
        batch.do(_ADD_TICKET, self._values(row))
        claim = batch.ask(_CLAIM, {"source": source, "ticket": row.number}) if source is not None else None
        for entry in entries:
            self.put_entry(batch, entry)
        return claim

    def put_entry(self, batch: Batch, entry: HistoryRow) -> None:
        """Keep what happened to a ticket."""
        values = {name: getattr(entry, name) for name in _ENTRY}
        batch.do(_ADD_ENTRY, values | {"data": Jsonb(entry.data)})

    def put_words(self, batch: Batch, number: str, tokens: Collection[str]) -> None:
        """Make a ticket findable by these tokens, unless its caller was erased."""
        batch.do(_WORDS, {"ticket": number, "tokens": [*tokens]})

    async def next_version(self, row: TicketRow) -> bool:
        """The ticket's next version; False when it is not the next one any more."""
        batch = Batch(self._connection)
        changed = batch.ask(_NEXT_VERSION, self._values(row))
        await batch.send()
        return bool(changed.rows)

    def _values(self, row: TicketRow) -> dict[str, Any]:
        values = {name: getattr(row, name) for name in _TICKET}
        values |= {"body": Jsonb(row.body), "units": [*row.units], "barred": [*row.barred]}
        return values | self._phones.kept(row.phone_last4, row.phone_hash)

    async def of_source(self, source: str) -> str | None:
        """The ticket that this draft, message or row became."""
        query = text("SELECT ticket FROM ticket_source WHERE source = :source")
        found: str | None = (await self._connection.execute(query, {"source": source})).scalar()
        return found
