"""The wallboard: what it says and when it shouts; in a real browser, event to pixel, and a lost PBX."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Page, expect

from config.hotline import load_hotline
from facts.agents import AgentNow, AgentState
from facts.identity import CallKey
from tests.desk.browsing import accessibility_faults, beating
from tests.desk.people import (
    NUMBER,
    PASSWORD,
    House,
    answered_call,
    browser_of,
    signed_in,
    stored,
    talking_call,
    waiting_call,
)
from tests.desk.test_browser import page, sign_in
from ticketing_bridge.access import Role
from ticketing_bridge.agents.keeper import AGENT_CHANNEL
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.health import TELEPHONY_CHANNEL, TelephonyBeat
from ticketing_bridge.desk.wall.view import agents_view, waiting_view, wall_view
from ticketing_bridge.rate.alerts import AlertKind
from ticketing_bridge.rate.allowance import allowance
from ticketing_bridge.rate.definitions import Rate
from ticketing_bridge.rate.live import RateNow
from ticketing_bridge.store import Database
from ticketing_bridge.store.agent_repository import StateChange
from ticketing_bridge.store.journey_records import QueueState
from ticketing_bridge.store.wall_repository import WaitingCall

__all__ = ["beating", "page"]

HOTLINE = load_hotline()
NOW = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)


def rate(reached: int, missed: int, expected: int | None = None) -> RateNow:
    base = reached + missed
    figure = Rate("person", "", base, reached, missed, 0, 0, 0)
    return RateNow(figure, 98.0, allowance(reached, base, 98.0, expected), (), 0, 0, (), NOW)


def waits(*seconds: float) -> list[WaitingCall]:
    return [WaitingCall("main", "main", NOW - timedelta(seconds=it)) for it in seconds]


def agents(*states: AgentState) -> list[AgentNow]:
    return [
        AgentNow(f"agent{101 + number}", "city", state, NOW - timedelta(minutes=number))
        for number, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("today", "wrong", "loud"),
    [
        (rate(100, 0), {}, []),
        (rate(490, 2, 500), {AlertKind.WAITING: {"waiting": 1, "longest_s": 16}}, ["1 位市民等候过久"]),
        (rate(97, 3, 500), {AlertKind.TARGET_LOST: {"misses_left": -50}}, ["超出 50 个"]),
    ],
)
def test_it_shows_what_the_rules_of_the_alerts_find(
    today: RateNow, wrong: dict[AlertKind, dict[str, int]], loud: list[str]
) -> None:
    view = wall_view(HOTLINE, today, [], [], [], wrong, 15, NOW)
    assert [said in alert.text for said, alert in zip(loud, view.alerts, strict=True)] == [True] * len(loud)


def test_the_longest_first_and_nobody_is_left_out() -> None:
    view = waiting_view(HOTLINE, waits(40, 30, 20, 10, 5, 4), 15, NOW)
    assert (view.count, view.late, view.more, [row.late for row in view.rows]) == (
        6,
        3,
        2,
        [True] * 3 + [False],
    )
    team = agents_view(HOTLINE, agents(*[AgentState.TALKING] * 3, AgentState.OFF))
    assert (team.signed_in, team.configured) == (3, 4)
    assert [(it.state, it.count) for it in team.groups] == [("talking", 3), ("off", 1)]
    assert len(team.tiles) == 3, "who is not at work has no tile"


async def test_no_number_of_anybody_is_on_the_wall(house: House, agent: httpx.AsyncClient) -> None:
    await stored(house.database, waiting_call(), replace(answered_call(), key=CallKey("city", "city-1.1")))
    shown = (await agent.get("/wall")).text
    assert NUMBER not in shown
    assert not re.search(r"1\d{2}\*{4}\d{4}", shown), "not even a masked one"
    assert "综合受理" in shown


async def queues_seen(database: Database) -> None:
    """The telephony role says how the queues stand: the PBX is heard."""
    async with database.unit_of_work() as uow:
        await uow.queues.put("city", [QueueState("main", 1, 2, 2, None, datetime.now(UTC))])


async def test_an_alert_stands_on_the_wall_only_when_it_lasts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(house.database, waiting_call())
    await queues_seen(house.database)
    desk, wall = house.app.state.desk, house.app.state.wall
    now = datetime.now(UTC)
    seen = []
    for second in (0, 2.9, 3.1, 4):
        monkeypatch.setattr(desk, "now", lambda second=second: now + timedelta(seconds=second))
        seen.append(len((await wall.context())["wall"].alerts))
    assert seen == [0, 0, 1, 1]


@pytest.mark.browser
async def test_event_to_pixel_and_a_lost_pbx(house: House, served: str, page: Page) -> None:
    async def beat(*, linked: bool) -> None:
        async with house.database.unit_of_work() as uow:
            told = TelephonyBeat("city", linked, datetime.now(UTC))
            await uow.notify(TELEPHONY_CHANNEL, told.payload())

    await sign_in(page, served)
    await page.set_viewport_size({"width": 1920, "height": 1080})
    await page.goto(f"{served}/wall")
    await beat(linked=True)
    await expect(page.locator("#health")).to_contain_text("实时")
    await expect(page.locator("#waiting")).to_contain_text("没有人在等候")
    await queues_seen(house.database)
    began = time.monotonic()
    await stored(house.database, waiting_call())
    await expect(page.locator("#waiting .huge")).to_contain_text("1")
    assert time.monotonic() - began < 10
    clock = page.locator("#waiting .longest time")
    first = await clock.inner_text()
    await expect(clock, "it ticks").not_to_have_text(first)
    await expect(page.locator("#alerts")).to_contain_text("1 位市民等候过久")
    async with house.database.unit_of_work() as uow:
        paused = AgentNow("agent101", "city", AgentState.PAUSED, datetime.now(UTC), "meal")
        await uow.agents.put([StateChange(paused)])
        await uow.notify(AGENT_CHANNEL, "agent101")
    await expect(page.locator("#agents")).to_contain_text("示忙")
    await stored(house.database, talking_call())
    await expect(page.locator("#waiting")).to_contain_text("没有人在等候")
    await beat(linked=False)
    await expect(page.locator("#health .band")).to_contain_text("与交换机的连接中断")
    assert await page.evaluate("document.body.classList.contains('stale')")


async def test_a_screen_stays_signed_in_for_months_sees_the_wall_alone_and_is_turned_off(
    house: House,
) -> None:
    async with house.database.unit_of_work() as uow:
        made = await uow.users.add("screen", auth.hash_password(PASSWORD), Role.WALL)
    assert made is not None
    async with browser_of(house.app) as screen:
        answer = await signed_in(screen, "screen")
        assert "Max-Age=31536000" in answer.headers["set-cookie"]
        async with house.database.unit_of_work() as uow:
            (lasts,) = (await uow.connection.exec_driver_sql("SELECT expires_at FROM web_session")).scalars()
        assert lasts - datetime.now(UTC) > timedelta(days=364)
        assert (await screen.get("/")).headers["location"] == "/wall"
        assert (await screen.get("/wall")).status_code == 200
        assert {(await screen.get(it)).status_code for it in ("/rate", "/agents", "/drafts", "/search")} == {
            403
        }
        async with house.database.unit_of_work() as uow:
            assert await uow.users.disable("screen")
        assert (await screen.get("/wall")).status_code == 303


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_both_themes_are_readable_for_everybody(
    house: House, served: str, page: Page, beating: asyncio.Task[None], theme: str
) -> None:
    await stored(house.database, waiting_call())
    await queues_seen(house.database)
    async with house.database.unit_of_work() as uow:
        states = (
            AgentState.READY,
            AgentState.TALKING,
            AgentState.PAUSED,
            AgentState.WRAP_UP,
            AgentState.AWAY,
        )
        await uow.agents.put([StateChange(it) for it in agents(*states)])
    await sign_in(page, served)
    await page.goto(f"{served}/wall?theme={theme}")
    await expect(page.locator("#waiting .huge")).to_contain_text("1")
    await expect(page.locator("#health")).to_contain_text("实时")
    await expect(page.locator("#alerts")).to_contain_text("1 位市民等候过久")
    await looks_right(page, f"alert-{theme}")
    beating.cancel()
    async with house.database.unit_of_work() as uow:
        await uow.notify(TELEPHONY_CHANNEL, TelephonyBeat("city", False, datetime.now(UTC)).payload())
    await expect(page.locator("#health .band")).to_contain_text("与交换机的连接中断")
    await looks_right(page, f"pbx-lost-{theme}")
    await page.evaluate("source.close(); showLost(true)")
    await expect(page.locator("#lost")).to_be_visible()
    await looks_right(page, f"server-lost-{theme}")


async def looks_right(page: Page, name: str) -> None:
    """On both screens that walls have: readable for everybody, nothing cut off."""
    for width, height in ((1366, 768), (1920, 1080)):
        await page.set_viewport_size({"width": width, "height": height})
        if shots := os.environ.get("HOTLINE_SHOTS"):
            await page.screenshot(path=f"{shots}/wall-{name}-{height}.png")
        assert await accessibility_faults(page) == []
        cut = await page.evaluate(
            "[...document.querySelectorAll('.alert, .band, .card, header, main')]"
            ".filter((it) => it.checkVisibility())"
            ".filter((it) => it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1)"
            ".map((it) => it.className || it.tagName)"
        )
        assert cut == []
