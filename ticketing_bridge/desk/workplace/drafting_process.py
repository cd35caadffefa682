"""Where the drafts of calls that are on are made: beside the pages, so that words never wait for a draft."""

from __future__ import annotations

import asyncio
import itertools
import pickle
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import structlog

from config.catalogue import CityData
from facts.errors import HotlineError
from facts.tasks import end_task
from ticketing_bridge.desk.workplace.drafting_child import LENGTH, GrowingDrafts, packed
from ticketing_bridge.drafting import DraftInput
from ticketing_bridge.store.records import Json

log = structlog.get_logger(__name__)

#: a draft takes milliseconds; a process that owes one for so long is ended (seconds)
PATIENCE_S = 5.0
#: and has so long to begin: it reads the city's data first
BEGIN_PATIENCE_S = 30.0


#: the process is gone, or owes an answer for too long
_LOST = (OSError, EOFError, TimeoutError)


class NotDrafted(HotlineError):
    """A call's words could not be drafted; the page keeps what it has."""

    error_id = "not-drafted"


class Drafter(Protocol):
    """Makes the next draft of a call. An async context manager; drafts are made one after the other."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def draft(self, heard: DraftInput, city: CityData) -> Json:
        """The draft of all words heard by now, as it is kept and shown.

        Raises:
            NotDrafted: the words could not be read.
        """


class ThreadDrafter:
    """Drafts in a thread of this process: for one desk, and where a process would be too much."""

    def __init__(self) -> None:
        self._drafts = GrowingDrafts()
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def draft(self, heard: DraftInput, city: CityData) -> Json:
        async with self._turn:
            return await asyncio.to_thread(self._drafts.step, heard, city)


class DraftingProcess:
    """Drafts in a process of its own, which is started again when it ends or hangs.

    What a new process has not seen it drafts from the beginning: each wish carries all words of its call.
    """

    def __init__(self, home: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._home = home
        self._patience_s = patience_s
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        #: whether this process has answered yet
        self._warm = False
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Json | str]] = {}
        #: calls wait here in the order in which they came
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def pid(self) -> int | None:
        """The process that drafts now."""
        return self._process.pid if self._process else None

    async def draft(self, heard: DraftInput, city: CityData) -> Json:
        """The process reads the city's data itself: another version is seen there as soon as here."""
        del city
        async with self._turn:
            try:
                answer = await self._asked(heard)
            except _LOST as problem:
                log.warning("drafting process lost", problem=repr(problem))
                await self._end()
                answer = await self._asked_again(heard)
        if isinstance(answer, str):
            log.warning("call not drafted", call=heard.id, problem=answer)
            raise NotDrafted(answer)
        return answer

    async def _asked_again(self, heard: DraftInput) -> Json | str:
        try:
            return await self._asked(heard)
        except _LOST as problem:
            await self._end()
            return f"two drafting processes were lost over it: {problem!r}"

    async def _asked(self, heard: DraftInput) -> Json | str:
        """One wish and its answer. Who stops waiting leaves the answer to nobody."""
        process = self._process or await self._start()
        assert process.stdin is not None
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._patience_s if self._warm else BEGIN_PATIENCE_S):
                process.stdin.write(packed((number, heard)))
                await process.stdin.drain()
                answer = await self._waiting[number]
        finally:
            self._waiting.pop(number, None)
        self._warm = True
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ticketing_bridge.desk.workplace.drafting_child",
            str(self._home),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._warm = False
        self._reading = asyncio.create_task(self._read(process), name="drafts")
        return process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand the answers to those who wait for them, until the process ends."""
        assert process.stdout is not None
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await process.stdout.readexactly(LENGTH.size)
                body = await process.stdout.readexactly(LENGTH.unpack(head)[0])
                number, answer = pickle.loads(body)
                waits = self._waiting.get(number)
                if waits is not None and not waits.done():
                    waits.set_result(answer)
        for waits in self._waiting.values():
            if not waits.done():
                waits.set_exception(EOFError("it ended"))

    async def _end(self) -> None:
        process, self._process = self._process, None
        reading, self._reading = self._reading, None
        await end_task(reading)
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
