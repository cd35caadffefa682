"""Calls are found by what was said in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from asr.text.searching import Terms
from facts.identity import CallKey
from facts.transcript import Leg, Transcript, Turn
from ticketing_bridge.store import Database, search_repository
from ticketing_bridge.store.records import SearchFilter
from ticketing_bridge.transcripts.search import search_words

NOON = datetime(2026, 3, 12, 4, 0, tzinfo=UTC)
CALLS = (
    ("我家在昆仑路三号楼，电话幺三九零九七九幺二三四", "请问什么路"),
    ("八一路路灯坏了", "昆仑中路的吗"),
    ("WiFi 100%断了it's\\坏", "好的"),
)


def key(number: int) -> CallKey:
    return CallKey("city", f"city-{number}.1")


async def found(database: Database, text: str, limit: int = 10, **wanted: object) -> list[int]:
    terms = Terms.of(text)
    async with database.unit_of_work() as uow:
        calls = await uow.search.find(
            [*zip(terms.terms, terms.keys, strict=True)],
            SearchFilter(**wanted),  # type: ignore[arg-type]
            limit=limit,
        )
    return [int(it.call.split("-")[1].split(".")[0]) for it in calls]


@pytest.fixture(params=["newest", "index"])
async def three_calls(
    database: Database, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """Three calls, found among the newest or by the index of keys."""
    if request.param == "index":
        monkeypatch.setattr(search_repository, "NEWEST", 1)
    async with database.unit_of_work() as uow:
        for number, (caller, agent) in enumerate(CALLS):
            turns = (Turn(Leg.CALLER, caller, 0, 5), Turn(Leg.AGENT, agent, 5, 9))
            line = "main" if number else "safety"
            words = search_words(Transcript(turns, "m"))
            await uow.search.put(key(number), "record", line, NOON + timedelta(hours=number), words)
            await uow.search.put(key(number), "record", line, NOON + timedelta(hours=number), words)
    return database


async def test_words_names_and_numbers_are_found_in_both_forms(three_calls: Database) -> None:
    assert await found(three_calls, "昆仑") == [1, 0]
    assert await found(three_calls, "昆仑路") == [0]
    assert await found(three_calls, "路灯 昆仑") == [1]
    assert await found(three_calls, "幺三九零") == [0]
    assert await found(three_calls, "13909791234") == await found(three_calls, "139-0979") == [0]
    assert await found(three_calls, "3号楼") == await found(three_calls, "三号楼") == [0]
    assert await found(three_calls, "wifi") == await found(three_calls, "IT'S\\坏") == [2]
    assert await found(three_calls, "灯") == [1]
    assert await found(three_calls, "坏") == [2, 1]
    assert await found(three_calls, "路昆仑") == []
    assert await found(three_calls, "没有人说过") == []


async def test_time_line_and_side_narrow(three_calls: Database) -> None:
    assert await found(three_calls, "昆仑", leg=Leg.AGENT) == [1]
    assert await found(three_calls, "昆仑", line="safety") == [0]
    assert await found(three_calls, "昆仑", from_=NOON + timedelta(minutes=1)) == [1]
    assert await found(three_calls, "昆仑", to=NOON + timedelta(hours=1)) == [0]
    assert await found(three_calls, "昆仑", limit=1) == [1]
