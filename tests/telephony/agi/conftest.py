"""Asterisk's side of FastAGI, played by the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from telephony.agi.server import AgiServer

HANDSHAKE = {
    "agi_network": "yes",
    "agi_network_script": "flow/main?line=x",
    "agi_request": "agi://127.0.0.1/flow/main",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_uniqueid": "city-1763683200.7",
    "agi_callerid": "13997361508",
    "agi_dnid": "unknown",
    "agi_extension": "12345",
    "agi_arg_1": "main",
    "agi_arg_2": "two words",
}


@dataclass
class Asterisk:
    """One connection; ``commands`` are what was asked so far."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    commands: list[str] = field(default_factory=list)

    async def expect(self, start: str) -> str:
        """The next command, which must begin so."""
        async with asyncio.timeout(30):
            line = (await self.reader.readline()).decode().rstrip("\n")
        assert line.startswith(start), line
        self.commands.append(line)
        return line

    def answer(self, text: str) -> None:
        self.writer.write(text.encode() + b"\n")

    async def play(self, *steps: tuple[str, str]) -> None:
        """Commands that are expected and their answers."""
        for start, answer in steps:
            await self.expect(start)
            self.answer(answer)

    async def ended(self) -> bool:
        """Wait for the server to close."""
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read() == b""
        return True


def greeting(**changed: str) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in (HANDSHAKE | changed).items()).encode() + b"\n"


@pytest.fixture
def handshake() -> Callable[..., bytes]:
    return greeting


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    """Starts a server with a handler."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Any, **options: Any) -> AgiServer:
            server = AgiServer("127.0.0.1", 0, handler, pbx_id="city", **options)
            return await stack.enter_async_context(server)

        yield start


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., Any]]:
    """Connects as Asterisk; sends the handshake unless told other bytes."""
    writers: list[asyncio.StreamWriter] = []

    async def connect(server: AgiServer, first: bytes | None = None) -> Asterisk:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writers.append(writer)
        writer.write(greeting() if first is None else first)
        return Asterisk(reader, writer)

    yield connect
    for writer in writers:
        writer.close()
