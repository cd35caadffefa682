"""What each kind of node does to a caller, and what happens when the house or the ears are away."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from facts.caller_session import (
    FollowUpTask,
    JourneyFact,
    ProgressAnswer,
    QueueOutlook,
    TicketProgress,
)
from facts.identity import CallKey
from ivr_flows import Flow, FlowEnding, Purpose
from ivr_flows.loader import parse_flow
from ivr_flows.problems import FlowMissing
from ivr_flows.testing import HangUp, Press, ScriptedServices, Speak, walk
from tests.ivr_flows.going import Action, flow_of, go
from tests.ivr_flows.house import TASK

LOOKUP = """{a: {collect: 编号, variable: ticket, max_digits: 4, next: b}, b: {collect: 后四位,
 variable: digits, max_digits: 4, hidden: true, next: l},
 l: {lookup: 正在查询, number_variable: ticket, digits_variable: digits, found: {say: "{lookup.text}",
 next: more},
 unknown: {say: 没有查到, next: q}, locked: {say: 次数太多, next: q}, unavailable: {say: 查不了, next: q}},
 more: {menu: 再查请按一, keys: {1: a}, retries: 0, otherwise: q}, q: {queue: main}}"""
KEYS: list[Action] = [Press(key, 400) for key in "1234#5678#"]


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (TicketProgress(ProgressAnswer.FOUND, "正在办理"), "正在办理"),
        (TicketProgress(ProgressAnswer.UNKNOWN), "没有查到"),
        (TicketProgress(ProgressAnswer.LOCKED), "次数太多"),
        (None, "查不了"),
    ],
)
async def test_a_ticket_is_told(progress: TicketProgress | None, said: str) -> None:
    services = ScriptedServices(progress=progress)
    journey = await go(LOOKUP, KEYS, services=services)
    assert ("ticket_progress", "1234", "5678", "13900000000") in services.asked
    assert said in journey.heard
    found = progress is not None and progress.answer is ProgressAnswer.FOUND
    assert journey.facts == ([(JourneyFact.SELF_SERVICE, {"Kind": "progress"})] if found else [])
    assert journey.variables == {"HOTLINE_TICKET": "1234", "HOTLINE_QUEUE": "main"}
    assert [step.key for step in journey.end.steps[:2]] == ["1234", "****"]


async def test_an_answer_that_was_not_heard_out_is_no_self_service() -> None:
    services = ScriptedServices(progress=TicketProgress(ProgressAnswer.FOUND, "正在办理，请您耐心等待"))
    journey = await go(LOOKUP, [*KEYS, Press("*", 2500)], services=services)
    assert "正在办理，请您耐心等待" in journey.heard
    assert journey.facts == []


async def test_the_sign_that_ends_a_full_number_is_no_answer_to_what_follows() -> None:
    nodes = """{a: {collect: 四位, variable: x, max_digits: 4, next: NEXT},
     s: {say: 收到了, next: q}, m: {menu: 请按一, keys: {1: q}, wrong: 按错了},
     c: {collect: 再输四位, variable: y, min_digits: 4, max_digits: 4, wrong: 太短, next: q},
 q: {queue: main}}"""
    keys: list[Action] = [Press(key, 300) for key in "1234#"]
    journey = await go(nodes.replace("NEXT", "s"), keys)
    assert journey.heard == ["四位", "收到了"]
    assert journey.ms > 1500 + 500
    journey = await go(nodes.replace("NEXT", "m"), [*keys, Press("1", 400)])
    assert journey.heard == ["四位", "请按一", "请按一"]
    assert journey.end.steps[1].key == "1"
    journey = await go(nodes.replace("NEXT", "c"), [*keys, *(Press(key, 300) for key in "5678")])
    assert journey.variables["HOTLINE_Y"] == "5678"
    assert "太短" not in journey.heard


@pytest.mark.parametrize(("key", "score"), [("1", "5"), ("2", "1")])
async def test_one_key_is_a_judgement(key: str, score: str) -> None:
    nodes = "{a: {survey: 满意请按一, scores: {1: 5, 2: 1}, wrong: 按错了, next: b}, b: {hang_up: 谢谢}}"
    journey = await go(nodes, [Press("7", 300), Press(key, 2000)], purpose="after")
    assert journey.facts == [(JourneyFact.SURVEY, {"Score": score})]
    assert journey.heard == ["满意请按一", "按错了", "满意请按一", "谢谢"]
    journey = await go(nodes, [], purpose="after")
    assert (journey.end.ending, journey.facts) == (FlowEnding.HUNG_UP, [])


async def test_opening_hours_are_asked_by_name() -> None:
    flow = flow_of("{a: {hours: office, open: q, closed: c}, q: {queue: desk}, c: {queue: main}}")
    asked = list[str]()
    journey = await walk(flow, [], {}, is_open=lambda name: bool(asked.append(name)) or True)
    assert (asked, journey.end.queue) == (["office"], "desk")
    assert (await walk(flow, [], {})).end.queue == "main"


async def test_an_emergency_goes_out_with_its_fallback() -> None:
    nodes = "{a: {transfer: fire, agent_too: true, otherwise: q}, q: {queue: safety}}"
    journey = await go(nodes)
    assert (journey.end.ending, journey.end.transfer, journey.end.queue) == (
        FlowEnding.TRANSFER,
        "fire",
        "safety",
    )
    assert journey.variables == {
        "HOTLINE_PRIORITY": "urgent",
        "HOTLINE_QUEUE": "safety",
        "HOTLINE_AGENT_TOO": "1",
        "HOTLINE_TRANSFER": "fire",
    }
    assert (await go("{a: {transfer: fire}}")).variables["HOTLINE_QUEUE"] == "main"


@pytest.mark.parametrize(
    ("owed", "line", "node", "priority"),
    [
        (True, "normal", "normal", "raised"),
        (False, "normal", "normal", None),
        (None, "normal", "raised", "raised"),
        (True, "urgent", "normal", None),
        (True, "normal", "urgent", "urgent"),
    ],
)
async def test_who_rings_before_the_call_back_comes_first(
    owed: bool | None, line: str, node: str, priority: str | None
) -> None:
    services = ScriptedServices(owed=owed)
    journey = await go(
        f"{{a: {{queue: main, priority: {node}}}}}", services=services, context={"line.priority": line}
    )
    assert journey.variables.get("HOTLINE_PRIORITY") == priority


async def test_only_who_arrives_is_recognised() -> None:
    services = ScriptedServices(owed=True)
    journey = await go("{a: {queue: main}}", services=services, purpose="waiting")
    assert (services.asked, journey.variables) == ([], {"HOTLINE_QUEUE": "main"})


async def test_the_notice_of_the_hour_takes_the_place_of_the_greeting() -> None:
    nodes = "{a: {say: '{hour.notice}', empty: g, next: q}, g: {say: 您好, next: q}, q: {queue: main}}"
    for notice, heard in (("城东停水", ["城东停水"]), ("", ["您好"]), (None, ["您好"])):
        assert (await go(nodes, services=ScriptedServices(notice=notice))).heard == heard


async def test_what_the_house_does_not_tell_is_left_out() -> None:
    nodes = "{a: {say: ['前面有{outlook.waiting}位', '大约{outlook.minutes}分钟', 请稍候]}}"
    outlook = QueueOutlook(3, 0, 4, 170.0)
    assert (await go(nodes, services=ScriptedServices(outlook=outlook))).heard == [
        "前面有3位",
        "大约3分钟",
        "请稍候",
    ]
    assert (await go(nodes, services=ScriptedServices(outlook=QueueOutlook(3, 0, 4)))).heard == [
        "前面有3位",
        "请稍候",
    ]
    assert (await go(nodes)).heard == ["请稍候"]


FOLLOW = """{a: {say: "想问{follow_up.matter}", empty: n, next: m}, n: {hang_up: 打扰了},
 m: {menu: 解决了请按一, answer: 是否解决, keys: {1: {to: b, value: 已解决}}, retries: 0, otherwise: u},
 u: {answer: 回访结果, value: 未访到, next: b}, b: {hang_up: 再见}}"""


async def test_a_follow_up_keeps_its_answers() -> None:
    services = ScriptedServices(task=TASK)
    journey = await go(FOLLOW, [Press("1", 4000)], services=services, task=7, purpose="outbound")
    assert ("follow_up_answer", 7, "是否解决", "已解决") in services.asked
    assert journey.heard[0] == "想问路灯不亮的问题"
    await go(FOLLOW, services=services, task=7, purpose="outbound")
    assert services.asked[-1] == ("follow_up_answer", 7, "回访结果", "未访到")


@pytest.mark.parametrize("task", [None, FollowUpTask(1, "秘密", TASK.closed_at, confidential=True)])
async def test_nothing_is_told_of_a_confidential_matter(task: FollowUpTask | None) -> None:
    journey = await go(FOLLOW, services=ScriptedServices(task=task), task=7, purpose="outbound")
    assert journey.heard == ["打扰了"]
    assert (await go(FOLLOW, purpose="outbound")).heard == ["打扰了"]


async def test_an_empty_answer_is_not_kept() -> None:
    nodes = "{a: {answer: 前面, value: '{outlook.waiting}', next: q}, q: {queue: main}}"
    assert (await go(nodes)).facts == []


async def test_a_notice_is_heard_in_full_and_a_closed_one_is_told() -> None:
    nodes = """{a: {say: 现在下班, notice: true, report: closed, next: b}, b: {menu: 请按一, keys: {1: q},
 otherwise: o}, q: {queue: one}, o: {queue: other}}"""
    journey = await go(nodes, [Press("1", 200), Press("1", 2000)])
    assert journey.facts == [(JourneyFact.CLOSED, {})]
    assert (journey.heard, journey.end.queue) == (["现在下班", "请按一"], "one")


async def test_a_key_typed_ahead_survives_nodes_in_between_but_no_notice() -> None:
    middle = """{a: {say: 您好您好, next: b}, b: {set: {HOTLINE_X: y}, next: c}, c: {say: 请听, notice: NO,
 next: m}, m: {menu: 请按一, keys: {1: q}}, q: {queue: one}}"""
    assert (await go(middle.replace("NO", "false"), [Press("1", 100)])).heard == ["您好您好"]
    journey = await go(middle.replace("NO", "true"), [Press("1", 100)])
    assert (journey.heard[1], journey.end.queue) == ("请听", "main")


async def test_a_flow_goes_on_in_another_one_with_its_own_version() -> None:
    one = flow_of("{a: {goto: {flow: other}}}")
    other = parse_flow("{flow: other, start: z, nodes: {z: {queue: there}}}", "other.yaml")
    journey = await walk(one, [], {"line.queue": "main"}, flow_of={"other": other}.__getitem__)
    assert journey.end.queue == "there"
    assert [(step.flow, step.version) for step in journey.end.steps] == [
        ("f", one.version),
        ("other", other.version),
    ]

    def missing(name: str) -> Flow:
        raise FlowMissing(name)

    with capture_logs() as logs:
        journey = await walk(one, [], {"line.queue": "main"}, flow_of=missing)
    assert journey.end.queue == "main"
    assert logs[0]["event"] == "flow_missing"
    assert (await walk(one, [], {"line.queue": "main"})).end.queue == "main"


@pytest.mark.parametrize("purpose", ["after", "outbound"])
async def test_whom_nobody_waits_for_is_let_go(purpose: str) -> None:
    journey = await go("{a: {say: 再见}}", purpose=purpose)
    assert (journey.end.ending, journey.end.queue) == (FlowEnding.HUNG_UP, None)


class _Slow(ScriptedServices):
    async def hour_notice(self, line: str) -> str | None:
        await asyncio.sleep(60)
        return "太晚了"

    async def calls_back(self, call: CallKey, caller_number: str | None) -> bool | None:
        raise ConnectionError("no database")


async def test_a_house_that_is_slow_or_broken_delays_nobody() -> None:
    nodes = "{a: {say: '{hour.notice}', empty: g}, g: {say: 您好}}"
    with capture_logs() as logs:
        journey = await go(nodes, services=_Slow())
    assert (journey.heard, journey.end.queue) == (["您好"], "main")
    assert {it["event"] for it in logs} == {"service_slow", "service_failed"}


async def test_who_hangs_up_at_once_leaves_nothing_running() -> None:
    journey = await go("{a: {say: 您好}}", [HangUp(0)], services=_Slow())
    assert journey.end.ending is FlowEnding.GONE
    assert len(asyncio.all_tasks()) == 1


async def test_a_text_that_cannot_be_filled_is_left_out() -> None:
    with capture_logs() as logs:
        journey = await go("{a: {say: ['{line.greting}', 您好]}}")
    assert journey.heard == ["您好"]
    assert logs[0]["event"] == "text_wrong"


async def test_questions_without_a_sound_bring_a_person() -> None:
    silent = "'{outlook.waiting}'"
    for node in (
        f"survey: {silent}",
        f"callback_offer: {silent}",
        f"ask: {silent}, free: true",
        f"collect: {silent}, variable: x",
        f"menu: {silent}, keys: {{1: a}}",
        f"ask: {silent}, choices: {{水: {{words: 水}}}}",
    ):
        journey = await go(f"{{a: {{{node}, otherwise: o}}, o: {{queue: other}}}}")
        assert (journey.end.queue, journey.ms) == ("other", 0)


async def test_a_confirmation_that_cannot_be_spoken_counts_as_yes() -> None:
    nodes = """{a: {ask: 什么事, choices: {水: {words: 水}}, confirm: '{outlook.waiting}', next: q},
 q: {queue: right}}"""
    assert (await go(nodes, [Speak("水", 700)])).end.queue == "right"


async def test_a_question_that_must_be_heard_takes_no_key_before() -> None:
    nodes = """{s: {say: 您好, next: a}, a: {ask: 什么事, barge_in: false, choices: {水: {words: 水,
 key: 1}}, next: q, otherwise: o}, q: {queue: right}, o: {queue: other}}"""
    flow = parse_flow(f"{{flow: f, start: s, nodes: {nodes}}}", "f.yaml")
    assert (await walk(flow, [Press("1", 100)], {})).end.queue == "other"
    assert (await walk(flow, [Press("1", 100), Press("1", 2000)], {})).end.queue == "right"


def test_purposes_have_their_own_entries() -> None:
    flow = flow_of("{a: {queue: main}, b: {queue: main}}", entries="{waiting: b}")
    assert (flow.entry(Purpose.WAITING), flow.entry(Purpose.AFTER)) == ("b", "a")
