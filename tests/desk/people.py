"""Calls, words and people that the tests of the desk share."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from config.settings import Settings
from facts.call import AgentLeg, AgentRing, Call, CallState, EndedBy, Outcome, QueueLeg
from facts.identity import CallKey
from facts.transcript import Gap, Leg, LiveText, Transcript, Turn, Word
from ticketing_bridge.journeys.callbacks import midnight
from ticketing_bridge.store import Database
from ticketing_bridge.tickets.limits import LOCAL

LOGIN, PASSWORD = "wang", "a-long-test-password"
NUMBER = "13909791234"
SPOKEN = "幺三九零九七九幺二三四"
KEY = CallKey("city", "city-1763683200.7")


def key_of(number: int) -> CallKey:
    """Another call's key."""
    return CallKey(KEY.pbx_id, f"{KEY.uniqueid}{number}")


@dataclass(frozen=True, slots=True)
class House:
    """The application under test and what it stands on."""

    app: FastAPI
    settings: Settings
    database: Database


def browser_of(app: FastAPI) -> httpx.AsyncClient:
    """A browser on this machine; requests go to the application in this process."""
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def signed_in(
    client: httpx.AsyncClient, login: str = LOGIN, password: str = PASSWORD
) -> httpx.Response:
    """Sign in through the form, as a browser does."""
    form = await client.get("/login")
    return await client.post("/login", data={"csrf": csrf_of(form), "login": login, "password": password})


def csrf_of(page: httpx.Response) -> str:
    """The token in a page's form."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, "no form in the page"
    return found.group(1)


def seconds(s: float) -> timedelta:
    return timedelta(seconds=s)


def today(ago_s: float) -> datetime:
    """So long ago, but today: the pages show the city's day, and tests are run at its midnight, too."""
    now = datetime.now(LOCAL)
    return max(now - seconds(ago_s), midnight(now)).astimezone(UTC)


def waiting_call(key: CallKey = KEY, at: datetime | None = None) -> Call:
    """A caller in the queue, an agent's telephone ringing."""
    arrived = at or today(20)
    return Call(
        key=key,
        linkedid=key.uniqueid,
        channel="PJSIP/trunk-00000001",
        caller_number=NUMBER,
        did="12345",
        line="main",
        arrived_at=arrived,
        state=CallState.QUEUED,
        notice_at=arrived + seconds(0.2),
        flow_entered_at=arrived + seconds(3),
        flow_left_at=arrived + seconds(5),
        queue_legs=(QueueLeg("main", arrived + seconds(5), position=1),),
        rings=(AgentRing("agent101", "main", arrived + seconds(6)),),
    )


def talking_call(key: CallKey = KEY, at: datetime | None = None) -> Call:
    """The same caller, speaking with the first agent since 8 s after arrival."""
    call = waiting_call(key, at)
    answered = call.arrived_at + seconds(8)
    return replace(
        call,
        state=CallState.TALKING,
        answered_at=answered,
        recording=key.uniqueid,
        queue_legs=(replace(call.queue_legs[0], left_at=answered, ending="answered"),),
        rings=(replace(call.rings[0], ended_at=answered, result="answered"),),
        agent_legs=(AgentLeg("agent101", "PJSIP/agent101-1", "city-1763683206.8", answered),),
    )


def answered_call(key: CallKey = KEY, at: datetime | None = None, talk_s: float = 65) -> Call:
    """The same call, ended by the caller."""
    call = talking_call(key, at or today(talk_s + 9))
    ended = call.agent_legs[0].bridged_at + seconds(talk_s)
    return replace(
        call,
        state=CallState.ENDED,
        ended_at=ended,
        ended_by=EndedBy.CALLER,
        outcome=Outcome.ANSWERED,
        agent_legs=(replace(call.agent_legs[0], left_at=ended),),
    )


def missed_call(key: CallKey, outcome: Outcome = Outcome.ABANDONED_QUEUE) -> Call:
    """A caller who did not reach anybody."""
    call = waiting_call(key)
    return replace(
        call, state=CallState.ENDED, ended_at=call.arrived_at + seconds(12), outcome=outcome, rings=()
    )


def said(
    text: str, leg: Leg = Leg.CALLER, segment: int = 0, *, final: bool = True, at: float = 9.0
) -> LiveText:
    """One live text of the call."""
    return LiveText(str(KEY), leg, segment, final, text, at, at + 2, stream=f"{leg}-1")


TURNS = (
    Turn(Leg.AGENT, "您好请讲", 8.5, 9.5, (Word("您好", 8.5, 9, 0.9), Word("请讲", 9, 9.5, 0.9))),
    Turn(
        Leg.CALLER,
        f"昆仑路桥头路灯不亮我的电话{SPOKEN}",
        10.0,
        16.0,
        (Word("昆仑", 10, 10.5, 0.9), Word("路桥头", 10.5, 11, 0.3), Word("路灯", 11, 11.5, 0.95)),
    ),
)
TRANSCRIPT = Transcript(TURNS, "demo-zh")
RECORD = Transcript(TURNS, "demo-zh", (Gap(Leg.CALLER, 12.0, 13.0, "lost"),))


def field(value: object, confidence: float = 0.8, span: tuple[int, int, int] | None = None) -> dict[str, Any]:
    """A field of a draft as it is stored."""
    spans = [dict(zip(("turn", "start", "end"), span, strict=True))] if span else []
    return {"value": value, "confidence": confidence, "reason": "because", "spans": spans, "candidates": []}


DRAFT: dict[str, Any] = {
    "rules": "1",
    "title": field(f"昆仑路桥头路灯不亮，电话{NUMBER}", 0.7, (1, 0, 9)),
    "purpose": field("投诉", 0.9, (1, 7, 9)),
    "places": [field("昆仑路桥头", 0.85, (1, 0, 5))],
    "when": field({"text": "昨晚", "start": "2026-11-20", "end": None}),
    "party": field(None),
    "unit": {**field(None, 0.3), "candidates": ["市住建局", "市城管局"]},
    "callback_phone": field(NUMBER, 0.95, (1, 14, 25)),
    "confidential": field(False),
    "emergency": field(True),
    "content": field(f"路灯不亮，电话{SPOKEN}。"),
    "suggestions": {"places": [field("昆仑路大桥头")]},
}


async def stored(database: Database, *calls: Call, with_words: bool = False) -> None:
    """Put calls into the ledger and tell it, as the telephony role does."""
    async with database.unit_of_work() as uow:
        await uow.calls.upsert(calls)
        for call in calls:
            if with_words:
                await uow.transcripts.put(call.key, "live", TRANSCRIPT)
                await uow.drafts.put(call.key, 1, "live", DRAFT)
            await uow.notify("hotline_call", str(call.key))
