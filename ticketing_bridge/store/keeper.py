"""Keeps the embedded PostgreSQL running: started again when it has died."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from ticketing_bridge.store.embedded import EmbeddedDatabaseFailed, EmbeddedPostgres

log = structlog.get_logger(__name__)

#: how often its process is looked for, in seconds
LOOK_S = 0.5
#: pauses between attempts to start a server that does not come up, in seconds
RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)


@asynccontextmanager
async def kept_running(server: EmbeddedPostgres, look_s: float = LOOK_S) -> AsyncIterator[None]:
    """Start the server again whenever it is gone, until the block ends."""
    task = asyncio.create_task(_keep(server, look_s), name="embedded database")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(server: EmbeddedPostgres, look_s: float) -> None:
    failures = 0
    while True:
        await asyncio.sleep(look_s)
        if server.pid() is not None:
            continue
        log.error("database_died", fix=f"it is started again; its last words are in {server.log_file}")
        try:
            await server.start()
        except (EmbeddedDatabaseFailed, OSError) as problem:
            log.error("database_not_started", why=str(problem))
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1
        else:
            failures = 0
            log.info("database_started_again", process=server.pid())
