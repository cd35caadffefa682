"""What is asked of a caller: open questions, messages, call-backs, with ears and without."""

from __future__ import annotations

import pytest

from facts.caller_session import (
    JourneyFact,
    Utterance,
)
from facts.identity import CallKey
from ivr_flows import FlowEnding
from ivr_flows.nodes import Ask
from ivr_flows.questions import understood
from ivr_flows.testing import HangUp, Press, ScriptedCaller, ScriptedServices, Speak
from tests.ivr_flows.going import Action, flow_of, go

ASK = """{a: {ask: 什么事, answer: 事项, choices: {水: {words: [水, 停水], key: 1,
 to: q}, 电: {words: 停电, key: 2}},
 unclear: 没听清, silence: 没听到, wrong: 按错了, by_keys: 水请按一电请按二, next: e, otherwise: o},
 q: {queue: water}, e: {queue: power}, o: {queue: other}}"""


@pytest.mark.parametrize(
    ("script", "queue", "value", "heard"),
    [
        ([Speak("我家停水了", 1000)], "water", "水", ["什么事"]),
        ([Speak("停电了", 1000)], "power", "电", ["什么事"]),
        ([Press("2", 1000)], "power", "电", ["什么事"]),
        ([Speak("嗯嗯", 1000), Speak("停电", 3000)], "power", "电", ["什么事", "没听清", "什么事"]),
        ([Speak("停水", 1000, 0.1), Speak("停水", 4000)], "water", "水", ["什么事", "没听清", "什么事"]),
        ([Press("7", 1000), Press("1", 2500)], "water", "水", ["什么事", "按错了", "什么事"]),
        ([], "other", None, ["什么事", "没听到", "什么事"]),
        (
            [Speak("嗯嗯", 1000), Speak("啊啊", 3000), Press("1", 4000)],
            "water",
            "水",
            ["什么事", "没听清", "什么事", "水请按一电请按二"],
        ),
        (
            [Speak("嗯嗯", 1000), Speak("啊啊", 3000), Press("9", 4000)],
            "other",
            None,
            ["什么事", "没听清", "什么事", "水请按一电请按二"],
        ),
    ],
)
async def test_an_open_question(
    script: list[Action], queue: str, value: str | None, heard: list[str]
) -> None:
    journey = await go(ASK, script)
    assert journey.heard == heard
    assert journey.end.queue == queue
    expected = [(JourneyFact.ANSWER, {"Name": "事项", "Value": value})] if value else []
    assert journey.facts == expected == list(journey.end.facts)


async def test_without_ears_the_question_is_asked_by_keys() -> None:
    journey = await go(ASK, [Press("2", 2000)], listens=False)
    assert (journey.end.queue, journey.heard) == ("power", ["什么事", "水请按一电请按二"])
    journey = await go(ASK, [Press("2", 100)], listens=False)
    assert (journey.end.queue, journey.heard) == ("power", ["什么事"])
    journey = await go(ASK, listens=False)
    assert journey.end.queue == "other"


def test_the_longest_word_decides() -> None:
    node = flow_of(
        "{a: {ask: 满意吗, choices: {满意: {words: 满意}, 不满意: {words: 不满意}}}, b: {queue: main}}"
    ).nodes["a"]
    assert isinstance(node, Ask)
    assert understood(node, Utterance("我 很 不 满 意", 0.9)) == "不满意"
    assert understood(node, Utterance("满意", 0.9)) == "满意"
    assert understood(node, Utterance("", 0.9)) is None


CONFIRM = """{a: {ask: 什么事, variable: what, choices: {水: {words: [停水]}, 电: {words: [停电]}},
 confirm: "您说的是{heard}，对吗", retries: 1, next: s, otherwise: o},
 s: {say: "好，{collected.what}。", next: q}, q: {queue: right}, o: {queue: other}}"""


@pytest.mark.parametrize(
    ("script", "queue"),
    [
        ([Speak("停水", 700)], "right"),
        ([Speak("停水", 700), Speak("对", 3500)], "right"),
        ([Speak("停水", 700), Speak("不对", 3500), Speak("停电", 2500)], "right"),
        ([Speak("停水", 700), Press("2", 3000), Speak("停电", 2500), Press("2", 3000)], "other"),
    ],
)
async def test_what_was_understood_is_asked_back(script: list[Action], queue: str) -> None:
    journey = await go(CONFIRM, script)
    assert journey.end.queue == queue
    assert "您说的是水，对吗" in journey.heard
    assert ("好，电。" in journey.heard) == (len(script) == 3)


async def test_a_free_answer_is_kept_as_it_was_said() -> None:
    nodes = """{a: {ask: 哪家企业, free: true, answer: 企业名称, variable: firm, next: s},
 s: {say: "{collected.firm}您好"}}"""
    journey = await go(nodes, [Speak("昆仑商贸公司", 1000)])
    assert journey.facts == [(JourneyFact.ANSWER, {"Name": "企业名称", "Value": "昆仑商贸公司"})]
    assert journey.heard[-1] == "昆仑商贸公司您好"
    journey = await go(nodes, [])
    assert journey.heard == ["哪家企业", "哪家企业"]


RECORD = """{a: {record: 请留言, too_short: 太短了, retries: 1, next: t, otherwise: b}, t: {hang_up: 谢谢},
 b: {hang_up: 再见}}"""


async def test_a_message_of_two_seconds_counts() -> None:
    journey = await go(RECORD, [Speak("我家停水三天了没人管", 2000)])
    assert journey.end.ending is FlowEnding.HUNG_UP
    assert journey.heard == ["请留言", "谢谢"]
    assert journey.facts == [(JourneyFact.VOICEMAIL, {"File": "test-1.1-voicemail.wav", "Ms": "3960"})]
    journey = await go(RECORD, [Speak("喂", 2000)])
    assert journey.heard == ["请留言", "太短了", "请留言", "再见"]
    assert journey.facts == []
    journey = await go(RECORD, [Press("#", 4000)])
    assert journey.heard == ["请留言", "谢谢"]


async def test_who_hangs_up_after_the_message_has_left_it() -> None:
    journey = await go(RECORD, [Speak("我家停水三天了没人管", 2000), HangUp(3000)])
    assert journey.end.ending is FlowEnding.GONE
    assert [fact for fact, _ in journey.end.facts] == [JourneyFact.VOICEMAIL]


OFFER = """{a: {callback_offer: 回电请按一, keys: {2: n}, silence: 没按键, unavailable: 登记不了, next: p,
 refused: r, otherwise: q},
 n: {collect: 请输入号码, variable: number, min_digits: 3, next: c},
 c: {callback_offer: [号码是, "{collected.number}"], number: "{collected.number}", next: p},
 p: {hang_up: 再见}, r: {say: 不能回电, next: q}, q: {queue: "{queue.id}"}}"""


async def test_a_call_back_keeps_the_place_and_ends_the_call() -> None:
    services = ScriptedServices(promises=True)
    journey = await go(OFFER, [Press("1", 500)], services=services, context={"queue.id": "environment"})
    assert (journey.end.ending, journey.heard[-1]) == (FlowEnding.HUNG_UP, "再见")
    assert journey.facts == [(JourneyFact.CALLBACK, {"Status": "confirmed", "Queue": "environment"})]
    asked = ("request_callback", CallKey("test", "test-1.1"), "13900000000", "main", "environment")
    assert asked in services.asked


async def test_a_call_back_to_another_number() -> None:
    services = ScriptedServices(promises=True)
    keys = [Press("2", 500), *(Press(key, 300) for key in "8412345#"), Press("1", 800)]
    journey = await go(OFFER, keys, services=services)
    assert journey.end.ending is FlowEnding.HUNG_UP
    assert services.asked[-1][2] == "8412345"


@pytest.mark.parametrize(("promises", "said"), [(False, "不能回电"), (None, "登记不了")])
async def test_a_call_back_that_is_not_promised_leads_back(promises: bool | None, said: str) -> None:
    journey = await go(OFFER, [Press("1", 500)], services=ScriptedServices(promises=promises))
    assert journey.heard[-1] == said
    assert (journey.end.queue, journey.facts) == ("main", [])


async def test_no_call_back_for_who_hides_the_number_or_says_nothing() -> None:
    journey = await go(OFFER, caller=ScriptedCaller([], caller_number=None))
    assert (journey.heard, journey.end.queue) == ([], "main")
    journey = await go(OFFER)
    assert journey.heard == ["回电请按一", "没按键", "回电请按一"]
    assert journey.end.queue == "main"
