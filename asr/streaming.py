"""Live recognition of many legs at once: audio in as it comes, partial and final texts out by a callback.

``feed`` never blocks and never waits for a recogniser. Live text is the quick first hearing; whatever it
misses (a gap, a deferred leg) is heard again in the recording after the call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

import structlog

from asr.engine import FROZEN_AFTER_S, Engine, EngineEvents, RecogniserProcess
from asr.live_stream import LiveStream, StreamState
from asr.models import default_live_streams
from asr.wire import Message
from facts.transcript import Gap, Leg, LiveText

__all__ = ["LiveEngine", "LiveStream", "StreamState"]

log = structlog.get_logger(__name__)

OnText = Callable[[LiveText], Awaitable[None]]
OnGap = Callable[[str, Gap], Awaitable[None]]


class LiveEngine(EngineEvents):
    """Hears legs live. ``on_text`` gets texts in order; partials that are already outdated are left out.

    A partial with an empty text takes back the one shown before it (the segment turned out to hold no words,
    or its process was lost). A final always has words. ``live_streams`` limits how many legs are heard at
    once; one opened beyond it is ``DEFERRED``.
    """

    def __init__(
        self,
        model: Path,
        on_text: OnText,
        *,
        on_gap: OnGap | None = None,
        live_streams: int | None = None,
        children: int | None = None,
        nice: int = 5,
        frozen_after_s: float = FROZEN_AFTER_S,
    ) -> None:
        self._engine = Engine(model, self, children=children, nice=nice, frozen_after_s=frozen_after_s)
        self._on_text = on_text
        self._on_gap = on_gap
        self.model = self._engine.facts
        self.live_streams = live_streams or default_live_streams(self.model)
        self._streams: dict[int, LiveStream] = {}
        self._numbers = 0
        self._outbox: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> LiveEngine:
        await self._engine.__aenter__()
        self._tasks = [asyncio.create_task(self._deliver()), asyncio.create_task(self._look_for_idle())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(stream.close() for stream in list(self._streams.values())))
        await self._engine.__aexit__(kind, problem, trace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def listening(self) -> int:
        """Streams that take up capacity now."""
        return len(self._streams)

    @property
    def process_ids(self) -> list[int]:
        """The recogniser processes that can take streams."""
        return [process.pid for process in self._engine.processes if process.ready]

    def open(
        self, call: str, leg: Leg, stream: str, offset_s: float, *, opened_s: float | None = None
    ) -> LiveStream:
        """Begin to hear a leg. Its words' times are ``offset_s`` plus their time in the stream.

        ``offset_s`` counts seconds from the call's arrival. ``opened_s`` is the monotonic moment that it
        speaks of; None takes the first frame's start.
        """
        self._numbers += 1
        made = LiveStream(self, self._numbers, call=call, leg=leg, stream=stream, offset_s=offset_s)
        made.timeline.origin_s = opened_s
        if len(self._streams) >= self.live_streams:
            made.state = StreamState.DEFERRED
            log.warning("live_stream_deferred", call=call, leg=leg.value, limit=self.live_streams)
            return made
        self._streams[made.number] = made
        self._attach(made)
        return made

    def forget(self, stream: LiveStream) -> None:
        """A stream has ended."""
        if self._streams.pop(stream.number, None) is not None and stream.process is not None:
            stream.process.streams -= 1
            stream.process = None

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
        for stream in self._streams.values():
            if stream.process is None:
                self._attach(stream)

    def on_message(self, process: RecogniserProcess, message: Message) -> None:
        """Pass on to the stream, unless it has moved on."""
        stream = self._streams.get(message.stream)
        if stream is not None and stream.process is process:
            stream.on_message(message)

    def on_lost(self, process: RecogniserProcess, reason: str) -> None:
        """Its streams lose their open segment and go on elsewhere."""
        for stream in self._streams.values():
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

    async def _look_for_idle(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            now_s = time.monotonic()
            for stream in list(self._streams.values()):
                stream.idle(now_s)
