"""The citizen's guarantee: in flows that go on in others, with limits of a city, with measured prompts."""

from __future__ import annotations

import doctest
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

import ivr_flows.announced
import ivr_flows.speech_length
import ivr_flows.testing
import ivr_flows.texts
from ivr_flows import Flow, FlowInvalid, FlowStore, Limits, Surroundings, check_flow, prompt_texts
from ivr_flows.loader import parse_flow
from ivr_flows.prompts import prompt_path
from ivr_flows.proof import measured_in, prove
from ivr_flows.schema import flow_json_schema
from ivr_flows.surroundings import most_hour_notice_ms
from tests.ivr_flows.house import hotline, surroundings
from voice.wav import write_wav

SCHEMA = Path(__file__).parents[2] / "docs" / "flow.schema.json"


def flow_of(name: str, nodes: str, **fields: str) -> Flow:
    head = "".join(f"{field}: {value}, " for field, value in fields.items())
    return parse_flow(f"{{flow: {name}, start: a, {head}nodes: {nodes}}}", f"{name}.yaml")


def said(flow: Flow, *others: Flow, limits: Limits | None = None, around: Surroundings | None = None) -> str:
    base = around or Surroundings(limits=limits or Limits())
    found = check_flow(flow, surroundings=replace(base, flows={it.flow: it for it in others}))
    return "\n".join(map(str, found.problems))


GATE = "{a: {menu: 找人请按一, keys: {1: q}, otherwise: b}, b: {hang_up: 再见}, q: {queue: main}}"


def test_a_person_needs_no_key() -> None:
    found = said(flow_of("f", GATE))
    assert "f.yaml:a: dead end: b hangs up on a caller who got neither a person nor an answer" in found


def test_keys_before_a_person_are_limited_by_the_configuration() -> None:
    nodes = """{a: {menu: 找人请按一, keys: {1: q}, otherwise: v}, v: {record: 请留言, next: b,
 otherwise: b}, b: {hang_up: 再见}, q: {queue: main}}"""
    flow = flow_of("f", nodes)
    found = said(flow)
    assert (
        "f.yaml:a: a person only after 1 keys (limit 0 keys) — lead who presses nothing to a queue" in found
    )
    assert "f.yaml:b: a silent caller is hung up on: the call is ended" in found
    assert said(flow, limits=Limits(most_keys=1, most_silent_ms=None)) == ""
    assert "no way to a person" in said(
        flow_of("f", "{a: {record: 请留言, next: b, otherwise: b}, b: {hang_up: 再见}}")
    )


def test_the_silent_caller_is_followed_into_other_flows_unless_they_are_exempt() -> None:
    closed = flow_of(
        "closed", "{a: {record: 请留言, next: b, otherwise: b}, b: {hang_up: 再见}}", purpose="no_agent"
    )
    nodes = "{a: {hours: office, open: q, closed: c}, c: {goto: {flow: closed}}, q: {queue: main}}"
    found = said(flow_of("f", nodes), closed)
    assert "f.yaml:a: a silent caller is hung up on: the call is ended" in found
    assert "f.yaml:a: a silent caller reaches a person only after" in found
    exempt = flow_of("f", nodes, exempt="[closed]", exempt_reason="下班")
    assert said(exempt, closed) == ""
    report = check_flow(exempt, surroundings=Surroundings(flows={"closed": closed}))
    assert (report.silent_ms or 0) < (report.longest_ms or 0)
    assert "there is no flow closed" in said(flow_of("f", nodes))


def test_a_flow_that_goes_on_in_itself_runs_in_a_circle() -> None:
    assert "runs in a circle" in said(flow_of("f", "{a: {say: 您好, next: b}, b: {goto: {flow: f}}}"))
    one = flow_of("one", "{a: {say: 您好, next: b}, b: {goto: {flow: two}}}")
    two = flow_of("two", "{a: {say: 您好, next: b}, b: {goto: {flow: one}}}")
    assert "one.yaml:a: runs in a circle without any key: a, b, two/a, two/b" in said(one, two)


def test_a_dead_end_in_another_flow_is_named_here() -> None:
    bye = flow_of("bye", "{a: {say: 没人, next: b}, b: {hang_up: 再见}}", purpose="no_agent")
    found = said(flow_of("f", "{a: {goto: {flow: bye}}}"), bye)
    assert "f.yaml:a: dead end: bye/b hangs up" in found
    assert "a silent caller is hung up on" in found or "dead end" in found
    assert "f.yaml:a: dead end: a hangs up" in said(flow_of("f", "{a: {hang_up: 再见}}"))


def test_who_was_called_can_ask_for_a_person() -> None:
    nodes = "{a: {say: 您好, next: b}, b: {hang_up: 再见}}"
    assert "f.yaml:a: no way to a person" in said(flow_of("f", nodes, purpose="outbound"))


def test_who_is_phoned_back_does_not_wait_as_well() -> None:
    nodes = "{a: {callback_offer: 回电请按一, next: s}, s: {say: 好的, next: q}, q: {queue: main}}"
    assert "f.yaml:a: whom it promises a call-back goes on to a queue" in said(flow_of("f", nodes))


def test_who_waits_is_not_sent_away_and_not_kept() -> None:
    found = said(
        flow_of("f", "{a: {record: 请留言, next: b, otherwise: b}, b: {hang_up: 再见}}", purpose="waiting")
    )
    assert "f.yaml:b: a silent caller is hung up on: the place in the queue is lost" in found
    slow = "{a: {menu: 重听请按一, keys: {1: b}, timeout_ms: 30000, retries: 3}, b: {queue: main}}"
    assert "f.yaml:a: who does nothing is kept for" in said(flow_of("f", slow, purpose="waiting"))


def test_the_longest_way_has_its_limit() -> None:
    nodes = """{a: {menu: 再来请按一, keys: {1: c}, retries: 0, timeout_ms: 1000}, c: {collect: 号码,
 variable: x, next: a}}"""
    found = said(flow_of("f", nodes), limits=Limits(most_person_ms=120_000))
    assert "f.yaml:c: the longest way to a person takes" in found
    assert "(limit 120000 ms; c 411360, a 10200)" in found
    assert said(flow_of("f", nodes)) == ""
    assert "the longest way to a person takes" in said(flow_of("f", nodes), around=surroundings())


def test_every_text_must_be_a_recording_where_the_flow_says_so() -> None:
    flow = flow_of("f", "{a: {say: [您好, '{hour.notice}'], next: q}, q: {queue: main}}", recorded="true")
    around = Surroundings(has_recording=lambda text: text != "您好")
    assert said(flow, around=around) == (
        "f.yaml:a: missing prompt: no recording of '您好' — record it, or recorded: false (line 1)"
    )
    assert said(flow, around=replace(around, has_recording=lambda _: True)) == ""
    assert said(flow) == ""


def test_an_offer_without_a_name_that_can_be_empty_is_refused() -> None:
    nodes = "{a: {say: 您好, empty: q, next: q}, q: {queue: main}}"
    assert "empty: the text always has something to say" in said(flow_of("f", nodes))


def test_unknown_hours_of_a_hotline_without_any() -> None:
    around = Surroundings(hours=frozenset())
    found = said(flow_of("f", "{a: {hours: office, open: q, closed: q}, q: {queue: main}}"), around=around)
    assert "there is no opening hours office — write it into hotline.yaml" in found


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ("{a: {ask: 什么事, next: q}, q: {queue: main}}", "write either choices or free: true"),
        ("{a: {ask: 什么事, free: true, by_keys: 请按一, next: q}, q: {queue: main}}", "no choice has a key"),
        ("{a: {callback_offer: 请按一, keys: {1: q}}, q: {queue: main}}", "key 1 is there twice"),
        ("{a: 您好}", "a node needs exactly one of"),
    ],
)
def test_questions_that_make_no_sense(nodes: str, words: str) -> None:
    with pytest.raises(FlowInvalid, match=words):
        flow_of("f", nodes)


def test_a_measured_prompt_counts_as_it_is(tmp_path: Path) -> None:
    speech_ms = measured_in(tmp_path)
    assert speech_ms("您好") == 560
    write_wav(prompt_path("您好", tmp_path), np.ones(8000, dtype=np.int16))
    assert speech_ms("您好") == 1000
    prompt_path("您好", tmp_path).write_bytes(b"broken")
    assert speech_ms("您好") == 560
    assert speech_ms("。") == 0


def test_a_notice_of_the_hour_has_its_time() -> None:
    assert 5000 < most_hour_notice_ms(hotline()) < 6000


def test_a_notice_of_the_hour_takes_no_more_than_is_left() -> None:
    nodes = "{a: {say: '{hour.notice}', empty: g, next: q}, g: {say: 您好, next: q}, q: {queue: main}}"
    around = replace(surroundings(), limits=Limits(most_silent_ms=6000))
    (line, *_) = check_flow(flow_of("main", nodes), surroundings=around).lines
    assert (line.silent_ms, line.usual_ms) == (6000, 2440 + 1000)
    more = nodes.replace("g: {say: 您好, next: q}", "g: {say: 您好, next: q}, s: {say: 请稍候, next: q}")
    more = more.replace("empty: g, next: q", "empty: g, next: s")
    assert "a silent caller on line main reaches a person only after 6840 ms" in said(
        flow_of("main", more), around=around
    )


def test_what_may_be_asked_back_is_rendered_beforehand() -> None:
    flow = flow_of(
        "f",
        """{a: {ask: 什么事, choices: {水: {words: 水}, 电: {words: 电}},
 confirm: ['是{heard}吗', '{city}{heard}'], next: q}, q: {queue: main}}""",
    )
    assert prompt_texts(flow, [{"city": "格尔木"}]) == {"什么事", "是水吗", "是电吗"}


def test_what_a_caller_said_counts_with_its_longest_words() -> None:
    flow = flow_of(
        "f",
        """{a: {ask: 什么事, free: true, variable: x, next: s}, s: {say: '{collected.x}', next: q},
 q: {queue: main}}""",
    )
    assert (check_flow(flow).longest_ms or 0) > 15_000


def test_other_flows_are_read_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("{flow: one, start: a, nodes: {a: {goto: {flow: two}}}}")
    (tmp_path / "two.yaml").write_text("{flow: two, start: a, nodes: {a: {queue: main}}}")
    store = FlowStore(tmp_path, surroundings=replace(surroundings(), contexts=()))
    assert store.get("one").flow == "one"
    assert store.get("two").flow == "two"
    (tmp_path / "one.yaml").write_text("{flow: one, start: a, nodes: {a: {goto: {flow: three}}}}")
    with capture_logs() as logs:
        assert store.get("one").flow == "one"
    assert "one.yaml:a: there is no flow three — name one of one" in logs[0]["why"]


def test_a_file_that_is_not_there_and_one_that_is_broken_are_reported(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("{flow: [")
    missing, broken = prove(hotline(), tmp_path, [tmp_path / "none.yaml", tmp_path / "broken.yaml"])
    assert str(missing.report.problems[0]).startswith("none.yaml: there is no such file")
    assert "correct the YAML" in str(broken.report.problems[0])
    deep = parse_deep()
    assert "write plain YAML" in deep or "correct" in deep


def parse_deep() -> str:
    with pytest.raises(FlowInvalid) as refused:
        parse_flow("flow: f\nstart: a\nnodes: {a: {say: 2026-13-45}}\n", "f.yaml")
    return str(refused.value)


def test_the_published_schema_is_current() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == flow_json_schema(), (
        "write it anew: see docs/flows.md"
    )


def test_examples_in_the_docstrings() -> None:
    for module in (ivr_flows.announced, ivr_flows.speech_length, ivr_flows.testing, ivr_flows.texts):
        assert doctest.testmod(module).failed == 0
