"""Recogniser processes and their keeper.

Vosk aborts its process over an internal assertion, and no ``except`` catches that. So it runs in child
processes only; one that dies or freezes is ended, reported, and replaced with growing pauses. The keeper
never forks the event loop's process: children are fresh interpreters that speak ``asr.wire`` over pipes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import structlog

from asr.limits import child_environment
from asr.models import CHILD, ModelFacts, ModelInvalid, broken_model, model_facts, model_too_slow
from asr.wire import WORK, Kind, Message, MessageReader, WireBroken, lane_of

log = structlog.get_logger(__name__)

#: a lane that has work and shows no progress for this long is frozen
FROZEN_AFTER_S = 5.0
PING_EVERY_S = 1.0
#: pauses before a new child: doubling from the first to the longest, forgotten after a healthy minute
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 15.0
HEALTHY_AFTER_S = 60.0
#: what is read from a process at once
READ_BYTES = 1 << 16


class RecogniserProcess:
    """One child. Use ``start`` then ``run``; ``run`` returns when the process is gone."""

    def __init__(
        self, facts: ModelFacts, *, lanes: int, processes: int, nice: int, frozen_after_s: float
    ) -> None:
        self._facts = facts
        self._lanes = lanes
        self._processes = processes
        self._nice = nice
        self._frozen_after_s = frozen_after_s
        self._process: asyncio.subprocess.Process | None = None
        self._said: deque[str] = deque(maxlen=20)
        self._reader = MessageReader()
        self._messages: deque[Message] = deque()
        self._progress_s = [time.monotonic()] * lanes
        #: when a lane was asked for a sign of life that it still owes, and how long the last one took
        self._pinged_s: list[float | None] = [None] * lanes
        self._answered_in_s = [0.0] * lanes
        self._work = [(0.0, 0.0)] * lanes
        self._work_taken = (0.0, 0.0)
        #: processor seconds for a second of audio, at the first try
        self.first_cost = 0.0
        self.ready = False
        self.frozen = False
        #: streams that it serves, for choosing the least loaded
        self.streams = 0

    @property
    def pid(self) -> int:
        """Process id, 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def lag_s(self) -> float:
        """How long audio waits in its queue before it is heard (seconds), of the slowest lane."""
        now = time.monotonic()
        owed = [now - since for since in self._pinged_s if since is not None]
        return max((*owed, *self._answered_in_s), default=0.0)

    def take_work(self) -> tuple[float, float]:
        """Processor seconds used and seconds of audio heard since this was last asked."""
        cpu_s, heard_s = (sum(done) for done in zip(*self._work, strict=True))
        before_cpu_s, before_heard_s = self._work_taken
        self._work_taken = (cpu_s, heard_s)
        return cpu_s - before_cpu_s, heard_s - before_heard_s

    async def start(self) -> None:
        """Start the process and wait until it has loaded and tried its model; raises ``ModelInvalid``."""
        self._process = await asyncio.create_subprocess_exec(
            *(*CHILD, "asr.child", str(self._facts.path)),
            *("--lanes", str(self._lanes), "--processes", str(self._processes), "--nice", str(self._nice)),
            env=child_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._facts.load_timeout_s):
                first = await self._read()
                if first is not None and first.kind is Kind.READY:
                    self.ready = True
                    self.first_cost = first.json()["cost"]
                    self._progress_s = [time.monotonic()] * self._lanes
                    return
                code = await self._process.wait()
        except TimeoutError:
            await self.stop()
            raise model_too_slow(self._facts, self._facts.load_timeout_s) from None
        except asyncio.CancelledError:
            await self.stop()
            raise
        said = await self._rest_of_stderr()
        raise broken_model(self._facts.path, code, said)

    async def run(self, on_message: Callable[[Message], None]) -> str:
        """Pass on what the process says until it is gone; returns why it went."""
        assert self._process is not None
        watch = asyncio.create_task(self._watch())
        listen = asyncio.create_task(self._collect_stderr())
        try:
            while (message := await self._read()) is not None:
                now = time.monotonic()
                if message.kind is Kind.PONG:
                    self._progress_s[message.stream] = now
                    self._on_pong(message)
                else:
                    self._progress_s[lane_of(message.stream, self._lanes, self._processes)] = now
                    on_message(message)
        except WireBroken as broken:
            self._said.append(str(broken))
        finally:
            self.ready = False
            watch.cancel()
            with contextlib.suppress(TimeoutError):  # it has ended by itself: its own exit code is the reason
                await asyncio.wait_for(self._process.wait(), 0.5)
            await self.stop()
            await asyncio.gather(watch, listen, return_exceptions=True)
        if self.frozen:
            return f"frozen for {self._frozen_after_s:.0f} s"
        return f"ended with code {self._process.returncode}"

    @property
    def said(self) -> str:
        """The last lines that the process wrote to stderr."""
        return "\n".join(self._said)

    def send(self, message: Message) -> bool:
        """Queue a message; never blocks. False when the process is gone."""
        if not self.ready or self._process is None or self._process.stdin is None:
            return False
        if self._process.stdin.is_closing():
            return False
        self._process.stdin.write(message.to_bytes())
        return True

    async def stop(self) -> None:
        """End the process, if it has not ended."""
        self.ready = False
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()

    async def _watch(self) -> None:
        """Ask every lane for a sign of life; end the process when one owes an answer for too long."""
        now = time.monotonic()
        while True:
            before = now
            await asyncio.sleep(PING_EVERY_S)
            now = time.monotonic()
            if now - before > 2 * PING_EVERY_S:  # we were the one that slept
                self._progress_s = [now] * self._lanes
            for lane in range(self._lanes):
                if self._pinged_s[lane] is None:
                    if self.send(Message(Kind.PING, lane)):
                        self._pinged_s[lane] = now
                    self._progress_s[lane] = max(self._progress_s[lane], now - PING_EVERY_S)
                elif now - self._progress_s[lane] > self._frozen_after_s:
                    self.frozen = True
                    await self.stop()
                    return

    def _on_pong(self, message: Message) -> None:
        lane = message.stream
        since = self._pinged_s[lane]
        if since is not None:
            self._answered_in_s[lane] = time.monotonic() - since
            self._pinged_s[lane] = None
        cpu_s, heard_s = WORK.unpack(message.payload)
        self._work[lane] = (cpu_s, heard_s)

    async def _read(self) -> Message | None:
        assert self._process is not None
        assert self._process.stdout is not None
        while not self._messages:
            data = await self._process.stdout.read(READ_BYTES)
            if not data:
                return None
            self._messages.extend(self._reader.feed(data))
        return self._messages.popleft()

    async def _collect_stderr(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with contextlib.suppress(ValueError):  # a line without end
            async for line in self._process.stderr:
                if not line.startswith(b"LOG "):
                    self._said.append(line.decode(errors="replace").rstrip()[:300])

    async def _rest_of_stderr(self) -> str:
        assert self._process is not None
        assert self._process.stderr is not None
        return (await self._process.stderr.read(1 << 20)).decode(errors="replace")


class EngineEvents:
    """What an engine tells its owner; called on the event loop, must not block."""

    def on_ready(self, process: RecogniserProcess) -> None:
        """A process can take streams."""

    def on_message(self, process: RecogniserProcess, message: Message) -> None:
        """A process said something about a stream."""

    def on_lost(self, process: RecogniserProcess, reason: str) -> None:
        """A process is gone, and what it had not finished with it."""


class Engine:
    """Keeps ``children`` recogniser processes alive while the context is open.

    Entering waits for the first to load its model and raises ``ModelInvalid`` when that fails.
    """

    def __init__(
        self,
        model: Path,
        events: EngineEvents,
        *,
        children: int | None = None,
        lanes: int | None = None,
        nice: int = 5,
        frozen_after_s: float = FROZEN_AFTER_S,
    ) -> None:
        self.facts = model_facts(model)
        cores = os.cpu_count() or 1
        self._children = children or (min(cores, 4) if self.facts.is_small else 1)
        # more lanes than cores, so that one stream's slow segment holds up few others
        self._lanes = lanes or max(2, -(-2 * cores // self._children))
        self._nice = nice
        self._frozen_after_s = frozen_after_s
        self._events = events
        self._keepers: list[asyncio.Task[None]] = []
        self.processes: list[RecogniserProcess] = []
        self.restarts = 0
        #: processor seconds for a second of audio, at the first try
        self.first_cost = 0.0

    async def __aenter__(self) -> Engine:
        first = self._new_process()
        await first.start()
        self.first_cost = first.first_cost
        self._keepers = [asyncio.create_task(self._keep(first))]
        self._keepers += [asyncio.create_task(self._keep(None)) for _ in range(self._children - 1)]
        await asyncio.sleep(0)  # the first keeper begins: streams opened from now on are heard
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def least_loaded(self) -> RecogniserProcess | None:
        """The ready process with the fewest streams, None while there is none."""
        return min((child for child in self.processes if child.ready), key=_load, default=None)

    def _new_process(self) -> RecogniserProcess:
        return RecogniserProcess(
            self.facts,
            lanes=self._lanes,
            processes=self._children,
            nice=self._nice,
            frozen_after_s=self._frozen_after_s,
        )

    async def _keep(self, started: RecogniserProcess | None) -> None:
        """One place in the pool: a process, and after it the next."""
        pause_s = FIRST_PAUSE_S
        process = started
        while True:
            began = time.monotonic()
            try:
                if process is None:
                    process = self._new_process()
                    await process.start()
                reason = await self._serve(process)
                log.warning("recogniser_lost", pid=process.pid, reason=reason, said=process.said[-500:])
            except ModelInvalid as problem:
                log.error("recogniser_not_started", error=str(problem))
            except OSError as problem:
                log.error("recogniser_not_started", error=str(problem))
            process = None
            self.restarts += 1
            if time.monotonic() - began > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _serve(self, process: RecogniserProcess) -> str:
        self.processes.append(process)
        reason = "stopped"
        try:
            self._events.on_ready(process)
            reason = await process.run(lambda message: self._events.on_message(process, message))
        finally:
            self.processes.remove(process)
            await process.stop()
            self._events.on_lost(process, reason)
        return reason


def _load(process: RecogniserProcess) -> int:
    return process.streams
