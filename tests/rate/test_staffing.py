"""How many agents: known values of Erlang A, the simulation against it, forecasts, the plan of a week."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.hotline import load_hotline
from config.opening import SpecialDays
from config.staffing import StaffingRules, load_staffing
from facts.call import AgentLeg, Outcome
from tests.rate.test_rate import a_call
from ticketing_bridge.rate.service import LOCAL
from ticketing_bridge.rate.staffing.erlang import Goal, agents_needed, erlang_a
from ticketing_bridge.rate.staffing.forecast import (
    HOLIDAY,
    WEEKEND,
    WORKING,
    DayCounts,
    error_share,
    forecast,
    kind_of,
)
from ticketing_bridge.rate.staffing.plan import HistoryMissing, make_plan, monday_after
from ticketing_bridge.rate.staffing.simulation import play
from ticketing_bridge.store import Database


def test_known_values() -> None:
    # Mandelbaum & Zeltyn, "Service engineering in action: the Palm/Erlang-A queue", table 1:
    # 48 calls a minute, 1 minute of talk, 50 agents; Erlang C, and Erlang A with 2 minutes of patience
    patient = erlang_a(48 / 60, 60, 1e9, 50)
    assert (round(patient.wait_s, 1), round(patient.queue_length), round(patient.occupancy, 2)) == (
        20.8,
        17,
        0.96,
    )
    it = erlang_a(48 / 60, 60, 120, 50)
    assert (round(it.abandons, 3), round(it.wait_s, 1), round(it.queue_length)) == (0.031, 3.7, 3)
    assert round(it.occupancy, 2) == 0.93
    # one agent, everybody gives up at once: Erlang B of offered load 1 with one server
    assert erlang_a(1 / 60, 60, 1e-6, 1).abandons == pytest.approx(0.5, abs=1e-6)
    # M/M/1 of half the load, infinite patience: waits half the time, on average one service
    one = erlang_a(0.5 / 60, 60, 1e9, 1, within_s=60)
    assert (one.waits, one.wait_s) == (pytest.approx(0.5, abs=1e-4), pytest.approx(60, abs=0.1))
    assert one.within == pytest.approx(1 - 0.5 * 2.718281828**-0.5, abs=1e-3)


@settings(max_examples=60)
@example(load=16.0, handle_s=20.0, patience_s=1157.0, spare=-15)  # weights beyond all floats
@example(load=0.05, handle_s=20.0, patience_s=1157.0, spare=400)
@given(
    load=st.floats(0.05, 400),
    handle_s=st.floats(20, 600),
    patience_s=st.floats(5, 2000),
    spare=st.integers(-20, 40),
)
def test_the_formula_is_a_probability_and_one_agent_more_never_hurts(
    load: float, handle_s: float, patience_s: float, spare: int
) -> None:
    agents = max(1, int(load) + spare)
    less, more = (erlang_a(load / handle_s, handle_s, patience_s, it) for it in (agents, agents + 1))
    for it in (less, more):
        assert 0 <= it.abandons <= 1
        assert 0 <= it.occupancy <= 1 + 1e-9
        assert 0 <= it.within <= it.answered + 1e-6
    assert more.abandons <= less.abandons + 1e-12
    assert more.within >= less.within - 1e-6


@settings(max_examples=25)
@given(load=st.floats(0.05, 60), patience_s=st.floats(20, 600), most=st.sampled_from([0.005, 0.02, 0.1]))
def test_it_is_the_fewest_that_meet_the_goal(load: float, patience_s: float, most: float) -> None:
    goal = Goal(abandons=most, occupancy=0.9, within=0.8)
    needed = agents_needed(load / 180, 180, patience_s, goal)
    assert goal.met(erlang_a(load / 180, 180, patience_s, needed))
    assert needed == 1 or not goal.met(erlang_a(load / 180, 180, patience_s, needed - 1))


@pytest.mark.parametrize(
    ("load", "agents", "patience_s"), [(6.0, 7, 90.0), (20.0, 19, 60.0), (2.0, 4, 240.0)]
)
def test_the_simulation_and_the_formula_agree(load: float, agents: int, patience_s: float) -> None:
    handle_s = 180.0
    calls = load / handle_s * 3600
    hours = round(40_000 / calls)
    seen = play([calls] * hours, [agents] * hours, 3600, handle_s, patience_s, seed=1)
    expected = erlang_a(load / handle_s, handle_s, patience_s, agents)
    assert seen.abandons == pytest.approx(expected.abandons, abs=0.01)
    assert seen.within_share == pytest.approx(expected.within, abs=0.02)
    assert seen.occupancy == pytest.approx(expected.occupancy, abs=0.012)
    assert seen.wait_s == pytest.approx(expected.wait_s, rel=0.15)


def test_nobody_there_and_nobody_calling() -> None:
    assert erlang_a(0, 60, 60, 3).within == 1
    assert erlang_a(1, 60, 60, 0).abandons == 1
    lost = play([20.0, 20.0], [0, 0], 1800, 60, 60, seed=3)
    assert (lost.answered, lost.abandons, lost.occupancy) == (0, 1.0, 0.0)
    assert play([], [], 1800, 60, 60, seed=3).within_share == 1


MONDAY = date(2026, 3, 2)
CALENDAR = [
    SpecialDays(day=date(2026, 4, 4), until=date(2026, 4, 6), name="清明节"),
    SpecialDays(day=date(2026, 5, 9), open=True, name="调休上班"),
]


def a_past(weeks: int, *, growth: float = 0.0, noise: random.Random | None = None) -> list[DayCounts]:
    """100 calls on a working day, 40 on a weekend, in a bell round noon."""
    bell = [max(0.0, 1 - abs(at - 12) / 8) for at in range(24)]
    found = []
    for at in range(7 * weeks):
        day = MONDAY + timedelta(days=at)
        total = (100 if kind_of(day, CALENDAR) == WORKING else 40) * (1 + growth * at)
        means = [total * it / sum(bell) for it in bell]
        counts = (round(noise.gauss(it, it**0.5)) if noise else round(it) for it in means)
        found.append(DayCounts(day, tuple(max(0, it) for it in counts)))
    return found


def test_a_forecast_is_like_the_days_that_it_is_like() -> None:
    past = a_past(4)
    working, weekend = MONDAY + timedelta(days=29), MONDAY + timedelta(days=33)
    expected = forecast(working, past, CALENDAR, 24)
    assert sum(expected) == pytest.approx(100, abs=4)
    assert expected.index(max(expected)) == 12
    assert sum(forecast(weekend, past, [], 24)) == pytest.approx(40, abs=4)
    assert [kind_of(it, CALENDAR) for it in (working, weekend, date(2026, 4, 6), date(2026, 5, 9))] == [
        WORKING, WEEKEND if weekend not in (date(2026, 4, 4),) else HOLIDAY, HOLIDAY, WORKING,
    ]  # fmt: skip
    # the first holiday is like a weekend, a worked Saturday like a working day
    assert sum(forecast(date(2026, 4, 6), past, CALENDAR, 24)) == pytest.approx(40, abs=4)
    assert sum(forecast(date(2026, 5, 9), past, CALENDAR, 24)) == pytest.approx(100, abs=4)
    assert forecast(MONDAY, [], CALENDAR, 24) == (0.0,) * 24


def test_one_mad_day_changes_little() -> None:
    past = a_past(6)
    mad = [replace(it, counts=tuple(9 * n for n in it.counts)) if it.day.day == 11 else it for it in past]
    day = MONDAY + timedelta(days=44)
    calm, wild = (sum(forecast(day, it, [], 24)) for it in (past, mad))
    assert wild == pytest.approx(calm, rel=0.05)


def test_how_far_it_is_off_is_measured_on_days_it_has_not_seen() -> None:
    assert error_share(a_past(2), CALENDAR, 24) is None
    exact = error_share(a_past(4), [], 24)
    noisy = error_share(a_past(8, noise=random.Random(5)), [], 24)
    assert exact is not None
    assert noisy is not None
    assert exact < 0.12 < noisy < 0.6


async def test_the_plan_of_a_week_is_checked_by_a_simulation(database: Database) -> None:
    now = datetime(2026, 11, 25, 2, tzinfo=UTC)
    rules = StaffingRules(weeks=4, interval_min=60)
    hotline = load_hotline()
    async with database.unit_of_work() as uow:
        with pytest.raises(HistoryMissing):
            await make_plan(uow, hotline, rules, 98, monday_after(now), now)
    chance, calls = random.Random(7), []
    for day in range(1, 29):
        midnight = datetime(2026, 11, 25, tzinfo=LOCAL) - timedelta(days=day)
        for _ in range(60):
            at = (midnight + timedelta(hours=8 + 10 * chance.random())).astimezone(UTC)
            talk = timedelta(seconds=chance.expovariate(1 / 150))
            if chance.random() < 0.05:
                gone = a_call(len(calls), Outcome.ABANDONED_QUEUE, queue="abandoned", arrived_at=at)
                calls.append(replace(gone, ended_at=at + timedelta(seconds=40)))
                continue
            call = a_call(len(calls), wait_s=6, queue="answered", arrived_at=at)
            leg = AgentLeg("agent101", "", "", at + timedelta(seconds=6), at + timedelta(seconds=6) + talk)
            calls.append(replace(call, agent_legs=(leg,), ended_at=leg.left_at))
    async with database.unit_of_work() as uow:
        await uow.calls.upsert(calls)
    async with database.unit_of_work() as uow:
        plan = await make_plan(uow, hotline, rules, 98, monday_after(now), now)
    assert plan.monday == date(2026, 11, 30)
    assert plan.reachable
    assert 120 < plan.measured.talk_s < 180
    assert plan.measured.patience_s > 60
    assert plan.measured.gave_up > 40
    for day in plan.days:
        assert day.calls == pytest.approx(60, rel=0.05)
        assert 1 - day.played.abandons >= 0.965
        busiest = max(day.slots, key=lambda it: it.calls)
        assert 8 <= busiest.begin.hour < 19
        assert busiest.agents > day.slots[3].agents
        assert all(a.begin < b.begin for a, b in pairwise(day.slots))
    facts = json.loads(json.dumps(plan.to_json()))
    assert len(facts["days"][0]["slots"]) == 24
    assert load_staffing().interval_min == 30
