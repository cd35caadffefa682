"""An agent's shift in a real browser, by keyboard alone; and what happens when pages or people collide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from config.hotline import Hotline, load_hotline
from config.settings import Settings
from facts.call import Call
from facts.call_control import CloseKind, DeskCall, Standing, Target, TargetKind
from facts.identity import CallKey
from facts.transcript import Leg, LiveText
from tests.desk.browsing import accessibility_faults, beating, page, typed_in
from tests.desk.hands import WrittenHands
from tests.desk.people import (
    KEY,
    LOGIN,
    PASSWORD,
    House,
    answered_call,
    csrf_of,
    key_of,
    signed_in,
    stored,
    talking_call,
    waiting_call,
)
from tests.desk.test_lookup import FUND
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.app import create_app
from ticketing_bridge.desk.feed import LiveFeed
from ticketing_bridge.drafting import rules_version
from ticketing_bridge.knowledge.entries import entry_vector
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.store import Database
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.store.knowledge_records import PhoneText
from ticketing_bridge.store.workplace_records import SheetState, Verdict
from ticketing_bridge.workplace.form import drafted_fields
from voice.pcm import TELEPHONE_RATE
from voice.wav import write_wav

__all__ = ["beating", "page"]

LIFT = (
    (Leg.AGENT, "您好请讲"),
    (Leg.CALLER, "你好我们八一中路金桥丽景小区六号楼的电梯坏了有一个礼拜了没人管"),
    (Leg.AGENT, "六号楼是几单元从哪天坏的"),
    (Leg.CALLER, "二单元上周四晚上停的我妈八十一了下不来楼"),
)
AGAIN = (
    (Leg.AGENT, "您好请讲"),
    (Leg.CALLER, "八一中路金桥丽景小区六号楼电梯还没修好电梯坏了没人管"),
)
FUND_ASKED = (
    (Leg.AGENT, "您好请讲"),
    (Leg.CALLER, "你好我想问一下住房公积金怎么提取要什么手续"),
)
FIRE = ((Leg.AGENT, "您好请讲"), (Leg.CALLER, "昆仑路这边着火了冒黑烟楼上还有人快来救火"))


@pytest.fixture
def hands() -> WrittenHands:
    return WrittenHands()


def own_hotline() -> Hotline:
    """The built-in one, with our account at the first agent's telephone."""
    hotline = load_hotline()
    agents = tuple(
        it.model_copy(update={"account": LOGIN}) if it.id == "agent101" else it for it in hotline.agents
    )
    return hotline.model_copy(update={"agents": agents})


@pytest_asyncio.fixture
async def house(settings: Settings, database: Database, hands: WrittenHands) -> AsyncIterator[House]:
    """A desk with hands on calls, a phone book and a knowledge base."""
    feed = LiveFeed(settings.live_socket, retry_s=0.05)
    app = create_app(settings, database, own_hotline(), live_feed=feed, control=hands)
    async with database.unit_of_work() as uow:
        await uow.users.add(LOGIN, auth.hash_password(PASSWORD), "agent")
        await uow.knowledge.add(FUND, entry_vector(FUND), "li")
        housing = PhoneText("市住房和城乡建设局", "09798410001", "物业科", ("物业", "电梯"))
        await uow.phones.put(housing, "li")
    yield House(app, settings, database)


def of_caller(call: Call, number: str | None) -> Call:
    return replace(call, caller_number=number)


def recorded(house: House, seconds_: int) -> None:
    """The three files of a recording, of silence."""
    for part in ("", "-rx", "-tx"):
        silence = np.zeros(TELEPHONE_RATE * seconds_, dtype=np.int16)
        write_wav(house.settings.recordings / f"{KEY.uniqueid}{part}.wav", silence)


class Day:
    """What the outside does: telephones ring, people talk, somebody hangs up."""

    def __init__(self, house: House, broadcast: LiveBroadcast, hands: WrittenHands) -> None:
        self._house = house
        self._broadcast = broadcast
        self._hands = hands
        self._calls: dict[CallKey, Call] = {}

    async def rings(self, key: CallKey, number: str | None = "13909791234") -> None:
        self._calls[key] = of_caller(waiting_call(key), number)
        await stored(self._house.database, self._calls[key])

    async def is_answered(self, key: CallKey) -> None:
        before = self._calls[key]
        call = of_caller(talking_call(key, before.arrived_at), before.caller_number)
        self._calls[key] = call
        assert call.answered_at
        self._hands.now[key] = DeskCall(key, Standing.TALK, call.answered_at, "agent101")
        await stored(self._house.database, call)

    async def hangs_up(self, key: CallKey) -> None:
        before = self._calls[key]
        call = of_caller(answered_call(key, before.arrived_at, talk_s=30), before.caller_number)
        self._hands.now.pop(key, None)
        await stored(self._house.database, call)

    def says(self, key: CallKey, number: int, leg: Leg, text: str) -> None:
        at = 9.0 + 4 * number
        self._broadcast.send(LiveText(str(key), leg, number, True, text, at, at + 3, stream=f"{leg}-1"))

    def talks(self, key: CallKey, turns: tuple[tuple[Leg, str], ...]) -> None:
        for number, (leg, text) in enumerate(turns):
            self.says(key, number, leg, text)


@pytest.fixture
def day(house: House, broadcast: LiveBroadcast, hands: WrittenHands) -> Day:
    return Day(house, broadcast, hands)


async def sign_in_at_the_desk(page: Page, address: str) -> None:
    await typed_in(page, f"{address}/desk", LOGIN, PASSWORD)
    await expect(page.locator("#home-title")).to_have_text("等候来电")


async def pops_up(page: Page, key: CallKey) -> None:
    await page.wait_for_url(f"**/desk/calls/{key}*")
    await expect(page.locator("#head")).to_contain_text("正在振铃")


@pytest.mark.browser
async def test_a_whole_shift_by_keyboard(
    house: House,
    served: str,
    page: Page,
    day: Day,
    hands: WrittenHands,
    beating: asyncio.Task[None],
) -> None:
    await sign_in_at_the_desk(page, served)
    assert await accessibility_faults(page) == []

    # a call: ring, pop, words, fields with their evidence
    await day.rings(KEY)
    await pops_up(page, KEY)
    await expect(page.locator("#head")).to_contain_text("139****1234")
    await day.is_answered(KEY)
    await expect(page.locator("#head")).to_contain_text("录音中")
    day.talks(KEY, LIFT)
    await expect(page.locator("#f-places")).to_have_value("八一中路金桥丽景小区六号楼、二单元")
    await expect(page.locator("#f-purpose")).to_have_value("投诉")
    await page.keyboard.press("F2")
    await expect(page.locator("#f-title")).to_be_focused()
    await expect(page.locator("#said mark.active").first).to_be_visible()

    # two fields are corrected, one is accepted; what is said later never touches them
    await page.keyboard.type("金桥丽景6号楼电梯停运一周")
    await page.keyboard.press("Enter")
    await expect(page.locator("#f-purpose")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-name="purpose"]')).to_have_attribute("data-origin", "accepted")
    for _ in range(4):
        await page.keyboard.press("Tab")
    await expect(page.locator("#f-party")).to_be_focused()
    await page.keyboard.type("宏远物业")
    await page.keyboard.press("Enter")
    day.says(KEY, 4, Leg.CALLER, "物业公司叫顺达物业说维修基金没批下来")
    await expect(page.locator("#said")).to_contain_text("维修基金")
    await expect(page.locator("#f-demand")).not_to_have_value("")
    await expect(page.locator("#f-title")).to_have_value("金桥丽景6号楼电梯停运一周")
    await expect(page.locator("#f-party")).to_have_value("宏远物业")
    await expect(page.locator("#numbers")).to_contain_text("09798410001")
    await expect(page.locator("#kept")).to_have_text("已自动保存")
    assert await accessibility_faults(page) == []
    scrolled = "document.querySelector('.cells').scrollHeight - document.querySelector('.cells').clientHeight"
    assert await page.evaluate(scrolled) <= 2, "the sheet does not fit the smallest screen"
    await expect(page.locator("#save")).to_be_in_viewport()

    # hung up: one key
    await day.hangs_up(KEY)
    await expect(page.locator("#head")).to_contain_text("已接通")
    await page.keyboard.press("F9")
    await page.wait_for_url("**/desk?done=dispatched*")
    await expect(page.locator(".banner.good")).to_contain_text("已派单")
    async with house.database.unit_of_work() as uow:
        (first,) = await uow.desk_tickets.find(TicketFilter(call=str(KEY)))
        counts = await uow.draft_ledger.counts(rules_version(), drafted_fields(), after={}, window=200)
    assert first.main_unit == "市住房和城乡建设局"
    verdicts = {it.field: set(it.verdicts) for it in counts}
    assert verdicts["purpose"] == {Verdict.KEPT}
    assert verdicts["title"] <= {Verdict.CHANGED, Verdict.MENDED}

    # somebody else about the same lift: merged
    repeat = key_of(1)
    await day.rings(repeat, "13800000001")
    await pops_up(page, repeat)
    await day.is_answered(repeat)
    day.talks(repeat, AGAIN)
    await expect(page.locator("#similar")).to_contain_text("金桥丽景6号楼电梯停运一周")
    await day.hangs_up(repeat)
    await page.keyboard.press("Alt+b")
    await expect(page.locator("#merging .merge").first).to_be_focused()
    assert await accessibility_faults(page) == []
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/desk?done=merged*")
    async with house.database.unit_of_work() as uow:
        (joined,) = await uow.desk_tickets.find(TicketFilter(call=str(repeat)))
        assert [it.other for it in await uow.desk_tickets.links(joined.number)] == [first.number]

    # a question that the knowledge base answers; the caller hides the number
    asked = key_of(2)
    await day.rings(asked, None)
    await pops_up(page, asked)
    await expect(page.locator("#caller")).to_contain_text("号码未显示")
    await day.is_answered(asked)
    day.talks(asked, FUND_ASKED)
    await expect(page.locator("#answers")).to_contain_text("住房公积金怎么提取")
    await page.keyboard.press("Alt+z")
    await expect(page.locator("#f-answer")).to_have_value(FUND.answer)
    await expect(page.locator("#save-text")).to_have_text("在线答复办结")
    for name in ("purpose", "title", "content"):  # what is saved is what stands on the page by now
        await expect(page.locator(f"#f-{name}")).not_to_have_value("")
    await day.hangs_up(asked)
    await expect(page.locator("#head .hands")).to_have_count(0)
    await page.keyboard.press("F9")
    await page.wait_for_url("**/desk?done=answered*")
    async with house.database.unit_of_work() as uow:
        (answered,) = await uow.desk_tickets.find(TicketFilter(call=str(asked)))
        entry = await uow.knowledge.of_question(FUND.question)
    assert answered.closed_at
    assert entry
    assert entry.used == 1

    # an emergency: one key, the agent stays
    fire = key_of(3)
    await day.rings(fire)
    await pops_up(page, fire)
    await day.is_answered(fire)
    day.talks(fire, FIRE)
    await expect(page.locator("#f-emergency")).to_be_checked()
    await expect(page.locator("#head .sos")).to_be_visible()
    await page.keyboard.press("Alt+7")
    await expect(page.locator("#head")).to_contain_text("三方通话中")
    assert hands.done == [("three_way", Target(TargetKind.EMERGENCY, "fire"))]
    await expect(page.locator('[data-name="emergency"]')).to_have_attribute("data-origin", "typed")
    assert await accessibility_faults(page) == []


@pytest.mark.browser
async def test_two_pages_a_cut_line_and_a_recording(
    house: House, served: str, page: Page, day: Day, beating: asyncio.Task[None]
) -> None:
    await day.rings(KEY)
    await day.is_answered(KEY)
    await typed_in(page, f"{served}/desk", LOGIN, PASSWORD)
    await page.wait_for_url("**/desk/calls/**")
    other = await page.context.new_page()
    await other.goto(page.url)
    day.talks(KEY, LIFT)
    await expect(other.locator("#f-places")).not_to_have_value("")

    # what one page types the other one shows
    await page.locator("#f-title").fill("电梯停运")
    await expect(other.locator("#f-title")).to_have_value("电梯停运")

    # one page is cut off: it says so, keeps the text, and survives being loaded again
    async def cut(route: Route) -> None:
        await route.abort()

    await other.route("**/field", cut)
    await other.locator("#f-title").fill("六号楼电梯停运")
    await expect(other.locator("#kept")).to_contain_text("连接中断")
    await page.locator("#f-title").fill("二单元电梯停运")
    await expect(page.locator("#kept")).to_have_text("已自动保存")
    await other.reload()
    await expect(other.locator("#f-title")).to_have_value("六号楼电梯停运")
    await other.unroute("**/field")
    clash = other.locator('[data-name="title"] .clash')
    await expect(clash).to_contain_text("二单元电梯停运")
    await clash.get_by_text("用我的").press("Enter")
    await expect(page.locator("#f-title")).to_have_value("六号楼电梯停运")
    await other.close()

    # the call is over: a word leads to its moment in the recording
    recorded(house, seconds_=30)
    await day.hangs_up(KEY)
    await expect(page.locator("#head .hands")).to_have_count(0)
    await page.reload()
    bubble = page.locator(".bubble.caller").last
    await expect(bubble).to_have_attribute("data-times", "0:21.00")
    async with page.expect_response("**/recording") as answer:
        await bubble.press("Enter")
    assert (await answer.value).status == 206
    assert await page.locator("#player").evaluate("player => player.currentTime") > 20
    async with house.database.unit_of_work() as uow:
        heard = [it for it in await uow.audit.list(subject=str(KEY)) if it.action == "recording-heard"]
    assert len(heard) == 1


async def test_silent_prank_and_abusive_calls_are_warned_then_ended(
    house: House, agent: httpx.AsyncClient, day: Day, hands: WrittenHands
) -> None:
    await day.rings(KEY)
    await day.is_answered(KEY)
    shown = await agent.get(f"/desk/calls/{KEY}")
    token = {"csrf": csrf_of(shown)}
    mark = f"/desk/calls/{KEY}/mark"
    warned = (await agent.post(mark, data={**token, "kind": "abusive"})).json()
    assert warned["step"] == "warned"
    assert "文明用语" in (await agent.get(f"/desk/calls/{KEY}")).text
    ended = (await agent.post(mark, data={**token, "kind": "abusive"})).json()
    assert ended["step"] == "ended"
    assert hands.done == [("close", CloseKind.ABUSIVE)]
    async with house.database.unit_of_work() as uow:
        sheet = await uow.sheets.get(str(KEY), 1)
        found = await uow.sheets.mark_of(str(KEY))
    assert sheet
    assert sheet.state is SheetState.DROPPED
    assert found
    assert found.ended_at


async def test_keys_on_the_call_and_what_is_refused(
    house: House, agent: httpx.AsyncClient, day: Day, hands: WrittenHands
) -> None:
    await day.rings(KEY)
    await day.is_answered(KEY)
    token = {"csrf": csrf_of(await agent.get(f"/desk/calls/{KEY}"))}
    async with house.database.unit_of_work() as uow:
        (number,) = await uow.phones.all()
        gone = await uow.phones.put(PhoneText("市房管局", "8410003", closed=True), "li")

    async def press(do: str, **more: object) -> httpx.Response:
        return await agent.post(f"/desk/calls/{KEY}/control", data={**token, "do": do, **more})

    assert (await press("pause")).status_code == 200
    assert "录音和转写已暂停" in (await agent.get(f"/desk/calls/{KEY}")).text
    assert (await press("pause")).status_code == 200
    unit = Target(TargetKind.UNIT, "市住房和城乡建设局", "09798410001")
    assert (await press("transfer", entry=number.id)).status_code == 200
    assert (await press("transfer")).status_code == 200
    assert hands.done == [
        ("pause_recording", None),
        ("resume_recording", None),
        ("consult", unit),
        ("hand_over", None),
    ]
    closed = await press("three_way", entry=gone)
    assert closed.status_code == 409
    assert "电话簿" in closed.json()["text"]
    assert (await press("three_way", service="navy")).status_code == 409
    assert (await press("fly")).status_code == 422


async def test_what_cannot_be_saved_says_why_and_loses_nothing(
    house: House, agent: httpx.AsyncClient, day: Day
) -> None:
    await day.rings(KEY, None)
    await day.is_answered(KEY)
    await day.hangs_up(KEY)
    address = f"/desk/calls/{KEY}"
    token = {"csrf": csrf_of(await agent.get(address))}
    json_ = {"accept": "application/json"}
    full = {"title": "路灯不亮", "purpose": "求助", "appeal": "城乡建设", "content": "昆仑路路灯不亮。"}
    lacking = await agent.post(f"{address}/1/save", data=token | full, headers=json_)
    assert (lacking.status_code, lacking.json()["missing"]) == (422, ["unit"])
    wrong = await agent.post(f"{address}/1/save", data=token | full | {"unit": "市路灯局"}, headers=json_)
    assert wrong.status_code == 409
    assert "没有“市路灯局”这个单位" in wrong.json()["text"]
    async with house.database.unit_of_work() as uow:
        assert await uow.desk_tickets.find(TicketFilter(call=str(KEY))) == []
        sheet = await uow.sheets.get(str(KEY), 1)
        assert sheet
        assert sheet.state is SheetState.OPEN
    # a form of a page without scripts; then the same form again
    good = token | full | {"unit": "市城市管理局"}
    assert (await agent.post(f"{address}/1/save", data=good)).headers["location"].startswith("/desk?done=dis")
    again = await agent.post(f"{address}/1/save", data=good)
    assert again.status_code == 423
    assert "已经办完" in again.text
    # another matter of the same call has a sheet of its own
    second = await agent.get(f"{address}?matter=2")
    assert "第二件" in second.text
    assert (await agent.get(f"{address}?matter=9")).status_code == 404
    answer = full | {"do": "answer", "purpose": "咨询"}
    empty = await agent.post(f"{address}/2/save", data=token | answer, headers=json_)
    assert (empty.status_code, empty.json()["missing"]) == (422, ["answer"])
    said = token | answer | {"answer": "已告知办理时间。"}
    assert (await agent.post(f"{address}/2/save", data=said)).status_code == 303


async def test_a_recording_is_served_by_ranges_and_its_hearing_is_on_record(
    house: House, agent: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    await stored(house.database, answered_call())
    address = f"/calls/{KEY}/recording"
    assert (await agent.get(address)).status_code == 404
    recorded(house, seconds_=1)
    for _ in range(2):
        piece = await agent.get(address, headers={"Range": "bytes=100-199"})
        assert (piece.status_code, len(piece.content)) == (206, 100)
    async with house.database.unit_of_work() as uow:
        assert [it.action for it in await uow.audit.list(subject=str(KEY))] == ["recording-heard"]
        await uow.users.add("auditor", auth.hash_password("a-third-long-password"), "auditor")
    await signed_in(visitor, "auditor", "a-third-long-password")
    assert (await visitor.get(address)).status_code == 403
