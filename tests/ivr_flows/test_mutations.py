"""Each kind of fault, put into each flow that ships wherever it fits, is found: file, node, what, fix."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config.hotline
from ivr_flows import FlowInvalid, Problem, check_flow
from ivr_flows.faults import DIALPLAN_VARIABLES
from ivr_flows.loader import parse_flow
from ivr_flows.proof import can_be_said, prove
from tests.ivr_flows.house import FOLDER, SHIPPED, flows, surroundings
from tests.ivr_flows.mutations import Fault, faults


def problems(name: str, fault: Fault) -> list[Problem]:
    """What the check says of a broken file on the line of its flow."""
    around = surroundings()
    try:
        flow = parse_flow(fault.text, f"{name}.yaml")
    except FlowInvalid as refused:
        return list(refused.problems)
    around = replace(around, contexts=around.narrowed_to(name).contexts[:1], can_be_said=can_be_said)
    return list(check_flow(flow, file=f"{name}.yaml", surroundings=around).problems)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_fault_is_found_and_named(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    made = list(faults(flows()[name], text))
    missed = []
    for fault in made:
        found = problems(name, fault)
        assert all(it.file == f"{name}.yaml" and it.fix and (it.line or not it.node) for it in found)
        if not any(it.node in fault.nodes and re.search(fault.words, it.what) for it in found):
            missed.append((fault.kind, sorted(fault.nodes), fault.words, [str(it) for it in found]))
    assert missed == []
    assert len({fault.kind for fault in made}) >= 15


@pytest.mark.parametrize(
    ("name", "node", "old", "new", "said"),
    [
        ("main", "greet", '"{line.greeting}"', "please hold the line", "no voice can say"),
        ("progress", "choose", "，用来电号码查询请按二", "", "key 2 is said by no text"),
        (
            "environment",
            "kind",
            "unclear:",
            "confirm: 您说的对吗？\n    unclear:",
            "does not say what was understood",
        ),
        (
            "no_agent",
            "message",
            "{flow: voicemail}",
            "{flow: survey}",
            "which is for callers of purpose after",
        ),
        (
            "no_agent",
            "confirm",
            "1: number, 2: message",
            "1: confirm, 2: message",
            "nobody was asked for number",
        ),
        ("progress", "look", "1: number, 2: mine", "1: look, 2: mine", "nobody was asked for ticket"),
        (
            "stuck",
            "secrecy",
            "1: {to: person, value: 要求保密}, 2: {to: person,",
            "1: {to: secrecy, value: 要求保密}, 2: {to: secrecy,",
            "every key leads back",
        ),
        ("main", "greet", 'say: "{line', 'set: {HOTLINE_KEYS: "1"}\n    #', "belongs to the dialplan"),
        ("progress", "number", "variable: ticket", "variable: queue", "HOTLINE_QUEUE is set by hand"),
        ("main", "greet", '"{line.greeting}"', '"您\\x07好"', "control characters"),
        (
            "voicemail",
            "leave",
            "too_short:",
            "shortest_ms: 9000\n    most_ms: 9000\n    too_short:",
            "is not less than most_ms",
        ),
    ],
)
def test_what_only_a_stranger_would_do_is_found(name: str, node: str, old: str, new: str, said: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert old in text
    found = problems(name, Fault("", text.replace(old, new, 1), frozenset(), ""))
    assert any(it.node == node and said in it.what and it.line for it in found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "queue: main, greeting",
            "queue: main, flow: nirvana, greeting",
            "line main: there is no flow nirvana",
        ),
        ("queue: main, greeting", "queue: main, flow: survey, greeting", "flow survey is not for callers"),
        ('"5": {flow: progress}', '"5": {flow: main}', "queue main, key 5: flow main is not for callers of"),
        ("survey: survey", "survey: main", "survey: flow main is not for callers of purpose after"),
        ('"9": {flow: callback}', '"8": {flow: callback}', "queue main: says key 9 while waiting"),
    ],
)
def test_what_the_configuration_says_of_flows_is_checked(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    text = (config.hotline.DEFAULTS / "hotline.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "hotline.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    reports = prove(config.hotline.load_hotline(tmp_path), FOLDER)
    problems = [str(problem) for it in reports for problem in it.report.problems]
    assert any(problem.startswith("hotline.yaml:") and said in problem for problem in problems), problems


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHIPPED), st.data())
def test_a_damaged_file_is_refused_in_words_or_still_a_flow(name: str, data: st.DataObject) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    at = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 12))
    put = data.draw(st.text(st.sampled_from(" :-{}[]&*#\n\t'\"a1一"), max_size=3))
    damaged = text[:at] + put + text[at + length :]
    assert all(it.what and it.fix for it in problems(name, Fault("damage", damaged, frozenset(), "")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "nested deeper"),
        ("#" * 6_000_000, "longer than"),
        ("flow: main\nstart: 2026-13-01\n", "'2026-13-01' cannot be read"),
        ("flow: main\nstart: !!bool maybe\n", "'maybe' cannot be read"),
        ("a: &a [x]\nb: &b [*a, *a]\nnodes: &n {n: *n}\n", "recursive"),
    ],
)
def test_no_file_ends_the_reader(content: str, said: str) -> None:
    (found,) = problems("main", Fault("", content, frozenset(), ""))
    assert said in found.what
    assert found.fix


def test_a_broken_flow_does_not_break_those_that_go_on_in_it() -> None:
    """``office`` goes on in ``closed``, of which a target is missing."""
    broken = (FOLDER / "closed.yaml").read_text(encoding="utf-8").replace("{flow: voicemail}", "nowhere")
    others = {**flows(), "closed": parse_flow(broken, "closed.yaml")}
    around = replace(surroundings(), flows=others)
    assert check_flow(others["office"], surroundings=around).ok
    assert [it.node for it in check_flow(others["closed"], surroundings=around).problems] == ["message"]


def test_the_dialplans_variables_are_known() -> None:
    """Every variable of the templates and of the flows' server, that a flow's author might name."""
    places = [*Path("telephony/pbx/templates").glob("*.j2"), *Path("telephony/agi").glob("*.py")]
    root = Path(config.hotline.DEFAULTS).parents[1]
    used = {it for place in places for it in re.findall(r"HOTLINE_[A-Z_]+", (root / place).read_text())}
    ours = {"HOTLINE_QUEUE", "HOTLINE_PRIORITY", "HOTLINE_TRANSFER", "HOTLINE_AGENT_TOO"}
    ours |= {"HOTLINE_NUMBER", "HOTLINE_AGI_PORT"}
    assert used - ours <= DIALPLAN_VARIABLES
