"""What saving a sheet reads, in one way there and back: the sheet, locked, and what was heard and drafted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from facts.identity import CallKey
from ticketing_bridge.store.batch import Batch
from ticketing_bridge.store.desk_ticket_records import DataKey
from ticketing_bridge.store.records import DraftRecord, LiveSegment
from ticketing_bridge.store.seals import WordSeals
from ticketing_bridge.store.word_repositories import opened_draft, opened_segments
from ticketing_bridge.store.workplace_records import Sheet
from ticketing_bridge.store.workplace_repository import opened_sheet

_SHEET = "SELECT * FROM work_sheet WHERE call = %(call)s AND matter = %(matter)s FOR UPDATE"
_DRAFT = "SELECT * FROM draft WHERE call = %(call)s ORDER BY version DESC LIMIT 1"
_SEGMENTS = "SELECT * FROM live_segment WHERE call = %(call)s ORDER BY start_s, id"
_HEARD = "SELECT EXISTS (SELECT FROM transcript WHERE call = %(call)s AND kind = 'live') AS heard"


@dataclass(frozen=True, slots=True)
class SheetAtHand:
    """A sheet that is locked by this transaction, and what its fields may be drafted from."""

    sheet: Sheet | None
    draft: DraftRecord | None
    segments: Sequence[LiveSegment]
    #: there is a transcript of what was heard live
    transcribed: bool


class SavingRepository:
    """Reads for those who save."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals) -> None:
        self._connection = connection
        self._seals = seals

    async def at_hand(self, call: CallKey, matter: int) -> SheetAtHand:
        """One matter's sheet with its surroundings; nobody else changes it before this transaction ends."""
        values: dict[str, Any] = {"call": str(call), "matter": matter}
        batch = Batch(self._connection)
        key = self._seals.ask_key(batch, str(call))
        sheet = batch.ask(_SHEET, values)
        draft, segments = batch.ask(_DRAFT, values), batch.ask(_SEGMENTS, values)
        heard = batch.ask(_HEARD, values)
        await batch.send()
        self._seals.know([DataKey(**row) for row in key.rows])
        return SheetAtHand(
            sheet=await opened_sheet(self._seals, sheet.first) if sheet.first else None,
            draft=await opened_draft(self._seals, draft.first) if draft.first else None,
            segments=await opened_segments(self._seals, segments.rows),
            transcribed=bool(heard.value),
        )
