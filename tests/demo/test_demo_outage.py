"""Calls that nobody at the hotline could hear are told apart from calls that were lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from demo_world import answered, at, left_in_notice

from config.hotline import load_hotline
from config.settings import Settings
from telephony.simulation.play import PlayedCall
from telephony.simulation.scenario_file import parse_scenario
from ticketing_bridge.demo.case import Case
from ticketing_bridge.demo.evidence import Evidence
from ticketing_bridge.demo.ledger import Ledger
from ticketing_bridge.demo.result import DemoResult
from ticketing_bridge.store.records import EventRecord


def _event(seconds: float, kind: str) -> EventRecord:
    moment: datetime = at(seconds)
    return EventRecord("city", b"", 0, moment, moment, kind, "", "", {"kind": kind})


def _result(folder: Path, events: tuple[EventRecord, ...], calls: list[PlayedCall]) -> DemoResult:
    settings = Settings(home=folder)
    ledger = Ledger((), {}, {}, events)
    case = Case(settings, load_hotline(), Evidence(settings), ledger, {}, at(-5))
    findings, others = case.compare(calls)
    return DemoResult(1, findings, others, 1.0)


@pytest.fixture(autouse=True)
def _no_folding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing_bridge.demo.case.fold_again", lambda *_: {})


def test_a_call_within_an_outage_is_unresolved_and_no_mismatch(tmp_path: Path) -> None:
    events = (_event(-3, "Stage"), _event(-2, "QueueLeft"), _event(9, "LinkUp"), _event(9, "SnapshotEnd"))
    result = _result(tmp_path, events, [left_in_notice().played])
    assert result.mismatches == 0
    facts = result.as_json()
    assert (facts["unresolved"], facts["unseen"], facts["by_outcome"]) == (1, ["c001"], {"unresolved": 1})


@pytest.mark.parametrize(
    "events",
    [
        (),
        (_event(-3, "Stage"),),
        (_event(-3, "Stage"), _event(0.8, "Stage"), _event(9, "LinkUp")),
        (_event(-30, "Stage"), _event(-20, "LinkUp")),
    ],
)
def test_without_an_outage_around_it_a_missing_row_is_a_mismatch(
    tmp_path: Path, events: tuple[EventRecord, ...]
) -> None:
    result = _result(tmp_path, events, [left_in_notice().played])
    assert [it.field for it in result.disagreements] == ["existence"]
    assert result.exit_code == 1


def test_callers_who_waited_in_vain_are_named(tmp_path: Path) -> None:
    met = answered().played
    alone = replace(met, rings=(), plan=replace(met.plan, index=2))
    (gone,) = parse_scenario("- {says: 喂, hangs_up: queue}")
    gave_up = replace(alone, plan=replace(met.plan, index=3, call=gone))
    result = _result(tmp_path, (), [met, alone, gave_up])
    assert result.as_json()["not_reached"] == ["c002"]


def test_outages_are_from_the_last_event_to_the_links_return() -> None:
    events = (_event(0, "Stage"), _event(2, "Stage"), _event(8, "LinkUp"), _event(8.1, "Stage"))
    (outage,) = Ledger((), {}, {}, events).outages()
    assert (outage.begin, outage.end) == (at(2), at(8))
    assert outage.hides(at(2), at(7.9))
    assert not outage.hides(at(1), at(7))
    assert not outage.hides(at(3), at(8) + timedelta(seconds=1))
    assert not outage.hides(at(3), None)
