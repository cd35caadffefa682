"""What follows one PBX's events in memory and writes what is new a moment later."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType

import structlog

from facts.tasks import end_task
from telephony.ami.events import PbxEvent

log = structlog.get_logger(__name__)

#: pause between two writings, seconds
PAUSE_S = 0.05
#: the next try when the database was away, seconds
AGAIN_S = 1.0


class Following(ABC):
    """An async context manager whose ``take`` never waits. Tasks in ``_tasks`` end with it."""

    def __init__(self, learn: Callable[[PbxEvent], None]) -> None:
        self._learn = learn
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            await end_task(task)
        await self._write()

    def take(self, event: PbxEvent) -> None:
        """One event of the PBX. A bug here must not keep the ledger from its events."""
        try:
            self._learn(event)
        except Exception:
            log.exception("event not understood", kind=type(event).__name__)
        self._news.set()

    async def _write_for_ever(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(PAUSE_S)
            self._news.clear()
            await self._act()
            if not await self._write():
                await asyncio.sleep(AGAIN_S)
                self._news.set()

    @abstractmethod
    async def _act(self) -> None:
        """What the news ask of the PBX."""

    @abstractmethod
    async def _write(self) -> bool:
        """What is new, in order; False when the database is away: it is kept."""
