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
from tests.telephony.call_fold.shapes.stage import Link, Stage, shape


@shape
def three_way(stage: Stage) -> None:
    """Caller, agent and a colleague in one room; the first agent goes, the colleague stays."""
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102"),
        stage.calling("13997361508") as caller,
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        call, mine = connected["Uniqueid"], connected["DestChannel"]
        stage.desk(lambda link: begin_room(link, connected["Channel"], call, mine, "agent"))
        stage.ami.wait_event("ConfbridgeJoin", 5, Uniqueid=call)
        wanted = Wanted("agent", "agent102")
        stage.desk(lambda link: call_third(link, wanted, connected["Channel"], call, 1))
        stage.ami.wait_event("HotlineMove", 10, Move="join", Status="connected")
        time.sleep(0.8)
        desk.hang_up()
        time.sleep(0.8)
        caller.hang_up()


@shape
def three_way_colleague_ends(stage: Stage) -> None:
    """The colleague who was called into the room is the last, and hangs up."""
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102") as other,
        stage.calling("13997361508"),
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        call, mine = connected["Uniqueid"], connected["DestChannel"]
        stage.desk(lambda link: begin_room(link, connected["Channel"], call, mine, "agent"))
        wanted = Wanted("agent", "agent102")
        stage.desk(lambda link: call_third(link, wanted, connected["Channel"], call, 2))
        stage.ami.wait_event("HotlineMove", 10, Move="enter")
        time.sleep(0.8)
        desk.hang_up()
        time.sleep(0.8)
        other.hang_up()


@shape
def three_way_with_a_service(stage: Stage) -> None:
    """The fire service is called into the room, and stays when the agent has left."""
    with (
        stage.telephones.carrier() as fire,
        stage.agent("agent101") as desk,
        stage.calling("13997361508"),
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        call, mine = connected["Uniqueid"], connected["DestChannel"]
        stage.desk(lambda link: begin_room(link, connected["Channel"], call, mine, "agent"))
        wanted = Wanted("emergency", "fire")
        stage.desk(lambda link: call_third(link, wanted, connected["Channel"], call, 3))
        stage.ami.wait_event("HotlineMove", 10, Move="enter")
        time.sleep(0.8)
        desk.hang_up()
        time.sleep(0.8)
        fire.hang_up()


def _consults(stage: Stage, connected: dict[str, str]) -> None:
    """The caller waits in a room while the agent asks a colleague."""

    async def begins(link: Link) -> None:
        mine = connected["DestChannel"]
        await set_variables(link, mine, Wanted("agent", "agent102").variables())
        await begin_room(link, connected["Channel"], connected["Uniqueid"], mine, "consult")

    stage.desk(begins)


@shape
def warm_transfer(stage: Stage) -> None:
    """A colleague is asked first, and takes the caller over when the first agent hangs up."""
    with (
        stage.agent("agent101") as desk,
        stage.agent("agent102"),
        stage.calling("13997361508") as caller,
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        _consults(stage, connected)
        stage.ami.wait_event("HotlineMove", 10, Move="consult", Status="connected")
        time.sleep(0.8)
        desk.hang_up()
        stage.ami.wait_event("HotlineMove", 10, Move="enter")
        time.sleep(0.8)
        caller.hang_up()


@shape
def warm_transfer_refused(stage: Stage) -> None:
    """The colleague is busy: the first agent has the caller again."""
    with (
        stage.agent("agent101"),
        stage.agent("agent102", refuses="486 Busy Here"),
        stage.calling("13997361508") as caller,
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        _consults(stage, connected)
        stage.ami.wait_event("HotlineMove", 10, Move="talk")
        time.sleep(0.8)
        caller.hang_up()


@shape
def held_and_resumed(stage: Stage) -> None:
    """The caller hears music for a while, then the agent again."""
    with stage.agent("agent101") as desk, stage.calling("13997361508"):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        call, mine = connected["Uniqueid"], connected["DestChannel"]
        stage.desk(lambda link: begin_room(link, connected["Channel"], call, mine, "aside"))
        stage.ami.wait_event("HotlineMove", 10, Move="hold")
        time.sleep(0.8)
        stage.desk(lambda link: move_agent(link, mine, "agent"))
        stage.ami.wait_event("HotlineMove", 10, Move="talk")
        time.sleep(0.8)
        desk.hang_up()


@shape
def sent_on_to_another_queue(stage: Stage) -> None:
    """Blind to a queue: its agent takes the caller."""
    with (
        stage.agent("agent101"),
        stage.agent("agent103"),
        stage.calling("13997361508") as caller,
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        stage.desk(lambda link: send_on(link, connected["Channel"], Wanted("queue", "second")))
        stage.joined("13997361508", "second")
        stage.ami.wait_event("AgentConnect", 15, MemberName="agent103")
        time.sleep(0.8)
        caller.hang_up()


@shape
def sent_on_to_another_queue_and_lost(stage: Stage) -> None:
    """Blind to a queue in which nobody answers."""
    with stage.agent("agent101"), stage.calling("13997361508") as caller:
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        stage.desk(lambda link: send_on(link, connected["Channel"], Wanted("queue", "second")))
        stage.joined("13997361508", "second")
        time.sleep(0.8)
        caller.hang_up()


@shape
def sent_on_to_a_unit(stage: Stage) -> None:
    with (
        stage.telephones.carrier() as unit,
        stage.agent("agent101"),
        stage.calling("13997361508"),
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        wanted = Wanted("unit", "water", "8456789")
        stage.desk(lambda link: send_on(link, connected["Channel"], wanted))
        stage.ami.wait_event("HotlineMove", 10, Status="connected")
        time.sleep(0.8)
        unit.hang_up()


@shape
def sent_on_to_a_unit_that_is_busy(stage: Stage) -> None:
    """Nobody there: the caller is first in the queue again, and gives up."""
    with (
        stage.telephones.carrier(refuses="486 Busy Here"),
        stage.agent("agent101") as desk,
        stage.calling("13997361508") as caller,
    ):
        connected = stage.answered("13997361508")
        time.sleep(0.5)
        desk.refuses = "486 Busy Here"
        wanted = Wanted("unit", "water", "8456789")
        stage.desk(lambda link: send_on(link, connected["Channel"], wanted))
        stage.ami.wait_event("HotlineMove", 10, Status="busy")
        stage.ami.wait(
            lambda it: it.get("Event") == "QueueCallerJoin" and it["Timestamp"] > connected["Timestamp"], 5
        )
        time.sleep(1.5)
        caller.hang_up()


@shape
def spied(stage: Stage) -> None:
    """Both legs are tapped while they talk, and a shift leader listens: no call of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    with (
        listener,
        stage.agent("agent101"),
        stage.agent("agent103"),
        stage.calling("13997361508") as caller,
    ):
        connected = stage.answered("13997361508")
        port, agent = listener.getsockname()[1], connected["DestUniqueid"]
        with stage.pbx.originator() as ami:
            for channel in (connected["Channel"], connected["DestChannel"]):
                ami.action(
                    Action="Originate",
                    Channel=f"AudioSocket/127.0.0.1:{port}/{uuid.uuid4()}/c(slin)",
                    Application="ChanSpy",
                    Data=f"{channel},qSou",
                    Async="true",
                )
        stage.desk(lambda link: look_in(link, "agent103", agent, SpyMode.MONITOR, 1))
        time.sleep(1.5)
        caller.hang_up()


@shape
def barged(stage: Stage) -> None:
    """A shift leader speaks with both: heard by both, and no agent of the call."""
    with (
        stage.agent("agent101"),
        stage.agent("agent103"),
        stage.calling("13997361508") as caller,
    ):
        agent = stage.answered("13997361508")["DestUniqueid"]
        stage.desk(lambda link: look_in(link, "agent103", agent, SpyMode.BARGE, 2))
        stage.ami.wait_event("ChanSpyStart", 10)
        time.sleep(1.0)
        caller.hang_up()


@shape
def joined_citizens(stage: Stage) -> None:
    """Two calls are joined: Linkedids merge, the calls stay two with an agent each."""
    with (
        stage.agent("agent101"),
        stage.agent("agent102"),
        stage.calling("13997361508") as first,
        stage.calling("13909790001"),
    ):
        stage.answered("13997361508")
        stage.answered("13909790001")
        time.sleep(0.5)
        one, two = stage.channel("13997361508"), stage.channel("13909790001")
        with stage.pbx.originator() as ami:
            answer = ami.action(Action="Bridge", Channel1=one, Channel2=two, Tone="no")
            assert answer["Response"] == "Success", answer
        time.sleep(1.0)
        first.hang_up()


@shape
def withdrawn_by_the_desk(stage: Stage) -> None:
    """QueueWithdrawCaller: the PBX takes the caller out of the queue."""
    config = stage.pbx.pbx.paths.etc / "manager.conf"
    before = config.read_text()
    user = "[withdrawer]\nsecret = w\npermit = 127.0.0.1/255.255.255.255\nread = agent\nwrite = agent\n"
    config.write_text(before + "\n" + user)
    stage.pbx.cli("manager reload")
    try:
        with stage.calling("13997361508"):
            stage.joined("13997361508")
            time.sleep(0.5)
            with AmiWitness(stage.pbx.settings.ami_port, "withdrawer", "w") as ami:
                channel = stage.channel("13997361508")
                answer = ami.action(Action="QueueWithdrawCaller", Queue="main", Caller=channel)
                assert answer["Response"] == "Success", answer
    finally:
        config.write_text(before)
        stage.pbx.cli("manager reload")
