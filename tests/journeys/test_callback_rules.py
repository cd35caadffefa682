"""What may follow what, and whom to call now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.outbound import Callback as Policy
from tests.journeys.people import NOON, OTHER, a_callback, a_queue, minutes
from ticketing_bridge.journeys.callback_rules import (
    STILL_LISTENS,
    TRANSITIONS,
    News,
    Standing,
    due,
    follow,
    hindrance,
    is_quiet,
    keeps_place,
)
from ticketing_bridge.store.journey_records import FINAL_STATES, CallbackKind, CallbackState

POLICY = Policy()
QUIET_HOTLINE = Standing({"main": a_queue()}, {})


def test_every_news_has_an_answer_in_every_state() -> None:
    assert set(TRANSITIONS) == {(state, news) for state in CallbackState for news in News}


@given(st.lists(st.tuples(st.sampled_from(News), st.integers(0, 600)), max_size=60))
def test_whatever_the_pbx_says_a_callback_ends_once_and_never_dials_too_often(
    told: list[tuple[News, int]],
) -> None:
    callback, now, dialled = a_callback(), NOON, 0
    for news, later_s in told:
        now += timedelta(seconds=later_s)
        after = follow(callback, news, POLICY, now)
        if callback.state in FINAL_STATES:
            assert after is None
        if after is None:
            continue
        if after.state is CallbackState.DIALING:
            assert callback.state is not CallbackState.DIALING
            dialled += 1
        assert after.attempts == dialled
        if callback.state is CallbackState.DIALING and after.state is CallbackState.WANTED:
            assert after.attempts < POLICY.attempts, "the last attempt is the last"
            assert after.due_at > now
        callback = after


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        ([News.PLACED, News.QUEUED, News.AGENT, News.DIALING, News.REACHED, News.DONE, News.LEFT], "reached"),
        ([News.PLACED, News.QUEUED, News.AGENT, News.DIALING, News.BUSY, News.DONE, News.LEFT], "wanted"),
        ([News.PLACED, News.QUEUED, News.LEFT], "wanted"),
        ([News.PLACED, News.GONE], "wanted"),
        ([News.PLACED, News.QUEUED, News.RANG_FIRST, News.LEFT], "withdrawn"),
        ([News.TO_PERSON, News.PLACED, News.SEEN_TO], "seen_to"),
        ([News.PLACED, News.AGENT, News.DIALING, News.NO_ANSWER] * 3, "given_up"),
    ],
)
def test_ways_of_a_callback(told: list[News], ends: str) -> None:
    callback = a_callback()
    for news in told:
        callback = follow(callback, news, POLICY, NOON) or callback
    assert callback.state.value == ends


def test_attempts_are_spaced_by_the_policy() -> None:
    callback = a_callback(state=CallbackState.DIALING, attempts=1)
    again = follow(callback, News.NO_ANSWER, POLICY, NOON)
    assert again is not None
    assert again.due_at == NOON + minutes(POLICY.spacing_min[1])


@given(st.times(), st.times(), st.times())
def test_quiet_hours_may_pass_midnight(clock: time, quiet_from: time, quiet_to: time) -> None:
    quiet = is_quiet(clock, quiet_from, quiet_to)
    if quiet_from != quiet_to:
        assert quiet is not is_quiet(clock, quiet_to, quiet_from)


@st.composite
def _callbacks(draw: st.DrawFn, number: int) -> list[object]:
    return [
        a_callback(
            id=it,
            number=f"139{it:08d}",
            kind=draw(st.sampled_from(CallbackKind)),
            state=draw(st.sampled_from(CallbackState)),
            attempts=draw(st.integers(0, 3)),
            due_at=NOON + minutes(draw(st.integers(-60, 60))),
            created_at=NOON - minutes(draw(st.integers(0, 4000))),
            queue=draw(st.sampled_from(["main", "business", "unknown"])),
        )
        for it in range(number)
    ]


@given(
    _callbacks(6),
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 23),
    st.sets(st.integers(0, 5)),
    st.data(),
)
def test_decisions_keep_the_policy_whatever_is_owed(
    owed: list, waiting: int, free: int, hour: int, sensitive: set[int], data: st.DataObject
) -> None:
    now = NOON.replace(hour=hour)
    queues = {"main": a_queue(waiting=waiting, free=free), "business": a_queue("business", free=free)}
    today = {it.number: data.draw(st.integers(0, 4)) for it in owed}
    decisions = due(owed, Standing(queues, today, sensitive), POLICY, now)
    assert len({it.callback.id for it in decisions}) == len(decisions)
    placed = [it.callback for it in decisions if it.news is News.PLACED]
    assert all(it.callback.state is CallbackState.WANTED for it in decisions)
    assert not {it.id for it in placed} & sensitive, "reports are for people"
    for callback in placed:
        assert callback.due_at <= now
        assert today[callback.number] < POLICY.daily_per_number
    robots = [it for it in placed if not keeps_place(it)]
    assert len(robots) <= 1, "one after the other"
    for callback in robots:
        assert not waiting, "never while somebody waits"
        assert free >= POLICY.free_agents
        assert callback.queue in queues, "nobody knows about the others"
        assert 8 <= hour < 21
        assert all(it.state is not CallbackState.PLACED for it in owed)


def test_who_asked_for_it_keeps_the_place_at_any_hour() -> None:
    late = NOON.replace(hour=23)
    asked = a_callback(id=2, kind=CallbackKind.QUEUE, number=OTHER, due_at=late, created_at=late)
    busy = Standing({"main": a_queue(waiting=5, free=0)}, {})
    assert [it.callback.id for it in due([a_callback(due_at=late), asked], busy, POLICY, late)] == [2]
    again = replace(asked, attempts=1)
    assert due([again], busy, POLICY, late) == []
    assert hindrance(again, busy, POLICY, late) == "quiet_hours"


@pytest.mark.parametrize(
    ("changed", "standing", "now", "why"),
    [
        ({"due_at": NOON + minutes(1)}, QUIET_HOTLINE, NOON, "not_yet"),
        ({}, replace(QUIET_HOTLINE, dialled_today={a_callback().number: 3}), NOON, "daily_cap"),
        ({}, QUIET_HOTLINE, NOON.replace(hour=22), "quiet_hours"),
        ({}, replace(QUIET_HOTLINE, on_the_line=[1]), NOON, "on_the_line"),
        ({}, replace(QUIET_HOTLINE, on_the_line=[1]), NOON + STILL_LISTENS, None),
        ({}, replace(QUIET_HOTLINE, queues={"main": a_queue(waiting=1)}), NOON, "others_wait"),
        ({}, replace(QUIET_HOTLINE, queues={"main": a_queue(free=0)}), NOON, "no_agent_free"),
        ({}, replace(QUIET_HOTLINE, queues={}), NOON, "no_agent_free"),
        ({}, QUIET_HOTLINE, NOON, None),
    ],
)
def test_why_somebody_is_not_called_is_told(
    changed: dict[str, datetime], standing: Standing, now: datetime, why: str | None
) -> None:
    assert hindrance(a_callback(**changed), standing, POLICY, now) == why
