"""The AudioSocket server: Asterisk dials in for each leg that is listened to.

Asterisk is never kept waiting: its audio is read as it comes, and silence goes back from the
first moment on, a frame for each that came and by the clock when none come. A slow listener
loses its own oldest audio, which is counted. Whoever does not say an expected UUID within 2 s is
closed with one log event.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Self, cast

import structlog

from facts.errors import HotlineError
from telephony.keepalive import keep_alive
from telephony.live_audio.framing import FRAME_BYTES, AudioSocketError, Frame, FrameReader, Kind, stream_id

_log = structlog.get_logger(__name__)
_SILENCE = Frame(Kind.AUDIO, bytes(FRAME_BYTES)).encode()
_HANGUP = Frame(Kind.HANGUP).encode()
_FRAME_S = 0.02
#: with nothing heard for so long, silence is sent by the clock
_QUIET_S = 0.06
#: Asterisk does not read: more silence would only pile up
_MAX_UNSENT_BYTES = 32_768


class AudioPortTaken(HotlineError):
    """The AudioSocket port cannot be opened."""

    error_id = "audio-port-taken"


class AudioStream:
    """One leg's audio: ``async for pcm, arrived_s in stream``; ends with the call.

    ``arrived_s`` is our monotonic clock: a leg may fall silent without frames, so frames are
    placed by when they came.
    """

    def __init__(self, stream: str, connection: _Connection, kept_frames: int) -> None:
        self.id = stream
        self.frames = 0
        #: frames thrown away because nobody read them in time
        self.dropped = 0
        self._connection = connection
        self._kept = kept_frames
        self._audio: deque[tuple[bytes, float]] = deque()
        self._arrived = asyncio.Event()
        self._ended = False

    def put(self, pcm: bytes, arrived_s: float) -> None:
        """For the server: audio has come."""
        self.frames += 1
        if len(self._audio) >= self._kept:
            self._audio.popleft()
            self.dropped += 1
        self._audio.append((pcm, arrived_s))
        self._arrived.set()

    def end(self) -> None:
        """For the server: no more will come."""
        self._ended = True
        self._arrived.set()

    def close(self) -> None:
        """Stop listening; Asterisk ends its channel."""
        self._connection.close()

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, float]]:
        while True:
            while self._audio:
                yield self._audio.popleft()
            if self._ended:
                return
            self._arrived.clear()
            await self._arrived.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.TimerHandle | None = None
        self._heard_s = 0.0
        self.stream: AudioStream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        keep_alive(transport.get_extra_info("socket"))
        if not self._server.admit(self):
            self._refuse("too many connections")
            return
        self._handshake = asyncio.get_running_loop().call_later(
            self._server.handshake_s, self._refuse, "no UUID in time"
        )

    def data_received(self, data: bytes) -> None:
        self._heard_s = time.monotonic()
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except AudioSocketError as wrong:
            self._refuse(str(wrong))

    def _take(self, frame: Frame) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self.stream is None:
            self._begin(frame)
        elif frame.kind == Kind.AUDIO:
            self.stream.put(frame.payload, self._heard_s)
            self.send_silence()
        elif frame.kind in (Kind.HANGUP, Kind.ERROR):
            self._transport.close()

    def _begin(self, frame: Frame) -> None:
        identity = stream_id(frame)
        if not self._server.accept(identity):
            raise AudioSocketError("nobody expects this UUID")
        if self._handshake is not None:
            self._handshake.cancel()
        self.stream = AudioStream(identity, self, self._server.kept_frames)
        self.send_silence()
        self._server.begin(self.stream)

    def send_silence(self) -> None:
        """One frame of 20 ms, unless the other side has stopped reading."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() < _MAX_UNSENT_BYTES:
            transport.write(_SILENCE)

    def is_quiet(self, now_s: float) -> bool:
        """Whether a stream is open and nothing has come for a while."""
        return self.stream is not None and now_s - self._heard_s > _QUIET_S

    def _refuse(self, why: str) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        peer = (self._transport.get_extra_info("peername") or ("?",))[0]
        self._server.refused += 1
        _log.warning("audiosocket.refused", peer=peer, why=why)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._handshake is not None:
            self._handshake.cancel()
        self._server.leave(self)
        if self.stream is not None:
            self.stream.end()

    def close(self) -> None:
        """Hang up: politely, or at once when the other side does not read."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(_HANGUP)
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()


class AudioSocketServer:
    """``async with AudioSocketServer(…)``: ``on_stream`` runs as a task for every stream.

    ``accept(uuid)`` says whether a stream is expected, and is asked once for each connection.
    A stream ends when ``on_stream`` returns, and is closed when it fails. When the server ends,
    listeners have ``flush_s`` for the last words.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_stream: Callable[[AudioStream], Awaitable[None]],
        *,
        accept: Callable[[str], bool],
        max_connections: int = 512,
        handshake_s: float = 2.0,
        kept_s: float = 30.0,
        flush_s: float = 2.0,
    ) -> None:
        self.port = port
        self.accept = accept
        self.handshake_s = handshake_s
        self.kept_frames = int(kept_s / _FRAME_S)
        #: connections that were no expected stream, since the start
        self.refused = 0
        self._host = host
        self._on_stream = on_stream
        self._max_connections = max_connections
        self._flush_s = flush_s
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._pacer: asyncio.Task[None] | None = None

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return sum(connection.stream is not None for connection in self._connections)

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Connection(self), self._host, self.port
            )
        except OSError as taken:
            raise AudioPortTaken(
                f"AudioSocket cannot listen on {self._host}:{self.port}: {taken.strerror}",
                fix="end what uses it, or set HOTLINE_AUDIOSOCKET_PORT",
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        self._pacer = asyncio.create_task(self._pace(), name="audiosocket silence")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._flush_s)
        tasks = [task for task in (self._pacer, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close_stream(self, stream: str) -> None:
        """End one stream; one that is not open is no error."""
        for connection in list(self._connections):
            if connection.stream is not None and connection.stream.id == stream:
                connection.close()

    def admit(self, connection: _Connection) -> bool:
        """For connections: whether there is room for one more."""
        if len(self._connections) >= self._max_connections:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: _Connection) -> None:
        """For connections: it is gone."""
        self._connections.discard(connection)

    def begin(self, stream: AudioStream) -> None:
        """For connections: a stream has said its UUID."""
        task = asyncio.create_task(self._listen(stream), name=f"audio {stream.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, stream: AudioStream) -> None:
        try:
            await self._on_stream(stream)
        except Exception:  # noqa: BLE001 - one listener's bug is not the others'
            _log.exception("audiosocket.listener_failed", stream=stream.id)
        finally:
            stream.close()
            if stream.dropped:
                _log.warning("audiosocket.dropped", stream=stream.id, frames=stream.dropped)

    async def _pace(self) -> None:
        """Silence by the clock, for streams that send nothing themselves."""
        while True:
            await asyncio.sleep(_FRAME_S)
            now_s = time.monotonic()
            with contextlib.suppress(RuntimeError):
                for connection in tuple(self._connections):
                    if connection.is_quiet(now_s):
                        connection.send_silence()
