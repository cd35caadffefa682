"""Scenario files as outsiders write them: short forms, defaults, and errors that say what to do."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hotline import load_hotline
from telephony.simulation.scenario import Moment, TakeHow, Who, scenario_schema
from telephony.simulation.scenario_file import ScenarioInvalid, load_scenario, parse_scenario, plan

DOCS = Path(__file__).parents[3] / "docs"


def test_a_mere_text_is_a_whole_call() -> None:
    (call,) = plan(parse_scenario("- 八一路的路灯坏了\n"), load_hotline())
    assert call.call.says[0].text == "八一路的路灯坏了"
    assert call.call.says[0].who is Who.CITIZEN
    assert (call.did, call.line) == ("12345", "main")
    assert call.number is not None
    assert call.number.isdigit()


def test_the_documented_example_is_valid() -> None:
    example = re.search(r"```yaml\n(.*?)```", (DOCS / "scenario.md").read_text("utf-8"), re.DOTALL)
    assert example
    calls = plan(parse_scenario(example[1]), load_hotline())
    assert len(calls) == 11
    assert calls[1].call.keys[0].digits == "1"
    assert calls[2].call.hangs_up.when is Moment.NOTICE
    assert calls[3].call.agents.none
    asked_back, left, in_danger, judged, silent = (planned.call for planned in calls[5:10])
    assert asked_back.phoned
    assert asked_back.phoned.hangs_up_after_s == 4.0
    assert left.messages[0].when is Moment.QUEUE
    assert in_danger.emergency is TakeHow.BUSY
    assert judged.keys[0].when is judged.hangs_up.when is Moment.SURVEY
    assert silent.number is None


def test_the_exported_schema_is_current() -> None:
    kept = json.loads((DOCS / "scenario.schema.json").read_text("utf-8"))
    assert kept == json.loads(json.dumps(scenario_schema()))


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("number: null", None),
        ("number:", None),
        ("number: 匿名", None),
        ("number: 0979 8412345", "09798412345"),
        ("number: 013997361508", "013997361508"),
        ("number: '+8613997361508'", "+8613997361508"),
    ],
)
def test_numbers_stay_as_they_were_written(written: str, number: str | None) -> None:
    (call,) = plan(parse_scenario(f"- says: 你好\n  {written}\n"), load_hotline())
    assert call.number == number


def test_json_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "calls.json"
    file.write_text(json.dumps([{"says": "停水了😀", "at_s": 3, "number": None, "mute": True}]), "utf-8")
    (call,) = load_scenario(file)
    assert (call.at_s, call.number, call.mute) == (3.0, None, True)
    assert call.says[0].text == "停水了😀"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- {text: 你好}", ["entry 1 (line 1)", "says", "add it"]),
        ("- 你好\n- {says: 喂, number: abc}", ["entry 2 (line 2)", "number", "digits only"]),
        ("- {says: 喂, hangs_up: whenever}", ["hangs_up.when", "whenever", "one of dial"]),
        ("- {says: 喂, hangs_up: {who: agent, when: queue}}", ["hangs_up", "an agent can hang up at"]),
        ("- {says: 喂, keys: [{after_s: 1, digits: q}]}", ["keys[1].digits", "0-9 * #"]),
        ("- {says: 喂, agents: {answers: 3}}", ["agents.answers", "no such field"]),
        ("- {says: [{who: dog, text: 汪}]}", ["says[1].who", "dog"]),
        ("- {says: 喂, at_s: -1}", ["at_s", "greater than or equal to 0"]),
        ("- {says: 喂, at_s: .nan}", ["at_s"]),
        ("- [1, 2]", ["entry 1", "a text or a mapping"]),
        ("{}", ["no list of calls"]),
        ("", ["no list of calls"]),
        ("- says: '喂", ["not YAML"]),
        ('[{"says": "喂"', ["not JSON"]),
    ],
)
def test_mistakes_name_the_place_and_the_fix(text: str, wanted: list[str]) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        parse_scenario(text, "calls.yaml")
    message = str(refused.value)
    assert message.startswith("calls.yaml")
    for part in wanted:
        assert part in message


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        parse_scenario("- {says: 喂, number: x}\n- {say: 喂}\n", "f")
    assert len(str(refused.value).splitlines()) == 3  # the second entry lacks says and has a wrong field


def test_unknown_lines_and_agents_are_refused_with_the_known_ones() -> None:
    calls = parse_scenario("- {says: 喂, line: 环保}\n- {says: 喂, agents: {logged_off: [bob]}}\n")
    with pytest.raises(ScenarioInvalid, match=r"environment \(8412302\)") as refused:
        plan(calls, load_hotline())
    assert "agent101" in str(refused.value)


def test_a_line_may_be_a_number() -> None:
    (call,) = plan(parse_scenario("- {says: 喂, line: 8412303}"), load_hotline())
    assert (call.did, call.line) == ("8412303", "safety")


@pytest.mark.parametrize("name", ["missing.yaml", "folder"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ScenarioInvalid, match=name):
        load_scenario(tmp_path / name)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ScenarioInvalid):
        assert parse_scenario(text)
