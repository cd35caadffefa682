"""Every miss has one plain cause, and says what would have saved it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.hotline import load_hotline
from facts.agents import AgentSpan, AgentState
from facts.call import AgentLeg, AgentRing, Call, CallFlag, EndedBy, JourneyStep, Outcome, QueueLeg
from tests.rate.test_cells import changed_calls
from tests.rate.test_rate import NOON, a_call
from ticketing_bridge.rate.counting import fold_all
from ticketing_bridge.rate.miss_report import miss_report, missed_list
from ticketing_bridge.rate.misses import Cause, Remedy, Stretch, Surroundings, explain, rank
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import CallbackKind, NewCallback
from ticketing_bridge.store.rate_facts import MISSED

QUEUES = {"main": ["agent101", "agent102"]}
GONE = NOON + timedelta(seconds=40)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def missed(outcome: Outcome = Outcome.ABANDONED_QUEUE, **changes: Any) -> Call:
    """Came to the main queue after 6 s and was gone after 40 s."""
    call = replace(a_call(1, outcome), ended_at=GONE, ended_by=EndedBy.CALLER, hangup_cause=16)
    legs = (QueueLeg("main", NOON + s(6), GONE, "abandoned", 3),)
    return replace(call, **({"queue_legs": legs} | changes))


TALKS = [(agent, Stretch(NOON - s(60), NOON + s(300))) for agent in QUEUES["main"]]
AHEAD = [("main", Stretch(NOON - s(20), NOON + s(90))), ("main", Stretch(NOON - s(9), NOON + s(10)))]
BUSY = Surroundings(QUEUES, TALKS, [*AHEAD, ("main", Stretch(NOON + s(6), GONE))])
EMPTY = Surroundings(QUEUES)


def ring(result: str | None, at: float = 20, lasted: float = 12) -> AgentRing:
    return AgentRing("agent101", "main", NOON + s(at), NOON + s(at + lasted), result)


def in_state(state: AgentState) -> Surroundings:
    return Surroundings(QUEUES, spans=[AgentSpan("agent101", state, NOON - s(900), None)])


STEP = JourneyStep(NOON + s(5), "main", "greeting")
CASES: list[tuple[Call, Surroundings, Cause, Remedy]] = [
    (missed(), BUSY, Cause.ALL_BUSY, Remedy.MORE_AGENTS),
    (missed(Outcome.TIMEOUT), BUSY, Cause.WAITED_OUT, Remedy.MORE_AGENTS),
    (missed(), EMPTY, Cause.NOBODY_SIGNED_IN, Remedy.SIGN_IN),
    (missed(Outcome.JOIN_EMPTY, queue_legs=()), EMPTY, Cause.NOBODY_SIGNED_IN, Remedy.SIGN_IN),
    (missed(rings=(ring("no_answer"),)), BUSY, Cause.RANG_UNANSWERED, Remedy.ANSWER_RINGS),
    (missed(rings=(ring(None, lasted=20),)), EMPTY, Cause.HUNG_UP_RINGING, Remedy.ANSWER_RINGS),
    (missed(), in_state(AgentState.PAUSED), Cause.ALL_PAUSED, Remedy.FEWER_PAUSES),
    (missed(), in_state(AgentState.READY), Cause.NOT_OFFERED, Remedy.CHECK_PBX),
    (missed(), in_state(AgentState.OFF), Cause.NOBODY_SIGNED_IN, Remedy.SIGN_IN),
    (missed(Outcome.FULL), BUSY, Cause.QUEUE_FULL, Remedy.RAISE_LIMITS),
    (missed(Outcome.WITHDRAWN), BUSY, Cause.WITHDRAWN, Remedy.CALL_BACK_SOON),
    (missed(Outcome.CLOSED), EMPTY, Cause.CLOSED, Remedy.LONGER_HOURS),
    (missed(Outcome.VOICEMAIL), EMPTY, Cause.VOICEMAIL, Remedy.CALL_BACK_SOON),
    (missed(Outcome.CALLBACK_REQUESTED), BUSY, Cause.CALLBACK, Remedy.CALL_BACK_SOON),
    (
        missed(Outcome.ABANDONED_IVR, queue_legs=(), steps=(STEP,)),
        EMPTY,
        Cause.LEFT_IN_GREETING,
        Remedy.SHORTER_GREETING,
    ),
    (
        missed(Outcome.ABANDONED_IVR, queue_legs=(), steps=(replace(STEP, key="1"),)),
        EMPTY,
        Cause.LEFT_IN_FLOW,
        Remedy.SHORTER_FLOW,
    ),
    (missed(Outcome.SYSTEM_ERROR, queue_legs=()), EMPTY, Cause.FLOW_FAULT, Remedy.MEND_FLOW),
    (
        missed(Outcome.SYSTEM_ERROR, ended_by=EndedBy.SYSTEM, hangup_cause=38),
        BUSY,
        Cause.TRUNK,
        Remedy.MEND_TRUNK,
    ),
    (missed(flags=frozenset({CallFlag.SHORT})), BUSY, Cause.ALL_BUSY, Remedy.NOTHING),
    (missed(Outcome.TIMEOUT, queue_legs=()), EMPTY, Cause.UNKNOWN, Remedy.CHECK_PBX),
]


@pytest.mark.parametrize(("call", "around", "cause", "remedy"), CASES)
def test_the_plain_cause(call: Call, around: Surroundings, cause: Cause, remedy: Remedy) -> None:
    miss = explain(call, around)
    assert miss
    assert (miss.cause, miss.remedy) == (cause, remedy)


def test_it_says_how_it_stood() -> None:
    miss = explain(missed(rings=(ring("no_answer"),)), BUSY)
    assert miss
    assert (miss.waited_s, miss.ahead, miss.busy, miss.rang) == (34.0, 1, 2, ("agent101",))
    ranked = rank([miss, replace(miss, call="2"), replace(miss, cause=Cause.CLOSED, rang=())])
    assert [(it.cause, it.count, it.rang) for it in ranked] == [
        (Cause.RANG_UNANSWERED, 2, (("agent101", 2),)),
        (Cause.CLOSED, 1, ()),
    ]


@settings(max_examples=30)
@given(changed_calls(), st.sampled_from([BUSY, EMPTY]))
def test_every_miss_has_a_cause_and_nothing_else_has(call: Call, around: Surroundings) -> None:
    miss = explain(call, around)
    assert (miss is not None) is (call.outcome in MISSED)


async def test_the_days_misses_and_who_is_owed_something(database: Database) -> None:
    talking = replace(
        a_call(10, wait_s=5, queue="answered", arrived_at=NOON - s(90)),
        agent_legs=(AgentLeg("agent101", "", "", NOON - s(80), NOON + s(400)),),
        ended_at=NOON + s(400),
    )
    numbers = {it: f"1390979000{it}" for it in range(1, 6)}
    calls = [
        talking,
        replace(missed(), caller_number=numbers[1]),
        replace(missed(), key=a_call(2).key, caller_number=numbers[2]),
        replace(missed(), key=a_call(3).key, caller_number=None),
        replace(missed(Outcome.VOICEMAIL), key=a_call(4).key, caller_number=numbers[4]),
        # rang again within the day and was answered; rang again too late
        replace(a_call(5, arrived_at=NOON + timedelta(hours=23)), caller_number=numbers[2]),
        replace(a_call(6, arrived_at=NOON + timedelta(hours=25)), caller_number=numbers[4]),
    ]
    end = NOON + timedelta(hours=3)
    async with database.unit_of_work() as uow:
        await uow.calls.upsert(calls)
    await fold_all(database)
    async with database.unit_of_work() as uow:
        report = await miss_report(uow, load_hotline(), NOON, end)
        first = await missed_list(uow, NOON, end)
        assert [it.call for it in await uow.rate_rows.missed(NOON, end, limit=1)] == ["city:1"]
        new = NewCallback("city", CallbackKind.MISSED, numbers[1], "main", "main", NOON, NOON, call="city:1")
        owed = await uow.callbacks.add(new)
        assert owed
    causes = {it.call: it.cause for it in report.misses}
    assert causes == {"city:1": Cause.ALL_BUSY, "city:2": Cause.ALL_BUSY, "city:3": Cause.ALL_BUSY,
                      "city:4": Cause.VOICEMAIL}  # fmt: skip
    assert report.to_json()["ranked"][0]["misses"] == 3
    assert ([it.row.call for it in first.callers], first.withheld_misses) == (["city:1", "city:4"], 1)
    shown = first.to_json(NOON + timedelta(hours=30))
    assert shown["callers"][0]["caller"] == "139****0001"
    assert shown["callers"][0]["can_be_reached_until"] is None
    async with database.unit_of_work() as uow:
        assert [it.row.callback_state for it in (await missed_list(uow, NOON, end)).callers] == [
            "wanted",
            None,
        ]
        await uow.callbacks.put_attempt(owed.id, 1, reached_at=NOON + timedelta(hours=1))
    async with database.unit_of_work() as uow:
        assert [it.row.call for it in (await missed_list(uow, NOON, end)).callers] == ["city:4"]
