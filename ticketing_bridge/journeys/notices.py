"""The notice of the hour, as every flow process knows it: from memory, told anew at once when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import structlog

from facts.errors import HotlineError
from facts.tasks import end_task
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.journey_records import HourNotice

log = structlog.get_logger(__name__)

#: NOTIFY channel of a change
NOTICE_CHANNEL: Final = "hotline_notice"
RETRY_S = 0.5


def notice_on(notices: Iterable[HourNotice], line: str, now: datetime) -> HourNotice | None:
    """The notice that callers of a line hear: the newest for this very line, else the newest for all."""
    on = [it for it in notices if it.until > now and it.ended_at is None and line in (it.lines or (line,))]
    return max(on, key=lambda it: (bool(it.lines), it.id), default=None)


class HourNotices:
    """What is on now. An async context manager; while the database is away the last known goes on to its end.

    ``prepare`` is awaited with each text that comes, so that its sound is there before a caller is.
    """

    def __init__(
        self,
        database: Database,
        prepare: Callable[[str], Awaitable[object]] | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._prepare = prepare
        self._now = now
        self._notices: tuple[HourNotice, ...] = ()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="hour notices")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._task)

    def text(self, line: str) -> str:
        """What callers of this line are told now; empty: nothing."""
        notice = notice_on(self._notices, line, self._now())
        return notice.text if notice else ""

    async def _follow(self) -> None:
        async with self._database.listen(NOTICE_CHANNEL) as changes:
            async for _ in changes:
                while not await self._read():
                    await asyncio.sleep(RETRY_S)

    async def _read(self) -> bool:
        try:
            async with self._database.unit_of_work() as uow:
                found = await uow.notices.current()
        except DatabaseAway:
            return False
        for text in dict.fromkeys(it.text for it in found):
            await self._make_ready(text)
        self._notices = tuple(found)
        return True

    async def _make_ready(self, text: str) -> None:
        if self._prepare is None:
            return
        try:
            await self._prepare(text)
        except HotlineError as problem:
            log.error("notice not rendered", why=str(problem))
