"""What callers live through: keys, silence, wrong keys, hang-ups, broken prompts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facts.errors import HotlineError
from ivr_flows import FlowEnding, check_flow, run_flow
from ivr_flows.loader import parse_flow
from ivr_flows.nodes import Collect, Menu
from ivr_flows.schema import Flow
from ivr_flows.testing import HangUp, NoServices, Press, ScriptedCaller, walk

#: milliseconds: inside the menu's text, after the notice
MENU = 2000


async def test_a_key_leads_to_its_queue(rich: Flow, context: dict[str, str]) -> None:
    journey = await walk(rich, [Press("1", MENU)], context)
    assert journey.end.ending is FlowEnding.QUEUE
    assert journey.variables == {"HOTLINE_TOPIC": "main", "HOTLINE_QUEUE": "environment"}
    assert [step.node for step in journey.end.steps] == ["notice", "choose", "environment", "to_environment"]
    told = {"Key": "1", "Ms": "880", "Flow": "rich", "Version": rich.version}
    assert ("choose", told) in journey.marks
    assert journey.ms == MENU


async def test_silence_is_asked_once_more_and_then_reaches_a_person(
    rich: Flow, context: dict[str, str]
) -> None:
    journey = await walk(rich, [], context)
    assert (journey.end.ending, journey.end.queue) == (FlowEnding.QUEUE, "main")
    question = "环保请按一，查进度请按二，重听请按九。"
    assert journey.heard == ["欢迎致电。", question, "没有听到您的选择。", question]
    assert journey.ms == check_flow(rich).silent_ms


async def test_wrong_keys_reach_a_person(rich: Flow, context: dict[str, str]) -> None:
    journey = await walk(rich, [Press("5", MENU), Press("7", 1000)], context)
    assert (journey.end.queue, journey.end.steps[1].key) == ("main", "57")
    assert "没有这个选项。" in journey.heard


async def test_digits_are_read_said_and_passed_on(rich: Flow, context: dict[str, str]) -> None:
    script = [Press("2", MENU), *(Press(key, 300) for key in "8421#")]
    journey = await walk(rich, script, context)
    assert journey.end.ending is FlowEnding.HUNG_UP
    assert journey.variables["HOTLINE_TICKET"] == "8421"
    assert journey.heard[-2:] == ["您输入的是8421。", "再见。"]


async def test_a_short_number_is_asked_again_and_then_reaches_a_person(
    rich: Flow, context: dict[str, str]
) -> None:
    journey = await walk(rich, [Press("2", MENU), Press("8", 300), Press("#", 300)], context)
    assert journey.end.queue == "main"
    assert journey.heard.count("请输入工单编号，按井号键结束。") == 2


async def test_nobody_hears_a_menu_for_ever(rich: Flow, context: dict[str, str]) -> None:
    journey = await walk(rich, [Press("9", MENU)] * 20, context)
    assert journey.end.queue == "main"
    assert sum(step.node == "choose" for step in journey.end.steps) == rich.max_visits


async def test_a_key_typed_ahead_counts_for_the_next_question(context: dict[str, str]) -> None:
    flow = parse_flow(
        "{flow: f, start: a, nodes: {a: {say: 您好您好, next: b}, b: {say: 请听, next: m},"
        " m: {menu: 请按一, keys: {1: q}}, q: {queue: environment}}}",
        "f.yaml",
    )
    journey = await walk(flow, [Press("1", 100)], context)
    assert journey.heard == ["您好您好"]
    assert journey.end.queue == "environment"


async def test_a_key_during_what_must_be_heard_is_lost(rich: Flow, context: dict[str, str]) -> None:
    journey = await walk(rich, [Press("1", 100)], context)
    assert journey.end.queue == "main"


@pytest.mark.parametrize("at_ms", range(0, 14_000, 500))
@pytest.mark.parametrize("keys", ["", "1", "2", "28421#", "9"])
async def test_a_hang_up_overtakes_everything(
    rich: Flow, context: dict[str, str], at_ms: int, keys: str
) -> None:
    typed = [Press(key, MENU if not n else 100) for n, key in enumerate(keys)]
    spent = MENU + 100 * (len(keys) - 1) if keys else 0
    journey = await walk(rich, [*typed, HangUp(max(0, at_ms - spent))], context)
    undisturbed = await walk(rich, typed, context)
    if max(at_ms, spent) < undisturbed.ms:
        assert journey.end.ending is FlowEnding.GONE
        assert journey.end.steps == (
            *undisturbed.end.steps[: len(journey.end.steps) - 1],
            journey.end.steps[-1],
        )
        assert "HOTLINE_QUEUE" not in journey.variables


async def test_prompts_that_cannot_be_rendered_bring_a_person(rich: Flow, context: dict[str, str]) -> None:
    class Broken:
        async def ensure(self, text: str) -> str:
            raise HotlineError("no voice")

    caller = ScriptedCaller([])
    end = await run_flow(rich, caller, NoServices(), context, prompts=Broken(), now_ms=lambda: caller.ms)
    assert (end.ending, end.queue, caller.ms) == (FlowEnding.QUEUE, "main", 0)


NODES = ["a", "b", "c", "d", "e"]
targets = st.sampled_from(NODES)
texts = st.sampled_from(["您好", "请按键", "请稍候请稍候"])
nodes = st.one_of(
    st.fixed_dictionaries({"say": texts, "barge_in": st.booleans()}, optional={"next": targets}),
    st.fixed_dictionaries(
        {
            "menu": texts,
            "keys": st.dictionaries(st.sampled_from("012*#"), targets, min_size=1),
            "retries": st.integers(0, 2),
            "barge_in": st.booleans(),
        },
        optional={"otherwise": targets, "wrong": texts, "silence": texts},
    ),
    st.fixed_dictionaries(
        {
            "collect": texts,
            "variable": st.just("x"),
            "max_digits": st.integers(1, 4),
            "terminator": st.sampled_from(["", "#"]),
            "retries": st.integers(0, 2),
        },
        optional={"next": targets, "otherwise": targets, "wrong": texts},
    ),
    st.fixed_dictionaries({"goto": targets}),
    st.just({"queue": "main"}),
    st.just({"hang_up": "再见"}),
)
flows = st.fixed_dictionaries(dict.fromkeys(NODES, nodes)).map(
    lambda nodes: Flow.model_validate({"flow": "f", "start": "a", "nodes": nodes})
)
scripts = st.lists(
    st.one_of(
        st.builds(Press, st.sampled_from("0123*#"), st.integers(0, 9000)),
        st.builds(HangUp, st.integers(0, 20_000)),
    ),
    max_size=25,
)


def keys_answered(flow: Flow, steps: Sequence[object]) -> int:
    asking = [step for step in steps if isinstance(flow.nodes.get(step.node), Menu | Collect)]  # type: ignore[attr-defined]
    return sum(len(step.key) for step in asking)  # type: ignore[attr-defined]


@settings(max_examples=150, deadline=None)
@given(flows, scripts)
async def test_every_walk_ends_within_the_bound_that_check_gives(flow: Flow, script: list[object]) -> None:
    context = {"line.queue": "main"}
    report = check_flow(flow)
    if any("circle" in problem.what or "there is no node" in problem.what for problem in report.problems):
        return
    reached = {
        "flow": "f",
        "start": "a",
        "nodes": {name: node for name, node in flow.nodes.items() if name not in _unreached(report)},
    }
    flow = flow.model_copy(update={"nodes": reached["nodes"]})
    report = check_flow(flow)
    if not report.ok:
        return
    journey = await walk(flow, script, context)  # type: ignore[arg-type]
    assert report.longest_ms is not None
    assert journey.ms <= report.longest_ms
    if journey.end.ending is FlowEnding.QUEUE:
        assert journey.ms <= (report.person_ms or 0)
        assert keys_answered(flow, journey.end.steps) <= (report.person_keys or 0)
    silent = await walk(flow, [], context)
    assert silent.ms <= (report.silent_ms or 0)


def _unreached(report: object) -> set[str]:
    return {it.node for it in report.problems if it.what == "no path leads here"}  # type: ignore[attr-defined]
