"""Fixtures: one embedded PostgreSQL a test run, one database a test, made from a migrated template.

Loaded by the top conftest.
Workers of pytest-xdist share the server: the first starts it, the last stops it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade

TEMPLATE = "template_hotline"


@contextmanager
def _users(folder: Path) -> Iterator[dict[str, int]]:
    """How many workers use the server, under a lock between processes."""
    file = folder / "database-users.json"
    with open(folder / "database-users.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        users = json.loads(file.read_text()) if file.exists() else {"count": 0}
        yield users
        file.write_text(json.dumps(users))


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[EmbeddedPostgres]:
    """The shared server (fsync off)."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    server = EmbeddedPostgres(shared / "database", durable=False)
    with _users(shared) as users:
        asyncio.run(server.start())
        if users["count"] == 0:
            with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            upgrade(server.url_of(TEMPLATE))
        users["count"] += 1
    yield server
    with _users(shared) as users:
        users["count"] -= 1
        if users["count"] == 0:
            asyncio.run(server.stop())


@pytest.fixture
def database_url(database_server: EmbeddedPostgres) -> Iterator[str]:
    """URL of a fresh, migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database_server.url_of("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        yield database_server.url_of(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open ``Database`` on this test's own database."""
    async with Database(database_url) as opened:
        yield opened
