"""A browser as far as a benchmark needs one: signs in, gets pages, listens to streams of events."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TAIL_BYTES = 1 << 20


class SignInFailed(Exception):
    """The page did not let us in."""


def sign_in(address: str, login: str, password: str) -> str:
    """Sign in through the form; returns the ``Cookie`` header. Blocks."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(f"{address}/login") as form:
        token = re.search(r'name="csrf" value="([^"]+)"', form.read().decode())
    if token is None:
        raise SignInFailed("there is no form at /login")
    fields = {"csrf": token[1], "login": login, "password": password}
    with opener.open(f"{address}/login", urllib.parse.urlencode(fields).encode()) as answer:
        answer.read()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def page_times(port: int, cookie: str, path: str, times: int) -> tuple[list[float], int]:
    """Seconds of each of ``times`` requests on one connection, and the page's bytes. Blocks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found = []
    size = 0
    try:
        for _ in range(times):
            began = time.perf_counter()
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            size = len(answer.read())
            found.append(time.perf_counter() - began)
            if answer.status != http.client.OK:
                raise SignInFailed(f"{path} answers {answer.status}")
    finally:
        connection.close()
    return found, size


class Listener:
    """One open stream of server-sent events: tells when a text came."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._tail = b""
        self._wanted = b""
        self._came: asyncio.Future[float] | None = None

    def expect(self, text: str) -> asyncio.Future[float]:
        """The monotonic moment in which ``text`` comes."""
        self._wanted, self._tail = text.encode(), b""
        self._came = asyncio.get_running_loop().create_future()
        return self._came

    async def listen(self) -> None:
        """Read for ever."""
        while data := await self._reader.read(1 << 16):
            now = time.monotonic()
            if self._came is None or self._came.done():
                continue
            self._tail = (self._tail + data)[-TAIL_BYTES:]
            if self._wanted in self._tail:
                self._came.set_result(now)


@asynccontextmanager
async def listeners(port: int, cookie: str, path: str, count: int) -> AsyncIterator[list[Listener]]:
    """So many open streams of the same page, each past its first event."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise SignInFailed(f"{path} answers {head[:40]!r}")
            listener = Listener(reader)
            first = listener.expect("event: health")
            task = asyncio.create_task(listener.listen())
            stack.callback(task.cancel)
            await asyncio.wait_for(first, 10)
            found.append(listener)
        yield found
