"""The speech role: hears tapped legs live, tells their words, keeps the finals."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import structlog

from asr.models import ModelInvalid, check_model
from asr.phrases import checked_grammar
from asr.streaming import LiveEngine, LiveStream, StreamState
from facts.audio import TapRequest
from facts.errors import HotlineError
from facts.transcript import LiveText
from telephony.live_audio.server import AudioSocketServer, AudioStream
from telephony.live_audio.tap_control import TapControlServer
from ticketing_bridge.house import House
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.live.keeper import LiveKeeper
from ticketing_bridge.speech_models import live_model

log = structlog.get_logger(__name__)

#: how often a model that could not be used is tried again, in seconds
MODEL_RETRY_S = 30.0
#: how often the engine's state is written to ``run/speech.json``, and logged while anything is heard
STATUS_EVERY_S = 2.0
LOG_EVERY_S = 60.0


class Hearing:
    """Joins what belongs together: a tap's request, its audio, its recogniser, its words."""

    def __init__(self, engine: LiveEngine, keeper: LiveKeeper) -> None:
        self._engine = engine
        self._keeper = keeper
        self._asked: dict[str, float] = {}
        self._live: dict[str, LiveStream] = {}
        self.control: TapControlServer | None = None

    async def expect(self, request: TapRequest) -> None:
        """A tap is on its way: note the moment that its ``offset_s`` speaks of."""
        if request.grammar:
            checked_grammar(request.grammar)
        self._asked[request.stream] = time.monotonic()

    async def listen(self, audio: AudioStream) -> None:
        """One leg from its first frame to its end."""
        request = self.control.take(audio.id) if self.control else None
        opened_s = self._asked.pop(audio.id, None)
        if request is None:
            return
        live = self._engine.open(
            str(request.call),
            request.leg,
            request.stream,
            request.offset_s,
            opened_s=opened_s,
            grammar=request.grammar or None,
            question=request.question or bool(request.grammar),
        )
        self._live[request.stream] = live
        async with self._kept(request, live):
            async for pcm, arrived_s in audio:
                live.feed(pcm, arrived_s)

    def set_grammar(self, stream: str, phrases: tuple[str, ...] | None) -> None:
        """What may be said on a stream from now on; one that has ended is no error."""
        live = self._live.get(stream)
        if live is None:
            return
        try:
            live.set_grammar(phrases)
        except HotlineError as refused:
            log.warning("grammar refused", stream=stream, why=str(refused))

    def is_question(self, stream: str) -> bool:
        """Whether a stream hears the answer to a spoken question: its words are for who asks only."""
        live = self._live.get(stream)
        return live is not None and live.question

    @asynccontextmanager
    async def _kept(self, request: TapRequest, live: LiveStream) -> AsyncIterator[None]:
        """The stream is on; the store knows when it began and how it ended."""
        if not live.question:
            self._keeper.started(request)
        ending = "lost"
        try:
            yield
            ending = "deferred" if live.state is StreamState.DEFERRED else "closed"
        finally:
            await live.close()
            del self._live[request.stream]
            if not live.question:
                self._keeper.ended(request.stream, "gap" if live.gaps else ending)


async def tell_status(engine: LiveEngine, file: Path) -> None:
    """Write how the engine stands to a file, again and again, and log it while anything is heard."""
    part = file.with_name(f".{file.name}.part")
    logged_s = 0.0
    while True:
        status = asdict(engine.status())
        with suppress(OSError):  # a full disk is no reason not to hear
            part.write_text(json.dumps(status) + "\n", encoding="utf-8")
            part.replace(file)
        if status["listening"] + status["deferred"] and time.monotonic() - logged_s > LOG_EVERY_S:
            logged_s = time.monotonic()
            log.info("speech status", **status)
        await asyncio.sleep(STATUS_EVERY_S)


async def run_speech(house: House) -> None:
    """Serve until cancelled. Without a usable model nothing is heard live, and everything else goes on."""
    settings = house.settings
    while True:
        try:
            model = await asyncio.to_thread(live_model, settings)
            facts = await asyncio.to_thread(check_model, model)
            break
        except ModelInvalid as problem:
            log.error("no live transcription", why=str(problem), retry_s=MODEL_RETRY_S)
            await asyncio.sleep(MODEL_RETRY_S)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(house.database(connections=2))
        broadcast = await stack.enter_async_context(LiveBroadcast(settings.live_socket))
        keeper = await stack.enter_async_context(LiveKeeper(database, facts.id))

        async def on_text(text: LiveText) -> None:
            broadcast.send(text)
            if text.final and not hearing.is_question(text.stream):
                keeper.said(text)

        engine = await stack.enter_async_context(
            LiveEngine(
                model,
                on_text,
                live_streams=settings.live_streams,
                capacity_file=settings.run / "speech-cost.json",
                nice=0,  # the supervisor has made this role nice; its children inherit it
            )
        )
        hearing = Hearing(engine, keeper)
        audio = AudioSocketServer(
            settings.listen_host,
            settings.audiosocket_port,
            hearing.listen,
            accept=lambda stream: hearing.control is not None and hearing.control.expects(stream),
        )
        await stack.enter_async_context(audio)
        hearing.control = TapControlServer(
            settings.tap_socket,
            on_expect=hearing.expect,
            on_release=audio.close_stream,
            on_grammar=hearing.set_grammar,
        )
        await stack.enter_async_context(hearing.control)
        log.info("speech serves", model=str(model), capacity=engine.capacity)
        await tell_status(engine, settings.run / "speech.json")
