"""Callers who wait are told again how many are ahead and how long it may take, over the music.

app_queue calls no agent while it speaks itself, so the hotline whispers to the caller's channel: the caller
stays in the queue, and an agent who answers ends the whisper.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog

from config.hotline import Hotline
from facts.errors import HotlineError
from facts.prompts import prompt_name
from facts.tasks import Tasks, end_task
from telephony.ami.errands import Originator, hang_up, tell_waiting
from telephony.ami.events import (
    AgentCalled,
    AgentConnected,
    LinkLost,
    PbxEvent,
    QueueJoined,
    QueueLeft,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotQueueEntry,
)
from telephony.call_fold.rules import NEVER_CITIZENS
from ticketing_bridge.journeys.queue_board import outlook_of
from ticketing_bridge.store.journey_records import QueueState

log = structlog.get_logger(__name__)

#: who was rung for so lately (seconds) is about to be answered, and is not spoken to
RINGING_S = 15.0
#: how often one looks who is to be told
LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class Waiting:
    """One caller in a queue; times are of the telephony process's own clock, in seconds."""

    uniqueid: str
    citizen: bool
    told_at: float
    rung_at: float | None = None


@dataclass(slots=True)
class WaitingLists:
    """Who waits in which queue, in the queue's own order, from the PBX's events. Pure."""

    queues: dict[str, list[Waiting]] = field(default_factory=dict)

    def take(self, event: PbxEvent, now: float) -> str | None:
        """One event, in order; returns the caller who is not to be spoken to any more."""
        match event:
            case QueueJoined():
                self._put(event.queue, event.uniqueid, event.channel, event.position, now)
            case SnapshotQueueEntry():
                self._put(event.queue, event.uniqueid, event.channel, event.position, now - event.wait_s)
            case AgentCalled() if found := self._find(event.uniqueid):
                found.rung_at = now
            case QueueLeft() | AgentConnected():
                self._drop(event.uniqueid)
                return event.uniqueid
            case LinkLost() | SnapshotBegin():
                self.queues.clear()
        return None

    def due(self, now: float, every_s: float) -> list[tuple[str, str, int]]:
        """Who is to be told now: (Uniqueid, queue, how many are ahead). Who is told counts as told."""
        found: list[tuple[str, str, int]] = []
        for queue, waiting in self.queues.items():
            for ahead, it in enumerate(waiting):
                rung = it.rung_at is not None and now - it.rung_at < RINGING_S
                if it.citizen and not rung and now - it.told_at >= every_s:
                    it.told_at = now
                    found.append((it.uniqueid, queue, ahead))
        return found

    def _put(self, queue: str, uniqueid: str, channel: str, position: int, told_at: float) -> None:
        self._drop(uniqueid)
        citizen = not channel.startswith(NEVER_CITIZENS)
        waiting = self.queues.setdefault(queue, [])
        waiting.insert(max(0, position - 1), Waiting(uniqueid, citizen, told_at))

    def _find(self, uniqueid: str) -> Waiting | None:
        return next((it for line in self.queues.values() for it in line if it.uniqueid == uniqueid), None)

    def _drop(self, uniqueid: str) -> None:
        for waiting in self.queues.values():
            waiting[:] = [it for it in waiting if it.uniqueid != uniqueid]


class WaitingTeller:
    """Tells those who wait on one PBX. An async context manager; ``take`` never waits.

    Args:
        outlook: how a queue stands; None when that is not known.
    """

    def __init__(
        self, hotline: Hotline, originator: Originator, outlook: Callable[[str], QueueState | None]
    ) -> None:
        self._hotline = hotline
        self._originator = originator
        self._outlook = outlook
        self._lists = WaitingLists()
        self._whole = True
        #: caller → the channel that speaks
        self._speaking: dict[str, str] = {}
        self._tasks = Tasks(_failed)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._hotline.again.every_s:
            self._task = asyncio.create_task(self._look(), name="waiting teller")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._task)
        await self._tasks.end()

    def take(self, event: PbxEvent) -> None:
        """One event of the PBX."""
        if isinstance(event, SnapshotBegin | SnapshotEnd):
            self._whole = isinstance(event, SnapshotEnd)
        gone = self._lists.take(event, asyncio.get_running_loop().time())
        if gone is not None and (speaks := self._speaking.pop(gone, None)):
            self._tasks.start(self._silence(speaks))

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._whole:
                continue
            for caller, queue, ahead in self._lists.due(clock(), self._hotline.again.every_s):
                if texts := self.texts(queue, ahead):
                    self._speaking[caller] = told = f"hotline-tell-{uuid.uuid4()}"
                    self._tasks.start(self._tell(told, caller, [prompt_name(text) for text in texts]))

    def texts(self, queue: str, ahead: int) -> list[str]:
        """What is said to a caller who has so many ahead."""
        hotline = self._hotline
        place = hotline.ahead[min(ahead, len(hotline.ahead) - 1)] if ahead else hotline.again.next_in_line
        state = self._outlook(queue)
        wait_s = None if state is None else outlook_of(state, ahead).estimated_wait_s
        wait = hotline.again.wait_text(wait_s) if wait_s and ahead else ""
        return [text for text in (place, wait) if text]

    async def _tell(self, told: str, caller: str, sounds: list[str]) -> None:
        try:
            await tell_waiting(self._originator, told, caller, sounds)
        except HotlineError as refused:
            log.warning("waiting caller not told", why=str(refused))

    async def _silence(self, speaks: str) -> None:
        try:
            await hang_up(self._originator, f"{speaks};1")
        except HotlineError as away:
            log.warning("whisper not ended", why=str(away))


def _failed(problem: BaseException) -> None:
    log.error("telling a waiting caller failed", why=str(problem), kind=type(problem).__name__)
