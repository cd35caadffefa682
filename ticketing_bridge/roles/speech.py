"""The speech role: hears tapped legs live, tells their words, keeps the finals."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from asr.models import ModelInvalid, check_model, default_model
from asr.streaming import LiveEngine, StreamState
from facts.audio import TapRequest
from facts.transcript import LiveText
from telephony.live_audio.server import AudioSocketServer, AudioStream
from telephony.live_audio.tap_control import TapControlServer
from ticketing_bridge.house import House
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.live.keeper import LiveKeeper
from ticketing_bridge.store.database import Database

log = structlog.get_logger(__name__)

#: how often a model that could not be used is tried again, in seconds
MODEL_RETRY_S = 30.0


class Hearing:
    """Joins what belongs together: a tap's request, its audio, its recogniser, its words."""

    def __init__(self, engine: LiveEngine, keeper: LiveKeeper) -> None:
        self._engine = engine
        self._keeper = keeper
        self._asked: dict[str, float] = {}
        self.control: TapControlServer | None = None

    async def expect(self, request: TapRequest) -> None:
        """A tap is on its way: note the moment that its ``offset_s`` speaks of."""
        self._asked[request.stream] = time.monotonic()

    async def listen(self, audio: AudioStream) -> None:
        """One leg from its first frame to its end."""
        request = self.control.take(audio.id) if self.control else None
        opened_s = self._asked.pop(audio.id, None)
        if request is None:
            return
        live = self._engine.open(
            str(request.call), request.leg, request.stream, request.offset_s, opened_s=opened_s
        )
        self._keeper.started(request)
        ending = "lost"
        try:
            async for pcm, arrived_s in audio:
                live.feed(pcm, arrived_s)
            ending = "deferred" if live.state is StreamState.DEFERRED else "closed"
        finally:
            await live.close()
            self._keeper.ended(request.stream, "gap" if live.gaps else ending)


async def run_speech(house: House) -> None:
    """Serve until cancelled. Without a usable model nothing is heard live, and everything else goes on."""
    settings = house.settings
    model: Path = settings.model if settings.model else await asyncio.to_thread(default_model)
    while True:
        try:
            await asyncio.to_thread(check_model, model)
            break
        except ModelInvalid as problem:
            log.error("no live transcription", why=str(problem), retry_s=MODEL_RETRY_S)
            await asyncio.sleep(MODEL_RETRY_S)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(house.database_url, connections=2))
        broadcast = await stack.enter_async_context(LiveBroadcast(settings.live_socket))
        keeper = await stack.enter_async_context(LiveKeeper(database, model.name))

        async def on_text(text: LiveText) -> None:
            broadcast.send(text)
            if text.final:
                keeper.said(text)

        engine = await stack.enter_async_context(
            LiveEngine(model, on_text, live_streams=settings.live_streams, nice=0)
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
            settings.tap_socket, on_expect=hearing.expect, on_release=audio.close_stream
        )
        await stack.enter_async_context(hearing.control)
        log.info("speech serves", model=str(model), live_streams=engine.live_streams)
        await asyncio.Event().wait()
