"""Live words from the speech role: one connection in, any number of pages out.

What a page needs is always "all finals so far and the newest partial of each leg",
so a slow page does not need what it missed: it is told that there is news, and reads
the newest state when it wakes. Partials are never stored.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from facts.tasks import end_task
from facts.transcript import Leg, LiveText
from ticketing_bridge.desk.mailbox import HEALTH, Switchboard
from ticketing_bridge.live.wire import from_line

log = structlog.get_logger(__name__)

#: longest line that is read from the speech role, bytes
LINE_LIMIT = 1 << 20
#: calls whose words are remembered; the oldest go first (finals stay in the database)
CALLS_KEPT = 500
#: the topic of a page's mailbox
WORDS = "words"
#: the subject of pages that show words of all calls
EVERY_CALL = "every call"

FinalKey = tuple[str, Leg, int]


@dataclass(slots=True)
class LiveWords:
    """What has been said in one call: the finals, and the open partial of each leg."""

    finals: dict[FinalKey, LiveText] = field(default_factory=dict)
    partials: dict[Leg, LiveText] = field(default_factory=dict)

    def take(self, said: LiveText) -> None:
        """Take one message in. A final closes its leg's partial; an empty text only closes."""
        if said.final:
            if said.text:
                self.finals[final_key(said)] = said
            self.partials.pop(said.leg, None)
        elif said.text:
            self.partials[said.leg] = said
        else:
            self.partials.pop(said.leg, None)


def final_key(said: LiveText) -> FinalKey:
    """A final is known by its stream and number: a recogniser that begins again has a new stream."""
    return said.stream, said.leg, said.segment


def merged_finals(stored: Iterable[LiveText], live: Iterable[LiveText]) -> tuple[LiveText, ...]:
    """Finals of the database and of the feed, each once, in order of their start."""
    known = {final_key(said): said for said in (*stored, *live)}
    return tuple(sorted(known.values(), key=lambda said: (said.start_s, said.leg)))


class LiveFeed:
    """Reads ``settings.live_socket`` for as long as it lives, and connects again when it breaks."""

    def __init__(self, socket: Path, *, retry_s: float = 0.5) -> None:
        self._socket = socket
        self._retry_s = retry_s
        self._calls: OrderedDict[str, LiveWords] = OrderedDict()
        self.pages = Switchboard()
        self._reading: asyncio.Task[None] | None = None
        self.connected = False

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._keep_reading(), name="live-feed")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._reading)
        self._lost()

    def words(self, call: str) -> LiveWords:
        """What is known of a call from the stream; empty for an unknown one."""
        return self._calls.get(call) or LiveWords()

    def forget(self, call: str) -> None:
        """Drop the words of a call that is over."""
        self._calls.pop(call, None)

    def take(self, said: LiveText) -> None:
        """Take one message in and wake the pages that show its call."""
        words = self._calls.setdefault(said.call, LiveWords())
        self._calls.move_to_end(said.call)
        words.take(said)
        while len(self._calls) > CALLS_KEPT:
            self._calls.popitem(last=False)
        self.pages.poke(said.call, WORDS)
        self.pages.poke(EVERY_CALL, WORDS)

    async def _keep_reading(self) -> None:
        told = False
        while True:
            try:
                async with self._connection() as reader:
                    await self._read(reader)
            except OSError as problem:
                if not told:
                    log.info("live feed away", socket=str(self._socket), problem=str(problem))
                told = True
            except ValueError as problem:
                log.warning("live feed broken: a line is too long", problem=str(problem))
            else:
                told = False
            self._lost()
            await asyncio.sleep(self._retry_s)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncio.StreamReader]:
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=LINE_LIMIT)
        self._set_connected(True)
        try:
            yield reader
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            try:
                said = from_line(line)
            except (KeyError, TypeError, ValueError) as problem:
                log.warning("live feed: a line is not live text", problem=repr(problem))
                continue
            self.take(said)

    def _lost(self) -> None:
        """The stream broke: open partials will never be finished by it."""
        for words in self._calls.values():
            words.partials.clear()
        self._set_connected(False)

    def _set_connected(self, connected: bool) -> None:
        if connected is not self.connected:
            self.connected = connected
            log.info("live feed connected" if connected else "live feed lost", socket=str(self._socket))
        self.pages.poke_all(WORDS)
        self.pages.poke_all(HEALTH)
