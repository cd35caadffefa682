"""The ledger's writer: PBX events in, one transaction a batch out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeAlias

import structlog
from sqlalchemy.exc import DBAPIError

from facts.call import Call
from facts.identity import CallKey
from telephony.ami.codec import AmiMessage
from telephony.ami.events import (
    MalformedMessage,
    MemberStatus,
    PbxEvent,
    SnapshotQueueMember,
    event_to_json,
    read_event,
)
from telephony.ami.identity import EventKeys
from telephony.call_fold import CallTracker
from ticketing_bridge.call_ledger.hearing import heard, readable
from ticketing_bridge.call_ledger.patience import Patience
from ticketing_bridge.call_ledger.rows import write_calls
from ticketing_bridge.call_ledger.spool import EventSpool, SpoolUnwritable
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.records import EventRecord

log = structlog.get_logger(__name__)

#: events are folded this long after they came, and written this long after that (seconds)
FOLD_S = 0.01
BATCH_S = 0.04
#: so many events are folded before others may do something
BATCH_EVENTS = 500
#: a transaction holds about this many events, or calls: the more wait, the less each costs
MOST_EVENTS = 4000
#: a database that does not answer a batch within this time is away (seconds)
WRITE_TIMEOUT_S = 3.0
#: reading the events of open calls after a restart may take this long (seconds)
REPLAY_TIMEOUT_S = 60.0
#: pauses between attempts to reach it again (seconds)
RETRY_S = (0.2, 0.5, 1.0, 2.0)
#: before a call's arrival its channel was made (seconds)
BEFORE_ARRIVAL = timedelta(seconds=5)
#: states, not happenings: a snapshot gives them again, they are not kept
_NOT_KEPT = (MemberStatus, SnapshotQueueMember)


_Taken: TypeAlias = tuple[EventRecord, PbxEvent]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Events in order, and the calls they changed."""

    taken: Sequence[_Taken]
    calls: Sequence[Call] = ()


class LedgerWriter:
    """Keeps one PBX's events and calls. ``async with``; then ``take`` every message, which never blocks.

    In one transaction a batch: events, the rows of calls they changed, jobs of calls that ended,
    NOTIFY. While the database is away events go to the spool and folding goes on in memory;
    when it is back everything is written in order. Calls that were open when the last process
    died are loaded from their stored events before anything is folded.
    """

    def __init__(
        self,
        database: Database,
        tracker: CallTracker,
        spool: EventSpool,
        *,
        on_calls: Callable[[Sequence[Call]], None] | None = None,
        may_return: Callable[[], bool] = lambda: True,
        on_stored: Callable[[Sequence[EventRecord]], None] | None = None,
    ) -> None:
        self.tracker = tracker
        self.spool = spool
        #: messages that ought to matter and could not be read
        self.malformed = 0
        self._database = database
        self._on_calls = on_calls
        #: told of events once they are committed
        self._on_stored = on_stored
        #: False keeps everything on the disk: it is not known yet whose ledger this is
        self._may_return = may_return
        self._keys = EventKeys()
        self._waiting: list[_Taken] = []
        self._pieces: deque[_Piece] = deque()
        #: calls whose row is older than what is known of them
        self._changed: dict[CallKey, Call] = {}
        self._arrived = asyncio.Event()
        self._ready = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        #: one writes to the database and the spool at a time
        self._alone = asyncio.Lock()
        self._recovered = False
        self._away = False
        self._tasks: list[asyncio.Task[None]] = []
        self._patience = Patience(WRITE_TIMEOUT_S)

    async def __aenter__(self) -> Self:
        self._away = not (self._may_return() and await self._tried(self._recover))
        self._tasks = [
            asyncio.create_task(self._fold_for_ever(), name="ledger-fold"),
            asyncio.create_task(self._write_for_ever(), name="ledger-writer"),
            asyncio.create_task(self._return_for_ever(), name="ledger-return"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._fold_some():
            pass
        while self._pieces:
            await self._write_batch()

    async def hand_over(self) -> None:
        """Another process leads now: it gets the events that only we kept, and none of our rows. For the end.

        What our link said of itself is left out: the other has a link of its own.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        taken = [*(it for piece in self._pieces for it in piece.taken), *self._waiting]
        self._pieces, self._waiting, self._changed = deque(), [], {}
        await self._spool([record for record, _ in taken])
        kept = await asyncio.to_thread(lambda: [*self.spool.waiting()])
        of_calls = [record for record in kept if not record.kind.startswith(("Link", "Snapshot"))]
        if await self._tried(lambda: self._add(of_calls)):
            log.info("handed_over", events=len(of_calls))

    @property
    def away(self) -> bool:
        """Whether events go to the spool now."""
        return self._away

    def take(self, message: AmiMessage) -> PbxEvent | None:
        """Keep one message of the PBX's stream; returns its event, None when it does not matter."""
        headers = _storable(message.headers)
        event = read_event(headers, self.tracker.pbx_id)
        if isinstance(event, MalformedMessage):
            self.malformed += 1
            log.warning("ami_malformed", ami_event=event.event, why=event.why, count=self.malformed)
            return None
        if event is None or isinstance(event, _NOT_KEPT):
            return event
        key = self._keys.key(headers)
        record = EventRecord(
            pbx_id=self.tracker.pbx_id,
            digest=bytes.fromhex(key.digest),
            ordinal=key.ordinal,
            at=event.at,
            received_at=message.received_at,
            kind=type(event).__name__,
            uniqueid=event.uniqueid,
            linkedid=event.linkedid,
            payload=event_to_json(event),
        )
        self._waiting.append((record, event))
        self._arrived.set()
        self._settled.clear()
        return event

    async def settled(self) -> None:
        """Return when everything taken so far is in the database."""
        await self._settled.wait()

    def knows(self, key: CallKey) -> bool:
        """Whether this call is in memory, so that its row is ours to write."""
        return bool(self.tracker.events(key))

    def adopt(self, events: Mapping[CallKey, Sequence[PbxEvent]]) -> None:
        """What a backfill found out about calls that are in memory; their rows are written as always."""
        for key, found in events.items():
            self.tracker.adopt(key, found)
        calls = self.tracker.changed_calls()
        if calls:
            if self._on_calls:
                self._on_calls(calls)
            self._pieces.append(_Piece([], calls))
            self._settled.clear()
            self._ready.set()

    # -- folding: never waits for the database

    async def _fold_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(FOLD_S)
            self._arrived.clear()
            while self._fold_some():
                await asyncio.sleep(0)

    def _fold_some(self) -> bool:
        """Fold the next events; whether there were any."""
        if not self._waiting:
            return False
        taken, self._waiting = self._waiting[:BATCH_EVENTS], self._waiting[BATCH_EVENTS:]
        self._pieces.append(self._fold(taken) if self._recovered else _Piece(taken))
        self._ready.set()
        return True

    def _fold(self, taken: Sequence[_Taken]) -> _Piece:
        """Give events to their calls; a bug in the fold loses no event."""
        try:
            owners = [self.tracker.take(event) for _, event in taken]
            calls = self.tracker.changed_calls()
            if calls and self._on_calls:
                self._on_calls(calls)
        except Exception:
            log.exception("fold_bug", fix="run hotline calls rebuild when it is mended")
            return _Piece(taken)
        owned = [
            (record.owned(str(owner)) if owner else record, event)
            for (record, event), owner in zip(taken, owners, strict=True)
        ]
        return _Piece(owned, calls)

    # -- writing

    async def _write_for_ever(self) -> None:
        while True:
            await self._ready.wait()
            if sum(len(piece.taken) for piece in self._pieces) < BATCH_EVENTS:
                await asyncio.sleep(BATCH_S)
            self._ready.clear()
            while self._pieces:
                await self._write_batch()

    async def _write_batch(self) -> None:
        """One batch into the database, or onto the disk."""
        async with self._alone:
            batch: list[EventRecord] = []
            while self._pieces and len(batch) < MOST_EVENTS:
                piece = self._pieces.popleft()
                batch += [record for record, _ in piece.taken]
                self._changed.update((call.key, call) for call in piece.calls)
            self._away = self._away or not await self._tried(lambda: self._store(batch))
            if self._away:
                await self._spool(batch)
            else:
                self._settle()

    def _settle(self) -> None:
        if not self._waiting and not self._pieces:
            self._settled.set()

    async def _spool(self, batch: Sequence[EventRecord]) -> None:
        try:
            await asyncio.to_thread(self.spool.append, batch)
        except SpoolUnwritable as problem:
            log.error("spool_unwritable", error=str(problem), lost=self.spool.state.lost)

    async def _store(self, batch: Sequence[EventRecord], most_calls: int | None = None) -> None:
        """Events and the rows that changed, in one transaction."""
        calls = [*self._changed.values()][:most_calls]
        try:
            await self._commit(batch, calls)
        except DBAPIError as refused:
            log.error("batch_refused", error=type(refused.orig).__name__, events=len(batch), calls=len(calls))
            await self._store_one_by_one(batch, calls)
        for call in calls:
            if self._changed.get(call.key) is call:
                del self._changed[call.key]
        if self._on_stored is not None:
            self._on_stored(batch)

    async def _commit(self, batch: Sequence[EventRecord], calls: Sequence[Call]) -> None:
        async def transaction() -> None:
            async with self._database.unit_of_work() as uow:
                await uow.events.know(batch)
                await uow.calls.know(calls)
                async with uow.unanswered():
                    await uow.events.add_batch(batch)
                    await write_calls(uow, calls)

        await self._patience.wait_for(transaction())

    async def _store_one_by_one(self, batch: Sequence[EventRecord], calls: Sequence[Call]) -> None:
        """The database refuses something: keep all but that."""
        pieces: list[tuple[list[EventRecord], list[Call]]] = [([record], []) for record in batch]
        for records, rows in [*pieces, *(([], [call]) for call in calls)]:
            try:
                await self._commit(records, rows)
            except DBAPIError as refused:
                kinds = [record.kind for record in records] or [str(row.key) for row in rows]
                log.error("refused_by_database", what=kinds, error=type(refused.orig).__name__)

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Do it; False when the database is away."""
        try:
            await step()
        except (DatabaseAway, TimeoutError) as problem:
            if not self._away:
                log.error("database_away", error=str(problem) or "no answer in time")
            return False
        return True

    # -- coming back

    async def _return_for_ever(self) -> None:
        """Whenever the database is away: try again, and write what waits on the disk first."""
        attempt = 0
        while True:
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            waits = self._away and self._may_return()
            attempt = attempt + 1 if waits else 0
            if waits and await self._tried(lambda: self._patience.wait_for(self._database.ping())):
                async with self._alone:
                    back = await self._tried(self._drain if self._recovered else self._recover)
                if back:
                    log.info("database_back", lost=self.spool.state.lost)

    async def _drain(self) -> None:
        """The spool, in order, then the calls; then writing goes on as usual."""
        await self._add(await asyncio.to_thread(lambda: [*self.spool.waiting()]))

    async def _recover(self) -> None:
        """Open calls from their stored events, then what is on the disk, of the last process or ours."""
        known = await asyncio.to_thread(lambda: [*self.spool.waiting()])
        for earlier in await self._patience.wait_for(self._open_calls_events(), REPLAY_TIMEOUT_S):
            self.tracker.take(earlier)
        self.tracker.changed_calls()
        self._recovered = True
        spooled = self._fold([(record, event) for record in known if (event := readable(record))])
        self._pieces = deque(self._fold(piece.taken) for piece in self._pieces)
        self._changed.update((call.key, call) for call in spooled.calls)
        await self._add([record for record, _ in spooled.taken])

    async def _add(self, records: Sequence[EventRecord]) -> None:
        """Piece by piece; the disk keeps all until the last is written, so that a crash loses nothing."""
        for start in range(0, len(records), MOST_EVENTS):
            await self._commit(records[start : start + MOST_EVENTS], [])
        while self._changed:
            await self._store([], BATCH_EVENTS)
        if not self.spool.empty:
            await asyncio.to_thread(self.spool.clear)
        self._away = False
        self._ready.set()
        self._settle()

    async def _open_calls_events(self) -> list[PbxEvent]:
        """Everything that was said since the oldest open call arrived, but of calls that are over."""
        async with self._database.unit_of_work() as uow:
            open_calls = await uow.calls.open_calls(self.tracker.pbx_id)
            if not open_calls:
                return []
            since = min(call.arrived_at for call in open_calls) - BEFORE_ARRIVAL
            stored = [record async for record in heard(uow, self.tracker.pbx_id, from_=since)]
        keys = {str(call.key) for call in open_calls}
        log.info("open_calls_taken_up", calls=len(keys))
        wanted = (record for record in stored if record.call is None or record.call in keys)
        return [event for record in wanted if (event := readable(record))]


def _storable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """PostgreSQL keeps every character but NUL."""
    if "\x00" not in "".join(headers.values()):
        return headers
    return {name: value.replace("\x00", "\ufffd") for name, value in headers.items()}
