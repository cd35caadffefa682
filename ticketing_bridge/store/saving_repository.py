"""What saving sheets reads, in one way there and back: sheets, locked, and what was heard and drafted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.batch import Batch
from ticketing_bridge.store.desk_ticket_records import DataKey
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.records import DraftRecord
from ticketing_bridge.store.seals import WordSeals
from ticketing_bridge.store.word_repositories import opened_draft
from ticketing_bridge.store.workplace_records import Sheet
from ticketing_bridge.store.workplace_repository import opened_sheet

_CALLS = "SELECT key, caller_number, ended_at FROM call WHERE key = ANY(%(calls)s)"
#: locked in one order, whoever saves what
_SHEETS = """
SELECT work_sheet.* FROM work_sheet
JOIN unnest(%(calls)s::text[], %(matters)s::int[]) AS it (call, matter) USING (call, matter)
ORDER BY call, matter FOR UPDATE OF work_sheet
"""
_DRAFTS = """
SELECT DISTINCT ON (call) * FROM draft WHERE call = ANY(%(calls)s) ORDER BY call, version DESC
"""
_SEGMENTS = "SELECT call, stream, leg, segment FROM live_segment WHERE call = ANY(%(calls)s)"
_HEARD = "SELECT DISTINCT call FROM transcript WHERE call = ANY(%(calls)s) AND kind = 'live'"

Row = Mapping[str, Any]
#: a call and the number of one of its matters
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class SheetAtHand:
    """A sheet that is locked by this transaction, and what its fields may be drafted from."""

    caller_number: str | None
    call_ended: bool
    sheet: Sheet | None
    draft: DraftRecord | None
    #: what was heard live to its end: stream, leg and number within it
    finals: frozenset[tuple[str, str, int]]
    #: there is a transcript of what was heard live
    transcribed: bool


class SavingRepository:
    """Reads for those who save."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals, numbers: Numbers) -> None:
        self._connection = connection
        self._seals = seals
        self._numbers = numbers

    async def at_hand(self, places: Collection[Place]) -> dict[Place, SheetAtHand]:
        """Matters' sheets with their surroundings; nobody else changes them before this transaction ends.

        Those of calls that the ledger does not know are left out.
        """
        batch = Batch(self._connection)
        wanted = sorted(places)
        calls = [call for call, _ in wanted]
        values = {"calls": calls, "matters": [matter for _, matter in wanted]}
        keys = self._seals.ask_keys(batch, calls)
        numbers = self._numbers.ask_callers(batch, calls)
        known, sheets = batch.ask(_CALLS, values), batch.ask(_SHEETS, values)
        drafts, segments = batch.ask(_DRAFTS, values), batch.ask(_SEGMENTS, values)
        heard = batch.ask(_HEARD, values)
        await batch.send()
        self._seals.know([DataKey(**row) for row in keys.rows])
        self._numbers.know(numbers.rows)
        callers = await self._numbers.opened(it for row in known.rows if (it := row["caller_number"]))
        found = {row["key"]: row for row in known.rows}
        of_call = {(row["call"], row["matter"]): row for row in sheets.rows}
        drafted = {row["call"]: row for row in drafts.rows}
        finals: dict[str, set[tuple[str, str, int]]] = {}
        for row in segments.rows:
            finals.setdefault(row["call"], set()).add((row["stream"], row["leg"], row["segment"]))
        transcribed = {row["call"] for row in heard.rows}
        return {
            (call, matter): SheetAtHand(
                caller_number=callers.get(number := found[call]["caller_number"], number),
                call_ended=found[call]["ended_at"] is not None,
                sheet=await self._sheet(of_call.get((call, matter))),
                draft=await self._draft(drafted.get(call)),
                finals=frozenset(finals.get(call, ())),
                transcribed=call in transcribed,
            )
            for call, matter in wanted
            if call in found
        }

    async def _sheet(self, row: Row | None) -> Sheet | None:
        return await opened_sheet(self._seals, row) if row else None

    async def _draft(self, row: Row | None) -> DraftRecord | None:
        return await opened_draft(self._seals, row) if row else None
