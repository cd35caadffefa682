"""A way to a real PostgreSQL that can be cut and mended, and telephony roles at work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg.conninfo
import pytest_asyncio

Socket = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Line:
    """A TCP line to the database. ``cut`` and ``mend`` it as often as needed; it begins mended."""

    socket: str
    database: str
    user: str
    port: int = 0
    _server: asyncio.Server | None = None
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"postgresql://{quote(self.user)}@127.0.0.1:{self.port}/{self.database}"

    async def mend(self) -> None:
        """Connections reach the database from now on."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Every connection breaks, and none is accepted."""
        if self._server is not None:
            self._server.close()
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self.socket)
        self._ends |= {writer, back}
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(_pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@pytest_asyncio.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    """The line to this test's own database."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    found = Line(f"{parts['host']}/.s.PGSQL.5432", str(parts["dbname"]), str(parts["user"]))
    await found.mend()
    yield found
    await found.cut()


Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


async def until(seen: Callable[[], Awaitable[object]], timeout_s: float = 60.0) -> None:
    """Return when it is seen."""
    async with asyncio.timeout(timeout_s):
        while not await seen():
            await asyncio.sleep(0.05)
