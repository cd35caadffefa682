"""Fixtures: one embedded PostgreSQL a test run, one database a test, made from a migrated template.

Loaded by the top conftest.
Workers of pytest-xdist share the server: the first starts it, the controller stops it at the end.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.sealing import Vault

TEMPLATE = "template_hotline"
#: the installation's key, of databases here and of houses on them
KEY = "a-key-of-tests"
VAULT = Vault(KEY)


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> EmbeddedPostgres:
    """The shared server (fsync off)."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    server = _server(shared)
    with open(shared / "database.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(server.start())
        with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone()
            if not found:
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
        if not found:
            upgrade(server.url_of(TEMPLATE))
    return server


def keep_key(home: Path) -> None:
    """Give the house of this home the key with which the ``database`` fixture is opened."""
    home.mkdir(parents=True, exist_ok=True)
    secrets = home / "secrets.json"
    secrets.write_text(json.dumps({"vault": KEY}))
    secrets.chmod(0o600)


def _server(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / "database", durable=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server when the run is over, for all workers."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is not None and not hasattr(config, "workerinput"):
        asyncio.run(_server(factory.getbasetemp()).stop())


@pytest.fixture
def database_url(database_server: EmbeddedPostgres) -> Iterator[str]:
    """URL of a fresh, migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database_server.url_of("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        yield database_server.url_of(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def unsealed(database_url: str) -> AsyncIterator[Database]:
    """The same as a version had it that sealed nothing: opened without the installation's key."""
    async with Database(database_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open ``Database`` on this test's own database, with the installation's key."""
    async with Database(database_url, VAULT) as opened:
        yield opened
