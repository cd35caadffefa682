"""Ids that other processes tell when they have committed something (PostgreSQL NOTIFY)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from psycopg import sql

from facts.tasks import end_task

log = structlog.get_logger(__name__)

#: payload after a (re)connect: something may have been missed, read again
EVERYTHING = ""
#: pauses between attempts to reach a database that is away, in seconds
RETRY_S = (0.1, 0.3, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Notification:
    """``payload`` is an id, or ``EVERYTHING`` when the listener must read again by itself."""

    channel: str
    payload: str


class Notifications:
    """Listens on its own connection and connects again for ever.

    After each connect every channel gives one ``EVERYTHING``, so that nothing is missed:
    listen first, read then.
    """

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self._url = url
        self._channels = channels
        self._heard: asyncio.Queue[Notification] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="database-notifications")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._task)

    def __aiter__(self) -> AsyncIterator[Notification]:
        return self

    async def __anext__(self) -> Notification:
        return await self._heard.get()

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=3
                )
                async with connection:
                    attempt = 0
                    await self._listen(connection)
            except psycopg.Error as problem:
                if attempt == 0:
                    log.warning("database_listen_lost", problem=type(problem).__name__)
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        for channel in self._channels:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        for channel in self._channels:
            self._heard.put_nowait(Notification(channel, EVERYTHING))
        async for notify in connection.notifies():
            self._heard.put_nowait(Notification(notify.channel, notify.payload))
