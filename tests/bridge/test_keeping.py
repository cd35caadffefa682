"""A database that dies is started again by whoever serves."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psycopg

from facts.errors import HotlineError
from ticketing_bridge.keeping import Kept, kept_running
from ticketing_bridge.store.embedded import EmbeddedPostgres


async def test_a_database_that_dies_comes_back(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, durable=False)
    await server.start()
    try:
        async with kept_running(Kept.database(server), look_s=0.05):
            died = server.pid()
            assert died
            os.kill(died, signal.SIGKILL)
            async with asyncio.timeout(30):
                while server.pid() in (None, died) or not answers(server.url):
                    await asyncio.sleep(0.05)
    finally:
        await server.stop()


async def test_what_does_not_start_is_tried_again_and_its_end_disturbs_nobody() -> None:
    tried = asyncio.Event()

    async def start() -> None:
        if not tried.is_set():
            tried.set()
            raise HotlineError("no room", fix="make room")
        await asyncio.Event().wait()

    async with asyncio.timeout(30), kept_running(Kept("pbx", lambda: True, start, "log"), look_s=0.01):
        await tried.wait()


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False
