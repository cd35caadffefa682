"""A rate is never one number without its definition."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.call import Call, CallFlag, CallState, Outcome, QueueLeg
from facts.identity import CallKey
from ticketing_bridge.rate import measure, shipped
from ticketing_bridge.rate.definitions import counts
from ticketing_bridge.rate.service import DefinitionUnknown, day_of, rate_between, today
from ticketing_bridge.store import Database
from ticketing_bridge.store.rate_facts import fact_of

NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)


def a_call(
    number: int = 0,
    outcome: Outcome | None = Outcome.ANSWERED,
    *,
    wait_s: float | None = None,
    queue: str | None = None,
    flags: frozenset[CallFlag] = frozenset(),
    arrived_at: datetime = NOON,
) -> Call:
    reached_at = None if wait_s is None else arrived_at + timedelta(seconds=wait_s)
    emergency = outcome is Outcome.TRANSFERRED_EMERGENCY
    return Call(
        key=CallKey("city", str(number)),
        linkedid="",
        channel="",
        caller_number=None,
        did="12345",
        line="main",
        arrived_at=arrived_at,
        state=CallState.ENDED if outcome else CallState.QUEUED,
        answered_at=None if emergency else reached_at,
        transferred_at=reached_at if emergency else None,
        queue_legs=(QueueLeg("main", arrived_at, None, queue),) if queue else (),
        outcome=outcome,
        flags=flags,
    )


DAY = [
    a_call(wait_s=15.0, queue="answered"),
    a_call(wait_s=15.001, queue="answered"),
    a_call(queue="answered"),
    a_call(outcome=Outcome.TRANSFERRED_EMERGENCY, wait_s=3.0),
    a_call(outcome=Outcome.SELF_SERVICE),
    a_call(outcome=Outcome.ABANDONED_QUEUE, queue="abandoned"),
    a_call(outcome=Outcome.ABANDONED_IVR, flags=frozenset({CallFlag.SHORT})),
    a_call(outcome=Outcome.FULL, queue="full"),
    a_call(outcome=Outcome.UNRESOLVED),
    a_call(outcome=None),
]


@pytest.mark.parametrize(
    ("name", "reached", "base", "unknown", "percent"),
    [
        ("person", 4, 7, 0, "57.14 %"),
        ("strict", 3, 8, 0, "37.50 %"),
        ("person_without_short", 4, 6, 0, "66.67 %"),
        ("queue_offered", 3, 4, 0, "75.00 %"),
        ("within_15s", 2, 7, 1, "33.33 %"),
        ("within_20s", 3, 7, 1, "50.00 %"),
    ],
)
def test_each_definition(name: str, reached: int, base: int, unknown: int, percent: str) -> None:
    rate = measure(shipped()[name], DAY)
    assert (rate.reached, rate.base, rate.unknown, rate.percent_text) == (reached, base, unknown, percent)
    assert rate.reached + rate.misses + rate.unknown == rate.base
    assert (rate.unresolved, rate.open) == (1, 1)


def test_only_a_definition_that_says_so_counts_who_was_called_back() -> None:
    """Also whoever we reached by call-back while the call was still on: after 0 ms."""
    fact = fact_of(a_call(1, Outcome.TIMEOUT))
    assert fact
    facts = [replace(fact, recovered_ms=0)]
    assert measure(shipped()["recovered"], facts).reached == 1
    assert measure(shipped()["person"], facts).reached == 0


def test_nothing_by_nothing_is_a_dash() -> None:
    rate = measure(shipped()["person"], [a_call(outcome=Outcome.UNRESOLVED)])
    assert (rate.percent, rate.percent_text, rate.unresolved) == (None, "—", 1)


def test_half_up_from_the_unrounded_quotient() -> None:
    missed, answered = a_call(outcome=Outcome.TIMEOUT), a_call()
    rate = measure(shipped()["person"], [answered] * 1 + [missed] * 799)
    assert rate.percent == Decimal("0.13")  # 0.125
    assert measure(shipped()["person"], [answered] * 799 + [missed]).percent == Decimal("99.88")  # 99.875


@given(st.lists(st.sampled_from([*Outcome, None]).map(lambda it: a_call(outcome=it)), max_size=40))
def test_every_call_is_counted_once_beside_each_rate(calls: list[Call]) -> None:
    for definition in shipped().values():
        rate = measure(definition, calls)
        left_out = sum(
            fact is not None and fact.outcome is not Outcome.UNRESOLVED and not counts(definition, fact)
            for fact in map(fact_of, calls)
        )
        assert rate.base + rate.unresolved + rate.open + left_out == len(calls)
        assert rate.percent is None or 0 <= rate.percent <= 100


def test_a_day_is_a_day_in_china() -> None:
    begin, end = day_of(datetime(2026, 11, 20, 16, 0, tzinfo=UTC))
    assert (begin, end) == (datetime(2026, 11, 20, 16, tzinfo=UTC), datetime(2026, 11, 21, 16, tzinfo=UTC))


async def test_todays_rate_says_what_it_rests_on(database: Database) -> None:
    yesterday = a_call(1, Outcome.TIMEOUT, arrived_at=NOON - timedelta(days=1))
    calls = [yesterday, a_call(2), a_call(3), a_call(4, Outcome.TIMEOUT), a_call(5, Outcome.UNRESOLVED)]
    async with database.unit_of_work() as uow:
        empty = await today(uow, NOON)
        assert (empty.as_of, empty.rate("person").percent_text) == (None, "—")
        await uow.calls.upsert(calls)
    async with database.unit_of_work() as uow:
        report = await today(uow, NOON)
        assert report.as_of is not None
        assert report.to_json()["rates"] == [
            {
                "definition": "person",
                "title": "人工接通率",
                "formula": "(answered + transferred_emergency) ÷ (all − self_service)",
                "percent": "66.67",
                "n": 3,
                "reached": 2,
                "misses": 1,
                "unknown": 0,
                "unresolved": 1,
                "excluded": 0,
                "open": 0,
                "from": "cells",
            }
        ]
        assert report.outcomes == {"answered": 2, "timeout": 1, "unresolved": 1}
        both = await rate_between(uow, NOON - timedelta(days=2), NOON + timedelta(days=1))
        assert [rate.definition for rate in both.rates] == [
            name for name, it in shipped().items() if not it.window_h
        ]
        assert [*both.windows] == ["rolling_24h"]
        other = await today(uow, NOON, "strict", line="safety")
        assert other.rate("strict").base == 0
        with pytest.raises(DefinitionUnknown, match="person"):
            await today(uow, NOON, "beautiful")
        with pytest.raises(DefinitionUnknown):
            report.rate("strict")
