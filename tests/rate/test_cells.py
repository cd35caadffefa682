"""Whatever happens to calls, the cells answer as the calls themselves do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.rates import Clock, RateDefinition, Rates
from facts.call import AgentLeg, AgentRing, Call, CallFlag, CallState, Outcome, QueueLeg
from facts.identity import CallKey
from tests.rate.test_rate import a_call
from ticketing_bridge.rate.counting import fold_all, recount_all
from ticketing_bridge.rate.definitions import counts, measure, reached, shipped
from ticketing_bridge.rate.plans import plan_of
from ticketing_bridge.rate.rolling import least_window
from ticketing_bridge.rate.service import RateQuery, rate_report
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import CallbackKind, NewCallback
from ticketing_bridge.store.rate_facts import RateFact, fact_of
from ticketing_bridge.store.rate_pieces import Level

#: more of them prove more: HOTLINE_EXAMPLES=500 before a release
EXAMPLES = int(os.environ.get("HOTLINE_EXAMPLES", "4"))
#: midnight in Asia/Shanghai
DAY = datetime(2026, 11, 20, 16, tzinfo=UTC)
NUMBERS = ("13909790001", "13909790002", None)
#: what the cells can answer, and what they cannot
DEFINITIONS = (
    *(it for it in shipped().values() if not it.window_h),
    RateDefinition(name="within_17s", title="17秒", reached=(Outcome.ANSWERED,), within_s=17),
    RateDefinition(
        name="odd",
        title="其他",
        reached=(Outcome.ANSWERED, Outcome.VOICEMAIL),
        left_out=(Outcome.CLOSED, Outcome.ABANDONED_IVR),
        without_short=True,
    ),
    RateDefinition(
        name="queue_recovered",
        title="入队含回拨",
        reached=(Outcome.ANSWERED,),
        recovered_min=7,
        queued_only=True,
    ),
)


@st.composite
def changed_calls(draw: st.DrawFn) -> Call:
    """Any row that a call may have, on few minutes, lines, queues and numbers."""
    arrived = DAY + timedelta(hours=draw(st.integers(0, 40)), seconds=draw(st.sampled_from([0, 59.9995, 60])))
    outcome = draw(st.sampled_from([*Outcome, None]))
    wait = timedelta(milliseconds=draw(st.sampled_from([0, 14_999, 15_000, 15_001, 16_500, 700_000])))
    endings = st.sampled_from(["answered", "abandoned", "full", "joinempty", "exit_key"])
    legs = tuple(
        QueueLeg(queue, arrived + timedelta(seconds=3), arrived + wait, ending)
        for queue, ending in draw(
            st.lists(st.tuples(st.sampled_from(["main", "safety"]), endings), max_size=2)
        )
    )
    known = draw(st.booleans())
    agent = draw(st.sampled_from(["agent101", "agent102"]))
    results = draw(st.lists(st.sampled_from(["answered", "no_answer", None]), max_size=2))
    return Call(
        key=CallKey("city", str(draw(st.integers(1, 6)))),
        linkedid="",
        channel="",
        caller_number=draw(st.sampled_from(NUMBERS)),
        did="12345",
        line=draw(st.sampled_from(["main", "business"])),
        arrived_at=arrived,
        state=CallState.ENDED if outcome else CallState.QUEUED,
        queue_legs=legs,
        rings=tuple(AgentRing(agent, "main", arrived, arrived + wait, result) for result in results),
        agent_legs=(AgentLeg(agent, "", "", arrived + wait),) if draw(st.booleans()) else (),
        answered_at=arrived + wait if known and outcome is Outcome.ANSWERED else None,
        transferred_at=arrived + wait if known else None,
        ended_at=arrived + wait if known else None,
        outcome=outcome,
        flags=frozenset(draw(st.lists(st.sampled_from([CallFlag.SHORT, CallFlag.GAP]), max_size=1))),
    )


#: calls written, a fold in between, an exclusion, its end, a call-back that reached, everything counted anew
steps = st.one_of(
    st.lists(changed_calls(), min_size=1, max_size=4, unique_by=lambda call: call.key).map(
        lambda calls: ("write", calls)
    ),
    st.just(("fold", None)),
    st.tuples(st.sampled_from(["exclude", "include"]), st.integers(1, 6)),
    st.tuples(st.just("reach"), st.tuples(st.sampled_from(NUMBERS[:2]), st.integers(0, 40))),
    st.just(("recount", None)),
)


class Shadow:
    """What ought to be counted, kept by hand."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.out: set[str] = set()
        self.reached: list[tuple[str, datetime]] = []

    def facts(self) -> list[RateFact]:
        return [
            replace(it, excluded=it.call in self.out, recovered_ms=self._recovered(it))
            for call in self.calls.values()
            if (it := fact_of(call)) is not None
        ]

    def _recovered(self, fact: RateFact) -> int | None:
        missed = fact.outcome not in (
            Outcome.ANSWERED,
            Outcome.TRANSFERRED_EMERGENCY,
            Outcome.SELF_SERVICE,
            Outcome.UNRESOLVED,
        )
        after = [
            at - fact.arrived_at
            for number, at in self.reached
            if missed
            and number == fact.caller_number
            and fact.arrived_at < at <= fact.arrived_at + timedelta(hours=24)
        ]
        if not after:
            return None
        return max(0, -(-min(after) // timedelta(milliseconds=1)) - (fact.until_ms or 0))


async def step(database: Database, shadow: Shadow, deed: str, what: Any) -> None:
    match deed:
        case "write":
            async with database.unit_of_work() as uow:
                await uow.calls.upsert(what)
            shadow.calls |= {str(call.key): call for call in what}
        case "fold":
            await fold_all(database)
        case "recount":
            assert await recount_all(database) == 0
        case "exclude":
            async with database.unit_of_work() as uow:
                asked = await uow.rate_books.ask_exclusion(f"city:{what}", "test", "why", "a")
                if asked:
                    await uow.rate_books.confirm_exclusion(asked.id, "b")
                await uow.rates.recount([f"city:{what}"])
            shadow.out.add(f"city:{what}")
        case "include":
            async with database.unit_of_work() as uow:
                for it in await uow.rate_books.exclusions():
                    if it.call == f"city:{what}" and it.ended_at is None:
                        await uow.rate_books.end_exclusion(it.id, "b")
                await uow.rates.recount([f"city:{what}"])
            shadow.out.discard(f"city:{what}")
        case "reach":
            number, hours = what
            at = DAY + timedelta(hours=hours, minutes=3)
            async with database.unit_of_work() as uow:
                new = NewCallback("city", CallbackKind.MISSED, number, "main", "main", DAY, DAY)
                owed = await uow.callbacks.add(new) or await uow.callbacks.open_for(number)
                assert owed
                tries = await uow.callbacks.attempts([owed.id])
                await uow.callbacks.put_attempt(owed.id, len(tries) + 1, reached_at=at)
            shadow.reached.append((number, at))


async def check(database: Database, shadow: Shadow) -> None:
    """Every definition over several stretches, by every grouping."""
    facts = shadow.facts()
    rates = Rates(definitions=DEFINITIONS)
    for begin, end, groupings in (
        (DAY, DAY + timedelta(days=2), ("day", "queue")),
        (DAY + timedelta(hours=3, minutes=1), DAY + timedelta(hours=30), ("hour", "line")),
    ):
        within = [it for it in facts if begin <= it.arrived_at < end]
        async with database.unit_of_work() as uow:
            business = await rate_report(uow, RateQuery(begin, end, line="business"), rates=rates)
        for by in groupings:
            async with database.unit_of_work() as uow:
                report = await rate_report(uow, RateQuery(begin, end, by=by), rates=rates)
            for definition in DEFINITIONS:
                ours = report.rate(definition.name)
                theirs = measure(definition, within)
                assert numbers(ours) == numbers(theirs), (definition.name, by, within)
                assert ours.from_cells is (plan_of(definition) is not None)
                parts = [
                    rate for it in report.groups for rate in it.rates if rate.definition == ours.definition
                ]
                assert [sum(it) for it in zip(*map(numbers, parts), strict=True)] == (
                    [*numbers(ours)] if parts else []
                )
                of_line = measure(definition, (it for it in within if it.line == "business"))
                assert numbers(business.rate(definition.name)) == numbers(of_line)
        rings = {agent: [0, 0] for agent in ("agent101", "agent102")}
        for share in (it for fact in facts if not fact.excluded for it in fact.agents):
            rings[share.agent][0] += share.rings
            rings[share.agent][1] += share.answered
        async with database.unit_of_work() as uow:
            seen = {
                it.agent: [it.rings, it.answered]
                for it in await uow.rate_rows.agents(DAY, DAY + timedelta(2))
            }
        assert seen == {agent: it for agent, it in rings.items() if agent in seen}


def numbers(rate: Any) -> tuple[int, ...]:
    return (rate.base, rate.reached, rate.misses, rate.unknown, rate.unresolved, rate.excluded)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
CLEAR = "rate_call, rate_delta, rate_agent_day, rate_exclusion, call, callback, " + ", ".join(
    it.table_of(over) for it in Level for over in (False, True)
)


@settings(
    max_examples=12,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=st.lists(steps, min_size=2, max_size=10))
def test_cells_answer_as_the_calls_do(database_url: str, runner: asyncio.Runner, deeds: list[Any]) -> None:
    async def play() -> None:
        async with Database(database_url, connections=2) as database:
            async with database.unit_of_work() as uow:
                await uow.connection.exec_driver_sql(f"TRUNCATE {CLEAR} CASCADE")
            shadow = Shadow()
            for deed, what in deeds:
                await step(database, shadow, deed, what)
            await check(database, shadow)

    runner.run(play())


WINDOW = shipped()["rolling_24h"]


@settings(max_examples=EXAMPLES, suppress_health_check=SLOW)
@given(
    arrivals=st.lists(
        st.tuples(
            st.integers(0, 60 * 100), st.sampled_from([Outcome.ANSWERED, Outcome.ANSWERED, Outcome.TIMEOUT])
        ),
        min_size=1,
        max_size=40,
    )
)
def test_the_least_window_is_that_of_all_minutes(
    database_url: str, runner: asyncio.Runner, arrivals: list[tuple[int, Outcome]]
) -> None:
    async def look() -> None:
        calls = [
            a_call(at, outcome, arrived_at=DAY + timedelta(minutes=minute, seconds=7))
            for at, (minute, outcome) in enumerate(arrivals)
        ]
        begin, now = DAY + timedelta(hours=30), DAY + timedelta(hours=90, minutes=17)
        end = begin + timedelta(days=1)
        async with Database(database_url, connections=1) as database:
            async with database.unit_of_work() as uow:
                await uow.connection.exec_driver_sql(f"TRUNCATE {CLEAR} CASCADE")
                await uow.calls.upsert(calls)
                await uow.rates.fold(most=len(calls) // 2)
            async with database.unit_of_work() as uow:
                found = await least_window(uow, WINDOW, begin, end, now)
        least = None
        start = begin - timedelta(hours=24) + timedelta(minutes=1)
        while start < end and start + timedelta(hours=24) <= now:
            rate = measure(
                WINDOW, [it for it in calls if start <= it.arrived_at < start + timedelta(hours=24)]
            )
            if rate.base and (least is None or rate.reached / rate.base < least):
                least = rate.reached / rate.base
            start += timedelta(minutes=1)
        assert (found.rate() if found else None) == least
        if found:
            rate = measure(WINDOW, [it for it in calls if found.start <= it.arrived_at < found.end])
            assert (rate.base, rate.reached) == (found.base, found.reached)

    runner.run(look())


def test_emergency_counts_from_its_own_moment_and_the_queue_from_the_first_place() -> None:
    call = Call(
        CallKey("city", "1"), "", "", None, "12345", "main", DAY, state=CallState.ENDED,
        queue_legs=(
            QueueLeg("full", DAY + timedelta(seconds=2), DAY + timedelta(seconds=2), "full"),
            QueueLeg("main", DAY + timedelta(seconds=4), DAY + timedelta(seconds=9), "exit_key"),
        ),
        transferred_at=DAY + timedelta(seconds=17),
        ended_at=DAY + timedelta(seconds=99),
        outcome=Outcome.TRANSFERRED_EMERGENCY,
    )  # fmt: skip
    fact = fact_of(call)
    assert fact
    assert (fact.until_ms, fact.queue_ms, fact.queue) == (17_000, 13_000, "main")
    within = {
        it.clock: reached(it, fact) for it in shipped().values() if it.within_s == 15 and counts(it, fact)
    }
    assert within == {Clock.ARRIVAL: False, Clock.QUEUE: True}
