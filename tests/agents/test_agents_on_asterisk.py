"""Agents at the real Asterisk: signing in by the telephone's keys, ready, pause, wrap-up, signing out."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from facts.agents import AgentState
from tests.agents.conftest import Shift
from tests.pbx import AmiWitness
from tests.pbx_people import Telephones
from tests.sip_phone import SipPhone

pytestmark = [pytest.mark.pbx]


async def keys(telephone: SipPhone, code: str) -> None:
    """Dial a feature code and listen to the end of what is said."""
    telephone.gone.clear()
    assert await asyncio.to_thread(telephone.call, code) == 200
    assert await asyncio.to_thread(telephone.gone.wait, 10), "the PBX says it and hangs up"
    telephone._dialog = {}


async def test_an_agent_s_day_by_the_telephone_s_keys(
    at_work: Shift, telephones: Telephones, ami: AmiWitness
) -> None:
    with telephones.agent("agent101") as desk:
        assert await asyncio.to_thread(desk.register) == 200
        await keys(desk, "*47")
        assert (await at_work.agent("agent101")).state is AgentState.OFF, (
            "not signed in: nothing to be ready for"
        )
        await keys(desk, "*45")
        ready = await at_work.stands("agent101", AgentState.READY)
        assert ready.signed_in_at is not None
        members = ami.action(Action="QueueStatus") and await asyncio.to_thread(
            lambda: [
                ami.wait_event("QueueMember", Queue=queue, Name="agent101") for queue in ("main", "dialect")
            ]
        )
        assert [it["Penalty"] for it in members] == ["0", "4"], "less at home in the dialect"
        await keys(desk, "*482")
        await at_work.stands("agent101", AgentState.PAUSED, "meal")
        await keys(desk, "*47")
        await at_work.stands("agent101", AgentState.READY)

        desk.answers = False
        with telephones.citizen("13900000041") as citizen:
            assert await asyncio.to_thread(citizen.call, "12345") == 200
            await at_work.stands("agent101", AgentState.RINGING)
            await asyncio.to_thread(citizen.hang_up)
        desk.answers = True
        await at_work.stands("agent101", AgentState.READY)
        with telephones.citizen("13900000042") as citizen:
            assert await asyncio.to_thread(citizen.call, "12345") == 200
            talking = await at_work.stands("agent101", AgentState.TALKING)
            assert (talking.queue, talking.call.partition(":")[0]) == ("main", "city")
        wrap = await at_work.stands("agent101", AgentState.WRAP_UP)
        assert wrap.until is not None
        assert wrap.until - wrap.since == timedelta(seconds=4)
        assert wrap.call == talking.call
        desk.gone.clear()
        await at_work.stands("agent101", AgentState.READY)
        await keys(desk, "*46")
        off = await at_work.stands("agent101", AgentState.OFF)
        assert off.signed_in_at is None
    async with at_work.database.unit_of_work() as uow:
        day = await uow.agents.spans(ready.since, datetime.now(UTC), agent="agent101")
    done = [(it.state.value, it.reason) for it in day if it.state is not AgentState.BUSY]
    assert [state for state, _ in itertools.groupby(done)] == [
        ("ready", ""),
        ("paused", "meal"),
        ("ready", ""),
        ("ringing", ""),
        ("ready", ""),
        ("ringing", ""),
        ("talking", ""),
        ("wrap_up", ""),
        ("ready", ""),
        ("off", ""),
    ]
    assert all(one.end == other.begin for one, other in itertools.pairwise(day)), "no hole in the day"
