"""Flows played in the terminal: typed keys, typed words, silence, a clock that can be compressed."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr_flows import Flow, FlowEnding, Purpose
from ivr_flows.example_house import ExampleHouse
from ivr_flows.interpreter import FlowEnd
from ivr_flows.player import TerminalCaller, play_flow
from ivr_flows.studio import file_name
from tests.ivr_flows.house import context, flows
from ticketing_bridge.cli.app import make_app
from ticketing_bridge.cli.typed_lines import TypedLines


class Typed:
    """Lines typed at once when asked for; in paced play only those that are due (None: nothing in time)."""

    def __init__(self, *lines: str | None) -> None:
        self.lines = list(lines)
        self.waited_s = 0.0

    async def next(self, within_s: float | None) -> str | None:
        line = self.lines.pop(0) if self.lines else (None if within_s else "x")
        if line is None:
            self.waited_s += within_s or 0.0
        return line


async def play(
    flow: Flow,
    *lines: str | None,
    speed: float | None = None,
    listens: bool = True,
    purpose: Purpose | None = None,
    house: ExampleHouse | None = None,
) -> tuple[FlowEnd, list[str], TerminalCaller]:
    told = list[str]()
    caller = TerminalCaller(Typed(*lines), told.append, speed=speed, listens=listens)
    end = await play_flow(
        flow,
        context("main"),
        caller,
        house or ExampleHouse(),
        purpose=purpose,
        flow_of=flows().__getitem__,
    )
    return end, told, caller


async def test_keys_as_typed(rich: Flow) -> None:
    end, told, _ = await play(rich, "2", "8421#")
    assert end.ending is FlowEnding.HUNG_UP
    assert any("♪ 您输入的是8421。" in line for line in told)
    end, told, _ = await play(rich, "x")
    assert end.ending is FlowEnding.GONE
    assert told[-1].startswith("end after 1.1 s: gone") or "gone" in told[-1]


async def test_keys_typed_ahead_reach_the_next_question(rich: Flow) -> None:
    end, told, _ = await play(rich, "28421#")
    assert end.ending is FlowEnding.HUNG_UP
    assert not any("请输入工单编号" in line for line in told)


async def test_words_are_said_and_messages_left() -> None:
    end, told, _ = await play(flows()["environment"], "有人排污水", "没有", "")
    assert end.queue == "environment"
    assert any("✓ answer Name: 污染种类, Value: 水污染" in line for line in told)
    end, told, _ = await play(flows()["voicemail"], "我家停水三天了，请来修")
    assert any("✓ voicemail" in line for line in told)
    end, told, _ = await play(flows()["voicemail"], "", "“12345”")
    assert sum("● recording" in line for line in told) == 2


async def test_without_ears_open_questions_come_by_keys() -> None:
    end, told, _ = await play(flows()["environment"], "2", "1", "", listens=False, purpose=Purpose.WAITING)
    assert any("(nobody can listen)" in line for line in told)
    assert any("污染种类, Value: 水污染" in line for line in told)
    assert end.queue == "environment"


async def test_life_can_be_faster() -> None:
    _, told, caller = await play(flows()["main"], speed=100.0)
    lines = caller.lines
    assert isinstance(lines, Typed)
    assert lines.waited_s == pytest.approx(caller.ms / 1000 / 100.0)
    assert caller.ms > 3000
    end, told, _ = await play(flows()["safety"], None, "1", speed=50.0)
    assert end.transfer == "fire"
    end, told, _ = await play(flows()["environment"], None, None, "河里有污水", "", speed=50.0)
    assert any("水污染" in line for line in told)
    end, _, _ = await play(flows()["progress"], None, "1", *[None] * 40, speed=50.0)
    assert end.queue == "main"


async def test_the_example_house_knows_its_tickets() -> None:
    house = ExampleHouse()
    _, told, _ = await play(flows()["progress"], "1", "20261121001#", "0000", "", house=house)
    assert any("路灯不亮" in line for line in told)
    _, told, _ = await play(flows()["progress"], "2", "1001", "1", "", house=house)
    assert sum("路灯不亮" in line for line in told) == 2
    for _ in range(2):
        _, told, _ = await play(flows()["progress"], "1", "20261121002#", "1111", "", "", house=house)
        assert any("没有查到" in line for line in told)
    await play(flows()["progress"], "1", "9999#", "1111", "", "", house=house)
    _, told, _ = await play(flows()["progress"], "1", "20261121001#", "0000", "", house=house)
    assert any("查询次数太多" in line for line in told)
    await play(flows()["callback"], "1", house=house)
    assert house.promised == [("13900000000", "main", "main")]
    _end, told, _ = await play(flows()["follow_up"], "1", "解决了", "满意", "", house=house)
    assert house.answers == [("是否解决", "已解决"), ("是否满意", "满意"), ("回访结果", "完成")]
    assert await house.queue_outlook("main") is not None
    assert await house.request_callback(TerminalCaller(Typed(), print).call, "110", "main", "main") is False


async def test_lines_come_from_a_stream_and_end_with_a_hang_up() -> None:
    async with TypedLines(io.StringIO("1\n\n")) as lines:
        assert [await lines.next(30) for _ in range(3)] == ["1", "", "x"]
        assert await lines.next(0.01) is None
    await asyncio.sleep(0)


def test_flows_are_checked_and_tried_from_the_command_line() -> None:
    run = CliRunner()
    checked = run.invoke(make_app(["flows"]), ["flows", "check"])
    assert checked.exit_code == 0, checked.output
    assert "line safety: silent caller in the queue" in checked.output
    as_json = run.invoke(make_app(["flows"]), ["flows", "check", "main", "--json"])
    assert '"problems": []' in as_json.output
    played = run.invoke(
        make_app(["flows"]),
        ["flows", "try", "office", "--fast", "--at", "2026-10-01T10:00"],
        input="2\n喂喂喂喂喂喂喂喂\n",
    )
    assert "现在是下班时间" in played.output
    assert "voicemail" in played.output
    played = run.invoke(
        make_app(["flows"]),
        ["flows", "try", "office", "--at", "2026-10-10T10:00", "--line", "stuck"],
        input="",
    )
    assert "queue stuck" in played.output
    assert "key 1 while waiting: hotline flows try stuck --purpose waiting --line stuck" in played.output
    for wrong in (["--line", "nirvana"], ["--at", "tomorrow"]):
        assert run.invoke(make_app(["flows"]), ["flows", "try", "main", *wrong]).exit_code != 0


def test_a_broken_file_fails_the_check_and_is_named(tmp_path: Path) -> None:
    file = f"{tmp_path}/broken.yaml"
    with open(file, "w", encoding="utf-8") as out:
        out.write("flow: broken\nstart: a\nnodes:\n  a:\n    say: 您好\n    next: nowhere\n")
    checked = CliRunner().invoke(make_app(["flows"]), ["flows", "check", file])
    assert checked.exit_code == 1
    assert "broken.yaml:a: next: there is no node nowhere — name one of a (line 4)" in " ".join(
        checked.output.split()
    )


def test_a_flow_that_must_be_recorded_is_not_ready_without_the_studio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "spoken.yaml"
    file.write_text(
        "{flow: spoken, recorded: true, start: a, nodes: {a: {say: 您好, next: q}, q: {queue: main}}}",
        encoding="utf-8",
    )
    monkeypatch.setenv("HOTLINE_HOME", str(tmp_path))
    run, check = CliRunner(), ["flows", "check", str(file)]
    missing = run.invoke(make_app(["flows"]), check)
    assert missing.exit_code == 1
    assert "spoken.yaml:a: missing prompt: no recording of '您好'" in missing.output
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / f"{file_name('您好')}.wav").touch()
    assert run.invoke(make_app(["flows"]), check).exit_code == 0
