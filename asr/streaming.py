"""Live recognition of many legs at once: audio in as it comes, partial and final texts out by a callback.

``feed`` never blocks and never waits for a recogniser. Live text is the quick first hearing; whatever it
misses (a gap, a deferred leg) is heard again in the recording after the call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import structlog

from asr.capacity import Capacity, free_memory_bytes, remember, remembered, usable_cores
from asr.engine import FROZEN_AFTER_S, Engine, EngineEvents, RecogniserProcess
from asr.live_stream import LiveStream, StreamState
from asr.phrases import checked_grammar
from asr.room import Room
from asr.wire import Message
from facts.transcript import Gap, Leg, LiveText

__all__ = ["EngineStatus", "LiveEngine", "LiveStream", "StreamState"]

log = structlog.get_logger(__name__)

#: how often the engine looks after its streams, and how often it notes what they cost (seconds)
LOOK_EVERY_S = 0.2
REMEMBER_EVERY_S = 60.0
#: audio that waits longer than this shows that there is too much to do: nobody is let in
MOST_LAG_S = 1.0

OnText = Callable[[LiveText], Awaitable[None]]
OnGap = Callable[[str, Gap], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the engine stands now, for logs and metrics."""

    #: streams that are heard, that wait for a process to come back, and for which there is no room
    listening: int
    waiting: int
    deferred: int
    #: open questions among them: before these a talk leaves its place to the next question
    questions: int
    #: how many could be heard
    capacity: int
    #: processor seconds for a second of a leg
    cost: float
    #: how long audio waits before it is heard, in seconds
    lag_s: float
    #: recogniser processes that serve, and how many were lost so far
    processes: int
    restarts: int


class LiveEngine(EngineEvents):
    """Hears legs live. ``on_text`` gets texts in order; partials that are already outdated are left out.

    A partial with an empty text takes back the one shown before it (the segment turned out to hold no words,
    or its process was lost). A final always has words.

    How many legs are heard at once is measured (``asr.capacity``; kept in ``capacity_file`` for the next
    start), or ``live_streams``. One opened beyond it is ``DEFERRED``, and heard from when there is room; the
    answer to an open question takes a talk's place (``asr.room``).
    """

    def __init__(
        self,
        model: Path,
        on_text: OnText,
        *,
        on_gap: OnGap | None = None,
        live_streams: int | None = None,
        capacity_file: Path | None = None,
        children: int | None = None,
        nice: int = 5,
        frozen_after_s: float = FROZEN_AFTER_S,
    ) -> None:
        self._engine = Engine(model, self, children=children, nice=nice, frozen_after_s=frozen_after_s)
        self._on_text = on_text
        self._on_gap = on_gap
        self.model = self._engine.facts
        self._live_streams = live_streams
        self._capacity_file = capacity_file
        self._capacity = Capacity(usable_cores(), 1.0)
        self._room: Room[LiveStream] = Room()
        #: all of them, by their numbers
        self._streams: dict[int, LiveStream] = {}
        self._numbers = 0
        self._outbox: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> LiveEngine:
        await self._engine.__aenter__()
        self._capacity = Capacity(
            usable_cores(),
            self._engine.first_cost,
            remembered(self._capacity_file, self.model),
            free_memory_bytes(),
        )
        self._tasks = [asyncio.create_task(self._deliver()), asyncio.create_task(self._look_after())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(stream.close() for stream in list(self._streams.values())))
        self._measure()
        remember(self._capacity_file, self.model, self._capacity.cost)
        await self._engine.__aexit__(kind, problem, trace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def listening(self) -> int:
        """Streams that take up capacity now."""
        return len(self._room.heard)

    @property
    def capacity(self) -> int:
        """How many streams can be heard at once, as far as is known now."""
        return self._live_streams or self._capacity.streams

    def status(self) -> EngineStatus:
        """How it stands now."""
        serving = [process for process in self._engine.processes if process.ready]
        waiting = sum(stream.process is None for stream in self._room.heard)
        return EngineStatus(
            listening=self.listening - waiting,
            waiting=waiting,
            deferred=len(self._room.waiting),
            questions=self._room.questions,
            capacity=self.capacity,
            cost=round(self._capacity.cost, 5),
            lag_s=round(max((process.lag_s for process in serving), default=0.0), 3),
            processes=len(serving),
            restarts=self._engine.restarts,
        )

    @property
    def process_ids(self) -> list[int]:
        """The recogniser processes that can take streams."""
        return [process.pid for process in self._engine.processes if process.ready]

    def open(
        self,
        call: str,
        leg: Leg,
        stream: str,
        offset_s: float,
        *,
        opened_s: float | None = None,
        grammar: Sequence[str] | None = None,
        question: bool = False,
    ) -> LiveStream:
        """Begin to hear a leg. Its words' times are ``offset_s`` plus their time in the stream.

        ``offset_s`` counts seconds from the call's arrival. ``opened_s`` is the monotonic moment that it
        speaks of; None takes the first frame's start. ``grammar``: only these phrases can be heard.
        ``question``: the answer to an open question, which no recording makes good.

        Raises:
            GrammarRefused: the grammar has no phrase, or too many.
        """
        phrases = checked_grammar(grammar)
        self._numbers += 1
        made = LiveStream(
            self, self._numbers, call=call, leg=leg, stream=stream, offset_s=offset_s, question=question
        )
        made.timeline.origin_s = opened_s
        made.grammar = phrases
        self._streams[made.number] = made
        left = self._room.open(made, self._has_room())
        if left is made:
            made.defer()
        else:
            if left is not None:
                left.set_aside()
            self._attach(made)
        if left is not None:
            log.warning("live_stream_deferred", call=left.call, leg=left.leg.value, capacity=self.capacity)
        return made

    def forget(self, stream: LiveStream) -> None:
        """A stream has ended."""
        self._room.closed(stream)
        if self._streams.pop(stream.number, None) is not None and stream.process is not None:
            stream.process.streams -= 1
            stream.process = None
        self._promote()

    def _has_room(self) -> bool:
        process = self._engine.least_loaded()
        return self._room.has_room(self.capacity, late=process is not None and process.lag_s >= MOST_LAG_S)

    def _promote(self) -> None:
        """Hear those that wait for room, as far as there is any."""
        while self._has_room() and (stream := self._room.next()) is not None:
            log.info("live_stream_promoted", call=stream.call, leg=stream.leg.value)
            stream.admit()
            self._attach(stream)

    def tell(self, stream: LiveStream, text: LiveText) -> None:
        """Queue a text for the callback."""

        async def deliver() -> None:
            if text.final or stream.newest is text:
                await self._on_text(text)

        self._outbox.put_nowait(deliver)

    def tell_gap(self, call: str, gap: Gap) -> None:
        """Queue a gap for the callback."""
        log.warning("live_gap", call=call, leg=gap.leg.value, start_s=gap.start_s, end_s=gap.end_s)
        on_gap = self._on_gap
        if on_gap is not None:
            self._outbox.put_nowait(lambda: on_gap(call, gap))

    async def told(self) -> None:
        """Wait until everything queued so far has reached the callbacks."""
        reached = asyncio.Event()

        async def mark() -> None:
            reached.set()

        self._outbox.put_nowait(mark)
        await reached.wait()

    # -- what the engine tells

    def on_ready(self, process: RecogniserProcess) -> None:
        """Streams without a process go on in this one."""
        for stream in self._room.heard:
            if stream.process is None:
                self._attach(stream)

    def on_message(self, process: RecogniserProcess, message: Message) -> None:
        """Pass on to the stream, unless it has moved on."""
        stream = self._streams.get(message.stream)
        if stream is not None and stream.process is process:
            stream.on_message(message)

    def on_lost(self, process: RecogniserProcess, reason: str) -> None:
        """Its streams lose their open segment and go on elsewhere."""
        for stream in self._room.heard:
            if stream.process is process:
                stream.detach(f"recogniser {reason}")
                self._attach(stream)

    def _attach(self, stream: LiveStream) -> None:
        process = self._engine.least_loaded()
        if process is not None:
            stream.attach(process)

    async def _deliver(self) -> None:
        while True:
            delivery = await self._outbox.get()
            try:
                await delivery()
            except Exception:  # a callback's fault must not silence the other calls
                log.exception("live_text_not_taken")

    def _balance(self) -> None:
        """A process that came later takes over a stream from one that has more."""
        idle = self._engine.least_loaded()
        if idle is None:
            return
        too_many = [
            stream
            for stream in self._room.heard
            if stream.process is not None and stream.process.streams - idle.streams >= 2
        ]
        if too_many:
            min(too_many, key=lambda stream: stream.open_samples).move(idle)

    async def _look_after(self) -> None:
        noted_s = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_s = time.monotonic()
            self._measure()
            self._promote()
            self._balance()
            for stream in list(self._room.heard):
                stream.idle(now_s)
            if now_s - noted_s > REMEMBER_EVERY_S:
                noted_s = now_s
                remember(self._capacity_file, self.model, self._capacity.cost)

    def _measure(self) -> None:
        for process in self._engine.processes:
            self._capacity.heard(*process.take_work())
