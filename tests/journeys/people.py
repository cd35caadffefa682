"""Call-backs, tickets and calls that the tests of journeys share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from config.hotline import Hotline, load_hotline
from facts.call import AgentLeg, Call, CallState, Outcome, QueueLeg
from facts.identity import CallKey
from facts.telephone import national, new_salt, phone_digest
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import (
    Callback,
    CallbackKind,
    CallbackState,
    CityTicket,
    NewCallback,
    QueueState,
)

#: a Thursday, at an hour at which anybody may be called
NOON = datetime(2026, 11, 19, 12, 0, tzinfo=LOCAL)
CITIZEN, OTHER = "13909790001", "13909790002"
HOTLINE: Hotline = load_hotline()


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def a_callback(**values: Any) -> Callback:
    """One that is wanted now, for a missed caller."""
    return replace(
        Callback(
            id=1, pbx_id="city", call=None, kind=CallbackKind.MISSED, number=CITIZEN, line="main",
            queue="main", priority="normal", arrived_at=NOON - minutes(30), state=CallbackState.WANTED,
            due_at=NOON - minutes(1), attempts=0, reason=None, channel=None, done_by=None,
            created_at=NOON - minutes(30), updated_at=NOON - minutes(30),
        ),
        **values,
    )  # fmt: skip


def new_callback(**values: Any) -> NewCallback:
    """As it is kept first."""
    return replace(
        NewCallback(
            "city", CallbackKind.MISSED, CITIZEN, "main", "main", NOON - minutes(30), NOON - minutes(1)
        ),
        **values,
    )


def a_queue(queue: str = "main", *, waiting: int = 0, free: int = 1, agents: int = 2) -> QueueState:
    """A quiet queue with a free agent."""
    return QueueState(queue, waiting, free, agents, None, NOON)


def a_call(number: str = CITIZEN, outcome: Outcome = Outcome.ABANDONED_QUEUE, **values: Any) -> Call:
    """A citizen who waited a minute in vain, half an hour ago."""
    arrived = values.pop("arrived_at", NOON - minutes(30)).astimezone(UTC)
    ended = arrived + minutes(1)
    answered = outcome is Outcome.ANSWERED
    return replace(
        Call(
            key=CallKey("city", f"city-{arrived.timestamp():.0f}.{len(number)}"),
            linkedid="x", channel="PJSIP/hotline-trunk-1", caller_number=number, did="12345", line="main",
            arrived_at=arrived, state=CallState.ENDED, ended_at=ended, outcome=outcome,
            queue_legs=(QueueLeg("main", arrived, ended, "answered" if answered else "abandoned", 1),),
            agent_legs=(AgentLeg("agent101", "PJSIP/agent101-1", "a.1", ended, ended),) if answered else (),
        ),
        **values,
    )  # fmt: skip


def a_ticket(number: str = "GEM20260001", phone: str = CITIZEN, **values: Any) -> CityTicket:
    """A ticket in hand."""
    salt, plain = new_salt(), national(phone)
    return replace(
        CityTicket(
            number=number, digits=number.removeprefix("GEM"), matter="路灯不亮", status="open",
            status_text="正在办理", units=("市住建局",), expected_on=None, updated_at=NOON,
            phone_last4=plain[-4:], phone_salt=salt, phone_hash=phone_digest(plain, salt),
            confidential=False, closed_at=None,
        ),
        **values,
    )  # fmt: skip


async def stored(database: Database, *things: Call | CityTicket) -> None:
    """Put these where they belong."""
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([it for it in things if isinstance(it, Call)])
        await uow.tickets.upsert([it for it in things if isinstance(it, CityTicket)])
