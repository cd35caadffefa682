"""Call-backs from the promise to their end: nobody forgotten, nobody dialled twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import event

from facts.call import CallFlag, CallState, Outcome
from facts.identity import CallKey
from telephony.ami.events import CallbackStage, GapFilled, LinkLost, LinkUp
from tests.journeys.conftest import Shift
from tests.journeys.people import (
    CITIZEN,
    HOTLINE,
    NOON,
    OTHER,
    a_call,
    minutes,
    new_callback,
    stored,
)
from ticketing_bridge.call_ledger.backfill import Found, event_record
from ticketing_bridge.journeys.callbacks import GOODBYE, promise, rang_first
from ticketing_bridge.journeys.dispatcher import PbxChannel, RefusedForGood
from ticketing_bridge.journeys.outage import ErrandKeeper
from ticketing_bridge.store import Database
from ticketing_bridge.store.gap_repository import Gap
from ticketing_bridge.store.journey_records import Callback, CallbackKind, CallbackState, NewCallback

KEY = CallKey("city", "city-1.1")
LONG_AGO = timedelta(seconds=30)


async def added(shift: Shift, new: NewCallback | None = None) -> Callback:
    async with shift.database.unit_of_work() as uow:
        made = await uow.callbacks.add(new or new_callback())
    assert made is not None
    return made


async def test_a_promise_keeps_the_callers_place_and_is_kept_at_once(shift: Shift) -> None:
    call = a_call(outcome=Outcome.CALLBACK_REQUESTED, key=KEY)
    await stored(shift.database, call)
    async with shift.database.unit_of_work() as uow:
        assert await promise(uow, HOTLINE, KEY, CITIZEN, "main", "main", NOON - GOODBYE)
        assert await promise(uow, HOTLINE, KEY, CITIZEN, "main", "main", NOON - GOODBYE), (
            "asked again, it stands"
        )
    await shift.look()
    (made,) = shift.pbx.called
    row = await shift.row(made)
    assert (row.state, row.arrived_at, row.call) == (CallbackState.PLACED, call.arrived_at, str(KEY))
    await shift.look(minutes(1))
    assert shift.pbx.called == [made], "placed once"
    await shift.told(made, "queued", "agent", "dialing", "reached", agent="agent101", file="city-2.2")
    await shift.look(minutes(0.1))
    assert not shift.pbx.ended, "they talk"
    await shift.told(made, "done", "left", "reached", "busy")
    row = await shift.row(made)
    assert (row.state, row.attempts, row.channel) == (CallbackState.REACHED, 1, None)
    async with shift.database.unit_of_work() as uow:
        (attempt,) = await uow.callbacks.attempts([made])
    assert (attempt.agent, attempt.result, attempt.recording) == ("agent101", "reached", "city-2.2")


async def test_nobody_is_phoned_who_still_listens_to_our_goodbye(shift: Shift) -> None:
    listening = a_call(outcome=Outcome.CALLBACK_REQUESTED, key=KEY)
    await stored(shift.database, replace(listening, state=CallState.QUEUED, ended_at=None, outcome=None))
    async with shift.database.unit_of_work() as uow:
        assert await promise(uow, HOTLINE, KEY, CITIZEN, "main", "main", NOON - GOODBYE)
    await shift.look()
    assert not shift.pbx.called, "the telephone is busy, and an agent would be held for nothing"
    await stored(shift.database, listening)
    await shift.look(timedelta(seconds=1))
    assert len(shift.pbx.called) == 1


async def test_numbers_that_are_no_citizens_are_not_promised(database: Database) -> None:
    async with database.unit_of_work() as uow:
        for number in ("110", "12345", "8412301", "16812345", "0011234567890", "1390979", ""):
            assert not await promise(uow, HOTLINE, KEY, number, "main", "main", NOON), number
        assert not await promise(uow, HOTLINE, KEY, CITIZEN, "main", "nowhere", NOON)


async def test_three_attempts_and_no_more(shift: Shift) -> None:
    made = await added(shift)
    for attempt in range(1, 4):
        await shift.look(minutes(300) if attempt > 1 else minutes(0))
        assert len(shift.pbx.called) == attempt
        await shift.told(made.id, "queued", "agent", "dialing", "no_answer", "done", "left")
        shift.now = NOON + timedelta(days=attempt - 1, minutes=1)
    assert await shift.state(made.id) is CallbackState.GIVEN_UP
    await shift.look(timedelta(days=1))
    assert len(shift.pbx.called) == 3


async def test_who_rings_first_is_recognised_and_not_called(shift: Shift) -> None:
    made = await added(shift)
    await shift.look()
    await shift.told(made.id, "queued")
    async with shift.database.unit_of_work() as uow:
        assert not await rang_first(uow, HOTLINE, None, NOON)
        assert not await rang_first(uow, HOTLINE, OTHER, NOON)
        assert await rang_first(uow, HOTLINE, f"+86{CITIZEN}", NOON)
    await shift.look()
    assert shift.pbx.ended == ["Local/main@hotline-callback-1;2"], "its placeholder leaves the queue"
    await shift.told(made.id, "left", "agent", "dialing")
    row = await shift.row(made.id)
    assert (row.state, row.channel) == (CallbackState.WITHDRAWN, None)


async def test_nothing_is_dialled_twice_by_two_processes(shift: Shift, database: Database) -> None:
    other = Shift(database, shift.pbx)
    made = await added(shift)
    for one in (shift, other, shift):
        await one.look()
    assert shift.pbx.called == [made.id]


async def test_what_a_crash_left_behind_is_wanted_again(shift: Shift, database: Database) -> None:
    lost = await added(shift)
    await shift.look()
    kept = await added(shift, new_callback(number=OTHER, kind=CallbackKind.QUEUE))
    await shift.look()
    shift.pbx.there = [PbxChannel("Local/main@hotline-callback-2;2", "hotline-callback", OTHER)]
    shift.begin_again()
    shift.now = (await shift.row(kept.id)).updated_at + LONG_AGO  # the rows are as old as the database says
    await shift.look()
    assert await shift.state(lost.id) is CallbackState.WANTED
    assert await shift.state(kept.id) is CallbackState.PLACED
    assert shift.pbx.called == [lost.id, kept.id]


async def test_who_was_reached_while_nobody_heard_is_not_phoned_again(
    shift: Shift, database: Database
) -> None:
    reached = await added(shift)
    await shift.look()
    await shift.told(reached.id, "queued")
    shift.now = (await shift.row(reached.id)).updated_at + LONG_AGO  # as old as the database says
    lost = LinkLost(at=shift.now - minutes(20), pbx_id="city")
    up = LinkUp(at=shift.now, pbx_id="city")
    async with database.unit_of_work() as uow:
        await uow.events.add_batch([event_record(event, None, shift.now) for event in (lost, up)])
    shift.dispatcher.take(up)
    await shift.look()
    assert await shift.state(reached.id) is CallbackState.PLACED, "its gap is not filled: nobody knows yet"
    missing = [
        CallbackStage(at=up.at - minutes(9 - place), pbx_id="city", callback=reached.id, status=status)
        for place, status in enumerate(("agent", "dialing", "reached", "done", "left"))
    ]
    gap = Gap("city", up.at - minutes(20), up.at, filled=True)
    async with database.unit_of_work() as uow:
        await ErrandKeeper(HOTLINE).fill(uow, Found(gap, up.at - minutes(20), missing, missing, ()))
        await uow.events.add_batch(
            [event_record(GapFilled(at=up.at, pbx_id="city", begin=up.at), None, up.at)]
        )
        (attempt,) = await uow.callbacks.attempts([reached.id])
    assert await shift.state(reached.id) is CallbackState.REACHED
    assert attempt.reached_at == missing[2].at
    await shift.look()
    assert shift.pbx.called == [reached.id]


async def test_a_number_that_the_pbx_refuses_is_given_up(shift: Shift) -> None:
    made = await added(shift)
    shift.pbx.refuses = RefusedForGood("no number")
    await shift.look()
    assert await shift.state(made.id) is CallbackState.GIVEN_UP


async def test_missed_callers_are_owed_one_call(shift: Shift) -> None:
    missed = a_call(key=CallKey("city", "city-1.1"))
    again = a_call(key=CallKey("city", "city-1.2"), arrived_at=NOON - minutes(20))
    short = a_call(OTHER, key=CallKey("city", "city-1.3"), flags=frozenset({CallFlag.SHORT}))
    withheld = a_call(key=CallKey("city", "city-1.4"), caller_number=None)
    reached = a_call("13909790005", key=CallKey("city", "city-1.5"))
    answered = a_call("13909790005", Outcome.ANSWERED, key=CallKey("city", "city-1.6"), arrived_at=NOON)
    old = a_call("13909790006", key=CallKey("city", "city-1.7"), arrived_at=NOON - timedelta(hours=25))
    await stored(shift.database, missed, again, short, withheld, reached, answered, old)
    await shift.look()
    async with shift.database.unit_of_work() as uow:
        (owed,) = await uow.callbacks.newest()
    assert (owed.number, owed.kind, owed.call) == (CITIZEN, CallbackKind.MISSED, str(again.key))
    assert owed.due_at == again.ended_at + minutes(HOTLINE.callback.spacing_min[0])  # type: ignore[operator]
    async with shift.database.unit_of_work() as uow:
        assert await rang_first(uow, HOTLINE, CITIZEN, NOON)
    await shift.look(minutes(1))
    async with shift.database.unit_of_work() as uow:
        assert len(await uow.callbacks.newest()) == 1, "the misses before it are not owed anew"


async def test_reports_are_for_a_person(shift: Shift) -> None:
    reported = a_call(key=CallKey("city", "city-1.1"))
    unknown = replace(a_call(OTHER, key=CallKey("city", "city-1.2")), answers=(("保密要求", "匿名"),))
    await stored(shift.database, reported, unknown)
    async with shift.database.unit_of_work() as uow:
        await uow.drafts.put(reported.key, 1, "live", {"purpose": {"value": "举报"}})
    first = await added(shift, new_callback(kind=CallbackKind.QUEUE))
    second = await added(shift, new_callback(number=OTHER))
    await shift.look()
    assert shift.pbx.called == []
    for made in (first, second):
        row = await shift.row(made.id)
        assert (row.state, row.reason) == (CallbackState.BY_PERSON, "report")


async def test_a_round_asks_no_more_for_many_and_opens_their_numbers_once(shift: Shift) -> None:
    """It comes round every second."""
    await shift.look()
    await added(shift, new_callback(due_at=NOON + minutes(60)))
    for_one = await asked_in_a_round(shift)
    for number in ("13909790011", "13909790012", "13909790013"):
        await added(shift, new_callback(number=number, due_at=NOON + minutes(60)))
    for_many = await asked_in_a_round(shift)
    assert for_many == for_one
    assert sum("sealed_number" in it for it in for_many) == 1, "\n\n".join(for_many)
    assert len(for_many) <= 7, "\n\n".join(for_many)


async def asked_in_a_round(shift: Shift) -> list[str]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        asked.append(" ".join(statement.split()))

    engine = shift.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    await shift.dispatcher.look()
    event.remove(engine, "before_cursor_execute", note)
    return asked


async def test_who_wants_to_be_called_is_forgotten_after_two_days(shift: Shift) -> None:
    made = await added(shift)
    created = (await shift.row(made.id)).created_at
    shift.now = created.astimezone(NOON.tzinfo) + timedelta(days=3)
    await shift.look()
    row = await shift.row(made.id)
    assert (row.state, row.reason) == (CallbackState.GIVEN_UP, "too_old")
