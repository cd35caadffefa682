"""Flows as pictures on the page, with the callers of a period."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx

from facts.call import JourneyStep
from tests.desk.people import House, answered_call, seconds, signed_in, stored


async def test_the_picture_counts_the_callers_of_the_period(house: House, visitor: httpx.AsyncClient) -> None:
    call = answered_call()
    steps = tuple(
        JourneyStep(call.arrived_at + seconds(3 + number), flow, node)
        for number, (flow, node) in enumerate([("main", "greet"), ("main", "person"), ("survey", "ask")])
    )
    await stored(house.database, replace(call, steps=steps))
    async with house.database.unit_of_work() as uow:
        now = datetime.now(UTC)
        assert await uow.journeys.calls("main", now - timedelta(days=1), now) == 1
        assert sorted(await uow.journeys.ways("main", now - timedelta(days=1), now)) == [
            ("greet", "person", 1),
            ("person", "flow:survey", 1),
        ]
        assert await uow.journeys.calls("main", now - timedelta(days=2), now - timedelta(days=1)) == 0
    await signed_in(visitor)
    page = await visitor.get("/flows/main")
    assert page.status_code == 200
    assert "1 个电话走过这个流程" in page.text
    assert 'aria-label="流程图：' in page.text
    assert page.text.count(">1 次<") > 1, "on the box and on the way"
    assert "按 3 安全生产专线" in page.text
    assert "<style>" not in page.text, "the page's policy allows no style of its own"
    assert (await visitor.get("/flows/no_such")).status_code == 404
    assert "日期写法不对" in (await visitor.get("/flows/main?from=x")).text
