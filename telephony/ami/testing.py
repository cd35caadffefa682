"""``FakeAmi``: a manager interface for tests, with a knob for every fault that was seen.

A public test tool: it speaks as much AMI as a link needs (login, Ping, snapshots, any
answer you give it) on a free port of 127.0.0.1, and misbehaves on request.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias

Fields: TypeAlias = Mapping[str, str]
#: what an action is answered with: messages in order
Answer: TypeAlias = Callable[[Fields], Sequence[Fields]]


def encode(fields: Fields) -> bytes:
    """One message on the wire."""
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"


def every(size: int) -> Callable[[bytes], Iterable[bytes]]:
    """Cut what is sent into pieces of ``size`` bytes."""
    return lambda data: [data[at : at + size] for at in range(0, len(data), size)]


def split_at(offset: int) -> Callable[[bytes], Iterable[bytes]]:
    """Cut each message once, at ``offset``."""
    return lambda data: [piece for piece in (data[:offset], data[offset:]) if piece]


@dataclass(slots=True)
class Faults:
    """What is wrong with this PBX now; change it while it runs."""

    #: how messages are cut into TCP chunks
    cut: Callable[[bytes], Iterable[bytes]] = lambda data: [data]
    #: seconds before every answer
    slow_s: float = 0.0
    #: the login is answered with an error and the connection is closed, as Asterisk does
    refuse_login: bool = False
    #: nothing is answered any more and the connection stays open (half-open link)
    mute: bool = False
    #: actions (lower case) after which the connection is dropped unanswered
    drop_on: set[str] = field(default_factory=set)
    #: connections are closed as soon as they are made
    drop_on_connect: bool = False


class FakeAmi:
    """``async with FakeAmi() as pbx``: listens on ``pbx.port``.

    ``actions`` keeps every action that was received, in order, over all connections.
    """

    def __init__(self, *, clock_offset_s: float = 0.0) -> None:
        self.faults = Faults()
        self.port = 0
        self.actions: list[dict[str, str]] = []
        self.connections = 0
        self.channels: list[Fields] = []
        self.queue_items: list[Fields] = []
        self.answers: dict[str, Answer] = {}
        self.clock_offset_s = clock_offset_s
        self._writers: set[asyncio.StreamWriter] = set()
        self._logged_in: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen (again, on the same port once it has one)."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop everybody, as a PBX that dies."""
        if self._server is not None:
            self._server.close()
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        """Cut all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    def named(self, action: str) -> list[dict[str, str]]:
        """The actions of one name (any case) that were received."""
        return [one for one in self.actions if one.get("Action", "").lower() == action.lower()]

    def now(self) -> str:
        """This PBX's clock, as in a Timestamp header."""
        return f"{time.time() + self.clock_offset_s:.6f}"

    async def event(self, name: str, **fields: str) -> None:
        """Send an event to everybody who is logged in."""
        await self.raw(encode({"Event": name, "Privilege": "call,all", "Timestamp": self.now(), **fields}))

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are (cut as ``faults.cut`` says)."""
        for writer in list(self._logged_in):
            await self._send(writer, data)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            for piece in self.faults.cut(data):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if not self.faults.drop_on_connect:
                await self._send(writer, b"Asterisk Call Manager/11.0.0\r\n")
                await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side, or the test, has had enough
        finally:
            self._writers.discard(writer)
            self._logged_in.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            block = await reader.readuntil(b"\r\n\r\n")
            lines = (line.partition(": ") for line in block.decode().split("\r\n") if line)
            action = {name: value for name, _, value in lines}
            self.actions.append(action)
            name = action.get("Action", "").lower()
            if name in self.faults.drop_on:
                return
            if self.faults.mute:
                continue
            await asyncio.sleep(self.faults.slow_s)
            if name == "login":
                if not await self._login(action, writer):
                    return
            else:
                for answer in self.answers.get(name, self._default)(action):
                    await self._send(writer, encode({**answer, "ActionID": action.get("ActionID", "")}))

    async def _login(self, action: Fields, writer: asyncio.StreamWriter) -> bool:
        ident = {"ActionID": action.get("ActionID", "")}
        if self.faults.refuse_login:
            refusal = {"Response": "Error", **ident, "Message": "Authentication failed"}
            await self._send(writer, encode(refusal))
            return False
        self._logged_in.add(writer)
        await self._send(
            writer, encode({"Response": "Success", **ident, "Message": "Authentication accepted"})
        )
        await self._send(
            writer, encode({"Event": "FullyBooted", "Timestamp": self.now(), "Status": "Fully Booted"})
        )
        return True

    def _default(self, action: Fields) -> Sequence[Fields]:
        name = action.get("Action", "").lower()
        if name == "ping":
            return [{"Response": "Success", "Ping": "Pong", "Timestamp": self.now()}]
        if name == "coreshowchannels":
            return self._list("CoreShowChannel", "CoreShowChannelsComplete", self.channels)
        if name == "queuestatus":
            return self._list("", "QueueStatusComplete", self.queue_items)
        return [{"Response": "Success", "Message": "done"}]

    def _list(self, item: str, end: str, items: Sequence[Fields]) -> Sequence[Fields]:
        start = {"Response": "Success", "EventList": "start", "Message": "list will follow"}
        middle = [{"Event": item, **one} for one in items]
        return [start, *middle, {"Event": end, "EventList": "Complete", "ListItems": str(len(items))}]
