"""How the queues stand, from the PBX's events; told to everybody through the store."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import structlog

from facts.call import Call
from facts.caller_session import QueueOutlook
from facts.tasks import end_task
from telephony.ami.events import (
    LinkLost,
    MemberPause,
    MemberStatus,
    PbxEvent,
    QueueJoined,
    QueueLeft,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotQueueEntry,
    SnapshotQueueMember,
)
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.journey_records import QueueState

log = structlog.get_logger(__name__)

#: Asterisk's device states: free; and those in which nobody is at the telephone (unknown, invalid, gone)
_FREE = 1
_ABSENT = frozenset({0, 4, 5})
#: fewer answered calls than this say nothing about the wait
LEAST_MEASURED = 5
#: seconds that a talk takes until measured ones say otherwise: with so many agents there, one place takes
#: this by their number. Long rather than short: who was told five minutes and waits three is not deceived.
ASSUMED_TALK_S = 240.0
#: calls of this time are measured
MEASURED_OVER = timedelta(hours=2)
MEASURE_EVERY_S = 30.0
TELL_EVERY_S = 1.0
#: told again at least this often, so that what is older than ``FRESH_S`` is known to be stale
AGAIN_EVERY_S = 3.0
FRESH_S = 10.0


@dataclass(frozen=True, slots=True)
class _Member:
    free: bool
    there: bool


@dataclass(slots=True)
class QueueBoard:
    """Who waits and who is free, by queue. Knows nothing until it has seen a whole snapshot."""

    known: bool = False
    changed: bool = False
    _waiting: Counter[str] = field(default_factory=Counter)
    _members: dict[str, dict[str, _Member]] = field(default_factory=dict)
    _counting: Counter[str] | None = None

    def take(self, event: PbxEvent) -> None:
        """One event, in order."""
        self.changed = True
        match event:
            case QueueJoined(queue=queue, count=count) | QueueLeft(queue=queue, count=count):
                self._waiting[queue] = count
            case MemberStatus() | MemberPause() | SnapshotQueueMember():
                there = event.status not in _ABSENT
                free = event.status == _FREE and not event.paused and not event.in_call
                self._members.setdefault(event.queue, {})[event.interface] = _Member(free, there)
            case SnapshotBegin():
                self._counting = Counter()
            case SnapshotQueueEntry(queue=queue) if self._counting is not None:
                self._counting[queue] += 1
            case SnapshotEnd(complete=complete) if self._counting is not None:
                if complete:
                    self._waiting, self.known = self._counting, True
                self._counting = None
            case LinkLost():
                self.known, self._counting = False, None
                self._members.clear()
            case _:
                self.changed = False

    def states(self, places_s: dict[str, float | None], queues: Iterable[str]) -> list[QueueState]:
        """How each queue stands; nothing while it is not known."""
        if not self.known:
            return []
        found = []
        for queue in queues:
            members = self._members.get(queue, {}).values()
            free, there = sum(it.free for it in members), sum(it.there for it in members)
            now = datetime.now(UTC)
            found.append(QueueState(queue, self._waiting[queue], free, there, places_s.get(queue), now))
        return found


def place_s(calls: Sequence[Call], queue: str) -> float | None:
    """Seconds that one place in a queue took lately: the median over answered calls; None: too few.

    A caller at position 3 who waited 60 s had 20 s a place.
    """
    measured = [
        (leg.left_at - leg.joined_at).total_seconds() / max(1, leg.position or 1)
        for call in calls
        for leg in call.queue_legs
        if leg.queue == queue and leg.ending == "answered" and leg.left_at is not None
    ]
    return statistics.median(measured) if len(measured) >= LEAST_MEASURED else None


def outlook_of(state: QueueState, ahead: int | None = None) -> QueueOutlook:
    """What somebody who joins now may expect, or who waits already with so many ahead."""
    waiting = state.waiting if ahead is None else ahead
    if state.free_agents > waiting:
        wait_s: float | None = 0.0
    elif not state.agents:
        wait_s = None
    else:
        place_s = ASSUMED_TALK_S / state.agents if state.place_s is None else state.place_s
        wait_s = place_s * (waiting + 1)
    return QueueOutlook(state.waiting, state.free_agents, state.agents, wait_s)


class QueueTeller:
    """Tells the store how the queues of one PBX stand. An async context manager; ``take`` never waits."""

    def __init__(self, database: Database, pbx_id: str, queues: Sequence[str]) -> None:
        self.board = QueueBoard()
        self._database = database
        self._pbx_id = pbx_id
        self._queues = queues
        self._places_s: dict[str, float | None] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tell(), name="queue teller")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._task)

    def take(self, event: PbxEvent) -> None:
        """One event of the PBX."""
        self.board.take(event)

    def state(self, queue: str) -> QueueState | None:
        """How a queue stands now; None while that is not known."""
        return next(iter(self.board.states(self._places_s, [queue])), None)

    async def _tell(self) -> None:
        clock = asyncio.get_running_loop().time
        measured_at = told_at = 0.0
        changed = False
        while True:
            changed, self.board.changed = changed or self.board.changed, False
            now = clock()
            try:
                if now - measured_at >= MEASURE_EVERY_S or not measured_at:
                    await self._measure()
                    measured_at = now
                if changed or now - told_at >= AGAIN_EVERY_S:
                    async with self._database.unit_of_work() as uow:
                        await uow.queues.put(self._pbx_id, self.board.states(self._places_s, self._queues))
                    told_at, changed = now, False
            except DatabaseAway as away:
                log.debug("queues not told", why=str(away))
            await asyncio.sleep(TELL_EVERY_S)

    async def _measure(self) -> None:
        async with self._database.unit_of_work() as uow:
            since = datetime.now(UTC) - MEASURED_OVER
            calls = await uow.calls.list(from_=since, pbx_id=self._pbx_id, limit=500)
        self._places_s = {queue: place_s(calls, queue) for queue in self._queues}
