"""One leader of a name over all machines: a PostgreSQL advisory lock held by a connection."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog

from facts.errors import HotlineError
from ticketing_bridge.store.errors import DatabaseAway

log = structlog.get_logger(__name__)

#: how often those who stand by ask, in seconds
STAND_BY_S = 0.5
#: a database that has not answered for so long does not keep a PBX from being followed (seconds)
PROVISIONAL_AFTER_S = 2.0
#: how often the leader looks whether its connection lives, in seconds
WATCH_S = 1.0


class LeadershipLost(HotlineError):
    """Another process leads now."""

    error_id = "leadership-lost"


class Leadership:
    """``async with`` waits until this process leads; ``await lost()`` returns only by raising.

    While the database does not answer nobody can say who leads: after ``provisional_after_s``
    this process leads provisionally. A leader whose database is away goes on leading (it spools)
    and takes the lock when the database is back; when somebody else has it by then, it must step down.
    """

    def __init__(self, url: str, name: str, *, provisional_after_s: float = PROVISIONAL_AFTER_S) -> None:
        self._url = url
        self.name = name
        self._provisional_after_s = provisional_after_s
        digest = hashlib.sha256(name.encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._held = False

    async def __aenter__(self) -> Self:
        told = False
        silent_since = time.monotonic()
        while not (mine := await self._try()):
            if mine is False:
                silent_since = time.monotonic()
                if not told:
                    log.info("standing_by", leadership=self.name)
                    told = True
            elif time.monotonic() - silent_since >= self._provisional_after_s:
                log.warning("leading_provisionally", leadership=self.name, why="the database does not answer")
                return self
            await asyncio.sleep(STAND_BY_S)
        log.info("leading", leadership=self.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drop()

    @asynccontextmanager
    async def if_free(self) -> AsyncIterator[bool]:
        """Lead for as long as the block lasts when nobody else does; False: somebody does.

        Raises:
            DatabaseAway: nobody can say.
        """
        mine = await self._try()
        try:
            if mine is None:
                raise DatabaseAway("the database does not answer", fix="hotline doctor shows why")
            yield mine
        finally:
            await self._drop()

    @property
    def held(self) -> bool:
        """Whether the lock was ours when it was last looked at: False while leading provisionally."""
        return self._held

    async def lost(self) -> None:
        """Watch the lock.

        Raises:
            LeadershipLost: the connection broke and somebody else leads now.
        """
        while True:
            await asyncio.sleep(WATCH_S)
            if await self._alive():
                continue
            if self._connection is not None:
                log.warning("leadership_connection_lost", leadership=self.name)
            while (mine := await self._try()) is None:
                await asyncio.sleep(STAND_BY_S / 5)
            if not mine:
                raise LeadershipLost(f"another process leads {self.name} now", fix="this one stands by")
            log.info("leading", leadership=self.name)

    async def _try(self) -> bool | None:
        """True: ours. False: somebody else's. None: the database does not answer."""
        await self._drop()
        try:
            connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=2)
            self._connection = connection
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,))
            row = await cursor.fetchone()
        except psycopg.Error:
            return None
        if row and row[0]:
            self._held = True
            return True
        await self._drop()
        return False

    async def _alive(self) -> bool:
        if self._connection is None:
            return False
        try:
            async with asyncio.timeout(5):
                await self._connection.execute("SELECT 1")
        except (psycopg.Error, TimeoutError):
            return False
        return True

    async def _drop(self) -> None:
        connection, self._connection, self._held = self._connection, None, False
        if connection is not None:
            await connection.close()
