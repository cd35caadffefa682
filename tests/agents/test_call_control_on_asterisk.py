"""Moves of calls at the real Asterisk: each against events, recording, live taps, and the call's row."""

from __future__ import annotations

import asyncio
import contextlib
import wave

import numpy as np
import pytest

from facts.agents import AgentState
from facts.call import Call, CallState, EndedBy, Outcome
from facts.call_control import (
    CloseKind,
    ControlRefusal,
    ControlRefused,
    Standing,
    Target,
    TargetKind,
)
from tests.agents.conftest import Listening, Shift
from tests.pbx import AmiWitness
from tests.pbx_people import Telephones

pytestmark = [pytest.mark.pbx]
COLLEAGUE = Target(TargetKind.AGENT, "agent102")
FIRE = Target(TargetKind.EMERGENCY, "fire")
UNIT = Target(TargetKind.UNIT, "市住房和城乡建设局", "09798413371")


def loud(at_work: Shift, call: Call, leg: str) -> list[bool]:
    """Whether there is sound in each tenth of a second of one of the recording's files."""
    path = at_work.house.settings.recordings / f"{call.recording}{leg}.wav"
    with wave.open(str(path)) as recording:
        sound = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").astype(np.int32)
    return [bool(np.abs(part).mean() > 100) for part in np.array_split(sound, max(1, len(sound) // 800))]


async def refused(attempt: object, kind: ControlRefusal) -> None:
    with pytest.raises(ControlRefused) as found:
        await attempt  # type: ignore[misc]
    assert found.value.kind is kind


async def test_hold_consult_three_and_hand_over(
    at_work: Shift, telephones: Telephones, listening: Listening, ami: AmiWitness
) -> None:
    work = at_work.work
    with contextlib.ExitStack() as phones:
        first, second = (phones.enter_context(telephones.agent(it)) for it in ("agent101", "agent102"))
        citizen = phones.enter_context(telephones.citizen("13900000051"))
        fire = phones.enter_context(telephones.carrier(answers=False))
        await at_work.signed_in(first, second)
        call = await at_work.call(citizen, "agent101")
        key, caller = call.key, ("caller", call.key.uniqueid)
        agent = ("agent", call.agent_legs[0].uniqueid)
        await listening.hears(caller, agent)
        await refused(work.hold("agent102", key), ControlRefusal.NOT_YOURS)

        await work.hold("zhang", key)
        await at_work.standing(key, Standing.HELD)
        await listening.hears()
        await work.resume("zhang", key)
        await at_work.standing(key, Standing.TALK)
        await listening.hears(caller, agent)

        await work.pause_recording("zhang", key)
        await listening.hears()
        await at_work.end()
        await at_work.begin()
        paused = await at_work.standing(key, Standing.TALK)
        assert paused is not None
        assert paused.paused
        assert not await listening.legs(), "a new process does not listen to what rests"
        await work.resume_recording("zhang", key)
        await listening.hears(caller, agent)

        await work.consult("zhang", key, COLLEAGUE)
        await at_work.standing(key, Standing.CONSULT)
        await listening.hears()
        await at_work.stands("agent102", AgentState.TALKING)
        await work.three_way("zhang", key, COLLEAGUE)
        three = await at_work.standing(key, Standing.THREE_WAY)
        assert three is not None
        assert three.owner == "agent101", "as long as the first agent is there"
        row = await at_work.row(key, lambda it: any(leg.agent == "agent102" for leg in it.agent_legs))
        theirs = next(leg for leg in row.agent_legs if leg.agent == "agent102")
        colleague = ("agent", theirs.uniqueid)
        await listening.hears(caller, agent, colleague)
        await work.hand_over("zhang", key)
        handed = await at_work.standing(key, Standing.TALK)
        assert handed is not None
        assert handed.owner == "agent102"
        await at_work.was("agent101", AgentState.WRAP_UP)
        await listening.hears(caller, colleague)
        await refused(work.hold("zhang", key), ControlRefusal.NOT_YOURS)

        await work.three_way("agent102", key, FIRE)
        await at_work.standing(key, Standing.JOIN_RINGING)
        assert await asyncio.to_thread(fire.ringing.wait, 30)
        assert fire.dialled == "119"
        await refused(work.hand_over("agent102", key), ControlRefusal.STAY)
        await refused(work.hang_up("agent102", key), ControlRefusal.STAY)
        await work.drop_target("agent102", key)
        await at_work.standing(key, Standing.TALK)
        fire.answers = True
        await work.three_way("agent102", key, FIRE)
        await at_work.standing(key, Standing.THREE_WAY)
        await work.hand_over("agent102", key)
        released = await at_work.standing(key, Standing.HANDED_OVER)
        assert released is not None
        assert released.owner == "agent102", "a service owns no ticket"
        assert not citizen.gone.is_set()
        await asyncio.to_thread(citizen.hang_up)
        assert await asyncio.to_thread(fire.gone.wait, 30), "nobody is left behind in the room"
    row = await at_work.row(key, lambda it: it.state is CallState.ENDED)
    assert (row.outcome, row.ended_by, row.linkedid) == (Outcome.ANSWERED, EndedBy.CALLER, call.linkedid)
    assert row.agent_legs[0].agent == "agent101"
    assert max(row.agent_legs, key=lambda leg: leg.left_at or call.arrived_at).agent == "agent102"
    assert row.queue_legs[0].ending == "answered"
    assert len(row.queue_legs) == 1
    assert await work.owner(key) == "agent102"
    for leg in ("", "-rx"):
        heard = loud(at_work, row, leg)
        talk = heard[heard.index(True) :]
        assert any(not any(talk[at : at + 5]) for at in range(len(talk) - 5)), (
            "nothing of the papers' numbers"
        )


async def test_sent_on_without_a_word_and_closed(
    at_work: Shift, telephones: Telephones, ami: AmiWitness
) -> None:
    work = at_work.work
    with contextlib.ExitStack() as phones:
        first, third = (phones.enter_context(telephones.agent(it)) for it in ("agent101", "agent103"))
        citizen = phones.enter_context(telephones.citizen("13900000052"))
        unit = phones.enter_context(telephones.carrier(refuses="486 Busy Here"))
        await at_work.signed_in(first, third)
        call = await at_work.call(citizen, "agent101")
        key = call.key
        await refused(work.transfer("zhang", key, COLLEAGUE), ControlRefusal.BUSY)
        await refused(
            work.transfer("zhang", key, Target(TargetKind.UNIT, "某单位", "1;2")), ControlRefusal.NO_TARGET
        )
        await work.transfer("zhang", key, UNIT)
        await at_work.was("agent101", AgentState.WRAP_UP)
        back = await at_work.row(key, lambda it: len(it.queue_legs) == 2)
        assert unit.dialled == UNIT.number
        assert back.queue_legs[1].queue == "main", "who was not reached waits again, in front"
        await work.ready("zhang", "agent101")
        first.gone.clear()
        await at_work.standing(key, Standing.TALK)
        await work.transfer("zhang", key, Target(TargetKind.QUEUE, "resident"))
        taken = await at_work.stands("agent103", AgentState.TALKING)
        assert taken.queue == "resident"
        assert await work.owner(key) == "agent103"
        await work.close("agent103", key, CloseKind.ABUSIVE)
        await at_work.was("agent103", AgentState.WRAP_UP)
        assert await asyncio.to_thread(citizen.gone.wait, 10), "the caller hears why, then the line is cut"
    row = await at_work.row(key, lambda it: it.state is CallState.ENDED)
    assert (row.outcome, row.ended_by) == (Outcome.ANSWERED, EndedBy.AGENT)
    assert [leg.queue for leg in row.queue_legs] == ["main", "main", "resident"]
    assert [leg.ending for leg in row.queue_legs] == ["answered"] * 3
    assert [leg.agent for leg in row.agent_legs] == ["agent101", "agent101", "agent103"]
    async with at_work.database.unit_of_work() as uow:
        moves = await uow.moves.of_call(str(key))
    assert [(it.standing, it.owner, it.missed) for it in moves] == [
        ("talk", "agent101", None),
        ("handed_over", "agent101", None),
        ("handed_over", "agent101", "busy"),
        ("over", "agent101", None),
        ("talk", "agent101", None),
        ("handed_over", "agent101", None),
        ("talk", "agent103", None),
        ("over", "agent103", None),
    ]
    assert moves[-1].target == CloseKind.ABUSIVE, "why our side ended it: nothing to hold against the agent"
    assert moves[1].target == UNIT.id, "a unit is kept by its name, not by the id that the dialplan carries"
