"""Flow files: what is refused and how it is said, reloading, prompts to render, drawings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.hotline import DEFAULTS, HotlineConfigInvalid, load_hotline
from config.settings import Settings
from ivr_flows import FlowInvalid, FlowStore, check_flow, flow_json_schema, line_context, prompt_texts
from ivr_flows.draw import draw_mermaid, draw_text
from ivr_flows.loader import parse_flow
from ivr_flows.problems import FlowMissing
from ivr_flows.proof import prove
from ivr_flows.schema import Flow
from tests.ivr_flows.house import FOLDER


def problems(text: str) -> list[str]:
    flow = parse_flow(text, "f.yaml")
    return [str(it) for it in check_flow(flow, queues=["main"]).problems]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("{a: {say: 您好, nxt: b}}", "f.yaml:a: nxt: unknown key — remove it or correct its spelling"),
        ("{a: {talk: 您好}}", "f.yaml:a: a node needs exactly one of say, menu"),
        ("{a: {say: 您好, queue: main}}", "f.yaml:a: a node needs exactly one of"),
        ("{a: {menu: 请按一, keys: {11: a}}}", "f.yaml:a: keys.11"),
        ("{a: {menu: 请按一}}", "f.yaml:a: keys: Field required — add it"),
        ("{a: {menu: 请按一, keys: {1: b, 1: c}}}", "f.yaml:a: 1 is there twice — correct the YAML (line 1)"),
        ("{a: {queue: main}, a: {queue: main}}", "a is there twice"),
        ("{a: {menu: 请按一, keys: {1: b}, timeout_ms: 5}}", "f.yaml:a: timeout_ms"),
        ("{a: {set: {PATH: x}}}", "f.yaml:a: set.PATH"),
    ],
)
def test_what_does_not_fit_the_schema_is_named(nodes: str, expected: str) -> None:
    with pytest.raises(FlowInvalid) as refused:
        parse_flow(f"{{flow: f, start: a, nodes: {nodes}}}", "f.yaml")
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("{a: {say: 您好, next: z}}", "f.yaml:a: next: there is no node z — name one of a"),
        ("{a: {menu: 请按一, keys: {1: z}}}", "f.yaml:a: 1: there is no node z"),
        ("{b: {queue: main}}", "f.yaml: start: there is no node a"),
        ("{a: {queue: nowhere}}", "f.yaml:a: there is no queue nowhere — name one of main"),
        (
            "{a: {say: '{line.greting}'}}",
            "f.yaml:a: unknown name {line.greting} — use one of caller.number, city",
        ),
        ("{a: {say: '{line.greeting'}}", "f.yaml:a: a bracket is not closed"),
        ("{a: {queue: main}, b: {say: 您好}}", "f.yaml:b: no path leads here"),
        ("{a: {say: 您好, next: b}, b: {goto: a}}", "f.yaml:a: runs in a circle without any key: a, b"),
        ("{a: {menu: 请按一, keys: {1: q}, otherwise: a}, q: {queue: main}}", "f.yaml:a: runs in a circle"),
        ("{a: {say: '{heard}', next: q}, q: {queue: main}}", "f.yaml:a: {heard} is known only while"),
        ("{a: {queue: '{queue.id}'}}, purpose: no_agent", "f.yaml:a: goes back to the queue that could not"),
        ("{a: {set: {HOTLINE_QUEUE: x}}}", "f.yaml:a: HOTLINE_QUEUE is set by hand — use a queue node"),
        (
            "{a: {collect: 请输入, variable: n, min_digits: 9, max_digits: 4}}",
            "f.yaml:a: min_digits is more than max_digits",
        ),
    ],
)
def test_what_leads_nowhere_is_named(nodes: str, expected: str) -> None:
    assert expected in "\n".join(problems(f"{{flow: f, start: a, nodes: {nodes}}}"))


def test_a_node_that_is_no_yaml_is_named() -> None:
    text = "flow: f\nstart: a\nnodes:\n  a: {queue: main}\n  b: {say: 您好\n"
    with pytest.raises(FlowInvalid, match=r"f.yaml:b: .* — correct the YAML \(line 6\)"):
        parse_flow(text, "f.yaml")


def test_a_wrong_head_is_named_with_its_line() -> None:
    with pytest.raises(FlowInvalid, match=r"f.yaml: line 2: purpose: Input should be 'arrival'"):
        parse_flow("flow: f\npurpose: fun\nstart: a\nnodes: {a: {queue: main}}\n", "f.yaml")


def test_a_key_that_is_there_twice_in_the_configuration_is_an_error(tmp_path: Path) -> None:
    text = (DEFAULTS / "hotline.yaml").read_text(encoding="utf-8")
    twice = text.replace('"5": {flow: progress}', '"5": {flow: progress}\n      "5": {flow: callback}')
    (tmp_path / "hotline.yaml").write_text(twice, encoding="utf-8")
    with pytest.raises(HotlineConfigInvalid, match="5 is there twice"):
        load_hotline(tmp_path)


def test_all_problems_are_listed_together() -> None:
    found = problems("{flow: f, start: a, nodes: {a: {say: '{x}', next: z}, b: {queue: nowhere}}}")
    assert len(found) == 3


def test_a_silent_caller_waits_no_longer_than_the_limit(rich: Flow) -> None:
    report = check_flow(rich, most_silent_ms=8000)
    assert "a silent caller reaches a person only after" in str(report.problems[0])
    assert check_flow(rich, most_silent_ms=60_000).ok


def test_the_built_in_flow_is_good_on_every_line() -> None:
    hotline = load_hotline()
    contexts = [line_context(hotline, line) for line in hotline.lines]
    flow = FlowStore(Settings().flow_folder, queues=[it.id for it in hotline.queues]).get("main")
    report = check_flow(flow, contexts=contexts, most_silent_ms=8000)
    assert report.ok
    assert report.person_keys == 0
    assert prompt_texts(flow, contexts) == {line.greeting for line in hotline.lines}


def test_what_the_caller_keyed_in_is_not_rendered_beforehand(rich: Flow, context: dict[str, str]) -> None:
    texts = prompt_texts(rich, [context])
    assert "没有这个选项。" in texts
    assert not any("您输入的是" in text for text in texts)


def test_a_changed_file_counts_from_the_next_call_and_a_broken_one_does_not(
    tmp_path: Path, rich_text: str
) -> None:
    file = tmp_path / "rich.yaml"
    file.write_text(rich_text, encoding="utf-8")
    store = FlowStore(tmp_path)
    first = store.get("rich")
    assert store.get("rich") is first
    file.write_text(rich_text.replace("欢迎致电。", "欢迎。"), encoding="utf-8")
    second = store.get("rich")
    assert (first.nodes["notice"].say, second.nodes["notice"].say) == (("欢迎致电。",), ("欢迎。",))  # type: ignore[union-attr]
    file.write_text(rich_text.replace("next: choose", "next: chose"), encoding="utf-8")
    with capture_logs() as logs:
        assert store.get("rich") is second
        assert store.get("rich") is second
    assert len(logs) == 1
    assert "rich.yaml:notice: next: there is no node chose — name one of" in logs[0]["why"]
    file.unlink()
    with capture_logs() as logs:
        assert store.get("rich") is second
    assert "there is no flow file" in logs[0]["why"]
    file.write_text(rich_text, encoding="utf-8")
    assert store.get("rich").version == first.version


def test_a_flow_that_was_never_good_is_an_error(tmp_path: Path, rich_text: str) -> None:
    (tmp_path / "rich.yaml").write_bytes("flow: 好".encode("gb18030"))
    with pytest.raises(FlowInvalid, match="not UTF-8"):
        FlowStore(tmp_path).get("rich")
    (tmp_path / "rich.yaml").write_text("- a\n")
    with pytest.raises(FlowInvalid, match="not a flow"):
        FlowStore(tmp_path).get("rich")
    (tmp_path / "rich.yaml").write_text(rich_text.replace("flow: rich", "flow: poor"), encoding="utf-8")
    with pytest.raises(FlowInvalid, match="calls itself poor"):
        FlowStore(tmp_path).get("rich")
    with pytest.raises(FlowMissing):
        FlowStore(tmp_path).get("other")
    assert FlowStore(tmp_path).names() == ["rich"]


def test_a_touched_file_keeps_its_version(tmp_path: Path, rich_text: str) -> None:
    file = tmp_path / "rich.yaml"
    file.write_text(rich_text, encoding="utf-8")
    store = FlowStore(tmp_path)
    version = store.get("rich").version
    os.utime(file, ns=(1, 1))
    with capture_logs() as logs:
        assert store.get("rich").version == version
    assert logs == []


def test_schema_and_drawings(rich: Flow) -> None:
    assert "Menu" in flow_json_schema()["$defs"]
    assert 'choose -- "1" --> environment' in draw_mermaid(rich)
    assert "▶ notice" in draw_text(rich)


def test_the_example_with_desks_of_departments_and_languages_keeps_the_guarantee() -> None:
    city = load_hotline(DEFAULTS.parent / "examples" / "desks")
    desks = {queue.id: (queue.overflow, queue.join_empty) for queue in city.queues if queue.overflow}
    assert desks == {"social": ("main", False), "dialect": ("main", False)}
    reports = prove(city, FOLDER)
    assert [str(problem) for it in reports for problem in it.report.problems] == []
    proven = {line.line: line.silent_ms for it in reports for line in it.report.lines}
    assert proven["social"] <= 8000
    assert proven["dialect"] <= 8000
