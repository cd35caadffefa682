"""Calls that the hotline makes, at the real Asterisk: agent first or robot alone, and digits only."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facts.caller_session import JourneyFact
from telephony.agi.session import AgiSession
from telephony.ami.errands import NumberRefused, hang_up, originate_callback, originate_follow_up, rescue
from telephony.ami.link import AmiAddress, AmiLink
from tests.pbx import AmiWitness, RunningPbx
from tests.pbx_people import Flows, Telephones
from tests.sip_phone import wait_until

pytestmark = pytest.mark.pbx
NUMBER = "13900000031"


def link_of(pbx: RunningPbx) -> AmiLink:
    address = AmiAddress(
        "127.0.0.1", pbx.settings.ami_port, "hotline-originator", pbx.secrets.ami_originator, "city"
    )
    return AmiLink(address, follow=False)


def call_back(pbx: RunningPbx, arrived_at: float, number: str = NUMBER) -> None:
    async def ask() -> None:
        async with link_of(pbx) as link:
            await link.wait_up(10)
            await originate_callback(
                link,
                callback=7,
                number=number,
                queue="main",
                arrived_at=datetime.fromtimestamp(arrived_at, UTC),
            )

    asyncio.run(ask())


def statuses(ami: AmiWitness) -> list[str]:
    ami.read(0.2)
    return [it["Status"] for it in ami.events("HotlineCallback", Id="7")]


def test_a_call_back_takes_its_turn_and_the_citizen_hears_the_notice_first(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones
) -> None:
    with (
        telephones.citizen("13900000030") as waiting,
        telephones.carrier() as citizen,
        telephones.agent("agent101") as desk,
    ):
        began = time.time()
        assert waiting.call("12345") == 200
        ami.wait_event("QueueCallerJoin", CallerIDNum="13900000030")
        call_back(endings_pbx, began - 60)
        placeholder = ami.wait_event("HotlineCallback", Status="queued")
        join = ami.wait_event("QueueCallerJoin", Uniqueid=placeholder["Uniqueid"])
        assert join["Position"] == "1"
        assert desk.register() == 200
        agent = ami.wait_event("HotlineCallback", Status="agent")
        assert agent["Agent"] == "agent101"
        assert desk.shown == NUMBER
        assert ami.wait_event("AgentConnect")["Uniqueid"] == placeholder["Uniqueid"]
        reached = ami.wait_event("HotlineCallback", Status="reached")
        assert (citizen.dialled, citizen.shown) == (NUMBER, "12345")
        ami.wait_event("BridgeEnter", Uniqueid=reached["Uniqueid"])
        time.sleep(1.0)
        citizen.hang_up()
        assert ami.wait_event("HotlineCallback", Status="done")["Dial"] == "ANSWER"
        ami.wait_event("HotlineCallback", Status="left")
        assert statuses(ami) == ["queued", "agent", "dialing", "reached", "done", "left"]
    recordings = Path(endings_pbx.settings.recordings)
    assert wait_until((recordings / f"{reached['File']}-rx.wav").exists)
    assert not [it for it in ami.events("HotlineArrived") if it["CallerIDNum"] == NUMBER]


def test_a_citizen_who_is_not_reached_is_told_to_the_agent(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones
) -> None:
    with telephones.carrier(refuses="486 Busy Here"), telephones.agent("agent101") as desk:
        assert desk.register() == 200
        call_back(endings_pbx, time.time())
        assert ami.wait_event("HotlineCallback", Status="busy")["Dial"] == "BUSY"
        assert wait_until(desk.gone.is_set)
        ami.wait_event("HotlineCallback", Status="left")
        assert statuses(ami) == ["queued", "agent", "dialing", "busy", "done", "left"]


def test_a_call_back_can_be_withdrawn(endings_pbx: RunningPbx, ami: AmiWitness) -> None:
    call_back(endings_pbx, time.time())
    channel = ami.wait_event("HotlineCallback", Status="queued")["Channel"]

    async def withdraw() -> tuple[bool, bool, bool]:
        async with link_of(endings_pbx) as link:
            await link.wait_up(10)
            return (
                await hang_up(link, channel),
                await hang_up(link, "PJSIP/none"),
                await rescue(link, "PJSIP/none"),
            )

    assert asyncio.run(withdraw()) == (True, False, False)
    ami.wait_event("HotlineCallback", Status="left")
    assert statuses(ami) == ["queued", "left"]


@pytest.mark.parametrize("number", ["110", "1390000x031", "139000000310000000", "", "12345&PJSIP/agent101"])
def test_only_numbers_are_dialled(endings_pbx: RunningPbx, ami: AmiWitness, number: str) -> None:
    with pytest.raises(NumberRefused):
        call_back(endings_pbx, time.time(), number)
    with endings_pbx.originator() as thief:
        thief.action(
            Action="Originate",
            Channel="Local/s@hotline-follow-up-out/n",
            Application="Wait",
            Data="1",
            Async="true",
            Variable=f"HOTLINE_NUMBER={number},HOTLINE_TASK=3",
        )
        assert ami.wait_event("HotlineFollowUp", Status="failed")["Dial"] == "REFUSED"


def test_a_citizen_is_asked_after_the_notice(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones, flows: Flows
) -> None:
    async def asks(session: AgiSession) -> None:
        assert session.task == 12
        keys = await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=8000, between_timeout_ms=100
        )
        await session.report(JourneyFact.ANSWER, {"Name": "solved", "Value": keys.digits})

    flows.leads["follow_up"] = asks
    with telephones.carrier() as citizen:

        async def phone() -> None:
            async with link_of(endings_pbx) as link:
                await link.wait_up(10)
                await originate_follow_up(link, task=12, number=NUMBER)

        asyncio.run(phone())
        ami.wait_event("HotlineFollowUp", Status="answered")
        ami.wait_event("HotlineFlow", Status="entered")
        time.sleep(0.4)
        citizen.press("1")
        done = ami.wait_event("HotlineFollowUp", Status="done")
        assert (done["Task"], done["Results"]) == ("12", "answer:Name=solved&Value=1;")
        assert done["File"]
        assert [it["Status"] for it in ami.events("HotlineFollowUp")] == ["dialing", "answered", "done"]
    assert (citizen.dialled, citizen.shown) == (NUMBER, "12345")


def test_a_follow_up_that_nobody_takes(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones
) -> None:
    with telephones.carrier(refuses="480 Temporarily Unavailable"):

        async def phone() -> None:
            async with link_of(endings_pbx) as link:
                await link.wait_up(10)
                await originate_follow_up(link, task=13, number=NUMBER)

        asyncio.run(phone())
        assert ami.wait_event("HotlineFollowUp", Status="no_answer", Task="13")
