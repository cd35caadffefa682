"""One process follows a PBX; a database that is away does not keep it from that."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from tests.bridge.conftest import Line
from ticketing_bridge.store.leadership import Leadership, LeadershipLost

NAME = "telephony:city"


def locks(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    return int(row[0]) if row else 0


async def test_a_stand_by_waits_however_long_the_database_answers(database_url: str) -> None:
    async with asyncio.timeout(60):
        async with Leadership(database_url, NAME):
            second = Leadership(database_url, NAME, provisional_after_s=0.3)
            waiting = asyncio.create_task(second.__aenter__())
            await asyncio.sleep(1.5)
            assert not waiting.done()
        async with await waiting:
            assert locks(database_url) == 1


async def test_the_database_is_away_then_back(line: Line, database_url: str) -> None:
    await line.cut()
    began = time.monotonic()
    async with asyncio.timeout(60), Leadership(line.url, NAME) as provisional:
        assert time.monotonic() - began > 1.5
        watching = asyncio.create_task(provisional.lost())
        await asyncio.sleep(1.5)
        assert not watching.done()
        await line.mend()
        while locks(database_url) == 0:
            await asyncio.sleep(0.05)
        rival = asyncio.create_task(Leadership(database_url, NAME).__aenter__())
        await asyncio.sleep(1)
        assert not rival.done()
        assert not watching.done()
        for task in (watching, rival):
            task.cancel()
        await asyncio.gather(watching, rival, return_exceptions=True)


async def test_who_led_provisionally_steps_down_for_the_one_who_holds_the_lock(
    line: Line, database_url: str
) -> None:
    await line.cut()
    async with (
        asyncio.timeout(60),
        Leadership(database_url, NAME),
        Leadership(line.url, NAME, provisional_after_s=0.2) as provisional,
    ):
        watching = asyncio.create_task(provisional.lost())
        await asyncio.sleep(1.2)
        assert not watching.done()
        await line.mend()
        with pytest.raises(LeadershipLost, match=NAME):
            await watching
