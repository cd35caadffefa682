"""The API on a real database: in this process, or served by uvicorn in a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from config.hotline import load_hotline
from config.settings import Settings, load_settings
from tests.database import database, database_server, database_url
from ticketing_bridge.api.clients import Scope, new_token
from ticketing_bridge.desk.app import create_app
from ticketing_bridge.store import Database

__all__ = ["database", "database_server", "database_url"]

EVERY = tuple(Scope)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(home=tmp_path / "h")
    made.make_folders()
    return made


@dataclass
class Clients:
    """Clients of the API, made as they are wanted."""

    database: Database
    transport: httpx.ASGITransport
    opened: list[httpx.AsyncClient] = field(default_factory=list)

    async def token(
        self,
        name: str,
        role: str,
        *scopes: Scope,
        unit: str | None = None,
        per_minute: int = 6000,
        lasts: timedelta = timedelta(days=1),
    ) -> str:
        token = new_token()
        async with self.database.unit_of_work() as uow:
            assert await uow.api.add(
                name,
                token,
                role=role,
                unit=unit,
                scopes=[*(scopes or EVERY)],
                per_minute=per_minute,
                expires_at=datetime.now(UTC) + lasts,
                by="tests",
            )
        return token

    def at(self, token: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.AsyncClient(
            transport=self.transport, base_url="http://127.0.0.1/api/v1", headers=headers
        )
        self.opened.append(client)
        return client

    async def of(
        self,
        name: str,
        role: str,
        *scopes: Scope,
        unit: str | None = None,
        per_minute: int = 6000,
        lasts: timedelta = timedelta(days=1),
    ) -> httpx.AsyncClient:
        """A client with a token of its own."""
        return self.at(await self.token(name, role, *scopes, unit=unit, per_minute=per_minute, lasts=lasts))


@pytest_asyncio.fixture
async def clients(settings: Settings, database: Database) -> AsyncIterator[Clients]:
    app = create_app(settings, database, load_hotline())
    made = Clients(database, httpx.ASGITransport(app, client=("127.0.0.1", 50000)))
    yield made
    for client in made.opened:
        await client.aclose()
