"""Pages of call-backs, follow-ups and the notice of the hour: who sees what, and what is on record."""

from __future__ import annotations

import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import httpx
import pytest

from config.catalogue import load_catalogue
from facts.call import JourneyStep, Outcome
from facts.transcript import Transcript
from tests.desk.people import (
    KEY,
    PASSWORD,
    TRANSCRIPT,
    House,
    answered_call,
    csrf_of,
    missed_call,
    signed_in,
    stored,
)
from tests.journeys.people import CITIZEN, HOTLINE, OTHER, a_ticket, new_callback
from tests.tickets.city import AGENT, LIFT
from ticketing_bridge.desk.auth import hash_password
from ticketing_bridge.desk.follow_up_page import RateView
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.journeys.follow_ups import make_tasks
from ticketing_bridge.store.journey_records import CallbackKind, CallbackState
from ticketing_bridge.tickets import Caller, TicketService
from ticketing_bridge.words import CallWords

NOTICE = "城东停水，请稍候"


@pytest.fixture
async def leader(house: House, visitor: httpx.AsyncClient) -> httpx.AsyncClient:
    async with house.database.unit_of_work() as uow:
        await uow.users.add("li", hash_password(PASSWORD), "shift_leader")
    await signed_in(visitor, "li")
    return visitor


def until(later: timedelta) -> str:
    return f"{datetime.now(LOCAL) + later:%Y-%m-%dT%H:%M}"


async def test_a_leader_hears_and_switches_a_notice(house: House, leader: httpx.AsyncClient) -> None:
    form = {"csrf": csrf_of(await leader.get("/notice")), "text": NOTICE, "until": until(timedelta(hours=1))}
    heard = await leader.post("/notice", data={**form, "do": "preview"})
    assert heard.status_code == 200
    assert "可以发布" in heard.text
    sound = await leader.get("/notice/preview.wav", params={"text": NOTICE})
    assert "media-src 'self'" in heard.headers["content-security-policy"]
    with wave.open(BytesIO(sound.content)) as played:
        assert 1 < played.getnframes() / played.getframerate() < 5
    assert (await leader.get("/notice/preview.wav", params={"text": "长" * 100})).status_code == 422
    assert "现在没有通知" in (await leader.get("/notice")).text, "hearing it is not switching it on"

    assert (
        await leader.post("/notice", data={**form, "lines": ["main"], "do": "publish"})
    ).status_code == 303
    shown = (await leader.get("/notice")).text
    assert NOTICE in shown
    assert "主线，到" in shown
    async with house.database.unit_of_work() as uow:
        (on,) = await uow.notices.current()
        assert [it.action for it in await uow.audit.list(subject=str(on.id))] == ["hour-notice-on"]
    await leader.post(f"/notice/{on.id}/off", data={"csrf": form["csrf"]})
    async with house.database.unit_of_work() as uow:
        assert await uow.notices.current() == []


@pytest.mark.parametrize(
    "wrong",
    [{"text": "城东停水，" * 8}, {"text": ""}, {"until": until(-timedelta(hours=1))}, {"until": "soon"},
     {"until": until(timedelta(days=3))}, {"lines": "nowhere"}, {"csrf": "no"}],
)  # fmt: skip
async def test_a_notice_that_cannot_be_is_not_published(
    house: House, leader: httpx.AsyncClient, wrong: dict[str, str]
) -> None:
    form = {"csrf": csrf_of(await leader.get("/notice")), "text": NOTICE, "until": until(timedelta(hours=1))}
    answer = await leader.post("/notice", data={**form, "do": "publish", **wrong})
    assert answer.status_code in (403, 422)
    async with house.database.unit_of_work() as uow:
        assert await uow.notices.current() == []


async def test_an_agent_sees_notices_and_switches_none(house: House, agent: httpx.AsyncClient) -> None:
    page = await agent.get("/notice")
    assert "值班长可以在这里发布通知" in page.text
    form = {"csrf": csrf_of(page), "text": NOTICE, "until": until(timedelta(hours=1)), "do": "publish"}
    for address in ("/notice", "/notice/1/off"):
        assert (await agent.post(address, data=form)).status_code == 403


async def test_callbacks_are_listed_masked_and_seen_to_by_people(
    house: House, agent: httpx.AsyncClient
) -> None:
    async with house.database.unit_of_work() as uow:
        report = await uow.callbacks.add(new_callback(state=CallbackState.BY_PERSON, reason="report"))
        waits = await uow.callbacks.add(
            new_callback(number=OTHER, kind=CallbackKind.QUEUE, due_at=datetime.now(UTC) + timedelta(hours=1))
        )
    assert report
    assert waits
    shown = await agent.get("/callbacks")
    for words in ("待人工回拨", "涉及举报或要求保密，只能由人回拨", "未到时间", "139****0001", "139****0002"):
        assert words in shown.text
    assert CITIZEN not in shown.text

    page = await agent.get(f"/callbacks/{report.id}")
    form = {"csrf": csrf_of(page)}
    refused = await agent.post(f"/callbacks/{report.id}/number", data={**form, "reason": " "})
    assert refused.status_code == 422
    assert CITIZEN not in refused.text
    revealed = await agent.post(f"/callbacks/{report.id}/number", data={**form, "reason": "回拨市民"})
    assert CITIZEN in revealed.text
    await agent.post(f"/callbacks/{report.id}/done", data=form)
    async with house.database.unit_of_work() as uow:
        done = await uow.callbacks.get(report.id)
        audit = await uow.audit.list(subject=f"callback:{report.id}")
    assert done
    assert (done.state, done.done_by) == (CallbackState.SEEN_TO, "wang")
    assert [(it.action, it.reason) for it in audit] == [
        ("callback-seen-to", None), ("number-shown", "回拨市民"),
    ]  # fmt: skip
    assert (await agent.get("/callbacks/999")).status_code == 404
    assert (await agent.post("/callbacks/999/done", data=form)).status_code == 404


async def test_people_follow_up_confidential_tickets(house: House, agent: httpx.AsyncClient) -> None:
    now = datetime.now(LOCAL)
    async with house.database.unit_of_work() as uow:
        await uow.tickets.upsert(
            [a_ticket(confidential=True, matter="某人受贿", closed_at=now, updated_at=now)]
        )
        await uow.tickets.put_contacts([("GEM20260001", CITIZEN)])
        await make_tasks(uow, HOTLINE, "city", now - timedelta(days=1), None, 10, now)
        (task,) = await uow.follow_ups.newest()
    shown = await agent.get("/followup")
    assert "待人工回访" in shown.text
    assert "某人受贿" not in shown.text
    page = await agent.get(f"/followup/{task.id}")
    form = {"csrf": csrf_of(page), "回访结果": "完成", "是否解决": "已解决", "是否满意": ""}
    assert (
        await agent.post(f"/followup/{task.id}/result", data={**form, "是否满意": "x"})
    ).status_code == 422
    assert (await agent.post(f"/followup/{task.id}/result", data=form)).status_code == 303
    after = (await agent.get("/followup")).text
    assert "完成，已解决" in after
    assert "待人工回访" not in after
    asked = {"csrf": form["csrf"], "reason": "回访"}
    assert (await agent.post(f"/followup/{task.id}/number", data=asked)).status_code == 403
    async with house.database.unit_of_work() as uow:
        actions = {it.action for it in await uow.audit.list(subject="GEM20260001")}
    assert actions == {"confidential-viewed", "follow-up-result", "number-refused"}


async def test_a_call_shows_what_it_left_behind(house: House, agent: httpx.AsyncClient) -> None:
    call = replace(
        answered_call(),
        survey_score=4,
        answers=(("保密要求", "要求保密"),),
        steps=(JourneyStep(answered_call().arrived_at, "main", "greet", "1"),),
    )
    await stored(house.database, call)
    async with house.database.unit_of_work() as uow:
        await uow.callbacks.add(new_callback(call=str(call.key)))
    shown = (await agent.get(f"/calls/{call.key}")).text
    for words in ("要求保密", "4 分，满意", "待回拨", "main · greet 按 1"):
        assert words in shown
    scores = (await agent.get("/followup")).text
    assert "100.00% <small>1÷1</small>" in scores


async def test_a_message_becomes_words_and_a_draft(
    house: House, agent: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recogniser has tests of its own; here its words are given."""
    call = replace(
        missed_call(KEY, Outcome.VOICEMAIL),
        voicemail="city-1.7-voicemail",
        voicemail_ms=5000,
        answers=(("保密要求", "匿名"),),
    )
    await stored(house.database, call)

    async def heard(*_: object) -> tuple[Transcript, str]:
        return TRANSCRIPT, "digest"

    lamps = replace(
        LIFT,
        texts=replace(LIFT.texts, title="昆仑路路灯不亮"),
        caller=Caller(None, call.caller_number, None),
    )
    service = TicketService(house.app.state.desk.office)
    async with house.database.unit_of_work() as uow:
        before = call.arrived_at - timedelta(days=1)
        known = await service.create(uow, AGENT, lamps, before)
        secret = await service.create(uow, AGENT, replace(lamps, purpose="举报"), before)
        await service.create(uow, AGENT, lamps, call.arrived_at + timedelta(minutes=1))
    monkeypatch.setattr("ticketing_bridge.words.hear_message", heard)
    words = CallWords(house.settings, HOTLINE, load_catalogue(), house.database)
    await words.voicemail(call.key)
    async with house.database.unit_of_work() as uow:
        draft = await uow.drafts.latest(call.key)
    assert draft
    assert draft.content["confidential"]["value"] is True, "asked for by key"
    assert draft.content["repeat_of"]["value"] == known.number, "their own open one about the same matter"
    assert secret.number not in str(draft.content)
    assert draft.content["answers"] == [["保密要求", "匿名"]]
    shown = (await agent.get(f"/calls/{call.key}")).text
    assert "语音留言" in shown
    assert "留言</dt><dd>0:05" in shown
    assert "路灯" in shown


def test_percentages_are_of_unrounded_numbers() -> None:
    assert RateView("x", 1760, 18940).percent == "9.29%"
    assert RateView("x", 1, 8).percent == "12.50%"
    assert RateView("x", 0, 0).percent == "—"
