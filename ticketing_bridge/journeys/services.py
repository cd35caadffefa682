"""What flows may ask of the house, answered from the store within a second, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

import structlog

from config.hotline import Hotline
from facts.caller_session import FollowUpTask, QueueOutlook, TicketProgress
from facts.identity import CallKey
from ticketing_bridge.journeys.callbacks import promise, rang_first
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.journeys.follow_ups import robot_answer, task_for_flow
from ticketing_bridge.journeys.notices import HourNotices
from ticketing_bridge.journeys.progress import Progress
from ticketing_bridge.journeys.queue_board import FRESH_S, outlook_of
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway

log = structlog.get_logger(__name__)

#: a little less than what a flow waits (seconds)
ANSWER_S = 0.95
T = TypeVar("T")


class CityServices:
    """The ``HotlineServices`` of one PBX's callers."""

    def __init__(
        self,
        database: Database,
        hotline: Hotline,
        pbx_id: str,
        notices: HourNotices,
        *,
        progress: Progress | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(LOCAL),
    ) -> None:
        self._database = database
        self._hotline = hotline
        self._pbx_id = pbx_id
        self._notices = notices
        self._progress = progress or Progress(database)
        self._now = now
        self._asked: set[asyncio.Task[Any]] = set()

    async def ticket_progress(
        self, number: str, last_digits: str, caller_number: str | None
    ) -> TicketProgress | None:
        """Progress of a ticket; a confidential one is as unknown as one that is not there."""
        return await self._in_time("ticket_progress", self._progress.ask(number, last_digits, caller_number))

    async def queue_outlook(self, queue: str) -> QueueOutlook | None:
        """How a queue stands; None when nobody has said so lately."""

        async def ask() -> QueueOutlook | None:
            async with self._database.unit_of_work() as uow:
                state = await uow.queues.get(self._pbx_id, queue, not_older_s=FRESH_S)
            return outlook_of(state) if state else None

        return await self._in_time("queue_outlook", ask())

    async def hour_notice(self, line: str) -> str | None:
        """The notice of the hour, from memory."""
        return self._notices.text(line)

    async def calls_back(self, call: CallKey, caller_number: str | None) -> bool | None:
        """Whether this caller is owed a call-back and rang first."""

        async def ask() -> bool:
            async with self._database.unit_of_work() as uow:
                return await rang_first(uow, self._hotline, caller_number, self._now())

        return await self._in_time("calls_back", ask())

    async def request_callback(self, call: CallKey, number: str, line: str, queue: str) -> bool | None:
        """Keep the caller's place and phone back."""

        async def ask() -> bool:
            async with self._database.unit_of_work() as uow:
                return await promise(uow, self._hotline, call, number, line, queue, self._now())

        return await self._in_time("request_callback", ask())

    async def follow_up(self, task: int) -> FollowUpTask | None:
        """The task of a follow-up call."""

        async def ask() -> FollowUpTask | None:
            async with self._database.unit_of_work() as uow:
                found = await uow.follow_ups.get(task)
            return task_for_flow(found) if found else None

        return await self._in_time("follow_up", ask())

    async def follow_up_answer(self, task: int, question: str, answer: str) -> bool | None:
        """Keep one answer."""

        async def ask() -> bool:
            async with self._database.unit_of_work() as uow:
                return await robot_answer(uow, task, question, answer)

        return await self._in_time("follow_up_answer", ask())

    async def _in_time(self, service: str, answer: Coroutine[Any, Any, T]) -> T | None:
        """The answer, or None when it does not come in time or the database is away.

        The driver's own patience with a database that is frozen is not waited for: a question that was
        given up ends by itself.
        """
        task = asyncio.create_task(answer, name=f"service {service}")
        self._asked.add(task)
        task.add_done_callback(self._answered)
        try:
            done, _ = await asyncio.wait({task}, timeout=ANSWER_S)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            log.warning("service too slow", service=service)
            return None
        try:
            return task.result()
        except DatabaseAway as away:
            log.warning("service away", service=service, why=str(away))
            return None

    def _answered(self, task: asyncio.Task[Any]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()
