"""Drawn scenarios: the same for a seed, of every kind, valid for any number of calls."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from config.hotline import load_hotline
from telephony.simulation.draw import draw, talk_data
from telephony.simulation.scenario import Moment, ScenarioCall, Who
from telephony.simulation.scenario_file import plan


@given(st.one_of(st.integers(), st.text(max_size=20)), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_any_seed_any_number(seed: int | str, calls: int) -> None:
    drawn = draw(seed, calls)
    assert len(drawn) == calls
    assert drawn == draw(seed, calls)
    planned = plan(drawn, load_hotline())
    assert [call.at_s for call in planned] == sorted(call.at_s for call in planned)
    shown = [call.number for call in planned if call.number]
    assert len(set(shown)) == len(shown)


@given(st.integers())
@settings(max_examples=30, deadline=None)
def test_every_kind_is_there_from_eight_calls_on(seed: int) -> None:
    drawn = draw(seed, 8)
    moments = {call.hangs_up.when for call in drawn}
    assert {Moment.NOTICE, Moment.GREETING, Moment.QUEUE, Moment.TALK} <= moments
    assert any(call.agents.first_ignores for call in drawn)
    assert any(call.hangs_up.who is Who.AGENT for call in drawn)
    assert any(call.withheld for call in drawn)
    assert any(all(turn.who is Who.AGENT for turn in call.says) for call in drawn)


def test_most_are_answered_and_different_seeds_differ() -> None:
    drawn = draw(1, 200)
    assert 0.6 < sum(not call.agents.none for call in drawn) / 200 < 0.95
    assert draw(1, 30) != draw(2, 30)


def test_what_is_said_varies() -> None:
    texts = {_said(call) for call in draw(5, 100)}
    assert len(texts) > 60
    assert all("{" not in text for text in texts)


def test_a_city_with_other_lines_can_be_phoned() -> None:
    assert {call.line for call in draw(1, 40, ("haibei", "gonghe"))} == {"haibei", "gonghe"}


def test_the_data_has_texts_for_every_default_line() -> None:
    assert {line.id for line in load_hotline().lines} - {"main"} <= set(talk_data().matters)


def _said(call: ScenarioCall) -> str:
    return "".join(turn.text for turn in call.says)
