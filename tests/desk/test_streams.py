"""Live words and server-sent events: soon, coalesced, bounded, and honest when cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
import structlog

from config.settings import Settings
from facts.identity import CallKey
from facts.transcript import Leg
from tests.desk.people import (
    DRAFT,
    KEY,
    LOGIN,
    NUMBER,
    RECORD,
    SPOKEN,
    House,
    answered_call,
    said,
    signed_in,
    stored,
    talking_call,
    waiting_call,
)
from tests.tickets.city import LEADER, LIFT
from ticketing_bridge.access import Person, Role
from ticketing_bridge.desk import events
from ticketing_bridge.desk.desk import utc_now
from ticketing_bridge.desk.feed import CALLS_KEPT, WORDS, LiveFeed, merged_finals
from ticketing_bridge.desk.health import keep_beating
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.tickets import TicketService
from ticketing_bridge.tickets.secrecy import TicketSecrecy

log = structlog.get_logger(__name__)


@dataclass
class Stream:
    """What a page has received: (name, data, monotonic time)."""

    events: list[tuple[str, str, float]] = field(default_factory=list)
    ended: bool = False

    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    def last(self, name: str) -> str:
        return next((data for given, data, _ in reversed(self.events) if given == name), "")

    async def until(self, name: str, text: str, timeout_s: float = 30.0) -> float:
        """Wait until an event of this name contains ``text``; when it came."""
        async with asyncio.timeout(timeout_s):
            while True:
                for given, data, at in self.events:
                    if given == name and text in data:
                        return at
                await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(address: str, path: str) -> AsyncIterator[tuple[Stream, httpx.AsyncClient]]:
    """A signed-in browser's stream."""
    heard = Stream()

    async def read(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", path) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            name, data = "", []
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    data.append(line.removeprefix("data: "))
                elif not line and name:
                    heard.events.append((name, "\n".join(data), time.monotonic()))
                    name, data = "", []
        heard.ended = True

    async with httpx.AsyncClient(base_url=address, timeout=20) as client:
        await signed_in(client)
        reading = asyncio.create_task(read(client))
        try:
            await heard.until("health", "")
            yield heard, client
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def connected(feed: LiveFeed, wanted: bool = True) -> None:
    async with asyncio.timeout(30):
        while feed.connected is not wanted:
            await asyncio.sleep(0.01)


async def test_a_call_appears_and_goes_on_the_board(house: House, served: str) -> None:
    async with listening(served, "/events/board") as (heard, _):
        await stored(house.database, waiting_call())
        await heard.until("live", "正在振铃")
        assert NUMBER not in heard.last("live")
        await stored(house.database, answered_call(), with_words=True)
        await heard.until("ended", "已接通")
        await heard.until("ended", "昆仑路桥头路灯不亮")
        await heard.until("rate", "100.00")
        assert "现在没有通话" in heard.last("live")


async def test_a_storm_of_changes_is_sent_at_most_five_times_a_second(house: House, served: str) -> None:
    async with listening(served, "/events/board") as (heard, _):
        began = time.monotonic()
        for number in range(60):
            await stored(house.database, waiting_call(CallKey("city", f"city-1.{number}")))
            await asyncio.sleep(0.015)
        await heard.until("live", "60 个")
        lasted = time.monotonic() - began
        assert heard.names().count("live") <= 5 * lasted + 2


async def test_who_follows_a_call_is_on_record_once(house: House, served: str) -> None:
    await stored(house.database, talking_call())
    path = f"/events/calls/{KEY}"
    async with listening(served, path) as (_, client), client.stream("GET", path) as again:
        assert again.status_code == 200
    async with house.database.unit_of_work() as uow:
        lines = [(it.actor, it.action, it.fields) for it in await uow.audit.list(subject=str(KEY))]
    assert lines == [(LOGIN, "call-followed", ("words", "draft"))]


async def test_words_reach_the_page_at_once(house: House, served: str, broadcast: LiveBroadcast) -> None:
    await stored(house.database, talking_call())
    await connected(house.app.state.desk.feed)
    async with listening(served, f"/events/calls/{KEY}") as (heard, _):
        for number in range(20):  # each before the next is said; how soon is measured by `hotline bench web`
            broadcast.send(said("路灯" * (number + 1), final=False))
            await heard.until("saying", ">" + "路灯" * (number + 1) + "<")
        broadcast.send(said(f"路灯不亮电话{SPOKEN}"))
        broadcast.send(said("好的", Leg.AGENT, 0, final=False, at=12))
        await heard.until("said", "路灯不亮电话")
        await heard.until("saying", "好的")
        assert "路灯" not in heard.last("saying"), "a final closes its partial"
        assert SPOKEN not in str(heard.events)


async def test_a_page_opened_in_mid_call_shows_what_was_said_before(
    house: House, served: str, broadcast: LiveBroadcast
) -> None:
    await stored(house.database, talking_call())
    await connected(house.app.state.desk.feed)
    before = said("昨天就停水了", segment=0)
    async with house.database.unit_of_work() as uow:
        await uow.live.add_segment(before, stream=before.stream)
    broadcast.send(before)
    broadcast.send(said("今天还", segment=1, final=False, at=14))
    async with listening(served, f"/events/calls/{KEY}") as (heard, _):
        await heard.until("saying", "今天还")
        assert heard.last("said").count("昨天就停水了") == 1, "stored and live, shown once"


async def test_draft_and_record_come_to_an_open_page(house: House, served: str) -> None:
    await stored(house.database, talking_call())
    async with listening(served, f"/events/calls/{KEY}") as (heard, _):
        await stored(house.database, answered_call(), with_words=True)
        await heard.until("draft", "草稿，待话务员确认")
        await heard.until("said", "data-fields")
        async with house.database.unit_of_work() as uow:
            await uow.transcripts.put(KEY, "record", RECORD)
        await heard.until("record", "录音转写稿")
        assert "已接通" in heard.last("facts")
        assert DRAFT["places"][0]["value"] in heard.last("draft")


async def test_the_page_is_told_when_the_link_or_the_telephony_role_is_gone(
    house: House, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing_bridge.desk.health.STALE_AFTER_S", 0.5)
    monkeypatch.setattr(events, "HEALTH_S", 0.2)
    monkeypatch.setattr("ticketing_bridge.desk.health.BEAT_EVERY_S", 0.1)
    link = [False]
    async with listening(served, "/events/board") as (heard, _):
        assert "电话服务尚未报告" in heard.last("health")
        telephony = asyncio.create_task(keep_beating(house.database, "city", lambda: link[0]))
        await heard.until("health", "与交换机的连接中断")
        link[0] = True
        async with asyncio.timeout(30):
            while 'class="banner bad"' in heard.last("health"):
                await asyncio.sleep(0.01)
        telephony.cancel()
        await heard.until("health", "电话服务最后一次报告在")


async def test_a_busy_stream_still_says_how_old_its_data_are(
    house: House, served: str, monkeypatch: pytest.MonkeyPatch, broadcast: LiveBroadcast
) -> None:
    monkeypatch.setattr(events, "HEALTH_S", 0.3)
    await stored(house.database, talking_call())
    await connected(house.app.state.desk.feed)
    for path in ("/events/board", f"/events/calls/{KEY}"):
        async with listening(served, path) as (heard, _):
            for number in range(40):
                broadcast.send(said(f"第{number}句", final=False))
                await asyncio.sleep(0.03)
            assert heard.names().count("health") >= 3


async def test_a_quiet_board_sends_only_its_heartbeat(house: House, served: str) -> None:
    await stored(house.database, talking_call())
    async with listening(served, "/events/board") as (heard, _):
        await heard.until("live", "通话中")
        await asyncio.sleep(2.5)
        assert [name for name in heard.names() if name != "health"] == ["live", "ended", "rate"]


async def test_a_stream_ends_with_its_session(
    house: House, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEALTH_S", 0.05)
    async with listening(served, "/events/board") as (heard, _):
        async with house.database.unit_of_work() as uow:
            await uow.users.disable(LOGIN)
        await heard.until("signed-out", "")
        async with asyncio.timeout(30):
            while not heard.ended:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/events/calls/", "/events/desk/calls/"])
async def test_a_stream_ends_when_its_call_becomes_another_s_secret(
    house: House, served: str, path: str
) -> None:
    """Found confidential late: whoever follows the call and must not know the caller sees no further word."""
    await stored(house.database, talking_call())
    service = TicketService(house.app.state.desk.office)
    async with house.database.unit_of_work() as uow:
        await uow.sheets.opened(str(KEY), 1, LOGIN)
        new = replace(LIFT, call=str(KEY))
        ticket = await service.create(uow, Person("zhang", Role.AGENT), new, utc_now())
    async with listening(served, f"{path}{KEY}") as (heard, _):
        await heard.until("health", "")
        async with house.database.unit_of_work() as uow:
            await TicketSecrecy(service).hide(uow, ticket.number, 1, LEADER, utc_now(), "举报人要求保密")
        await heard.until("signed-out", "")
        async with asyncio.timeout(30):
            while not heard.ended:
                await asyncio.sleep(0.01)


async def test_a_page_that_does_not_read_holds_nobody_up(house: House, broadcast: LiveBroadcast) -> None:
    """Drop-to-latest: what waits for a page is one flag a topic, however much was said."""
    feed = LiveFeed(house.settings.live_socket, retry_s=0.05)
    async with feed:
        await connected(feed)
        slow = Mailbox()
        with feed.pages.plugged_in(str(KEY), slow):
            for number in range(3000):
                broadcast.send(said(f"第{number}句", final=False))
            broadcast.send(said("说完了"))
            async with asyncio.timeout(30):
                while not feed.words(str(KEY)).finals:
                    await asyncio.sleep(0.01)
            assert await slow.news(1) == {WORDS}
            assert await slow.news(0.05) == frozenset()
        assert feed.pages.count(str(KEY)) == 0


async def test_the_feed_comes_back_and_drops_what_nobody_will_finish(settings: Settings) -> None:
    feed = LiveFeed(settings.live_socket, retry_s=0.02)
    async with feed:
        async with LiveBroadcast(settings.live_socket) as speech:
            await connected(feed)
            speech.send(said("停水了"))
            speech.send(said("从昨天", segment=1, final=False))
            async with asyncio.timeout(30):
                while not feed.words(str(KEY)).partials:
                    await asyncio.sleep(0.01)
        await connected(feed, wanted=False)
        words = feed.words(str(KEY))
        assert not words.partials
        assert [it.text for it in words.finals.values()] == ["停水了"]
        async with LiveBroadcast(settings.live_socket):
            await connected(feed)


async def test_lines_that_are_no_live_text_do_not_end_the_feed(settings: Settings) -> None:
    from ticketing_bridge.live.wire import to_line

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xff\xfe\n{}\n[1]\nnull\n" + to_line(said("还在")))
        await writer.drain()

    server = await asyncio.start_unix_server(speak, path=str(settings.live_socket))
    async with server, LiveFeed(settings.live_socket) as feed, asyncio.timeout(30):
        while not feed.words(str(KEY)).finals:
            await asyncio.sleep(0.01)


def test_memory_of_calls_is_bounded() -> None:
    from pathlib import Path

    feed = LiveFeed(Path("unused"))
    for number in range(CALLS_KEPT + 50):
        feed.take(replace(said("好"), call=f"city:{number}"))
    assert not feed.words("city:0").finals
    assert feed.words(f"city:{CALLS_KEPT + 49}").finals


def test_a_recogniser_that_begins_again_loses_nothing_said_before() -> None:

    first, second = said("前半句", at=9), replace(said("后半句", at=20), stream="caller-2")
    assert [it.text for it in merged_finals([first], [second, first])] == ["前半句", "后半句"]
