"""The worker is killed in the midst of attempts, and requests fail in all ways: everything is there once."""

from __future__ import annotations

from pathlib import Path

from ticketing_bridge.bench.delivery import delivered_once
from ticketing_bridge.store import Database


async def test_everything_is_there_once_and_its_state_comes_back(database: Database, tmp_path: Path) -> None:
    done = await delivered_once(database, tmp_path, tickets=10, kills=1, timeout_s=0.5)
    figures = {it.name: it.value for it in done}
    assert (figures["once"], figures["missing"], figures["twice"]) == (30, 0, 0)
    assert (figures["kills"], figures["states_back"]) == (1, 30)
