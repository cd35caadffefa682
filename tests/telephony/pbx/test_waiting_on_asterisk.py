"""Waiting callers at the real Asterisk: keys, places, other queues."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from facts.caller_session import CallerSession
from facts.prompts import prompt_name
from ivr_flows.prompts import prompt_path
from telephony.ami.errands import tell_waiting
from tests.pbx import AmiWitness, RunningPbx
from tests.pbx_people import Flows, Telephones
from tests.sip_phone import wait_until
from tests.telephony.pbx.test_calls_out_on_asterisk import link_of
from voice.g711 import alaw_decode
from voice.wav import read_wav

pytestmark = pytest.mark.pbx


async def says_a_little(session: CallerSession) -> None:
    await session.collect([], max_digits=1, terminator="#", first_timeout_ms=700, between_timeout_ms=100)


def joined(ami: AmiWitness, number: str, queue: str = "main") -> dict[str, str]:
    return ami.wait_event("QueueCallerJoin", CallerIDNum=number, Queue=queue)


def seen(ami: AmiWitness, uniqueid: str) -> list[dict[str, str]]:
    ami.read(0.1)
    return ami.events("QueueCallerJoin", Uniqueid=uniqueid)


def test_a_wrong_key_does_nothing_and_the_agent_rings_on(ami: AmiWitness, telephones: Telephones) -> None:
    with telephones.agent("agent101", answers=False) as desk, telephones.citizen("13900000001") as caller:
        assert desk.register() == 200
        assert caller.call("12345") == 200
        uniqueid = joined(ami, "13900000001")["Uniqueid"]
        ami.wait_event("AgentCalled", Uniqueid=uniqueid)
        caller.press("789*#")
        time.sleep(0.5)
        ami.read(0.2)
        assert not ami.events("QueueCallerLeave", Uniqueid=uniqueid)
        assert not ami.events("AgentRingNoAnswer", Uniqueid=uniqueid)
        assert not ami.events("HotlineKey")
        caller.hang_up()
        assert ami.wait_event("HotlineEnded", Uniqueid=uniqueid)["Stage"] == "queue"


def test_a_key_for_another_queue_keeps_the_arrival(ami: AmiWitness, telephones: Telephones) -> None:
    with telephones.citizen("13900000002") as caller:
        assert caller.call("12345") == 200
        uniqueid = joined(ami, "13900000002")["Uniqueid"]
        caller.press("2")
        joined(ami, "13900000002", "second")
        key = ami.wait_event("HotlineKey")
        assert (key["Key"], key["Queue"], key["Uniqueid"]) == ("2", "main", uniqueid)
        caller.press("2")  # means nothing there
        caller.hang_up()
        ended = ami.wait_event("HotlineEnded", Uniqueid=uniqueid)
    assert (ended["Stage"], ended["Queue"], ended["Abandoned"]) == ("queue", "second", "TRUE")


def test_who_comes_back_from_a_flow_is_served_first(
    ami: AmiWitness, telephones: Telephones, flows: Flows
) -> None:
    flows.leads["progress"] = says_a_little
    with (
        telephones.citizen("13900000003") as first,
        telephones.citizen("13900000004") as second,
        telephones.agent("agent101") as desk,
    ):
        assert first.call("12345") == 200
        first_id = joined(ami, "13900000003")["Uniqueid"]
        time.sleep(1.1)  # places are told apart by the second of arrival
        assert second.call("12345") == 200
        joined(ami, "13900000004")
        first.press("5")
        ami.wait_event("HotlineKey", Uniqueid=first_id)
        assert wait_until(lambda: len(seen(ami, first_id)) == 2, 15)
        assert [it["Position"] for it in seen(ami, first_id)] == ["1", "1"]
        assert ("progress", "main", "key", "main") in flows.came
        assert desk.register() == 200
        assert ami.wait_event("AgentConnect")["Uniqueid"] == first_id


def test_a_raised_line_is_served_before_those_who_came_earlier(
    ami: AmiWitness, telephones: Telephones
) -> None:
    with telephones.citizen("13900000005") as plain, telephones.citizen("13900000006") as raised:
        assert plain.call("12345") == 200
        joined(ami, "13900000005")
        assert raised.call("8410005") == 200
        assert joined(ami, "13900000006")["Position"] == "1"


def test_a_desk_that_does_not_answer_gives_its_callers_on(ami: AmiWitness, telephones: Telephones) -> None:
    with telephones.citizen("13900000007") as caller, telephones.agent("agent102") as desk:
        assert desk.register() == 200
        assert caller.call("8410004") == 200
        uniqueid = joined(ami, "13900000007", "desk")["Uniqueid"]
        joined(ami, "13900000007", "second")
        ami.wait_event("AgentConnect", Uniqueid=uniqueid, Queue="second")


def test_people_ahead_are_told_by_the_music_until_an_agent_is_there(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones
) -> None:
    with (
        endings_pbx.originator() as asks,
        telephones.citizen("13900000008") as first,
        telephones.citizen("13900000009") as second,
        telephones.agent("agent101") as desk,
    ):

        def music(number: str) -> str:
            channel = joined(ami, number)["Channel"]
            return asks.action(Action="Getvar", Channel=channel, Variable="CHANNEL(musicclass)")["Value"]

        for phone in (first, second):
            assert phone.call("12345") == 200
            joined(ami, phone.user)
        assert [music(it.user) for it in (first, second)] == [
            "hotline-waiting-main-0",
            "hotline-waiting-main-1",
        ]
        assert desk.register() == 200
        ami.wait_event("AgentConnect", CallerIDNum=first.user)
        ami.wait_event("BridgeEnter", CallerIDNum=first.user)
        assert music(first.user) == "hotline-hold"
    classes = endings_pbx.cli("moh show classes")
    assert "Class: hotline-waiting-second\n" in classes
    assert "hotline-waiting-main-2" in classes


def test_who_waits_is_told_again_and_an_agent_is_not_held_up(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones
) -> None:
    """The caller hears it, is in the queue all the time, and is answered in the midst of it."""
    said = prompt_name(endings_pbx.hotline.ahead[1])

    def tell(caller: str) -> None:
        async def ask() -> None:
            async with link_of(endings_pbx) as link:
                await link.wait_up(10)
                await tell_waiting(link, f"hotline-tell-{time.monotonic_ns()}", caller, [said] * 4)

        asyncio.run(ask())

    with telephones.citizen("13900000011") as caller, telephones.agent("agent101") as desk:
        caller.keeps_sound = True
        assert caller.call("12345") == 200
        uniqueid = joined(ami, "13900000011")["Uniqueid"]
        tell(uniqueid)
        ami.wait_event("ChanSpyStart", SpyeeUniqueid=uniqueid)
        time.sleep(1.5)
        began = time.monotonic()
        assert desk.register() == 200
        ami.wait_event("AgentConnect", Uniqueid=uniqueid)
        assert time.monotonic() - began < 3
        ami.wait_event("BridgeEnter", Uniqueid=uniqueid)
        caller.hang_up()
        ended = ami.wait_event("HotlineEnded", Uniqueid=uniqueid)
    assert (ended["QueueStatus"], len(seen(ami, uniqueid))) == ("CONTINUE", 1)
    heard = alaw_decode(bytes(caller.heard)).astype(float)
    prompt = read_wav(prompt_path(endings_pbx.hotline.ahead[1], endings_pbx.settings.sounds)).astype(float)
    alike = np.correlate(heard, prompt, "valid") / (np.linalg.norm(prompt) ** 2)
    assert alike.max() > 0.5


def test_full_queue_ends_in_the_flow_for_it(ami: AmiWitness, telephones: Telephones, flows: Flows) -> None:
    async def no_agent(session: CallerSession) -> None:
        await session.hang_up()

    flows.leads["no_agent"] = no_agent
    with telephones.citizen("13900000010") as caller:
        assert caller.call("8410002") == 200
        uniqueid = ami.wait_event("HotlineQueue", CallerIDNum="13900000010")["Uniqueid"]
        ended = ami.wait_event("HotlineEnded", Uniqueid=uniqueid)
    assert (ended["Stage"], ended["QueueStatus"]) == ("otherwise", "JOINEMPTY")
    assert ("no_agent", "empty", "otherwise", "empty") in flows.came
