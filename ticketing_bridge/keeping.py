"""Keeps what the roles stand on running: embedded database and local PBX, started again when they die."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import structlog

from facts.errors import HotlineError
from telephony.pbx.local import LocalPbx
from ticketing_bridge.store.embedded import EmbeddedPostgres

log = structlog.get_logger(__name__)

#: how often they are looked for, in seconds
LOOK_S = 0.5
#: pauses between attempts to start one that does not come up, in seconds
RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that must run: how to see that it has died, how to start it, where it left its last words."""

    name: str
    died: Callable[[], bool]
    start: Callable[[], Awaitable[object]]
    last_words: str

    @classmethod
    def database(cls, server: EmbeddedPostgres) -> Self:
        """The embedded database: whatever ended it, the roles need it."""
        return cls("database", lambda: server.pid() is None, server.start, str(server.log_file))

    @classmethod
    def pbx(cls, pbx: LocalPbx) -> Self:
        """The local PBX. One that was told to stop (``hotline pbx stop``) has removed its process id."""
        pid_file = pbx.paths.run / "asterisk.pid"
        return cls(
            "pbx",
            lambda: pid_file.exists() and pbx.process.pid() is None,
            pbx.start,
            str(pbx.paths.output),
        )


@asynccontextmanager
async def kept_running(*kept: Kept, look_s: float = LOOK_S) -> AsyncIterator[None]:
    """Start each of them again whenever it has died, until the block ends."""
    tasks = [asyncio.create_task(_keep(it, look_s), name=f"keep {it.name}") for it in kept]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(kept: Kept, look_s: float) -> None:
    failures = 0
    while True:
        await asyncio.sleep(look_s)
        if not kept.died():
            continue
        log.error(f"{kept.name}_died", fix=f"it is started again; its last words are in {kept.last_words}")
        try:
            await kept.start()
        except (HotlineError, OSError) as problem:
            log.error(f"{kept.name}_not_started", why=str(problem))
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1
        else:
            failures = 0
            log.info(f"{kept.name}_started_again")
