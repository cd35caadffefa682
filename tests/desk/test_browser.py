"""A real browser at the page: a call comes, words arrive, the draft shows its evidence, a cut is seen."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from facts.transcript import Leg
from tests.desk.browsing import PATIENCE_MS, accessibility_faults, beating, page, typed_in
from tests.desk.conftest import serving
from tests.desk.people import (
    KEY,
    LOGIN,
    NUMBER,
    PASSWORD,
    RECORD,
    House,
    answered_call,
    said,
    stored,
    talking_call,
    today,
    waiting_call,
)
from tests.desk.test_lookup import FUND
from ticketing_bridge.desk import auth
from ticketing_bridge.knowledge.entries import entry_vector
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.store.knowledge_records import FoundBy, PhoneFault, PhoneText
from ticketing_bridge.transcripts.search import make_findable, search_words

pytestmark = pytest.mark.browser

__all__ = ["beating", "page"]


async def sign_in(page: Page, address: str) -> None:
    """With the keyboard alone."""
    await typed_in(page, f"{address}/", LOGIN, PASSWORD)
    await page.wait_for_selector("#rate")


async def test_a_call_from_the_first_ring_to_its_draft(
    house: House, served: str, page: Page, broadcast: LiveBroadcast, beating: asyncio.Task[None]
) -> None:
    await sign_in(page, served)
    await expect(page.locator("#live")).to_contain_text("现在没有通话")
    await expect(page.locator(".banner:visible")).to_have_count(0)

    await stored(house.database, waiting_call())
    row = page.locator(f'#live a[data-call="{KEY}"]')
    await expect(row).to_contain_text("正在振铃")
    await expect(row).to_contain_text("139****1234")
    first = await row.locator("time").inner_text()
    await expect(row.locator("time"), "the waiting time ticks").not_to_have_text(first)

    await stored(house.database, talking_call())
    await expect(row).to_contain_text("通话中")
    await row.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/calls/**")

    broadcast.send(said("您好请讲", Leg.AGENT, 0, at=8.5))
    broadcast.send(said("昆仑路桥头", segment=0, final=False, at=10))
    await expect(page.locator("#said .bubble.agent")).to_contain_text("您好请讲")
    await expect(page.locator("#saying .bubble.caller.partial")).to_contain_text("昆仑路桥头")
    broadcast.send(said("昆仑路桥头路灯不亮", segment=0, at=10))
    await expect(page.locator("#said .bubble.caller")).to_contain_text("昆仑路桥头路灯不亮")
    await expect(page.locator("#saying .bubble")).to_have_count(0)
    await expect(page.locator("#draft")).to_contain_text("通话结束后自动生成")

    await stored(house.database, answered_call(), with_words=True)
    async with house.database.unit_of_work() as uow:
        await uow.transcripts.put(KEY, "record", RECORD)
        await uow.notify("hotline_call", str(KEY))
    await expect(page.locator("#draft")).to_contain_text("草稿，待话务员确认")
    place = page.locator('.field[data-field="places-0"] a.value')
    mark = page.locator('#said mark[data-fields~="places-0"]')
    await expect(mark).to_have_text(["昆仑", "路桥头"])  # the second word is uncertain
    active = page.locator("#said mark.active")
    await expect(active).to_have_count(0)
    await place.focus()
    await expect(active).to_have_text(["昆仑", "路桥头"])
    await page.keyboard.press("Escape")
    await expect(active).to_have_count(0)
    await page.locator('.field[data-field="places-0"]').hover()
    await expect(active).to_have_text(["昆仑", "路桥头"])

    await page.get_by_text("录音转写稿", exact=True).click()
    await expect(page.locator("#record .unsure").last).to_be_visible()
    await expect(page.locator("#said")).to_be_hidden()


async def test_a_number_is_shown_once_with_a_reason(
    house: House, served: str, page: Page, beating: asyncio.Task[None]
) -> None:
    await stored(house.database, answered_call())
    await sign_in(page, served)
    await page.goto(f"{served}/calls/{KEY}")
    assert NUMBER not in await page.content()
    await page.locator(".reveal summary").focus()
    await page.keyboard.press("Enter")
    await page.locator(".reveal input[name=reason]").fill("回拨市民核实地址")
    await page.keyboard.press("Enter")
    await expect(page.locator("#reveal")).to_contain_text(NUMBER)
    await page.reload()
    assert NUMBER not in await page.content()
    async with house.database.unit_of_work() as uow:
        lines = [(it.action, it.reason) for it in await uow.audit.list(subject=str(KEY))]
    assert ("number-shown", "回拨市民核实地址") in lines
    assert {it for it, _ in lines} == {"number-shown", "call-viewed", "call-followed"}


async def test_the_page_says_when_it_can_no_longer_be_believed(
    house: House, page: Page, broadcast: LiveBroadcast, beating: asyncio.Task[None]
) -> None:
    await stored(house.database, replace(waiting_call(), arrived_at=today(3)))
    async with serving(house.app, house.settings) as address:
        await sign_in(page, address)
        await expect(page.locator(".age")).to_contain_text("数据截至")
        await expect(page.locator(".banner:visible")).to_have_count(0)
        beating.cancel()
        await expect(page.locator(".banner:visible")).to_contain_text("通话数据已过时", timeout=PATIENCE_MS)
        await expect(page.locator("#stream-lost")).to_be_hidden()
    await expect(page.locator("#stream-lost")).to_be_visible()
    await expect(page.locator("#stream-lost")).to_contain_text("页面已停止更新")


async def test_the_page_works_without_scripts(house: House, served: str, page: Page) -> None:
    """Server-rendered: a login, the board, a call, a number, with scripts off."""
    await stored(house.database, answered_call(), with_words=True)
    browser = page.context.browser
    assert browser
    context = await browser.new_context(java_script_enabled=False)
    plain = await context.new_page()
    await plain.goto(f"{served}/")
    await plain.fill("[name=login]", LOGIN)
    await plain.fill("[name=password]", PASSWORD)
    await plain.keyboard.press("Enter")
    await plain.locator("#ended a").first.click()
    await expect(plain.locator("#draft")).to_contain_text("草稿，待话务员确认")
    await plain.locator(".reveal summary").click()
    await plain.fill("[name=reason]", "回拨市民")
    await plain.get_by_text("显示一次").click()
    await expect(plain.locator("#reveal")).to_contain_text(NUMBER)
    await context.close()


async def test_a_search_by_keyboard_leads_to_the_moment_it_was_said(
    house: House, served: str, page: Page, beating: asyncio.Task[None]
) -> None:
    call = answered_call()
    await stored(house.database, call, with_words=True)
    async with house.database.unit_of_work() as uow:
        await uow.transcripts.put(KEY, "record", RECORD)
        await make_findable(uow, call, "record", search_words(RECORD))
    await sign_in(page, served)
    menu = page.locator(".top summary", has_text="通话")
    await menu.press("Enter")
    assert await accessibility_faults(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("link", name="检索")).to_be_hidden()
    await menu.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="检索")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#q")).to_be_focused()
    await page.keyboard.type("桥头 路灯")
    await page.keyboard.press("Enter")
    hit = page.locator(".result li a")
    await expect(hit.locator("mark")).to_have_text(["桥头路灯"])
    await page.keyboard.press("/")
    await expect(page.locator("#q")).to_be_focused()
    await hit.press("Enter")
    await page.wait_for_url("**#record-1")
    moment = page.locator("#record .bubble.found")
    await expect(moment).to_be_in_viewport()
    await expect(moment).to_contain_text("昆仑路桥头路灯不亮我的电话139****1234。")
    await expect(page.locator("#said")).to_be_hidden()


async def test_what_an_agent_looks_up_fits_the_smallest_screen_and_the_keyboard(
    house: House, served: str, page: Page, beating: asyncio.Task[None]
) -> None:
    """Knowledge, phone book, draft ledger, agents: one screen wide, by keys alone, axe clean."""
    async with house.database.unit_of_work() as uow:
        await uow.users.add("zhou", auth.hash_password("another-long-password"), "shift_leader")
        entry = await uow.knowledge.add(FUND, entry_vector(FUND), "zhou")
        number = await uow.phones.put(
            PhoneText("市住房和城乡建设局", "09798410001", "物业科", ("物业", "电梯")), "zhou"
        )
        (kept,) = await uow.phones.all()
        await uow.phones.report(kept, PhoneFault.NO_ANSWER, FoundBy.CITIZEN, "zhou")
    await typed_in(page, f"{served}/knowledge", "zhou", "another-long-password")
    await page.wait_for_url("**/knowledge")
    await reached(page, "main [name=q]")
    await page.keyboard.type("公积金 手续")
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_contain_text("住房公积金怎么提取")
    for path in (
        "/knowledge",
        f"/knowledge/{entry}",
        "/phonebook?q=物业",
        f"/phonebook/{number}",
        "/phonebook/dead",
        "/drafts/ledger",
        "/agents",
    ):
        await page.goto(f"{served}{path}")
        assert await accessibility_faults(page) == [], path
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= page.viewport_size["width"], f"{path} is {wide} wide"  # type: ignore[index]
        await reached(page, "main :is(a, button, input, select, summary, textarea)")
        assert await page.evaluate(ONLY_BY_MOUSE) == [], path


#: what can be pressed and cannot be reached by the tabulator
ONLY_BY_MOUSE = """
() => [...document.querySelectorAll('main :is(a[href], button, input, select, textarea, summary, [onclick])')]
  .filter(it => it.tabIndex < 0 && !it.disabled && it.type !== 'hidden' && it.checkVisibility())
  .map(it => it.outerHTML.slice(0, 80))
"""


async def reached(page: Page, wanted: str) -> None:
    """The tabulator comes to it, and its place is seen."""
    for _ in range(40):
        if await page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"the tabulator does not come to {wanted}")
