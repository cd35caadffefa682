"""Who waits is told again, in the queue's own order; an agent who answers ends it. And what is said."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from config.hotline import Hotline
from facts.prompts import prompt_name
from telephony.ami.actions import Action, ActionResult
from telephony.ami.events import (
    AgentCalled,
    AgentConnected,
    LinkLost,
    QueueJoined,
    QueueLeft,
    SnapshotQueueEntry,
)
from tests.journeys.conftest import until
from tests.journeys.people import HOTLINE, a_queue
from ticketing_bridge.journeys import waiting
from ticketing_bridge.journeys.waiting import WaitingLists, WaitingTeller

AT = datetime(2026, 11, 20, tzinfo=UTC)


def joined(uniqueid: str, position: int, channel: str = "PJSIP/hotline-trunk-1") -> QueueJoined:
    return QueueJoined(
        at=AT, pbx_id="city", uniqueid=uniqueid, linkedid=uniqueid, channel=channel, queue="main",
        position=position, count=position,
    )  # fmt: skip


def left(uniqueid: str) -> QueueLeft:
    return QueueLeft(
        at=AT,
        pbx_id="city",
        uniqueid=uniqueid,
        linkedid=uniqueid,
        channel="",
        queue="main",
        position=1,
        count=0,
    )


def with_agent(kind: Any, uniqueid: str, **more: Any) -> Any:
    return kind(
        at=AT, pbx_id="city", uniqueid=uniqueid, channel="", queue="main", interface="PJSIP/a",
        member="a", agent_channel="", agent_uniqueid="", **more,
    )  # fmt: skip


def test_places_are_the_queues_own_and_call_backs_stand_among_them() -> None:
    lists = WaitingLists()
    for event in (joined("a", 1), joined("b", 2), joined("first", 1), joined("back", 3, "Local/main@x;2")):
        lists.take(event, 0.0)
    assert lists.due(59.0, 60) == []
    assert lists.due(60.0, 60) == [("first", "main", 0), ("a", "main", 1), ("b", "main", 3)]
    assert lists.due(61.0, 60) == [], "once in a minute"
    assert lists.take(left("first"), 70.0) == "first"
    assert lists.due(120.0, 60) == [("a", "main", 0), ("b", "main", 2)]


def test_who_is_rung_for_is_left_alone_and_who_was_there_before_us_is_not_forgotten() -> None:
    lists = WaitingLists()
    lists.take(joined("a", 1), 0.0)
    lists.take(
        SnapshotQueueEntry(
            at=AT, pbx_id="city", uniqueid="b", channel="PJSIP/t-2", queue="main", position=2, wait_s=50
        ),
        20.0,
    )  # fmt: skip
    lists.take(with_agent(AgentCalled, "a"), 55.0)
    assert lists.due(60.0, 60) == [("b", "main", 1)]
    assert lists.due(71.0, 60) == [("a", "main", 0)]
    assert lists.take(with_agent(AgentConnected, "a", hold_s=1, ring_s=1), 72.0) == "a"
    lists.take(LinkLost(at=AT, pbx_id="city", reason=""), 73.0)
    assert lists.due(500.0, 60) == []


def teller(hotline: Hotline = HOTLINE, pbx: Any = None, **state: Any) -> WaitingTeller:
    return WaitingTeller(hotline, pbx, lambda queue: replace(a_queue(queue, **state), place_s=70.0))


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (0, ["您是下一位，请稍候。"]),
        (1, ["您前面有一位来电。", "预计还要等三分钟左右。"]),
        (3, ["您前面有三位来电。", "预计还要等五分钟左右。"]),
        (40, ["您前面有十位以上来电。"]),
    ],
)
def test_what_is_said(ahead: int, said: list[str]) -> None:
    assert teller(free=0).texts("main", ahead) == said


def test_nothing_is_promised_that_nobody_knows() -> None:
    assert teller(free=0, agents=0).texts("main", 2) == ["您前面有两位来电。"]


@dataclass
class Pbx:
    """What it was asked to do."""

    asked: list[Action] = field(default_factory=list)

    async def action(self, action: Action, timeout_s: float = 5.0) -> ActionResult:
        self.asked.append(action)
        return ActionResult({}, ())


async def test_the_whisper_ends_when_an_agent_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOOK_EVERY_S", 0.02)
    pbx = Pbx()
    again = HOTLINE.again.model_copy(update={"every_s": 0.05})
    async with teller(HOTLINE.model_copy(update={"again": again}), pbx, free=0) as tells:
        tells.take(joined("a", 1))
        await until(lambda: pbx.asked)
        tells.take(with_agent(AgentConnected, "a", hold_s=1, ring_s=1))
        await until(lambda: pbx.asked[-1].name == "Hangup")
    told, ended = pbx.asked[0].fields, pbx.asked[-1].fields
    assert told["Variable"] == [f"HOTLINE_TELL={prompt_name(HOTLINE.again.next_in_line)}"]
    assert str(told["Data"]).startswith("a,")
    assert ended["Channel"] == told["ChannelId"]
