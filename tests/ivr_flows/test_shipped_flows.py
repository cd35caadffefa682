"""The flows that ship: every way of every flow is walked, and nobody waits longer than is promised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facts.caller_session import JourneyFact, ProgressAnswer, TicketProgress
from ivr_flows import FlowEnding, Purpose
from ivr_flows.graph import END, Graph, starts_of
from ivr_flows.nodes import Goto, HangUp, Queue, Transfer
from ivr_flows.proof import prove
from ivr_flows.testing import HangUp as Bye
from ivr_flows.testing import Press, ScriptedCaller, ScriptedServices, Speak, walk
from tests.ivr_flows.house import FOLDER, SHIPPED, TASK, context, flows, hotline, report, surroundings
from tests.ivr_flows.planned import Path, Plan, PlannedCaller, PlannedHouse, is_open, paths

ENTRIES = [(name, purpose) for name in SHIPPED for purpose in starts_of(flows()[name])]


def graph_of(name: str, purpose: Purpose) -> Graph:
    return Graph.of(flows()[name], flows(), flows()[name].entry(purpose))


EDGES = [
    (name, purpose, path)
    for name, purpose in ENTRIES
    for path in paths(graph_of(name, purpose)).values()
    if not isinstance(graph_of(name, purpose).nodes[path[-1][0]], Transfer)
]


def line_of(name: str) -> str:
    return name if name in {line.id for line in hotline().lines} else "main"


@pytest.mark.parametrize(
    ("name", "purpose", "path"),
    EDGES,
    ids=[f"{name}-{purpose}-{path[-1][0]}-{path[-1][1].how}" for name, purpose, path in EDGES],
)
async def test_every_way_is_walked(name: str, purpose: Purpose, path: Path) -> None:
    graph = graph_of(name, purpose)
    plan = Plan(graph, path)
    withheld = any(edge.how == "withheld" for _, edge in path)
    caller = PlannedCaller([], plan=plan, caller_number=None if withheld else "13900000000")
    journey = await walk(
        flows()[name],
        [],
        context(line_of(name)),
        services=PlannedHouse(plan),
        caller=caller,
        purpose=purpose,
        task=1,
        flow_of=flows().__getitem__,
        is_open=lambda _: is_open(plan),
    )
    walked = [f"{step.flow}/{step.node}".removeprefix(f"{name}/") for step in journey.end.steps]
    assert walked[: len(path)] == [node for node, _ in path]
    assert walked[len(path)] == (path[-1][1].target or END)
    last = graph.nodes.get(walked[-1])
    expected = {Queue: FlowEnding.QUEUE, Transfer: FlowEnding.TRANSFER, HangUp: FlowEnding.HUNG_UP}
    assert journey.end.ending is expected[type(last)] if last else journey.end.queue
    assert journey.ms <= (report(name).longest_ms or 0)


def test_every_edge_of_every_flow_is_among_them() -> None:
    for name in SHIPPED:
        walked = {path[-1][0] for flow, _, path in EDGES if flow == name}
        ends = {node for node, it in flows()[name].nodes.items() if isinstance(it, Queue | Transfer | HangUp)}
        assert flows()[name].nodes.keys() - walked == ends
    assert len(EDGES) > 150


def test_what_ships_is_proven() -> None:
    reports = prove(hotline(), FOLDER)
    assert [str(problem) for it in reports for problem in it.report.problems] == []
    lines = {line.line: line for it in reports for line in it.report.lines}
    assert lines.keys() == {line.id for line in hotline().lines}
    assert all(line.silent_ms <= 8000 for line in lines.values())


@pytest.mark.parametrize("line", [line.id for line in hotline().lines])
@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize("notice", ["", "城东停水，预计十八点恢复，其他事项请稍候。"])
async def test_a_silent_caller_is_in_the_queue_of_the_line_in_time(
    line: str, listens: bool, notice: str
) -> None:
    called = hotline().line(line)
    assert called is not None
    caller = ScriptedCaller([], listens=listens)
    services = ScriptedServices(notice=notice)
    journey = await walk(flows()[called.flow], [], context(line), services=services, caller=caller)
    assert (journey.end.ending, journey.end.queue) == (FlowEnding.QUEUE, called.queue)
    assert journey.ms + surroundings().speech_ms(hotline().notice) + 200 <= 8000
    assert journey.heard[0] == (notice or called.greeting)


@pytest.mark.parametrize(("name", "purpose"), [it for it in ENTRIES if it[1] is Purpose.WAITING])
async def test_who_does_nothing_keeps_waiting(name: str, purpose: Purpose) -> None:
    journey = await walk(flows()[name], [], {**context("main"), "queue.id": "environment"}, purpose=purpose)
    assert journey.end.ending is FlowEnding.QUEUE
    assert journey.end.queue in {"environment", name}


actions = st.lists(
    st.one_of(
        st.builds(Press, st.sampled_from("0123456789*#"), st.integers(0, 6000)),
        st.builds(Speak, st.sampled_from(["污水", "没有", "是", "住建局", "不满意"]), st.integers(0, 6000)),
    ),
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(ENTRIES), actions, st.integers(0, 60_000), st.booleans(), st.booleans())
async def test_a_hang_up_overtakes_everything(
    entry: tuple[str, Purpose], script: list[Press | Speak], at_ms: int, listens: bool, promises: bool
) -> None:
    name, purpose = entry
    services = ScriptedServices(
        progress=TicketProgress(ProgressAnswer.FOUND, "正在办理。"), promises=promises, task=TASK, notice=""
    )

    async def walked(caller: ScriptedCaller) -> tuple[FlowEnding, int, list[str], int]:
        journey = await walk(
            flows()[name],
            [],
            context(line_of(name)),
            services=services,
            caller=caller,
            purpose=purpose,
            task=1,
            flow_of=flows().__getitem__,
        )
        steps = [step.node for step in journey.end.steps]
        return journey.end.ending, journey.ms, steps, len(journey.facts)

    ending, ms, steps, _ = await walked(ScriptedCaller(script, listens=listens))
    assert ending is not FlowEnding.GONE
    assert ms <= (report(name).longest_ms or 0)
    spent, before = 0, list[Press | Speak]()
    for action in script:
        if spent + action.after_ms < at_ms:
            spent += action.after_ms
            before.append(action)
    if at_ms < ms and len(before) == len(script):
        gone = await walked(ScriptedCaller([*before, Bye(at_ms - spent)], listens=listens))
        assert gone[0] is FlowEnding.GONE
        assert gone[2] == steps[: len(gone[2])]


async def test_danger_comes_first() -> None:
    journey = await walk(flows()["safety"], [Press("1", 3500)], context("safety"))
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
    assert (JourneyFact.ANSWER, {"Name": "险情", "Value": "有人遇险"}) in journey.facts


async def test_pollution_by_voice_and_by_keys_says_the_same() -> None:
    spoken = [Speak("有人在往河里排污水", 4500), Speak("还在排", 4000), Press("1", 4000)]
    keyed = [Press("2", 7000), Press("1", 5000), Press("1", 7000)]
    for purpose, script, listens in (
        (Purpose.ARRIVAL, spoken, True),
        (Purpose.WAITING, keyed, False),
    ):
        journey = await walk(
            flows()["environment"],
            [],
            context("environment"),
            caller=ScriptedCaller(script, listens=listens),
            purpose=purpose,
        )
        assert [dict(details) for _, details in journey.facts] == [
            {"Name": "污染种类", "Value": "水污染"},
            {"Name": "正在发生", "Value": "正在发生"},
            {"Name": "保密要求", "Value": "要求保密"},
        ]
        assert journey.variables == {"HOTLINE_QUEUE": "environment", "HOTLINE_PRIORITY": "raised"}


@pytest.mark.parametrize("answer", [ProgressAnswer.UNKNOWN, None])
async def test_an_unknown_ticket_and_a_confidential_one_sound_alike(answer: ProgressAnswer | None) -> None:
    keys = [Press("1", 1000), *(Press(key, 200) for key in "20261121001#0000")]
    services = ScriptedServices(progress=None if answer is None else TicketProgress(answer))
    journey = await walk(flows()["progress"], keys, context("main"), services=services)
    said = "没有查到，请核对号码。" if answer else "现在查不了，请等话务员为您查询。"
    assert said in journey.heard
    assert ("ticket_progress", "20261121001", "0000", "13900000000") in services.asked
    assert journey.end.queue == "main"
    assert not any("0000" in step.key for step in journey.end.steps)
    assert "HOTLINE_DIGITS" not in journey.variables


def test_no_shipped_flow_goes_on_in_itself() -> None:
    for flow in flows().values():
        for node in flow.nodes.values():
            if isinstance(node, Goto) and not isinstance(node.goto, str):
                assert node.goto.flow != flow.flow
