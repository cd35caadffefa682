"""The rate's pages: figures with their definitions, causes, who was missed, what two people decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx

from facts.call import Outcome
from facts.identity import CallKey
from tests.desk.people import NUMBER, House, answered_call, csrf_of, missed_call, signed_in, stored
from ticketing_bridge.desk import auth
from ticketing_bridge.rate.service import LOCAL


async def somebody(house: House, client: httpx.AsyncClient, login: str, role: str) -> httpx.AsyncClient:
    async with house.database.unit_of_work() as uow:
        await uow.users.add(login, auth.hash_password("a-long-test-password"), role)
    client.cookies.clear()
    await signed_in(client, login)
    return client


async def test_every_figure_names_its_definition(house: House, agent: httpx.AsyncClient) -> None:
    missed = missed_call(CallKey("city", "city-1763683200.8"))
    await stored(
        house.database, answered_call(), missed, missed_call(CallKey("city", "3"), Outcome.UNRESOLVED)
    )
    page = (await agent.get("/rate")).text
    for said in (
        "人工接通率",
        "within_15s_of_queue",
        "50.00%",
        "待核实",
        "被线路拒绝的来电不在其中",
        "应答 ÷ 振铃",
    ):
        assert said in page, said
    by_line = (await agent.get("/rate?from=2026-01-01&to=2026-12-31&by=line&line=main")).text
    assert "主线" in by_line
    assert "从" in (await agent.get("/rate?from=nonsense")).text
    causes = (await agent.get("/rate/misses")).text
    assert "话务员全忙" in causes
    assert "这个时段多排话务员" in causes
    listed = (await agent.get("/rate/missed")).text
    assert NUMBER not in listed
    assert "139****1234" in listed
    assert "漏接待回" in (await agent.get("/")).text


async def test_two_people_take_a_call_out(house: House, visitor: httpx.AsyncClient) -> None:
    key = "city:city-1763683200.8"
    await stored(house.database, answered_call(), missed_call(CallKey.parse(key)))
    first = await somebody(house, visitor, "li", "shift_leader")
    page = await first.get("/rate/exclusions")
    form = {"csrf": csrf_of(page), "call": key, "kind": "test", "reason": ""}
    assert "请写明原因" in (await first.post("/rate/exclusions", data=form)).text
    await first.post("/rate/exclusions", data=form | {"reason": "线路测试"})
    own = await first.post("/rate/exclusions/1/confirm", data={"csrf": form["csrf"]})
    assert (own.status_code, "申请人不能自己确认" in own.text) == (422, True)
    second = await somebody(house, visitor, "zhao", "ops")
    page = await second.get("/rate/exclusions")
    assert "线路测试" in page.text
    assert (await second.post("/rate/exclusions/1/confirm", data={"csrf": csrf_of(page)})).status_code == 303
    assert "测试来电 1 通" in (await second.get("/rate")).text
    agent = await somebody(house, visitor, "qian", "agent")
    page = await agent.get("/rate/exclusions")
    refused = await agent.post("/rate/exclusions", data={"csrf": csrf_of(page), "call": key, "reason": "x"})
    assert refused.status_code == 403


async def test_a_definition_is_changed_from_a_coming_day_on(house: House, visitor: httpx.AsyncClient) -> None:
    ops = await somebody(house, visitor, "sun", "ops")
    page = await ops.get("/rate/definitions?edit=person")
    today = datetime.now(UTC).astimezone(LOCAL).date()
    form = {
        "csrf": csrf_of(page),
        "title": "人工接通率（含留言）",
        "reached": ["answered", "transferred_emergency", "voicemail"],
        "left_out": ["self_service"],
        "reason": "市里的通知",
        "from": str(today),
    }
    begun = await ops.post("/rate/definitions/person", data=form)
    assert (begun.status_code, "必须在今天之后" in begun.text) == (422, True)
    wrong = await ops.post("/rate/definitions/person", data=form | {"left_out": ["voicemail"]})
    assert "口径有误" in wrong.text
    coming = form | {"from": str(today + timedelta(days=1))}
    assert "请写明为什么" in (await ops.post("/rate/definitions/person", data=coming | {"reason": " "})).text
    assert (await ops.post("/rate/definitions/person", data=coming)).status_code == 303
    shown = (await ops.get("/rate/definitions")).text
    assert "未生效" in shown
    assert "市里的通知" in shown
    assert (await ops.post("/rate/definitions/nothing", data=coming)).status_code == 404
    leader = await somebody(house, visitor, "wu", "shift_leader")
    page = await leader.get("/rate/definitions?edit=person")
    assert 'action="/rate/definitions' not in page.text
    refused = await leader.post("/rate/definitions/person", data=coming | {"csrf": csrf_of(page)})
    assert refused.status_code == 403


async def test_what_is_wrong_is_said_on_the_board(house: House, agent: httpx.AsyncClient) -> None:
    await stored(house.database, replace(missed_call(CallKey("city", "9")), caller_number=None))
    async with house.database.unit_of_work() as uow:
        await uow.rate_books.raise_alert("waiting", {"waiting": 2, "longest_s": 31})
        await uow.rate_books.raise_alert("nobody_free", {"queue": "main", "waiting": 1})
    for address in ("/", "/rate"):
        page = (await agent.get(address)).text
        assert "2 位市民等候过久，最长 31 秒" in page
        assert "综合受理有人等候" in page
