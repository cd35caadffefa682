"""Looking for what was said, and taking it away: what people get, and what is on record of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from facts.identity import CallKey
from facts.transcript import Transcript
from tests.desk.people import (
    DRAFT,
    KEY,
    LOGIN,
    NUMBER,
    RECORD,
    SPOKEN,
    TRANSCRIPT,
    House,
    answered_call,
    field,
    stored,
)
from ticketing_bridge.transcripts.search import index_missing, make_findable, search_words


async def heard(house: House, key: CallKey = KEY, at: datetime | None = None) -> None:
    """An answered call with a transcript of record that can be found."""
    call = answered_call(key, at)
    await stored(house.database, call)
    async with house.database.unit_of_work() as uow:
        await uow.transcripts.put(key, "live", TRANSCRIPT)
        await uow.transcripts.put(key, "record", RECORD)
        await make_findable(uow, call, "record", search_words(RECORD))


async def test_a_second_opinion_stands_beside_the_draft_and_only_where_there_is_one(
    agent: httpx.AsyncClient, house: House
) -> None:
    await stored(house.database, answered_call(), with_words=True)
    assert "大模型" not in (await agent.get(f"/calls/{KEY}")).text
    opinions = {"purpose": field("投诉", 0.5), "content": field(f"路灯不亮，请回电{NUMBER}", 0.5)}
    async with house.database.unit_of_work() as uow:
        await uow.drafts.put(KEY, 2, "live", {**DRAFT, "opinions": opinions})
    shown = (await agent.get(f"/calls/{KEY}")).text.split("大模型的建议")[1]
    assert "须人工核实" in shown
    assert "与草稿一致" in shown
    assert "请回电139****1234" in shown
    assert NUMBER not in shown


async def test_a_search_shows_the_call_the_words_and_the_moment_and_is_on_record(
    agent: httpx.AsyncClient, house: House
) -> None:
    await heard(house)
    page = await agent.get("/search", params={"q": "路灯 昆仑路", "leg": "caller"})
    assert page.status_code == 200
    assert "<mark>昆仑路</mark>" in page.text
    assert f'href="/calls/{KEY}#record-1"' in page.text
    assert "139****1234" in page.text
    assert NUMBER not in page.text
    assert SPOKEN not in page.text
    call = await agent.get(f"/calls/{KEY}")
    assert 'id="record-1"' in call.text
    async with house.database.unit_of_work() as uow:
        (viewed, entry, _) = await uow.audit.list()
    assert viewed.action == "call-viewed"
    assert (entry.actor, entry.action, entry.fields, entry.reason) == (
        LOGIN,
        "transcripts-searched",
        ("leg=caller",),
        "路灯 昆仑路",
    )


@pytest.mark.parametrize("typed", [NUMBER, SPOKEN, "0979"])
async def test_a_number_is_found_in_both_forms_and_shown_in_none(
    agent: httpx.AsyncClient, house: House, typed: str
) -> None:
    await heard(house)
    page = await agent.get("/search", params={"q": typed})
    assert f"/calls/{KEY}#record-1" in page.text
    assert page.text.count(typed) == 1, "only in the field where it was typed"
    async with house.database.unit_of_work() as uow:
        (entry, _) = await uow.audit.list()
    assert entry.reason
    assert NUMBER not in entry.reason


async def test_nothing_found_and_wrong_questions_are_told(agent: httpx.AsyncClient, house: House) -> None:
    await heard(house)
    assert "没有电话说到这些内容" in (await agent.get("/search", params={"q": "没有人说过"})).text
    for wrong in ({"q": "，。"}, {"q": "路灯", "from": "昨天"}, {"q": "路灯", "leg": "nobody"}):
        page = await agent.get("/search", params=wrong)
        assert page.status_code == 422
        assert 'role="alert"' in page.text
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert "<mark>" not in (await agent.get("/search", params={"q": "路灯", "from": tomorrow})).text
    assert "<mark>" not in (await agent.get("/search", params={"q": "路灯", "line": "business"})).text


async def test_older_calls_are_a_page_further(agent: httpx.AsyncClient, house: House) -> None:
    for number in range(22):
        at = datetime.now(UTC) - timedelta(hours=number + 1)
        await heard(house, CallKey("city", f"city-1.{number}"), at)
    first = (await agent.get("/search", params={"q": "路灯"})).text
    keys = set(re.findall(r"/calls/city:city-1\.(\d+)#", first))
    older = re.search(r'href="(/search\?[^"]+before=[^"]+)"', first)
    assert older
    second = (await agent.get(older[1].replace("&amp;", "&"))).text
    rest = set(re.findall(r"/calls/city:city-1\.(\d+)#", second))
    assert keys | rest == {str(number) for number in range(22)}
    assert not keys & rest


async def test_nobody_searches_or_downloads_without_signing_in(
    visitor: httpx.AsyncClient, house: House
) -> None:
    await heard(house)
    for path in ("/search?q=路灯", f"/calls/{KEY}/transcript.srt"):
        answer = await visitor.get(path)
        assert answer.status_code == 303
        assert "路灯" not in answer.text


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("text", "text/plain", "[00:00:08.500] 话务员：您好"),
        ("srt", "application/x-subrip", "1\n00:00:08,500 --> "),
        ("vtt", "text/vtt", "WEBVTT\n"),
        ("json", "application/json", "{"),
    ],
)
async def test_a_transcript_is_taken_away_masked_and_on_record(
    agent: httpx.AsyncClient, house: House, form: str, kind: str, begins: str
) -> None:
    await heard(house)
    page = await agent.get(f"/calls/{KEY}")
    assert f"/calls/{KEY}/transcript.{form}?kind=record&amp;model=demo-zh" in page.text
    taken = await agent.get(f"/calls/{KEY}/transcript.{form}")
    assert taken.status_code == 200
    assert taken.headers["content-type"].startswith(kind)
    assert "attachment" in taken.headers["content-disposition"]
    assert taken.text.startswith(begins)
    assert "市民" in taken.text or form == "json"
    assert "139****1234" in taken.text
    assert NUMBER not in taken.text
    assert SPOKEN not in taken.text
    async with house.database.unit_of_work() as uow:
        entries = await uow.audit.list(subject=str(KEY))
    assert [(it.action, it.fields) for it in entries if it.action != "call-viewed"] == [
        ("transcript-exported", (f"form={form}", "kind=record", "model=demo-zh"))
    ]


async def test_every_version_can_be_had_and_none_other(agent: httpx.AsyncClient, house: House) -> None:
    await heard(house)
    async with house.database.unit_of_work() as uow:
        await uow.transcripts.put(KEY, "record", Transcript(RECORD.turns[:1], "large@2"))
    path = f"/calls/{KEY}/transcript.text"
    assert "路灯" not in (await agent.get(path)).text
    assert "路灯" in (await agent.get(path, params={"model": "demo-zh"})).text
    assert "路灯" in (await agent.get(path, params={"kind": "live"})).text
    assert (await agent.get(path, params={"model": "none"})).status_code == 404
    assert (await agent.get(f"/calls/{KEY}/transcript.exe")).status_code == 422


async def test_calls_from_before_the_search_become_findable(house: House) -> None:
    await stored(house.database, answered_call(), with_words=True)
    assert await index_missing(house.database, (await house.app.state.desk.city()).names.kept) == 1
    assert await index_missing(house.database, (await house.app.state.desk.city()).names.kept) == 0
