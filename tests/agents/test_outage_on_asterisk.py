"""What agents and citizens do while our role is away is known when it is back: states, moves, call-backs."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from facts.agents import AgentState
from facts.call import CallFlag, CallState, Outcome
from facts.call_control import Standing
from facts.identity import CallKey
from tests.agents.conftest import Shift, until
from tests.agents.test_agents_on_asterisk import keys
from tests.pbx import AmiWitness
from tests.pbx_people import Telephones
from ticketing_bridge.store.journey_records import Callback, CallbackKind

pytestmark = [pytest.mark.pbx]


async def test_the_role_comes_back_and_knows_what_happened(
    at_work: Shift, telephones: Telephones, ami: AmiWitness
) -> None:
    with contextlib.ExitStack() as phones:
        first, second = (phones.enter_context(telephones.agent(it)) for it in ("agent101", "agent102"))
        citizen, missed = (
            phones.enter_context(telephones.citizen(it)) for it in ("13900000061", "13900000062")
        )
        await at_work.signed_in(first)
        assert await asyncio.to_thread(second.register) == 200
        await at_work.end()
        went_at = datetime.now(UTC)

        assert await asyncio.to_thread(citizen.call, "12345") == 200
        connected = await asyncio.to_thread(ami.wait_event, "AgentConnect", 10, CallerIDNum="13900000061")
        assert await asyncio.to_thread(missed.call, "12345") == 200
        await asyncio.to_thread(ami.wait_event, "QueueCallerJoin", 10, CallerIDNum="13900000062")
        await keys(second, "*45")
        await keys(second, "*482")
        await asyncio.sleep(2.0)
        await asyncio.to_thread(missed.hang_up)
        back_at = datetime.now(UTC)
        at_work.house.settings.__dict__["t_short_s"] = 1.0
        await at_work.begin()

        talks = await at_work.row(
            CallKey("city", connected["Uniqueid"]),
            lambda it: CallFlag.BACKFILLED in it.flags and bool(it.agent_legs),
        )
        assert talks.state is CallState.TALKING
        standing = await at_work.standing(talks.key, Standing.TALK)
        assert standing is not None
        assert standing.owner == "agent101"
        await at_work.stands("agent101", AgentState.TALKING)
        await at_work.work.hold("zhang", talks.key)
        await at_work.standing(talks.key, Standing.HELD)
        owed = await _owed(at_work, "13900000062")
        assert owed.kind is CallbackKind.MISSED
        async with at_work.database.unit_of_work() as uow:
            spans = await uow.agents.spans(went_at, back_at)
            lost = await uow.calls.list(outcome=Outcome.ABANDONED_QUEUE)
        assert [CallFlag.BACKFILLED in it.flags for it in lost] == [True]
        assert [it.state for it in spans if it.agent == "agent101" and it.seconds(back_at) > 0.5] == [
            AgentState.READY,
            AgentState.TALKING,
        ]
        assert [(it.state, it.reason) for it in spans if it.agent == "agent102"][-1] == (
            AgentState.PAUSED,
            "meal",
        )
        paused = next(it for it in spans if it.state is AgentState.PAUSED)
        assert paused.begin < back_at - timedelta(seconds=1.5), "when it was, not when we came back"


async def _owed(at_work: Shift, number: str) -> Callback:
    async def seen() -> Callback | None:
        async with at_work.database.unit_of_work() as uow:
            return await uow.callbacks.open_for(number)

    return await until(seen, 25.0)
