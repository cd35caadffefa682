"""Fold all stored events again: the same rows must come out; what differs is told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import text

from facts.call import Call, CallState
from facts.identity import CallKey
from telephony.call_fold import CallTracker, FoldRules
from ticketing_bridge.call_ledger.hearing import heard, readable
from ticketing_bridge.call_ledger.rows import write_calls
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.numbers import ERASED
from ticketing_bridge.store.seals import audio_subject

#: fields of a call that name a recording
_RECORDED = ("recording", "voicemail")
#: calls are folded after so many events
EVENTS_A_STEP = 2000


@dataclass(frozen=True, slots=True)
class Difference:
    """One call whose row is not what its events say. ``fields`` empty: there was no row at all."""

    key: CallKey
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came out. ``unsupported``: rows without events (left alone: events may have been pruned)."""

    calls: int
    events: int
    different: tuple[Difference, ...]
    unsupported: tuple[CallKey, ...]
    written: int


async def rebuild(database: Database, rules: FoldRules, *, write: bool = True) -> Rebuilt:
    """Fold every PBX's events again and compare with the rows, in one look at the database.

    With ``write`` rows that differ are put right; calls that are on are only compared.
    """
    async with database.unit_of_work() as uow:
        await uow.connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        folded, events = await _fold_all(uow, rules)
        rows = {call.key: call for call in await uow.calls.list()}
        gone = await uow.keys.forgotten(
            audio_subject(key.pbx_id, it)
            for key, call in folded.items()
            for it in _lacks(call, rows.get(key)).values()
        )
    folded = {key: _still_erased(call, rows.get(key), gone) for key, call in folded.items()}
    different = tuple(
        Difference(key, _fields(call, rows.get(key))) for key, call in folded.items() if rows.get(key) != call
    )
    wrong = [folded[it.key] for it in different if folded[it.key].state is CallState.ENDED] if write else []
    if wrong:
        async with database.unit_of_work() as uow:
            await write_calls(uow, wrong)
    unsupported = tuple(sorted(rows.keys() - folded.keys()))
    return Rebuilt(len(folded), events, different, unsupported, len(wrong))


async def _fold_all(uow: UnitOfWork, rules: FoldRules) -> tuple[dict[CallKey, Call], int]:
    folded: dict[CallKey, Call] = {}
    count = 0
    for pbx_id in await uow.events.pbx_ids():
        tracker = CallTracker(pbx_id, rules)
        async for record in heard(uow, pbx_id):
            count += 1
            if event := readable(record):
                tracker.take(event)
            if count % EVENTS_A_STEP == 0:
                folded.update((call.key, call) for call in tracker.changed_calls())
        folded.update((call.key, call) for call in tracker.changed_calls())
    return folded, count


def _lacks(call: Call, row: Call | None) -> dict[str, str]:
    """Recordings that the events tell of and the row does not have, by their fields."""
    if row is None:
        return {}
    found = {name: getattr(call, name) for name in _RECORDED if getattr(row, name) is None}
    return {name: base for name, base in found.items() if base is not None}


def _still_erased(call: Call, row: Call | None, gone: Collection[str]) -> Call:
    """What was forgotten of a call stays so, whatever its events may still tell; withheld is not erased."""
    changes: dict[str, Any] = {
        name: None for name, base in _lacks(call, row).items() if audio_subject(call.key.pbx_id, base) in gone
    }
    if row is not None and row.caller_number == ERASED:
        changes["caller_number"] = ERASED
    return replace(call, **changes) if changes else call


def _fields(call: Call, row: Call | None) -> tuple[str, ...]:
    if row is None:
        return ()
    names = (field.name for field in fields(Call))
    return tuple(name for name in names if getattr(call, name) != getattr(row, name))
