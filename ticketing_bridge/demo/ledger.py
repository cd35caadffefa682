"""What the ledger says about the demo's calls, read through the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from facts.call import Call, CallState, Outcome
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.records import DraftRecord, EventRecord, StoredTranscript

#: a call may be heard of so much before and after an outage and still leave no event that shows its arrival
_EDGE = timedelta(seconds=0.5)
#: outcomes of which a transcript of record and a draft are made
HAVE_WORDS = frozenset({Outcome.ANSWERED, Outcome.VOICEMAIL})


@dataclass(frozen=True, slots=True)
class Outage:
    """From the last event that was stored to the link's return (PBX clock)."""

    begin: datetime
    end: datetime

    def hides(self, began_at: datetime, ended_at: datetime | None) -> bool:
        """Whether a call came and went within it."""
        return ended_at is not None and self.begin - _EDGE <= began_at and ended_at <= self.end + _EDGE


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows that arrived since the demo began, and all that was derived from them, by call key."""

    rows: tuple[Call, ...]
    drafts: dict[str, list[DraftRecord]]
    transcripts: dict[str, StoredTranscript]
    #: the stored events since the demo began, in the order in which they were stored
    events: tuple[EventRecord, ...] = ()

    @property
    def settled(self) -> bool:
        """Every known call is over, every answered one has its draft and its transcript of record."""
        return all(row.state is CallState.ENDED and row.outcome is not None for row in self.rows) and all(
            str(row.key) in self.drafts and str(row.key) in self.transcripts
            for row in self.rows
            if row.outcome in HAVE_WORDS
        )

    @property
    def recordings(self) -> list[str]:
        """Base names of everything that was recorded."""
        return [name for row in self.rows for name in (row.recording, row.voicemail) if name]

    def outages(self) -> list[Outage]:
        """When the PBX was not heard since the demo began, as the ledger itself shows it."""
        found: list[Outage] = []
        last: datetime | None = None
        for record in self.events:
            if record.kind == "LinkUp" and last is not None:
                found.append(Outage(last, record.at))
            last = record.at if last is None else max(last, record.at)
        return found

    def progress(self) -> tuple[int, int]:
        """Pieces that are there, pieces that are wanted (drafts and transcripts of answered calls)."""
        answered = [str(row.key) for row in self.rows if row.outcome in HAVE_WORDS]
        there = sum((key in self.drafts) + (key in self.transcripts) for key in answered)
        return there, 2 * len(answered)


async def read_ledger(
    database: Database, since: datetime, pbx_id: str, *, with_events: bool = False
) -> Ledger:
    """The ledger's view of calls that arrived since then."""
    begin = since - timedelta(seconds=1)
    async with database.unit_of_work() as uow:
        rows = await uow.calls.list(from_=begin, pbx_id=pbx_id)
        drafts: dict[str, list[DraftRecord]] = {}
        transcripts: dict[str, StoredTranscript] = {}
        events = tuple(await uow.events.since(begin, pbx_id=pbx_id)) if with_events else ()
        for row in rows:
            versions = await uow.drafts.list(call=row.key)
            if versions:
                drafts[str(row.key)] = versions
            record = await uow.transcripts.get(row.key, "record")
            if record is not None:
                transcripts[str(row.key)] = record
    return Ledger(tuple(rows), drafts, transcripts, events)
