"""Fold all stored events again: the same rows must come out; what differs is told."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from sqlalchemy import text

from facts.call import Call, CallState
from facts.identity import CallKey
from telephony.call_fold import CallTracker, FoldRules
from ticketing_bridge.call_ledger.hearing import heard, readable
from ticketing_bridge.call_ledger.rows import write_calls
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.numbers import ERASED

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
    folded = {key: _still_erased(call, rows.get(key)) for key, call in folded.items()}
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


def _still_erased(call: Call, row: Call | None) -> Call:
    """What was forgotten of a call stays so, whatever its events may still tell; withheld is not erased."""
    if row is not None and row.caller_number == ERASED:
        return replace(call, caller_number=ERASED)
    return call


def _fields(call: Call, row: Call | None) -> tuple[str, ...]:
    if row is None:
        return ()
    names = (field.name for field in fields(Call))
    return tuple(name for name in names if getattr(call, name) != getattr(row, name))
