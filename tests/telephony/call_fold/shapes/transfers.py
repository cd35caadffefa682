"""Transfers by the agent's telephone, and members that are Local channels."""

from __future__ import annotations

import time

from tests.sip_phone import SipPhone
from tests.telephony.call_fold.shapes.stage import Stage, shape


@shape
def blind_transfer(stage: Stage) -> None:
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102"),
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.8)
        assert desk.refer("102") == 202
        stage.ami.wait_event("BlindTransfer", 5)
        stage.ami.wait(lambda it: it.get("Event") == "BridgeEnter" and "agent102" in it["Channel"], 10)
        time.sleep(0.8)
        caller.hang_up()


@shape
def blind_transfer_agent_ends(stage: Stage) -> None:
    """Who was reached by a transfer hangs up."""
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102") as other,
        stage.calling("13997361508"),
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        assert desk.refer("102") == 202
        stage.ami.wait(lambda it: it.get("Event") == "BridgeEnter" and "agent102" in it["Channel"], 10)
        time.sleep(0.8)
        other.hang_up()


@shape
def blind_transfer_unanswered(stage: Stage) -> None:
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102", answers=False) as other,
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.8)
        assert desk.refer("102") == 202
        assert other.ringing.wait(10)
        time.sleep(0.8)
        caller.hang_up()


@shape
def sent_on_to_a_queue(stage: Stage) -> None:
    with (
        stage.agent("agent101"),
        stage.agent("agent103"),
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.8)
        stage.redirect(stage.channel("13997361508"), "hotline-queue", "q2")
        stage.joined("13997361508", "second")
        stage.ami.wait_event("AgentConnect", 15, MemberName="agent103")
        time.sleep(0.8)
        caller.hang_up()


@shape
def sent_on_to_a_queue_and_lost(stage: Stage) -> None:
    with stage.agent("agent101"), stage.calling("13997361508") as caller:
        stage.answered("13997361508")
        time.sleep(0.8)
        stage.redirect(stage.channel("13997361508"), "hotline-queue", "q2")
        stage.joined("13997361508", "second")
        time.sleep(0.8)
        caller.hang_up()


def _consults(stage: Stage, desk: SipPhone, number: str = "102") -> SipPhone:
    """A second line of the agent's telephone, on which a colleague has answered."""
    second = SipPhone(desk.user, stage.pbx.settings.sip_port, desk.password)
    second.__enter__()
    assert second.call(number) == 200
    return second


@shape
def attended_transfer(stage: Stage) -> None:
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102"),
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        second = _consults(stage, desk)
        time.sleep(0.8)
        assert desk.refer("102", second) == 202
        stage.ami.wait_event("AttendedTransfer", 5)
        time.sleep(1.0)
        caller.hang_up()
        second.__exit__()


@shape
def attended_transfer_called_off(stage: Stage) -> None:
    """The colleague is asked and does not take the call; the first agent goes on."""
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102"),
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        second = _consults(stage, desk)
        time.sleep(0.8)
        second.hang_up()
        second.__exit__()
        time.sleep(0.5)
        caller.hang_up()


@shape
def local_member(stage: Stage) -> None:
    stage.pbx.cli("queue add member Local/102@hotline-from-agents/n to local penalty 0 as agent102")
    try:
        with stage.agent("agent102"), stage.calling("13997361508", "8410006") as caller:
            stage.answered("13997361508")
            time.sleep(1.0)
            caller.hang_up()
    finally:
        stage.pbx.cli("queue remove member Local/102@hotline-from-agents/n from local")


@shape
def local_member_optimised(stage: Stage) -> None:
    """A Local member without /n: its two halves leave once the telephone answers."""
    stage.pbx.cli("queue add member Local/102@hotline-from-agents to local penalty 0 as agent102")
    try:
        with stage.agent("agent102") as desk, stage.calling("13997361508", "8410006"):
            stage.answered("13997361508")
            time.sleep(1.5)
            desk.hang_up()
    finally:
        stage.pbx.cli("queue remove member Local/102@hotline-from-agents from local")
