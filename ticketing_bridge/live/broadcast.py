"""The speech role's end of the live words' stream: a UNIX socket that many may read.

A reader that is slow loses its connection rather than holding up the others; it
connects again and reads the finals that it missed from the store.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from facts.transcript import LiveText
from ticketing_bridge.live.wire import to_line

log = structlog.get_logger(__name__)

#: bytes that may wait for one reader: some seconds of many calls
BACKLOG_BYTES = 1_000_000


class LiveBroadcast:
    """Sends every ``LiveText`` to all who are connected. An async context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._reader, path=str(self._path))
        self._path.chmod(0o600)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        for reader in list(self._readers):
            reader.close()
        if self._server:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 2)
        self._path.unlink(missing_ok=True)

    def send(self, text: LiveText) -> None:
        """Hand a text to every reader; never waits."""
        if not self._readers:
            return
        line = to_line(text)
        for reader in list(self._readers):
            transport = reader.transport
            if transport.is_closing() or transport.get_write_buffer_size() > BACKLOG_BYTES:
                log.warning("live reader dropped: too slow", waiting_bytes=transport.get_write_buffer_size())
                self._readers.discard(reader)
                transport.abort()
            else:
                reader.write(line)

    async def _reader(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._readers.add(writer)
        try:
            while await reader.read(1024):
                pass  # readers have nothing to say; only their end matters
        except ConnectionError:
            pass
        finally:
            self._readers.discard(writer)
            writer.close()
