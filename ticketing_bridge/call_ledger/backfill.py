"""What happened while a PBX was not heard, taken in from its own records: CEL and queue_log.

The events that were missed are stored beside those that were heard, marked with the gap that they fill; the
calls of that time are folded again from both. Nothing is taken back: where the records do not reach, calls
stay unresolved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from facts.call import Call, Outcome
from facts.identity import CallKey
from telephony.ami.events import GapFilled, PbxEvent, event_digest, event_to_json
from telephony.call_fold import CallTracker, FoldRules
from telephony.pbx_logs.matching import EDGE, unheard
from telephony.pbx_logs.reconstruct import events_of
from telephony.pbx_logs.source import LogSource, PbxLogs
from ticketing_bridge.call_ledger.hearing import heard, readable
from ticketing_bridge.call_ledger.rows import write_calls
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.gap_repository import Gap
from ticketing_bridge.store.records import EventRecord

log = structlog.get_logger(__name__)

#: gaps are looked for so far back
LOOK_BACK = timedelta(days=30)
#: no call lasts longer: what began earlier is not looked at again
LONGEST_CALL = timedelta(hours=12)
#: its channel was made before a call's arrival is known, and it may say something after its end
AROUND = timedelta(seconds=5)
LATE = timedelta(minutes=2)


class LiveCalls(Protocol):
    """Calls that a running telephony role has in memory: it is told, and writes them itself."""

    def knows(self, key: CallKey) -> bool:
        """Whether this call is one of them."""

    def adopt(self, events: Mapping[CallKey, Sequence[PbxEvent]]) -> None:
        """Everything that is known of these calls now."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the records of a gap have shown, for whoever keeps more than calls."""

    gap: Gap
    begin: datetime
    #: in order of time
    missing: Sequence[PbxEvent]
    #: everything, heard or not, from the begin of the first call that was on
    events: Sequence[PbxEvent]
    #: calls whose row has changed
    calls: Sequence[Call]


class Keeper(Protocol):
    """Somebody else whose rows follow from events. ``fill`` runs in the transaction that marks the gap."""

    async def fill(self, uow: UnitOfWork, found: Found) -> None:
        """Write what was missed; the same gap never comes twice."""

    async def filled(self, found: Found) -> None:
        """It is committed: what is in memory may follow."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of one gap. ``why``: it could not be filled (yet)."""

    gap: Gap
    events: int = 0
    #: calls whose row was new or became another one
    calls: tuple[CallKey, ...] = ()
    why: str | None = None


class Backfill:
    """Fills one PBX's gaps from its records.

    Args:
        live: calls that are written by the telephony role of this process; None: nobody follows the PBX.
        keepers: who else keeps what the PBX says (agents' states, moves at the desk, call-backs).
    """

    def __init__(
        self,
        database: Database,
        pbx_id: str,
        rules: FoldRules,
        source: LogSource,
        live: LiveCalls | None = None,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self._database = database
        self._pbx_id = pbx_id
        self._rules = rules
        self._source = source
        self._live = live
        self._keepers = keepers

    async def gaps(self, since: datetime | None = None) -> list[Gap]:
        """Gaps that are not filled, the oldest first. ``since``: where one begins that nobody heard begin."""
        async with self._database.unit_of_work() as uow:
            found = await uow.gaps.ended_since(self._pbx_id, since or datetime.now(UTC) - LOOK_BACK)
        known = (
            gap if gap.begin is not None else Gap(gap.pbx_id, since, gap.end, gap.filled) for gap in found
        )
        return [gap for gap in known if not gap.filled and gap.begin is not None]

    async def fill_all(
        self, since: datetime | None = None, told: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Filled]:
        """Fill what can be filled."""
        gaps = await self.gaps(since)
        done: list[Filled] = []
        for gap in gaps:
            told(len(done), len(gaps))
            done.append(await self.fill(gap))
        told(len(done), len(gaps))
        return done

    async def fill(self, gap: Gap) -> Filled:
        """Take in one gap, in one transaction; nothing is changed when the records do not reach."""
        begin = gap.begin
        if begin is None:
            return Filled(gap, why="nothing was heard of this PBX before")
        async with self._database.unit_of_work() as uow:
            on = await uow.gaps.calls_on(self._pbx_id, begin - EDGE, gap.end, begin - LONGEST_CALL)
        since = min([begin - EDGE, *(call.arrived_at for call in on)]) - AROUND
        logs = await self._source.read(since, gap.end + EDGE)
        if why := _out_of_reach(logs, gap.end) or await self._begins_late(logs, begin):
            log.warning("gap_not_filled", pbx=self._pbx_id, begin=str(begin), end=str(gap.end), why=why)
            return Filled(gap, why=why)
        recorded = await asyncio.to_thread(events_of, logs.cel, logs.queue_log, self._pbx_id)
        async with self._database.unit_of_work() as uow:
            missing = await self._store(uow, gap, begin, since, recorded)
            tracker, events = await self._replayed(uow, since, _until(on, gap))
            changed = await self._changed(uow, tracker, on)
            written = [call for call in changed if not (self._live and self._live.knows(call.key))]
            await write_calls(uow, written)
            found = Found(gap, begin, missing, events, changed)
            for keeper in self._keepers:
                await keeper.fill(uow, found)
        if self._live is not None:
            self._live.adopt({call.key: tracker.events(call.key) for call in changed})
        for keeper in self._keepers:
            await keeper.filled(found)
        log.info("gap_filled", pbx=self._pbx_id, events=len(missing), calls=len(changed))
        return Filled(gap, len(missing), tuple(call.key for call in changed))

    async def _begins_late(self, logs: PbxLogs, begin: datetime) -> str | None:
        """Records may begin after the gap did only when nothing at all was heard before it."""
        if logs.since is not None and logs.since <= begin:
            return None
        async with self._database.unit_of_work() as uow:
            earlier = await uow.gaps.channels_before(self._pbx_id, begin - EDGE)
        if logs.since is None or earlier:
            return "the PBX's records begin after the gap did"
        return None

    async def _store(
        self, uow: UnitOfWork, gap: Gap, begin: datetime, since: datetime, recorded: Sequence[PbxEvent]
    ) -> list[PbxEvent]:
        """The events that were missed, and the mark that the gap is filled."""
        stream = uow.events.stream(pbx_id=self._pbx_id, from_=since, to=gap.end + EDGE + EDGE)
        known = [event async for record in stream if (event := readable(record))]
        missing = unheard(known, recorded, begin, gap.end)
        owners = self._owners([*known, *missing])
        mark = GapFilled(at=gap.end, pbx_id=self._pbx_id, begin=begin - EDGE)
        now = datetime.now(UTC)
        await uow.events.add_batch(
            [event_record(event, owners.get(event), now) for event in (*missing, mark)]
        )
        return missing

    def _owners(self, events: Sequence[PbxEvent]) -> dict[PbxEvent, CallKey]:
        """Whose events these are, had all been heard in their order."""
        tracker = CallTracker(self._pbx_id, self._rules, forgets=False)
        ordered = sorted(events, key=lambda event: event.at)
        return {event: owner for event in ordered if (owner := tracker.take(event))}

    async def _replayed(
        self, uow: UnitOfWork, since: datetime, until: datetime | None
    ) -> tuple[CallTracker, list[PbxEvent]]:
        """Everything that was said in this time, given to its calls."""
        tracker = CallTracker(self._pbx_id, self._rules, forgets=False)
        events: list[PbxEvent] = []
        async for record in heard(uow, self._pbx_id, from_=since, to=until):
            if event := readable(record):
                tracker.take(event)
                events.append(event)
        return tracker, events

    async def _changed(self, uow: UnitOfWork, tracker: CallTracker, on: Sequence[Call]) -> list[Call]:
        """Calls of the gap whose row is not (or not yet) what all events give."""
        rows = {call.key: call for call in on}
        found: list[Call] = []
        for call in tracker.changed_calls():
            filled = any(event.gap_end is not None for event in tracker.events(call.key))
            if call.key not in rows and not filled:
                continue
            row = rows.get(call.key) or await uow.calls.get(call.key)
            if row != call:
                found.append(call)
        return found


def _until(on: Sequence[Call], gap: Gap) -> datetime | None:
    """The events of calls of the gap end here; None while one of them is on."""
    if any(call.ended_at is None and call.outcome is not Outcome.UNRESOLVED for call in on):
        return None
    ends = [call.ended_at for call in on if call.ended_at]
    return max([gap.end, *ends]) + LATE


def _out_of_reach(logs: PbxLogs, end: datetime) -> str | None:
    if logs.until is None:
        return "the PBX's records are not here"
    if logs.until < end + EDGE:
        return f"the PBX's records reach to {logs.until:%H:%M:%S} UTC only"
    return None


def event_record(event: PbxEvent, owner: CallKey | None, received_at: datetime) -> EventRecord:
    """An event that no message brought, as it is stored: the same event has the same key."""
    payload = event_to_json(event)
    return EventRecord(
        pbx_id=event.pbx_id,
        digest=bytes.fromhex(event_digest({name: str(value) for name, value in payload.items()})),
        ordinal=0,
        at=event.at,
        received_at=received_at,
        kind=type(event).__name__,
        uniqueid=event.uniqueid,
        linkedid=event.linkedid,
        payload=payload,
        call=str(owner) if owner else None,
    )
