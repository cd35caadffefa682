"""Transfers by the agent's telephone, and members that are Local channels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sip_phone import SipPhone
from tests.telephony.call_fold.shapes.stage import CALLER, Stage, hangs_up, shape


def _reaches_102(stage: Stage) -> None:
    stage.ami.wait(lambda it: it.get("Event") == "BridgeEnter" and "agent102" in it["Channel"])


@shape
def blind_transfer(stage: Stage) -> None:
    with stage.talk(stage.agent("agent102"), after_s=0.8) as talk:
        assert talk.desk.refer("102") == 202
        stage.ami.wait_event("BlindTransfer")
        _reaches_102(stage)
        hangs_up(talk.caller, 0.8)


@shape
def blind_transfer_agent_ends(stage: Stage) -> None:
    """Who was reached by a transfer hangs up."""
    with stage.talk(stage.agent("agent102")) as talk:
        assert talk.desk.refer("102") == 202
        _reaches_102(stage)
        hangs_up(talk.others[0], 0.8)


@shape
def blind_transfer_unanswered(stage: Stage) -> None:
    with stage.talk(stage.agent("agent102", answers=False), after_s=0.8) as talk:
        assert talk.desk.refer("102") == 202
        assert talk.others[0].ringing.wait(30)
        hangs_up(talk.caller, 0.8)


def _sent_to_the_second_queue(stage: Stage) -> None:
    stage.redirect(stage.channel(CALLER), "hotline-queue", "q2")
    stage.joined(CALLER, "second")


@shape
def sent_on_to_a_queue(stage: Stage) -> None:
    with stage.talk(stage.agent("agent103"), after_s=0.8) as talk:
        _sent_to_the_second_queue(stage)
        stage.ami.wait_event("AgentConnect", MemberName="agent103")
        hangs_up(talk.caller, 0.8)


@shape
def sent_on_to_a_queue_and_lost(stage: Stage) -> None:
    with stage.talk(after_s=0.8) as talk:
        _sent_to_the_second_queue(stage)
        hangs_up(talk.caller, 0.8)


@contextmanager
def _asking_102(stage: Stage, desk: SipPhone) -> Iterator[SipPhone]:
    """A second line of the agent's telephone, on which a colleague has answered."""
    with SipPhone(desk.user, stage.pbx.settings.sip_port, desk.password) as second:
        assert second.call("102") == 200
        time.sleep(0.8)
        yield second


@shape
def attended_transfer(stage: Stage) -> None:
    with stage.talk(stage.agent("agent102")) as talk, _asking_102(stage, talk.desk) as second:
        assert talk.desk.refer("102", second) == 202
        stage.ami.wait_event("AttendedTransfer")
        hangs_up(talk.caller, 1.0)


@shape
def attended_transfer_called_off(stage: Stage) -> None:
    """The colleague is asked and does not take the call; the first agent goes on."""
    with stage.talk(stage.agent("agent102")) as talk:
        with _asking_102(stage, talk.desk) as second:
            second.hang_up()
        hangs_up(talk.caller, 0.5)


@contextmanager
def _local_member(stage: Stage, interface: str) -> Iterator[None]:
    stage.pbx.cli(f"queue add member {interface} to local penalty 0 as agent102")
    try:
        yield
    finally:
        stage.pbx.cli(f"queue remove member {interface} from local")


@shape
def local_member(stage: Stage) -> None:
    with (
        _local_member(stage, "Local/102@hotline-from-agents/n"),
        stage.talk(by="agent102", did="8410006", after_s=1.0) as talk,
    ):
        talk.caller.hang_up()


@shape
def local_member_optimised(stage: Stage) -> None:
    """A Local member without /n: its two halves leave once the telephone answers."""
    with (
        _local_member(stage, "Local/102@hotline-from-agents"),
        stage.talk(by="agent102", did="8410006", after_s=1.5) as talk,
    ):
        talk.desk.hang_up()
