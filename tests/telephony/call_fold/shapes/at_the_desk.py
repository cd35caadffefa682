"""What the desk has done with a call that is on, and what hangs on calls."""

from __future__ import annotations

import socket
import time
import uuid

from telephony.ami.desk import (
    SpyMode,
    Wanted,
    begin_room,
    call_third,
    look_in,
    move_agent,
    send_on,
    set_variables,
)
from tests.pbx import AmiWitness
from tests.sip_phone import SipPhone
from tests.telephony.call_fold.shapes.stage import CALLER, Link, Stage, Talk, hangs_up, shape


def _begins_room(stage: Stage, talk: Talk, agent: str = "agent") -> None:
    """The caller is in a room; the agent goes where ``agent`` says."""
    stage.desk(lambda link: begin_room(link, talk.channel, talk.call, talk.mine, agent))


@shape
def three_way(stage: Stage) -> None:
    """Caller, agent and a colleague in one room; the first agent goes, the colleague stays."""
    with stage.talk(stage.agent("agent102")) as talk:
        _begins_room(stage, talk)
        stage.ami.wait_event("ConfbridgeJoin", Uniqueid=talk.call)
        wanted = Wanted("agent", "agent102")
        stage.desk(lambda link: call_third(link, wanted, talk.channel, talk.call, 1))
        stage.moved("join", Status="connected")
        hangs_up(talk.desk, 0.8)
        hangs_up(talk.caller, 0.8)


def _left_to(stage: Stage, talk: Talk, wanted: Wanted, number: int, third: SipPhone) -> None:
    """Another is called into the room, and the last there when the agent has left."""
    _begins_room(stage, talk)
    stage.desk(lambda link: call_third(link, wanted, talk.channel, talk.call, number))
    stage.moved("enter")
    hangs_up(talk.desk, 0.8)
    hangs_up(third, 0.8)


@shape
def three_way_colleague_ends(stage: Stage) -> None:
    """The colleague who was called into the room is the last, and hangs up."""
    with stage.talk(stage.agent("agent102")) as talk:
        _left_to(stage, talk, Wanted("agent", "agent102"), 2, talk.others[0])


@shape
def three_way_with_a_service(stage: Stage) -> None:
    """The fire service is called into the room, and stays when the agent has left."""
    with stage.telephones.carrier() as fire, stage.talk() as talk:
        _left_to(stage, talk, Wanted("emergency", "fire"), 3, fire)


def _consults(stage: Stage, talk: Talk) -> None:
    """The caller waits in a room while the agent asks a colleague."""

    async def begins(link: Link) -> None:
        await set_variables(link, talk.mine, Wanted("agent", "agent102").variables())
        await begin_room(link, talk.channel, talk.call, talk.mine, "consult")

    stage.desk(begins)


@shape
def warm_transfer(stage: Stage) -> None:
    """A colleague is asked first, and takes the caller over when the first agent hangs up."""
    with stage.talk(stage.agent("agent102")) as talk:
        _consults(stage, talk)
        stage.moved("consult", Status="connected")
        hangs_up(talk.desk, 0.8)
        stage.moved("enter")
        hangs_up(talk.caller, 0.8)


@shape
def warm_transfer_refused(stage: Stage) -> None:
    """The colleague is busy: the first agent has the caller again."""
    with stage.talk(stage.agent("agent102", refuses="486 Busy Here")) as talk:
        _consults(stage, talk)
        stage.moved("talk")
        hangs_up(talk.caller, 0.8)


@shape
def held_and_resumed(stage: Stage) -> None:
    """The caller hears music for a while, then the agent again."""
    with stage.talk() as talk:
        _begins_room(stage, talk, "aside")
        stage.moved("hold")
        time.sleep(0.8)
        stage.desk(lambda link: move_agent(link, talk.mine, "agent"))
        stage.moved("talk")
        hangs_up(talk.desk, 0.8)


def _sent_on(stage: Stage, talk: Talk, *wanted: str) -> None:
    stage.desk(lambda link: send_on(link, talk.channel, Wanted(*wanted)))


@shape
def sent_on_to_another_queue(stage: Stage) -> None:
    """Blind to a queue: its agent takes the caller."""
    with stage.talk(stage.agent("agent103")) as talk:
        _sent_on(stage, talk, "queue", "second")
        stage.joined(CALLER, "second")
        stage.ami.wait_event("AgentConnect", MemberName="agent103")
        hangs_up(talk.caller, 0.8)


@shape
def sent_on_to_another_queue_and_lost(stage: Stage) -> None:
    """Blind to a queue in which nobody answers."""
    with stage.talk() as talk:
        _sent_on(stage, talk, "queue", "second")
        stage.joined(CALLER, "second")
        hangs_up(talk.caller, 0.8)


@shape
def sent_on_to_a_unit(stage: Stage) -> None:
    with stage.telephones.carrier() as unit, stage.talk() as talk:
        _sent_on(stage, talk, "unit", "water", "8456789")
        stage.ami.wait_event("HotlineMove", Status="connected")
        hangs_up(unit, 0.8)


@shape
def sent_on_to_a_unit_that_is_busy(stage: Stage) -> None:
    """Nobody there: the caller is first in the queue again, and gives up."""
    with stage.telephones.carrier(refuses="486 Busy Here"), stage.talk() as talk:
        talk.desk.refuses = "486 Busy Here"
        _sent_on(stage, talk, "unit", "water", "8456789")
        stage.ami.wait_event("HotlineMove", Status="busy")
        stage.ami.wait(lambda it: it.get("Event") == "QueueCallerJoin" and it["Timestamp"] > talk.since)
        hangs_up(talk.caller, 1.5)


@shape
def spied(stage: Stage) -> None:
    """Both legs are tapped while they talk, and a shift leader listens: no call of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, stage.talk(stage.agent("agent103"), after_s=0) as talk:
        port = listener.getsockname()[1]
        with stage.pbx.originator() as ami:
            for channel in (talk.channel, talk.mine):
                ami.action(
                    Action="Originate",
                    Channel=f"AudioSocket/127.0.0.1:{port}/{uuid.uuid4()}/c(slin)",
                    Application="ChanSpy",
                    Data=f"{channel},qSou",
                    Async="true",
                )
        stage.desk(lambda link: look_in(link, "agent103", talk.leg, SpyMode.MONITOR, 1))
        hangs_up(talk.caller, 1.5)


@shape
def barged(stage: Stage) -> None:
    """A shift leader speaks with both: heard by both, and no agent of the call."""
    with stage.talk(stage.agent("agent103"), after_s=0) as talk:
        stage.desk(lambda link: look_in(link, "agent103", talk.leg, SpyMode.BARGE, 2))
        stage.ami.wait_event("ChanSpyStart")
        hangs_up(talk.caller, 1.0)


@shape
def joined_citizens(stage: Stage) -> None:
    """Two calls are joined: Linkedids merge, the calls stay two with an agent each."""
    with (
        stage.agent("agent101"),
        stage.agent("agent102"),
        stage.calling(CALLER) as first,
        stage.calling("13909790001"),
    ):
        stage.answered(CALLER)
        stage.answered("13909790001")
        time.sleep(0.5)
        one, two = stage.channel(CALLER), stage.channel("13909790001")
        with stage.pbx.originator() as ami:
            answer = ami.action(Action="Bridge", Channel1=one, Channel2=two, Tone="no")
            assert answer["Response"] == "Success", answer
        hangs_up(first, 1.0)


@shape
def withdrawn_by_the_desk(stage: Stage) -> None:
    """QueueWithdrawCaller: the PBX takes the caller out of the queue."""
    user = "[withdrawer]\nsecret = w\npermit = 127.0.0.1/255.255.255.255\nread = agent\nwrite = agent\n"
    with (
        stage.pbx.configured("manager.conf", lambda before: f"{before}\n{user}", "manager reload"),
        stage.calling(CALLER),
    ):
        stage.joined(CALLER)
        time.sleep(0.5)
        with AmiWitness(stage.pbx.settings.ami_port, "withdrawer", "w") as ami:
            channel = stage.channel(CALLER)
            answer = ami.action(Action="QueueWithdrawCaller", Queue="main", Caller=channel)
            assert answer["Response"] == "Success", answer
