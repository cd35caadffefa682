"""What every city's server here has: real HTTP on the loopback, a memory of all that was asked, and troubles.

The servers were written from the public specifications alone, by a hand that had not read the connectors.
What a specification does not allow is refused, and kept under ``complaints``.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Trouble(StrEnum):
    """What goes wrong in one request. "Made": what was asked for is done, and the client cannot know."""

    BROKEN = "500, nothing made"
    BROKEN_MADE = "500, made"
    BUSY = "429 with Retry-After, nothing made"
    UNAVAILABLE = "503 with Retry-After as a date, nothing made"
    SILENT = "no answer ever, nothing made"
    SILENT_MADE = "made at once, no answer ever"
    LATE = "made only after the client gave up"
    GONE = "connection cut before any answer, nothing made"
    GONE_MADE = "made, connection cut before any answer"
    CUT_MADE = "made, answer cut in its midst"
    GARBAGE_MADE = "made, the answer is no JSON and no XML"
    HTML_MADE = "made, a proxy's HTML page with 200"
    EMPTY_MADE = "made, the answer is empty"
    OTHER_ID_MADE = "made, the answer names another object"
    TWO_MADE = "made, the answer names two objects"
    TWICE_MADE = "made, the whole response is sent twice"
    REDIRECT = "307 to another host, nothing made"
    MOVED = "302 to another host, nothing made"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        return self.headers.get("content-type", "").partition("charset=")[2].strip(' "').lower()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: ``document`` is JSON, ``raw`` is everything else."""

    status: int
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    media_type: str = "application/json; charset=utf-8"

    def body(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False).encode() if self.raw is None else self.raw

    def wire(self) -> bytes:
        body = self.body()
        lines = [
            f"HTTP/1.1 {self.status} X",
            f"Content-Type: {self.media_type}",
            f"Content-Length: {len(body)}",
        ]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Refused(Exception):
    """What the specification does not allow. ``human``: said to people, too, where a city does so."""

    def __init__(self, status: int, words: str, *, human: bool = True) -> None:
        super().__init__(words)
        self.status = status
        self.human = human


@dataclass(frozen=True, slots=True)
class Seen:
    """A request, what it was for, and what the city answered (0: nothing)."""

    step: str
    asked: Asked
    trouble: Trouble | None = None
    status: int = 0


class City:
    """A server on a port of its own. Derived classes say what a request is for (``step``), and do it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.complaints: list[str] = []
        self.retry_after_s = 1
        self.lock = threading.RLock()
        self._troubles: dict[str, deque[Trouble]] = {}
        self._open: set[socket.socket] = set()
        self._gave_up = threading.Condition()
        self.late = 0
        self._server = self._bind(0)
        self.port = self._server.server_address[1]
        self._begin()

    # what derived classes answer

    def step(self, asked: Asked) -> str:
        raise NotImplementedError

    def do(self, step: str, asked: Asked) -> Reply:
        """Raises Refused."""
        raise NotImplementedError

    def refused(self, asked: Asked, error: Refused) -> Reply:
        return Reply(error.status, {"error": str(error)})

    def two(self, step: str, reply: Reply) -> Reply:
        """The same answer, naming a second object beside the true one."""
        raise NotImplementedError

    def other(self, step: str, reply: Reply) -> Reply:
        """The same answer, naming an object that is not the one that was made."""
        raise NotImplementedError

    def broken(self, asked: Asked) -> Reply:
        return Reply(500, raw=b"<h1>500</h1>", media_type="text/html")

    # what tests do

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def trouble(self, step: str, *troubles: Trouble) -> None:
        """The next requests of this step go wrong in this way, one after the other."""
        with self.lock:
            self._troubles.setdefault(step, deque()).extend(troubles)

    def asked(self, step: str) -> list[Asked]:
        with self.lock:
            return [it.asked for it in self.seen if it.step == step]

    def shut(self) -> None:
        """From now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def open_again(self) -> None:
        self._server = self._bind(self.port)
        self._begin()

    def wait_for_late(self, wanted: int, timeout_s: float = 10.0) -> None:
        """Until so many requests were carried out after their client had gone."""
        with self._gave_up:
            assert self._gave_up.wait_for(lambda: self.late >= wanted, timeout_s), "no client gave up"

    def __enter__(self) -> City:
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()

    def date(self) -> str:
        """When this city wants to be asked again, as HTTP writes it."""
        return formatdate(time.time() + self.retry_after_s, usegmt=True)

    # HTTP

    def complain(self, words: str) -> None:
        self.complaints.append(words)

    def _bind(self, port: int) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self), bind_and_activate=False)
        server.daemon_threads = True
        server.block_on_close = False
        server.allow_reuse_address = True
        server.request_queue_size = 64
        server.server_bind()
        server.server_activate()
        return server

    def _begin(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def serve(self, asked: Asked, line: _Line) -> bool:
        """Answers one request on its connection; whether the connection stays."""
        with self.lock:
            step = "stray" if asked.path.startswith("/stray") else self.step(asked)
            queue = self._troubles.get(step)
            trouble = queue.popleft() if queue else None
            place = len(self.seen)
            self.seen.append(Seen(step, asked, trouble))
        if trouble is None:
            return self._answer(place, line, self._done(step, asked))
        return _WAYS[trouble](self, place, line, step, asked)

    def _done(self, step: str, asked: Asked) -> Reply:
        if step == "stray":
            return Reply(200, {})
        with self.lock:
            try:
                return self.do(step, asked)
            except Refused as error:
                self.complain(f"{step}: {error}")
                return self.refused(asked, error)

    def _answer(self, place: int, line: _Line, reply: Reply, *, times: int = 1) -> bool:
        with self.lock:
            self.seen[place] = replace(self.seen[place], status=reply.status)
        line.send(reply.wire() * times)
        return True

    def _after_the_client(self, step: str, asked: Asked, line: _Line) -> bool:
        line.wait_until_gone()
        self._done(step, asked)
        with self._gave_up:
            self.late += 1
            self._gave_up.notify_all()
        return False

    def _elsewhere(self, status: int, asked: Asked) -> Reply:
        return Reply(status, {}, {"Location": f"http://localhost:{self.port}/stray{asked.path}"})


class _Line:
    """The connection of one client."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.connection.sendall(data)

    def wait_until_gone(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.settimeout(30)
            while self.connection.recv(4096):
                pass

    def reset(self) -> bool:
        """Ends the connection at once, with a reset."""
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        return False


def _handler(city: City) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            city._open.add(self.connection)

        def finish(self) -> None:
            city._open.discard(self.connection)
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def handle(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, parts.query, headers, body)
            if not city.serve(asked, _Line(self.connection)):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _any

    return Handler


Way = Callable[[City, int, _Line, str, Asked], bool]


def _made(shape: Callable[[City, str, Reply], Reply], *, times: int = 1) -> Way:
    def way(city: City, place: int, line: _Line, step: str, asked: Asked) -> bool:
        return city._answer(place, line, shape(city, step, city._done(step, asked)), times=times)

    return way


def _unmade(reply: Callable[[City, Asked], Reply]) -> Way:
    def way(city: City, place: int, line: _Line, step: str, asked: Asked) -> bool:
        return city._answer(place, line, reply(city, asked))

    return way


def _broken_made(city: City, place: int, line: _Line, step: str, asked: Asked) -> bool:
    city._done(step, asked)
    return city._answer(place, line, city.broken(asked))


def _silent(city: City, place: int, line: _Line, step: str, asked: Asked) -> bool:
    line.wait_until_gone()
    return False


def _silent_made(city: City, place: int, line: _Line, step: str, asked: Asked) -> bool:
    city._done(step, asked)
    line.wait_until_gone()
    return False


def _gone_made(city: City, place: int, line: _Line, step: str, asked: Asked) -> bool:
    city._done(step, asked)
    return line.reset()


def _cut_made(city: City, place: int, line: _Line, step: str, asked: Asked) -> bool:
    whole = city._done(step, asked).wire()
    line.send(whole[: -max(1, len(whole.partition(b"\r\n\r\n")[2]) // 2)])
    with contextlib.suppress(OSError):
        line.connection.shutdown(socket.SHUT_RDWR)
    return False


_PAGE = "<html><body>请登录</body></html>".encode()
_WAYS: dict[Trouble, Way] = {
    Trouble.BROKEN: _unmade(lambda city, asked: city.broken(asked)),
    Trouble.BROKEN_MADE: _broken_made,
    Trouble.BUSY: _unmade(lambda city, _: Reply(429, {}, {"Retry-After": str(city.retry_after_s)})),
    Trouble.UNAVAILABLE: _unmade(lambda city, _: Reply(503, {}, {"Retry-After": city.date()})),
    Trouble.SILENT: _silent,
    Trouble.SILENT_MADE: _silent_made,
    Trouble.LATE: lambda city, _place, line, step, asked: city._after_the_client(step, asked, line),
    Trouble.GONE: lambda _city, _place, line, _step, _asked: line.reset(),
    Trouble.GONE_MADE: _gone_made,
    Trouble.CUT_MADE: _cut_made,
    Trouble.GARBAGE_MADE: _made(lambda _, __, reply: replace(reply, raw=b'{"id": 1')),
    Trouble.HTML_MADE: _made(lambda *_: Reply(200, raw=_PAGE, media_type="text/html")),
    Trouble.EMPTY_MADE: _made(lambda _, __, reply: replace(reply, raw=b"")),
    Trouble.OTHER_ID_MADE: _made(lambda city, step, reply: city.other(step, reply)),
    Trouble.TWO_MADE: _made(lambda city, step, reply: city.two(step, reply)),
    Trouble.TWICE_MADE: _made(lambda _, __, reply: reply, times=2),
    Trouble.REDIRECT: _unmade(lambda city, asked: city._elsewhere(307, asked)),
    Trouble.MOVED: _unmade(lambda city, asked: city._elsewhere(302, asked)),
}
assert set(_WAYS) == set(Trouble)
