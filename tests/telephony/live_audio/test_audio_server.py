"""Asterisk's end of AudioSocket, played: silence comes back, audio goes on, strangers are shown out."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from telephony.live_audio.framing import Frame, FrameReader, Kind
from telephony.live_audio.server import AudioPortTaken, AudioSocketServer, AudioStream

SPEECH = b"\x01\x02" * 160


class Peer:
    """One connection as Asterisk makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self._frames = reader, writer, FrameReader()

    def send(self, kind: int, payload: bytes = b"") -> None:
        self.writer.write(Frame(kind, payload).encode())

    async def heard(self, for_s: float) -> list[Frame]:
        """What came back meanwhile."""
        got: list[Frame] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                while data := await self.reader.read(65536):
                    got += self._frames.feed(data)
        return got

    async def ended(self) -> bool:
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass
        return True


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    writers = []

    async def dial(server: AudioSocketServer, name: uuid.UUID | None = None) -> Peer:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writers.append(writer)
        peer = Peer(reader, writer)
        if name is not None:
            peer.send(Kind.UUID, name.bytes)
        return peer

    yield dial
    for writer in writers:
        writer.close()


async def drop(stream: AudioStream) -> None:
    async for _ in stream:
        pass


async def test_audio_comes_out_in_order_with_its_time_and_ends_with_the_call(connect: Any) -> None:
    name, got, ended = uuid.uuid4(), [], asyncio.Event()

    async def listen(stream: AudioStream) -> None:
        assert stream.id == str(name)
        async for pcm, arrived_s in stream:
            got.append((pcm, arrived_s))
        ended.set()

    async with AudioSocketServer("127.0.0.1", 0, listen, accept=lambda _: True) as server:
        peer = await connect(server, name)
        before = time.monotonic()
        for number in range(10):
            peer.send(Kind.AUDIO, bytes([number, 0]) * 160)
            peer.send(Kind.DTMF, b"5")
            await asyncio.sleep(0.005)
        peer.send(Kind.HANGUP)
        async with asyncio.timeout(30):
            await ended.wait()
    assert [pcm[0] for pcm, _ in got] == list(range(10))
    assert all(before - 1 < at <= time.monotonic() for _, at in got)
    assert [at for _, at in got] == sorted(at for _, at in got)


async def test_silence_comes_back_at_once_and_for_ever(connect: Any) -> None:
    async with AudioSocketServer("127.0.0.1", 0, drop, accept=lambda _: True) as server:
        peer = await connect(server, uuid.uuid4())
        first = await peer.heard(0.05)
        assert first[:1] == [Frame(Kind.AUDIO, bytes(320))], "before a frame was sent"
        quiet = await peer.heard(0.5)
        assert len(quiet) >= 5, "by the clock while nothing comes"
        for _ in range(50):
            peer.send(Kind.AUDIO, SPEECH)
        assert len(await peer.heard(0.1)) >= 50, "and one for each that comes"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\x01\x40" + bytes(320),
        b"\x01\xff\xff",
        b"\x01\x00\x02ab",
        b"\x01\x00",
    ],
)
async def test_strangers_are_shown_out_with_one_line(connect: Any, first: bytes) -> None:
    async with AudioSocketServer("127.0.0.1", 0, drop, accept=lambda _: True, handshake_s=0.1) as server:
        with capture_logs() as logs:
            peer = await connect(server)
            peer.writer.write(first)
            assert await peer.ended()
        assert [entry["event"] for entry in logs] == ["audiosocket.refused"]
        assert server.streams == 0


async def test_a_uuid_that_nobody_expects(connect: Any) -> None:
    known = uuid.uuid4()
    async with AudioSocketServer("127.0.0.1", 0, drop, accept=lambda name: name == str(known)) as server:
        assert await (await connect(server, uuid.uuid4())).ended()
        await connect(server, known)
        await asyncio.sleep(0.05)
        assert (server.streams, server.refused) == (1, 1)


async def test_a_listener_that_sleeps_loses_the_oldest_and_holds_up_nobody(connect: Any) -> None:
    streams: list[AudioStream] = []

    async def sleep(stream: AudioStream) -> None:
        streams.append(stream)
        await asyncio.sleep(60)

    async with AudioSocketServer(
        "127.0.0.1", 0, sleep, accept=lambda _: True, kept_s=0.2, flush_s=0.05
    ) as server:
        peer = await connect(server, uuid.uuid4())
        for _ in range(500):
            peer.send(Kind.AUDIO, SPEECH)
        assert len(await peer.heard(0.3)) > 90, "silence goes on"
        assert (streams[0].frames, streams[0].dropped) == (500, 490)


async def test_a_peer_that_does_not_read_costs_no_memory(connect: Any) -> None:
    async with AudioSocketServer("127.0.0.1", 0, drop, accept=lambda _: True) as server:
        peer = await connect(server, uuid.uuid4())
        peer.writer.transport.pause_reading()
        for _ in range(200):
            for _ in range(100):
                peer.send(Kind.AUDIO, SPEECH)
            await peer.writer.drain()
        await asyncio.sleep(0.2)
        (connection,) = server._connections
        assert connection._transport.get_write_buffer_size() < 70_000


async def test_the_last_words_are_taken_down_when_the_server_ends(connect: Any) -> None:
    written: list[str] = []

    async def listen(stream: AudioStream) -> None:
        async for _ in stream:
            pass
        await asyncio.sleep(0.05)
        written.append(stream.id)

    name = uuid.uuid4()
    async with AudioSocketServer("127.0.0.1", 0, listen, accept=lambda _: True) as server:
        await connect(server, name)
        while not server.streams:
            await asyncio.sleep(0.005)
    assert written == [str(name)]


async def test_a_stream_can_be_ended_from_here_and_a_failing_listener_ends_only_its_own(connect: Any) -> None:
    async def listen(stream: AudioStream) -> None:
        async for pcm, _ in stream:
            if pcm == SPEECH:
                raise RuntimeError("a recogniser's bug")

    one, two, three = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    async with AudioSocketServer("127.0.0.1", 0, listen, accept=lambda _: True) as server:
        peers = [await connect(server, name) for name in (one, two, three)]
        await asyncio.sleep(0.05)
        server.close_stream(str(one))
        server.close_stream("unknown")
        assert Frame(Kind.HANGUP) in await peers[0].heard(0.2)
        peers[1].send(Kind.AUDIO, SPEECH)
        assert await peers[1].ended()
        assert server.streams == 1


async def test_too_many_and_a_port_that_is_taken(connect: Any) -> None:
    async with AudioSocketServer("127.0.0.1", 0, drop, accept=lambda _: True, max_connections=1) as server:
        await connect(server, uuid.uuid4())
        assert await (await connect(server, uuid.uuid4())).ended()
        with pytest.raises(AudioPortTaken, match="HOTLINE_AUDIOSOCKET_PORT"):
            async with AudioSocketServer("127.0.0.1", server.port, drop, accept=lambda _: True):
                pass
