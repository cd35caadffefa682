"""What the board asks each second, definitions that change, exclusions by two people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rates import RateDefinition, Rates
from facts.agents import AgentNow, AgentState
from facts.call import Outcome
from tests.rate.test_rate import NOON, a_call
from ticketing_bridge.rate.allowance import allowance
from ticketing_bridge.rate.book import (
    DefinitionBook,
    DefinitionRefused,
    DefinitionUnknown,
    change_definition,
    definition_book,
)
from ticketing_bridge.rate.counting import ensure_counted
from ticketing_bridge.rate.definitions import shipped
from ticketing_bridge.rate.live import rate_now
from ticketing_bridge.rate.service import rate_between, today
from ticketing_bridge.store import Database
from ticketing_bridge.store.agent_repository import StateChange
from ticketing_bridge.store.rate_records import DefinitionVersion


@given(st.integers(0, 3000), st.integers(0, 3000), st.sampled_from([90.0, 95.0, 98.0, 99.9, 100.0]))
def test_what_the_target_allows_is_just_enough(reached: int, misses: int, target: float) -> None:
    base = reached + misses
    now = allowance(reached, base, target).now

    def holds(more_reached: int, more_missed: int) -> bool:
        calls = base + more_reached + more_missed
        return calls == 0 or Fraction(reached + more_reached, calls) >= Fraction(str(target)) / 100

    if now >= 0:
        assert holds(0, now)
        assert not holds(0, now + 1)
    elif target < 100:
        assert holds(-now, 0)
        assert not holds(-now - 1, 0)
    else:
        assert now == -misses


async def test_the_board_learns_all_at_once(database: Database) -> None:
    number = "13909791234"
    calls = [
        *(a_call(it, wait_s=9, queue="answered") for it in range(60)),
        replace(a_call(60, Outcome.TIMEOUT, queue="timeout"), caller_number=number),
        a_call(61, Outcome.ABANDONED_QUEUE, queue="abandoned"),
        a_call(62, Outcome.UNRESOLVED),
        *(a_call(70 + it, arrived_at=NOON - timedelta(days=7) + timedelta(hours=1)) for it in range(100)),
    ]
    now = NOON + timedelta(minutes=5)
    async with database.unit_of_work() as uow:
        await uow.calls.upsert(calls)
    async with database.unit_of_work() as uow:
        seen = await rate_now(uow, now, target_percent=98)
    assert (seen.rate.percent_text, seen.rate.unresolved, seen.below_target) == ("96.77 %", 1, True)
    assert [(it.hour, it.reached, it.misses) for it in seen.hours] == [(12, 60, 2)]
    assert (seen.missed_callers, seen.missed_withheld) == (1, 1)
    assert (seen.allowance.now, seen.allowance.today, seen.allowance.expected) == (-38, 1, 100)
    async with database.unit_of_work() as uow:
        later = replace(a_call(63, arrived_at=NOON + timedelta(minutes=9)), caller_number=number)
        await uow.calls.upsert([later])
        assert (await rate_now(uow, now, target_percent=98)).missed_callers == 0


async def test_a_definition_changes_from_a_day_on_and_old_days_stay(database: Database) -> None:
    day = date(2026, 11, 22)
    second = NOON + timedelta(days=1)
    async with database.unit_of_work() as uow:
        await uow.calls.upsert(
            [a_call(1, Outcome.VOICEMAIL), a_call(2), a_call(3, Outcome.VOICEMAIL, arrived_at=second)]
        )
        lenient = RateDefinition(name="person", title="含留言", reached=(Outcome.ANSWERED, Outcome.VOICEMAIL))
        with pytest.raises(DefinitionRefused, match="begun"):
            await change_definition(uow, lenient, day, "why", "wang", day)
        with pytest.raises(DefinitionRefused, match="why"):
            await change_definition(uow, lenient, day, " ", "wang", day - timedelta(days=1))
        await change_definition(uow, lenient, day, "市里的新规定", "wang", day - timedelta(days=1))
        assert [it.action for it in await uow.audit.list(subject="person")] == ["rate-definition-changed"]
    begin = datetime(2026, 11, 20, 16, tzinfo=UTC)
    async with database.unit_of_work() as uow:
        old = await rate_between(uow, begin, begin + timedelta(days=1), "person")
        both = await rate_between(uow, begin, begin + timedelta(days=2), "person", "strict")
        book = await definition_book(uow)
    assert old.rate("person").percent_text == "50.00 %"
    assert (both.rate("person").reached, both.rate("person").base) == (2, 3)
    assert both.rate("strict").reached == 1
    assert both.changes == {"person": [day]}
    assert book.on("person", day) == lenient
    assert book.on("person", day - timedelta(days=1)) == shipped()["person"]
    with pytest.raises(DefinitionUnknown, match="within_15s"):
        book.on("beautiful", day)


def test_a_definition_that_did_not_exist_yet() -> None:
    own = RateDefinition(name="own", title="自定", reached=(Outcome.ANSWERED,))
    book = DefinitionBook(
        Rates(definitions=(shipped()["person"],)), (DefinitionVersion(own, date(2026, 1, 5)),)
    )
    assert book.names == ("person", "own")
    assert book.on("own", date(2026, 1, 4)) is None
    cut = book.stretches(["own"], NOON - timedelta(days=400), NOON)
    assert [len(it.definitions) for it in cut] == [0, 1]


async def test_calls_of_before_are_counted_once_somebody_asks(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([a_call(it) for it in range(3)])
        await uow.connection.exec_driver_sql("TRUNCATE rate_call, rate_delta")
        assert await uow.rates.count_version() is None
    await ensure_counted(database)
    async with database.unit_of_work() as uow:
        assert (await rate_between(uow, NOON, NOON + timedelta(hours=1), "person")).rate("person").base == 3


async def test_work_is_measured_where_agents_states_are_kept(database: Database) -> None:
    states = [
        (AgentState.READY, 0),
        (AgentState.TALKING, 600),
        (AgentState.WRAP_UP, 780),
        (AgentState.PAUSED, 840),
        (AgentState.OFF, 1200),
    ]
    changes = [
        StateChange(AgentNow("agent101", "city", state, NOON + timedelta(seconds=at))) for state, at in states
    ]
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([a_call(1, wait_s=9, queue="answered")])
        await uow.agents.put(changes)
    async with database.unit_of_work() as uow:
        waits = (await today(uow, NOON)).waits
        of_line = (await today(uow, NOON, line="main")).waits
    assert waits
    assert (waits.wrap_up_s, str(waits.occupancy_percent)) == (60.0, "20.00")
    assert of_line
    assert of_line.occupancy_percent is None
