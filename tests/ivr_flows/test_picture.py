"""The drawing of a flow: every node once, every way readable, nothing over anything else."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from config.hotline import load_hotline
from config.settings import load_settings
from facts.call import Call, CallState, JourneyStep
from facts.identity import CallKey
from ivr_flows import load_flow
from ivr_flows.picture import Traffic, draw_svg
from ivr_flows.picture.layout import BOX_WIDTH, arrange
from ivr_flows.picture.names import Names, names_of
from ticketing_bridge.store import Database

FLOWS = sorted(load_settings().flow_folder.glob("*.yaml"))


#: from a node into another flow, and two who went before
LEADS_ON = (("message", "flow:voicemail", 11), ("message", "", 2))


def words(drawn: str) -> str:
    return "\n".join(ElementTree.fromstring(drawn).itertext())


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_every_shipped_flow_is_drawn_whole(path: Path) -> None:
    flow = load_flow(path)
    picture = arrange(flow, Names())
    assert sorted(box.name for box in picture.boxes) == sorted(flow.nodes)
    assert [box.number for box in picture.boxes] == list(range(1, len(flow.nodes) + 1))
    for one, other in itertools.combinations(picture.boxes, 2):
        apart = (
            abs(one.x - other.x) >= BOX_WIDTH
            or one.y + one.height <= other.y
            or other.y + other.height <= one.y
        )
        assert apart, f"{one.name} lies over {other.name}"
    assert all(
        box.x + BOX_WIDTH < picture.width and box.y + box.height < picture.height for box in picture.boxes
    )
    assert "{" not in words(draw_svg(flow)).replace(_style(draw_svg(flow)), "")


def _style(drawn: str) -> str:
    return re.findall(r"<style>(.*?)</style>", drawn, re.S)[0]


def test_who_reads_it_knows_what_key_3_does() -> None:
    flow = load_flow(load_settings().flow_folder / "safety.yaml")
    said = words(draw_svg(flow, Names({"fire": "消防救援 119", "safety": "安全生产"})))
    assert "按 3 安全隐患" in said
    assert "请说一下在哪里、有什么隐患。" in said
    assert "消防救援 119，话务员同时接入" in said.replace("\n", "")
    assert "进入队列：安全生产，排在最前" in said


def test_who_reads_the_main_line_knows_what_key_3_does_while_waiting() -> None:
    flow = load_flow(load_settings().flow_folder / "main.yaml")
    names = names_of(load_hotline(), map(load_flow, FLOWS), flow)
    said = [line for line in words(draw_svg(flow, names)).splitlines() if line]
    waiting = said.index("等候时：")
    assert said[waiting + 1 : waiting + 4] == ["按 1 营商环境专线", "按 2 环境保护专线", "按 3 安全生产专线"]
    traffic = Traffic.of_ways(9, [("person", "flow:safety", 7), ("person", "", 2)])
    drawn = draw_svg(flow, names, traffic)
    places = {text: y for y, text in re.findall(r'<text[^>]* y="(\d+)">([^<]+)</text>', drawn)}
    assert places["按 3 安全生产专线"] == places["7 次"] != places["按 2 环境保护专线"]


def test_the_thickest_line_is_the_one_that_most_callers_went() -> None:
    flow = load_flow(load_settings().flow_folder / "no_agent.yaml")
    drawn = Traffic.of_ways(110, [("offer", "promised", 100), ("offer", "message", 4), *LEADS_ON])
    svg = draw_svg(flow, Names(), drawn)
    widths = [float(it) for it in re.findall(r'V \S+ H \S+" stroke-width="([\d.]+)"', svg)]
    assert sorted(set(widths)) == [1.0, 2.2, 3.0, 7.0], "of the whole picture"
    assert svg.count('class="nobody"') == widths.count(1.0) > 0
    leads_on = svg.partition('stroke-width="3.0"/>')[2].partition("转到“voicemail”")[0]
    assert "11 次" in leads_on
    assert leads_on.count("<path") == 1, "but for the arrow's head nothing is drawn in between"
    assert "虚线：没有人走过" in words(svg)


def test_callers_are_counted_on_the_way_they_went() -> None:
    flow = load_flow(load_settings().flow_folder / "no_agent.yaml")
    now = datetime.now(UTC)

    def journey(*nodes: str) -> list[JourneyStep]:
        other = JourneyStep(now, "main", "greet")
        return [other, *(JourneyStep(now, "no_agent", node) for node in nodes)]

    calls = [journey("offer", "promised")] * 3 + [
        [*journey("offer", "message"), JourneyStep(now, "voicemail", "leave")],
        journey("offer"),
        [journey()[0]],
    ]
    traffic = Traffic.of(calls, "no_agent")
    assert traffic.calls == 5
    assert traffic.nodes["offer"].visits == 5
    assert traffic.nodes["offer"].next == {"promised": 3, "message": 1, "": 1}
    assert traffic.nodes["message"].next == {"flow:voicemail": 1}
    said = words(draw_svg(flow, Names(), traffic))
    assert "没有话务员时 · 5 个电话" in said
    assert "3 次" in said
    assert "5 次" in said


async def test_the_databases_figures_are_those_of_the_journeys(database: Database) -> None:
    """Into another flow and back, a node twice in a row, a flow without the caller, another day."""
    now = datetime.now(UTC)
    ways = [
        "main:greet no_agent:offer no_agent:promised",
        "no_agent:offer main:greet no_agent:offer no_agent:offer",
        "no_agent:offer no_agent:message",
        "main:greet main:offer",
        "",
    ]
    journeys = [
        tuple(JourneyStep(now, *step.split(":")) for step in way.split()) for way in (*ways, *ways[:2])
    ]
    calls = [
        Call(CallKey("city", str(at)), "", "", None, "12345", "main", now, CallState.FLOW, steps=steps)
        for at, steps in enumerate(journeys)
    ]
    earlier = replace(calls[0], key=CallKey("city", "earlier"), arrived_at=now - timedelta(days=2))
    begin, end = now - timedelta(days=1), now + timedelta(days=1)
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([*calls, earlier])
        for flow in ("no_agent", "main", "nowhere"):
            counted = await uow.journeys.ways(flow, begin, end)
            drawn = Traffic.of_ways(await uow.journeys.calls(flow, begin, end), counted)
            assert drawn == Traffic.of(journeys, flow)
    assert Traffic.of(journeys, "no_agent").nodes["offer"].visits == 9


def test_counted_ways_are_added_up_by_node() -> None:
    drawn = Traffic.of_ways(4, [("offer", "promised", 3), ("offer", "", 2), ("promised", "", 3)])
    assert (drawn.calls, drawn.nodes["offer"].visits, drawn.nodes["promised"].visits) == (4, 5, 3)
    assert drawn.nodes["offer"].next == {"promised": 3, "": 2}
    flow = load_flow(load_settings().flow_folder / "no_agent.yaml")
    assert "5 次" in words(draw_svg(flow, Names(), drawn))
