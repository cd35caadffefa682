"""Shapes of calls, played on a real PBX by telephones over SIP (``tests.telephony.call_fold.record``)."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from facts.caller_session import JourneyFact
from facts.prompts import prompt_name
from telephony.agi.session import AgiSession
from telephony.ami.actions import Action, ActionResult
from telephony.ami.desk import SpyMode, Wanted, begin_room, call_third, look_in, send_on
from tests.pbx import AmiWitness, RunningPbx
from tests.pbx_people import Flows, Telephones
from tests.sip_phone import SipPhone, wait_until


@dataclass(frozen=True, slots=True)
class Stage:
    """What a shape is played with."""

    pbx: RunningPbx
    ami: AmiWitness
    telephones: Telephones
    flows: Flows

    @contextmanager
    def agent(self, name: str, *, answers: bool = True, refuses: str = "") -> Iterator[SipPhone]:
        """A registered agent's telephone."""
        phone = self.telephones.agent(name, answers=answers)
        phone.refuses = refuses
        with phone:
            assert phone.register() == 200
            yield phone

    @contextmanager
    def calling(self, number: str, did: str = "12345") -> Iterator[SipPhone]:
        """A citizen whose call is up; it must be over in the end."""
        with self.telephones.citizen(number) as phone:
            assert phone.call(did) == 200
            yield phone
            assert wait_until(phone.gone.is_set, 20)
        call = self.ami.wait_event("HotlineArrived", 5, CallerIDNum=number)["Uniqueid"]
        self.ami.wait_event("HotlineEnded", 10, Uniqueid=call)

    def answered(self, number: str) -> dict[str, str]:
        """Wait until caller and agent are together."""
        connected = self.ami.wait_event("AgentConnect", 15, CallerIDNum=number)
        self.ami.wait_event("BridgeEnter", 5, Uniqueid=connected["DestUniqueid"])
        return connected

    def joined(self, number: str, queue: str = "main") -> dict[str, str]:
        """Wait until the caller has a place."""
        return self.ami.wait_event("QueueCallerJoin", 15, CallerIDNum=number, Queue=queue)

    def channel(self, number: str) -> str:
        """The caller's channel."""
        return self.ami.wait_event("HotlineArrived", 5, CallerIDNum=number)["Channel"]

    def redirect(self, channel: str, context: str, exten: str) -> None:
        """Have a channel go on elsewhere, as the desk does it."""
        with self.pbx.originator() as originator:
            answer = originator.action(
                Action="Redirect", Channel=channel, Context=context, Exten=exten, Priority="1"
            )
            assert answer["Response"] == "Success", answer


Shape = Callable[[Stage], None]
SHAPES: dict[str, Shape] = {}


def shape(play: Shape) -> Shape:
    """Register a shape by its function's name."""
    SHAPES[play.__name__] = play
    return play


async def step(session: AgiSession, node: str, key: str = "", ms: int = 40) -> None:
    """A node of a flow, as the interpreter reports it."""
    details = {"Flow": session.path.rpartition("/")[2], "Ms": str(ms), "Version": "3f2a"}
    await session.mark(node, details | ({"Key": key} if key else {}))


# -- answered


@shape
def answered_caller_hangs_up(stage: Stage) -> None:
    with stage.agent("agent101"), stage.calling("13997361508") as caller:
        stage.answered("13997361508")
        time.sleep(1.5)
        caller.hang_up()


@shape
def answered_agent_hangs_up(stage: Stage) -> None:
    with stage.agent("agent101") as desk, stage.calling("13997361508"):
        stage.answered("13997361508")
        time.sleep(1.0)
        desk.hang_up()


@shape
def second_agent_answers(stage: Stage) -> None:
    with (
        stage.agent("agent101", answers=False),
        stage.agent("agent102"),
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        caller.hang_up()


@shape
def first_agent_declines(stage: Stage) -> None:
    with (
        stage.agent("agent101", refuses="486 Busy Here"),
        stage.agent("agent102") as desk,
        stage.calling("13997361508"),
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        desk.hang_up()


@shape
def nobody_answers_then_the_same_agent(stage: Stage) -> None:
    with stage.agent("agent101", answers=False) as desk, stage.calling("13997361508") as caller:
        stage.ami.wait_event("AgentRingNoAnswer", 15, CallerIDNum="13997361508")
        desk.answers = True
        stage.answered("13997361508")
        time.sleep(0.5)
        caller.hang_up()


@shape
def withheld_number(stage: Stage) -> None:
    with stage.agent("agent101"), stage.telephones.citizen("anonymous") as caller:
        assert caller.call("12345") == 200
        stage.ami.wait_event("AgentConnect", 15)
        time.sleep(0.5)
        caller.hang_up()
        stage.ami.wait_event("HotlineEnded", 10)


@shape
def two_at_once(stage: Stage) -> None:
    with (
        stage.agent("agent101"),
        stage.agent("agent102") as second_desk,
        stage.calling("13997361508") as first,
        stage.calling("13909790001"),
    ):
        stage.answered("13997361508")
        stage.answered("13909790001")
        time.sleep(0.5)
        second_desk.hang_up()
        time.sleep(0.3)
        first.hang_up()


@shape
def survey(stage: Stage) -> None:
    async def asks(session: AgiSession) -> None:
        await step(session, "ask")
        keys = await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=5000, between_timeout_ms=100
        )
        await session.report(JourneyFact.SURVEY, {"Score": keys.digits})

    stage.flows.leads["survey"] = asks
    with stage.agent("agent101") as desk, stage.calling("13997361508") as caller:
        stage.answered("13997361508")
        time.sleep(0.5)
        desk.hang_up()
        stage.ami.wait_event("HotlineStep", 10, Node="ask")
        time.sleep(0.3)
        caller.press("4")


@shape
def survey_hung_up(stage: Stage) -> None:
    async def asks(session: AgiSession) -> None:
        await step(session, "ask")
        await session.collect([], max_digits=1, terminator="", first_timeout_ms=9000, between_timeout_ms=100)

    stage.flows.leads["survey"] = asks
    with stage.agent("agent101") as desk, stage.calling("13997361508") as caller:
        stage.answered("13997361508")
        time.sleep(0.5)
        desk.hang_up()
        stage.ami.wait_event("HotlineStep", 10, Node="ask")
        time.sleep(0.5)
        caller.hang_up()


@shape
def agent_puts_down_while_told_then_another(stage: Stage) -> None:
    """AGENTDUMP: the agent hangs up while the queue announces the call to the agent; the caller goes on."""
    config = stage.pbx.pbx.paths.etc / "queues.conf"
    before = config.read_text()
    notice = stage.pbx.settings.sounds / "moh" / "waiting" / prompt_name("请稍候。").rpartition("/")[2]
    config.write_text(before.replace("[main]", f"[main]\nannounce = {notice}"))
    stage.pbx.cli("queue reload all")
    try:
        with stage.agent("agent101") as desk, stage.calling("13997361508") as caller:
            assert desk.answered.wait(15)
            time.sleep(1.0)
            desk.hang_up()
            stage.ami.wait_event("AgentDump", 10)
            assert desk.register(expires_s=0) == 200
            with stage.agent("agent102"):
                stage.ami.wait_event("AgentConnect", 40, CallerIDNum="13997361508")
                time.sleep(0.5)
                caller.hang_up()
    finally:
        config.write_text(before)
        stage.pbx.cli("queue reload all")


# -- not answered


@shape
def hangs_up_at_once(stage: Stage) -> None:
    with stage.calling("13997361508") as caller:
        caller.hang_up()


@shape
def hangs_up_in_notice(stage: Stage) -> None:
    with stage.calling("13997361508") as caller:
        time.sleep(0.8)
        caller.hang_up()


@shape
def hangs_up_in_flow(stage: Stage) -> None:
    async def waits(session: AgiSession) -> None:
        await session.enter("greeting", {"Flow": "main"})
        await session.collect([], max_digits=1, terminator="", first_timeout_ms=9000, between_timeout_ms=100)

    stage.flows.leads["main"] = waits
    with stage.calling("13997361508") as caller:
        stage.ami.wait_event("HotlineFlow", 10, Status="entered")
        time.sleep(0.8)
        caller.hang_up()


@shape
def hangs_up_in_queue(stage: Stage) -> None:
    with stage.agent("agent101", answers=False), stage.calling("13997361508") as caller:
        stage.ami.wait_event("AgentCalled", 15)
        time.sleep(1.2)
        caller.hang_up()


@shape
def queue_timeout(stage: Stage) -> None:
    with stage.agent("agent101", answers=False), stage.calling("13997361508", "8410003"):
        stage.joined("13997361508", "short")


@shape
def queue_timeout_hung_up(stage: Stage) -> None:
    """A hang-up within the queue's patience is no timeout."""
    with stage.calling("13997361508", "8410003") as caller:
        stage.joined("13997361508", "short")
        time.sleep(1.0)
        caller.hang_up()


@shape
def queue_full(stage: Stage) -> None:
    async def sorry(session: AgiSession) -> None:
        await step(session, "sorry")
        await session.hang_up()

    stage.flows.leads["no_agent"] = sorry
    with stage.calling("13997361508", "8410001") as waits:
        stage.joined("13997361508", "tight")
        with stage.calling("13909790001", "8410001"):
            pass
        waits.hang_up()


@shape
def join_empty(stage: Stage) -> None:
    with stage.calling("13997361508", "8410002"):
        pass


@shape
def leave_empty(stage: Stage) -> None:
    with stage.agent("agent101", answers=False) as desk, stage.calling("13997361508", "8410005"):
        stage.joined("13997361508", "leave")
        assert desk.ringing.wait(10)
        assert desk.register(expires_s=0) == 200


@shape
def hung_up_by_the_pbx(stage: Stage) -> None:
    with stage.calling("13997361508"):
        stage.joined("13997361508")
        time.sleep(0.5)
        stage.pbx.cli(f"channel request hangup {stage.channel('13997361508')}")


@shape
def flow_server_lost(stage: Stage) -> None:
    """The flows' server says nothing more; the caller is taken out of the flow, and waits."""

    async def silent(session: AgiSession) -> None:
        await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=60_000, between_timeout_ms=100
        )

    stage.flows.leads["main"] = silent
    with stage.calling("13997361508") as caller:
        stage.ami.wait_event("HotlineFlow", 10, Status="entered")
        time.sleep(0.5)
        stage.redirect(stage.channel("13997361508"), "hotline-rescue", "s")
        stage.joined("13997361508")
        time.sleep(0.5)
        caller.hang_up()


# -- journeys


@shape
def key_to_another_queue(stage: Stage) -> None:
    with stage.calling("13997361508") as caller:
        stage.joined("13997361508")
        time.sleep(0.7)
        caller.press("2")
        stage.joined("13997361508", "second")
        time.sleep(0.7)
        caller.hang_up()


@shape
def key_to_another_queue_answered(stage: Stage) -> None:
    with stage.agent("agent103"), stage.calling("13997361508") as caller:
        stage.joined("13997361508")
        time.sleep(0.7)
        caller.press("2")
        stage.answered("13997361508")
        time.sleep(0.5)
        caller.hang_up()


@shape
def wrong_key_three_times(stage: Stage) -> None:
    with stage.calling("13997361508") as caller:
        stage.joined("13997361508")
        time.sleep(0.7)
        caller.press("777")
        time.sleep(0.5)
        caller.hang_up()


async def progress(session: AgiSession) -> None:
    await step(session, "ask_number", ms=30)
    await session.report(JourneyFact.ANSWER, {"Name": "工单", "Value": "20261126，0007"})
    await step(session, "told", ms=500)
    await session.report(JourneyFact.SELF_SERVICE, {"Kind": "progress"})


@shape
def progress_heard(stage: Stage) -> None:
    async def then_waits(session: AgiSession) -> None:
        await progress(session)
        await session.collect([], max_digits=1, terminator="", first_timeout_ms=9000, between_timeout_ms=100)

    stage.flows.leads["progress"] = then_waits
    with stage.calling("13997361508") as caller:
        stage.joined("13997361508")
        time.sleep(0.7)
        caller.press("5")
        stage.ami.wait_event("HotlineFact", 10, Fact="self_service")
        time.sleep(0.5)
        caller.hang_up()


@shape
def progress_and_back(stage: Stage) -> None:
    stage.flows.leads["progress"] = progress
    with stage.calling("13997361508") as caller:
        stage.joined("13997361508")
        time.sleep(0.7)
        caller.press("5")
        stage.ami.wait_event("HotlineFact", 10, Fact="self_service")
        with stage.agent("agent101"):
            stage.answered("13997361508")
            time.sleep(0.5)
            caller.hang_up()


@shape
def callback_requested(stage: Stage) -> None:
    async def offers(session: AgiSession) -> None:
        await step(session, "offer", "1")
        await session.report(JourneyFact.CALLBACK, {})
        await session.hang_up()

    stage.flows.leads["callback"] = offers
    with stage.calling("13997361508") as caller:
        stage.joined("13997361508")
        time.sleep(0.7)
        caller.press("9")


@shape
def closed(stage: Stage) -> None:
    async def says_closed(session: AgiSession) -> None:
        await step(session, "closed")
        await session.report(JourneyFact.CLOSED, {})
        await session.hang_up()

    stage.flows.leads["main"] = says_closed
    with stage.calling("13997361508"):
        pass


def _message(stage: Stage, seconds: float) -> None:
    async def takes_a_message(session: AgiSession) -> None:
        await step(session, "leave")
        await session.record(most_ms=20_000, silence_ms=10_000)

    stage.flows.leads["no_agent"] = takes_a_message
    with stage.calling("13997361508", "8410002") as caller:
        stage.ami.wait_event("HotlineStep", 10, Node="leave")
        time.sleep(seconds)
        caller.hang_up()


@shape
def voicemail(stage: Stage) -> None:
    _message(stage, 4.0)


@shape
def voicemail_too_short(stage: Stage) -> None:
    _message(stage, 1.5)


async def to_the_fire_service(session: AgiSession) -> None:
    await session.report(JourneyFact.ANSWER, {"Name": "危险", "Value": "有人受困"})
    await session.set_variable("HOTLINE_QUEUE", "second")
    await session.set_variable("HOTLINE_TRANSFER", "fire")


@shape
def emergency_connected(stage: Stage) -> None:
    stage.flows.leads["main"] = to_the_fire_service
    with stage.telephones.carrier() as fire, stage.calling("13997361508"):
        stage.ami.wait_event("HotlineTransfer", 15, Status="connected")
        time.sleep(1.0)
        fire.hang_up()


@shape
def emergency_busy(stage: Stage) -> None:
    stage.flows.leads["main"] = to_the_fire_service
    with stage.telephones.carrier(refuses="486 Busy Here"), stage.calling("13997361508") as caller:
        stage.joined("13997361508", "second")
        time.sleep(0.7)
        caller.hang_up()


@shape
def emergency_busy_then_agent(stage: Stage) -> None:
    stage.flows.leads["main"] = to_the_fire_service
    with (
        stage.telephones.carrier(refuses="486 Busy Here"),
        stage.agent("agent103"),
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        caller.hang_up()


@shape
def overflow(stage: Stage) -> None:
    with stage.agent("agent103"), stage.calling("13997361508", "8410004") as caller:
        stage.answered("13997361508")
        time.sleep(0.5)
        caller.hang_up()


@shape
def two_queues_then_timeout(stage: Stage) -> None:
    """The last leg's ending counts: given on by the first queue, the caller gives up in the second."""
    with stage.calling("13997361508", "8410004") as caller:
        stage.joined("13997361508", "second")
        time.sleep(0.7)
        caller.hang_up()


# -- transfers, joined calls, what hangs on calls


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


# -- what the desk does with a call


@dataclass(frozen=True, slots=True)
class Link:
    """The originator's link, over the plain client of the tests."""

    ami: AmiWitness

    async def action(self, action: Action, timeout_s: float = 5.0) -> ActionResult:
        """Send an action; one that is refused fails the shape."""
        del timeout_s
        lists = {name: value for name, value in action.fields.items() if isinstance(value, list)}
        plain = {name: str(value) for name, value in action.fields.items() if name not in lists}
        plain |= {name: ",".join(values) for name, values in lists.items()}
        answer = self.ami.action(Action=action.name, **plain)
        assert answer["Response"] == "Success", answer
        return ActionResult(answer, ())


def _desk(stage: Stage, does: Callable[[Link], Awaitable[None]]) -> None:
    with stage.pbx.originator() as ami:
        asyncio.run(does(Link(ami)))


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
        _desk(stage, lambda link: begin_room(link, connected["Channel"], call, mine, "agent"))
        stage.ami.wait_event("ConfbridgeJoin", 5, Uniqueid=call)
        wanted = Wanted("agent", "agent102")
        _desk(stage, lambda link: call_third(link, wanted, connected["Channel"], call, 1))
        stage.ami.wait_event("HotlineMove", 10, Move="join", Status="connected")
        time.sleep(0.8)
        desk.hang_up()
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
        _desk(stage, lambda link: send_on(link, connected["Channel"], wanted))
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
        _desk(stage, lambda link: send_on(link, connected["Channel"], wanted))
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
        _desk(stage, lambda link: look_in(link, "agent103", agent, SpyMode.MONITOR, 1))
        time.sleep(1.5)
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
