"""A desk on the real database, and a web server of it on a free port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from fastapi import FastAPI

from config.hotline import load_hotline
from config.settings import Settings, load_settings
from tests.database import database, database_server, database_url
from tests.desk.people import LOGIN, PASSWORD, House, browser_of, signed_in
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.app import create_app, web_server
from ticketing_bridge.desk.feed import LiveFeed
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.store import Database

__all__ = ["database", "database_server", "database_url"]

#: a thousandth of the real cost, so that the tests do not wait for it
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_hasher", QUICK)
    monkeypatch.setattr(auth, "_nobody", lambda: QUICK.hash("nobody"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(home=tmp_path / "h")
    made.make_folders()
    return made


@pytest_asyncio.fixture
async def house(settings: Settings, database: Database) -> AsyncIterator[House]:
    """The application, not served: requests go to it in this process."""
    app = create_app(
        settings, database, load_hotline(), live_feed=LiveFeed(settings.live_socket, retry_s=0.05)
    )
    async with database.unit_of_work() as uow:
        await uow.users.add(LOGIN, auth.hash_password(PASSWORD), "agent")
    yield House(app, settings, database)


@pytest_asyncio.fixture
async def visitor(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is not signed in."""
    async with browser_of(house.app) as client:
        yield client


@pytest_asyncio.fixture
async def agent(visitor: httpx.AsyncClient) -> httpx.AsyncClient:
    """Somebody who is signed in."""
    await signed_in(visitor)
    return visitor


@pytest_asyncio.fixture
async def broadcast(settings: Settings) -> AsyncIterator[LiveBroadcast]:
    """The speech role's end of the live words."""
    async with LiveBroadcast(settings.live_socket) as opened:
        yield opened


@pytest_asyncio.fixture
async def served(house: House) -> AsyncIterator[str]:
    """The application served by uvicorn; its address."""
    async with serving(house.app, house.settings) as address:
        yield address


class serving:
    """Serve an application on a free port for the length of a block."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._server = web_server(app, settings)
        self._socket = socket.socket()

    async def __aenter__(self) -> str:
        self._socket.bind(("127.0.0.1", 0))
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            assert not self._task.done(), "the server ended"
            await asyncio.sleep(0.01)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._task
        self._socket.close()
