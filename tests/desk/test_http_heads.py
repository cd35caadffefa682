"""A request's head ends, or whoever sends it is told so: over a real socket, as uvicorn serves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ticketing_bridge.desk.http_heads import HEAD_LIMIT, BoundedHeads


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served() -> AsyncIterator[Pipe]:
    app = Starlette(routes=[Route("/", length, methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, http=BoundedHeads, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await serving


async def answer(pipe: Pipe, request: bytes, pieces: int = 4096) -> bytes:
    """What comes back, until it is whole or the connection is closed."""
    reader, writer = pipe
    for start in range(0, len(request), pieces):
        writer.write(request[start : start + pieces])
        await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    (told,) = [it for it in head.lower().split(b"\r\n") if it.startswith(b"content-length:")]
    return head.split(b"\r\n")[0] + b" " + await reader.readexactly(int(told.split(b":")[1]))


def request(body: bytes, more: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n" % (len(body), more) + body


async def test_heads_up_to_the_limit_and_long_bodies_pass_one_after_the_other() -> None:
    async with served() as pipe:
        assert await answer(pipe, request(b"a" * 3)) == b"HTTP/1.1 200 OK 3"
        assert await answer(pipe, request(b"a" * 400_000), 300_000) == b"HTTP/1.1 200 OK 400000"
        long = b"X: " + b"a" * (HEAD_LIMIT - 1000) + b"\r\n"
        assert await answer(pipe, request(b"a", long)) == b"HTTP/1.1 200 OK 1"
        assert await answer(pipe, request(b"aa", long), 100) == b"HTTP/1.1 200 OK 2"


async def test_a_head_that_does_not_end_is_refused_and_the_connection_closed() -> None:
    for start in (b"POST / HTTP/1.1\r\nHost: x\r\nX: ", b"GET /", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000):
        async with served() as pipe:
            told = await answer(pipe, start + b"a" * (HEAD_LIMIT + 10 - len(start)))
            assert told == b"HTTP/1.1 400 Bad Request head too long"
            assert await pipe[0].read() == b""


async def test_what_stood_before_a_head_in_the_same_piece_is_none_of_it() -> None:
    """A client that does not wait for answers: a long body, and behind it the beginning of the next head."""
    first, second = request(b"a" * 200_000), request(b"aa", b"X: y\r\n" * 9)
    async with served() as pipe:
        reader, writer = pipe
        writer.write(first + second[:60])
        await writer.drain()
        await reader.readuntil(b"200000")
        assert await answer(pipe, second[60:]) == b"HTTP/1.1 200 OK 2"
