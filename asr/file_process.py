"""The process that hears recordings (``asr.file_child``), as its owner sees it: started, asked, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from asr.limits import child_environment
from asr.models import CHILD, ModelFacts, broken_model, model_too_slow

#: a process that says nothing for this long over two seconds of audio is stuck
STUCK_AFTER_S = 120.0
#: in the place of an exit code: the process said nothing for too long
STUCK = -1000
LONGEST_LINE_BYTES = 16 << 20
KEPT_OF_STDERR_BYTES = 1 << 16


class ProcessLost(Exception):
    """The process is gone before its job was done."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__("it was stuck" if code == STUCK else f"code {code}")
        self.code = code
        self.said = said


class Job(Protocol):
    """What the process shall do."""

    def order(self) -> Mapping[str, Any]:
        """What is still to be heard, as ``asr.file_child`` reads it."""

    def take(self, answer: Mapping[str, Any]) -> None:
        """One answer; the last has the key ``end``. May raise then."""


class TranscriberProcess:
    """The process, started when there is something to hear and none is there."""

    def __init__(self, facts: ModelFacts, nice: int) -> None:
        self._facts = facts
        self._nice = nice
        self._process: asyncio.subprocess.Process | None = None
        self._said: asyncio.Task[bytes] | None = None

    async def run(self, job: Job) -> None:
        """Let the process do a job; raises ``ProcessLost`` when it ended, and what ``take`` raises."""
        answering = True
        try:
            if self._process is None:
                await self._start()
            await self._write(job.order())
            while answering:
                answer = await self._read(STUCK_AFTER_S)
                answering = "end" not in answer
                job.take(answer)
        finally:
            if answering:  # cancelled, say: what it still says belongs to nobody
                await self.stop()

    async def _start(self) -> None:
        """Start the process and wait until it has loaded its model; raises ``ModelInvalid``."""
        self._process = await asyncio.create_subprocess_exec(
            *(*CHILD, "asr.file_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE_BYTES,
            env=child_environment(),
        )
        assert self._process.stderr is not None
        self._said = asyncio.create_task(_last_words(self._process.stderr))
        try:
            await self._write({"model": str(self._facts.path), "nice": self._nice})
            await self._read(self._facts.load_timeout_s)
        except ProcessLost as lost:
            if lost.code == STUCK:
                raise model_too_slow(self._facts, self._facts.load_timeout_s) from None
            raise broken_model(self._facts.path, lost.code, lost.said) from None

    async def _write(self, order: Mapping[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it has ended: reading tells why
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()

    async def _read(self, within_s: float) -> Mapping[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        except TimeoutError:
            raise ProcessLost(STUCK, await self.stop()) from None
        if not line.endswith(b"\n"):
            code = await self._process.wait()
            raise ProcessLost(code, await self.stop())
        answer: Mapping[str, Any] = json.loads(line)
        return answer

    async def stop(self) -> str:
        """End the process, if there is one; returns what it wrote to stderr."""
        process, said = self._process, self._said
        if process is None or said is None:
            return ""
        self._process = self._said = None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.stdout.read()  # to its end, so that no pipe stays open
        await process.wait()
        return (await said).decode(errors="replace")


async def _last_words(pipe: asyncio.StreamReader) -> bytes:
    """Read a pipe to its end, keep what came last."""
    said = b""
    while part := await pipe.read(KEPT_OF_STDERR_BYTES):
        said = (said + part)[-KEPT_OF_STDERR_BYTES:]
    return said
