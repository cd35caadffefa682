"""Keeps what was heard live in the store, in order, and waits while the database is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import structlog

from facts.audio import TapRequest
from facts.tasks import end_task
from facts.transcript import LiveText
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway

log = structlog.get_logger(__name__)

#: entries kept while the database is away; beyond it the recording has to tell what was said
MOST_KEPT = 20_000
RETRY_S = 0.5

Entry = Callable[[UnitOfWork], Awaitable[None]]


class LiveKeeper:
    """Writes streams and final texts to the store. An async context manager; its methods never wait."""

    def __init__(self, database: Database, model: str) -> None:
        self._database = database
        self._model = model
        self._entries: deque[Entry] = deque()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write(), name="live keeper")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give what is left two seconds, then end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while self._entries:
                    await asyncio.sleep(0.02)
        await end_task(self._task)

    def started(self, request: TapRequest) -> None:
        """A leg is heard from now on."""

        async def entry(uow: UnitOfWork) -> None:
            await uow.live.stream_started(
                request.stream, request.call, request.leg, offset_s=request.offset_s, model=self._model
            )

        self._add(entry)

    def said(self, text: LiveText) -> None:
        """A final text."""

        async def entry(uow: UnitOfWork) -> None:
            await uow.live.add_segment(text, stream=text.stream)

        self._add(entry)

    def ended(self, stream: str, ending: str) -> None:
        """Nothing more comes from this stream; all its texts were said before."""

        async def entry(uow: UnitOfWork) -> None:
            await uow.live.stream_ended(stream, ending)

        self._add(entry)

    def _add(self, entry: Entry) -> None:
        if len(self._entries) >= MOST_KEPT:
            log.error("live words lost", fix="bring the database back; the recordings still have them")
            return
        self._entries.append(entry)
        self._news.set()

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._entries:
                if await self._written(self._entries[0]):
                    self._entries.popleft()
                else:
                    await asyncio.sleep(RETRY_S)

    async def _written(self, entry: Entry) -> bool:
        try:
            async with self._database.unit_of_work() as uow:
                await entry(uow)
        except DatabaseAway as problem:
            log.warning("live words wait for the database", waiting=len(self._entries), why=str(problem))
            return False
        except Exception:  # one bad entry must not hold up all that follow
            log.exception("live words refused by the store")
        return True
