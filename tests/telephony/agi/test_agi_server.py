"""Whatever connects: the loop lives, and the callers on the line do not notice."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from panoramisk.fast_agi import Application
from structlog.testing import capture_logs

from telephony.agi.server import AgiPortTaken, AgiServer
from telephony.agi.session import AgiSession


async def nothing(_: AgiSession) -> None:
    return


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"agi_network: yes\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00" * 20,
        b"agi_network_script: a\nagi_channel: b\n\n",
        b"x" * 100_000,
        b"\n\n",
    ],
)
async def test_whatever_is_no_asterisk_is_closed_with_one_line(serve: Any, dial: Any, first: bytes) -> None:
    server = await serve(nothing, handshake_s=0.2)
    with capture_logs() as logs:
        peer = await dial(server, first)
        assert await peer.ended()
        await asyncio.sleep(0.02)
    assert [entry["event"] for entry in logs] == ["agi.refused"]
    assert server.sessions == 0


async def test_half_a_header_and_a_closed_socket(serve: Any, dial: Any) -> None:
    """The port scan that makes panoramisk's server spin for ever."""
    server = await serve(nothing)
    for _ in range(20):
        peer = await dial(server, b"agi_network: yes\n")
        peer.writer.close()
    began = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() - began < 3, "the loop is alive"
    real = await dial(server)
    assert await real.expect('SET VARIABLE "HOTLINE_AGI_DONE"'), "and a caller is served"


async def test_a_scan_while_a_caller_talks(serve: Any, dial: Any) -> None:
    said = asyncio.Event()

    async def talk(session: AgiSession) -> None:
        await session.say(["hotline/a"])
        said.set()

    server = await serve(talk, handshake_s=0.1)
    caller = await dial(server)
    await caller.expect("STREAM FILE")
    for _ in range(50):
        await dial(server, b"\0\xff")
    await asyncio.sleep(0.2)
    caller.answer("200 result=0 endpos=1")
    async with asyncio.timeout(30):
        await said.wait()
    assert server.refused == 50


async def test_peers_from_elsewhere_and_one_too_many(serve: Any, dial: Any) -> None:
    closed = await serve(nothing, allowed_peers=["192.0.2.0/24"])
    assert await (await dial(closed)).ended()
    assert closed.refused == 1

    async def wait(session: AgiSession) -> None:
        await session.say(["hotline/a"])

    small = await serve(wait, max_sessions=1)
    first = await dial(small)
    await first.expect("STREAM FILE")
    assert await (await dial(small)).ended()
    assert small.refused == 1
    assert small.sessions == 1


async def test_a_handler_that_fails_gives_the_caller_back_to_the_dialplan(serve: Any, dial: Any) -> None:
    async def broken(_: AgiSession) -> None:
        raise RuntimeError("a flow's bug")

    server = await serve(broken)
    caller = await dial(server)
    await caller.play(('SET VARIABLE "HOTLINE_AGI_FAILED" "1"', "200 result=1"))
    assert await caller.ended()


async def test_the_end_of_the_server_ends_its_sessions(dial: Any) -> None:
    ended: list[str] = []

    async def wait(session: AgiSession) -> None:
        try:
            await session.say(["hotline/a"])
        finally:
            ended.append(session.path)

    async with AgiServer("127.0.0.1", 0, wait, pbx_id="city") as server:
        caller = await dial(server)
        await caller.expect("STREAM FILE")
    assert ended == ["flow/main"]
    assert await caller.ended()


async def test_a_port_that_is_taken_names_the_setting(serve: Any) -> None:
    server = await serve(nothing)
    with pytest.raises(AgiPortTaken, match="HOTLINE_AGI_PORT"):
        async with AgiServer("127.0.0.1", server.port, nothing, pbx_id="city"):
            pass


class TestBareApplication:
    async def test_a_query_string_finds_no_route(self, handshake: Any) -> None:
        called: list[str] = []
        app = Application(loop=asyncio.get_running_loop())

        async def route(request: Any) -> None:
            called.append(request.headers["agi_network_script"])

        app.add_route("flow/main", route)
        server = await asyncio.start_server(app.handler, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(handshake())
        await reader.read()
        assert called == []
        writer.close()
        server.close()

    async def test_synchronous_handlers_fail(self) -> None:
        with pytest.raises(AttributeError):
            Application(loop=asyncio.get_running_loop()).add_route("flow/main", lambda request: None)

    async def test_it_swallows_its_own_cancellation(self, handshake: Any) -> None:
        app = Application(loop=asyncio.get_running_loop())

        async def route(_: Any) -> None:
            await asyncio.sleep(60)

        app.add_route("flow/main", route)
        reader = asyncio.StreamReader()
        reader.feed_data(handshake(agi_network_script="flow/main"))

        class Writer:
            def get_extra_info(self, _: str) -> None: ...
            def close(self) -> None: ...

        task = asyncio.create_task(app.handler(reader, Writer()))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait({task})
        assert not task.cancelled()
