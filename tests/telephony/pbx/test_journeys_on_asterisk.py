"""What a journey may hold besides waiting: emergency services, messages, the survey, a dead server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import pytest

from config.hotline import Hotline
from facts.call import Call, CallState, Outcome
from facts.caller_session import JourneyFact
from facts.identity import CallKey
from telephony.agi.session import AgiSession
from telephony.ami.events import PbxEvent, parse_event
from telephony.call_fold import CallTracker, FoldRules
from telephony.call_fold.likeness import differing
from telephony.pbx_logs.cel import parse_cel
from telephony.pbx_logs.queue_log import parse_queue_log
from telephony.pbx_logs.reconstruct import events_of
from tests.pbx import AmiWitness, RunningPbx
from tests.pbx_people import Flows, Telephones
from tests.sip_phone import wait_until

pytestmark = pytest.mark.pbx


async def to_the_fire_service(session: AgiSession) -> None:
    await session.set_variable("HOTLINE_QUEUE", "second")
    await session.set_variable("HOTLINE_TRANSFER", "fire")


def test_a_caller_in_danger_speaks_with_the_emergency_service(
    ami: AmiWitness, telephones: Telephones, flows: Flows
) -> None:
    flows.leads["main"] = to_the_fire_service
    with telephones.carrier() as fire, telephones.citizen("13900000021") as caller:
        assert caller.call("12345") == 200
        connected = ami.wait_event("HotlineTransfer", Status="connected")
        assert connected["Target"] == "fire"
        ami.wait_event("BridgeEnter", CallerIDNum="13900000021")
        assert (fire.dialled, fire.shown) == ("119", "13900000021")
        caller.hang_up()
        ended = ami.wait_event("HotlineEnded")
    assert ended["Results"] == "transfer:Target=fire&Status=connected;"
    assert ended["Uniqueid"] != connected["Uniqueid"]
    assert ended["Uniqueid"] == connected["Linkedid"]


def test_an_emergency_service_that_is_busy_leads_to_the_front_of_the_queue(
    ami: AmiWitness, telephones: Telephones, flows: Flows
) -> None:
    with telephones.citizen("13900000022") as earlier:
        assert earlier.call("12345") == 200
        ami.wait_event("QueueCallerJoin", CallerIDNum="13900000022")
        earlier.hang_up()
        flows.leads["main"] = to_the_fire_service
        with telephones.carrier(refuses="486 Busy Here"), telephones.citizen("13900000023") as caller:
            assert caller.call("12345") == 200
            failed = ami.wait_event("HotlineTransfer", Status="failed")
            assert (failed["Target"], failed["Dial"]) == ("fire", "BUSY")
            assert ami.wait_event("QueueCallerJoin", CallerIDNum="13900000023")["Queue"] == "second"
            caller.hang_up()
            ended = ami.wait_event("HotlineEnded", CallerIDNum="13900000023")
    assert (ended["Stage"], ended["Results"]) == ("queue", "transfer:Target=fire&Status=failed;")


async def to_fire_and_an_agent(session: AgiSession) -> None:
    await session.set_variable("HOTLINE_AGENT_TOO", "1")
    await to_the_fire_service(session)


def folded(ami: AmiWitness, uniqueid: str, endings: Hotline) -> Call:
    """The call's row, from all that the PBX said."""
    ami.read(0.5)
    return row_of((it for message in ami.messages if (it := parse_event(message, "city"))), uniqueid, endings)


def from_records(pbx: RunningPbx, uniqueid: str, endings: Hotline) -> Call:
    """The same, from the PBX's CEL and queue_log alone."""
    paths = pbx.pbx.paths
    cel, log = (it.read_text(encoding="utf-8").splitlines() for it in (paths.cel, paths.queue_log))
    return row_of(events_of(parse_cel(cel), parse_queue_log(log), "city"), uniqueid, endings)


def row_of(events: Iterable[PbxEvent], uniqueid: str, endings: Hotline) -> Call:
    tracker = CallTracker("city", FoldRules(frozenset(it.id for it in endings.agents)), forgets=False)
    for event in events:
        tracker.take(event)
    call = tracker.call(CallKey("city", uniqueid))
    assert call is not None
    return call


def test_service_and_agent_are_both_with_a_caller_in_danger(
    ami: AmiWitness, telephones: Telephones, flows: Flows, endings: Hotline, endings_pbx: RunningPbx
) -> None:
    """The service first, then the agent, who stays on when the service goes: one call, answered once."""
    flows.leads["main"] = to_fire_and_an_agent
    with (
        telephones.carrier() as fire,
        telephones.agent("agent102", answers=False) as desk,
        telephones.citizen("13900000028") as caller,
    ):
        assert desk.register() == 200
        assert caller.call("12345") == 200
        there = ami.wait_event("HotlineMove", Move="with", Status="connected", Kind="emergency")
        assert (there["Target"], fire.dialled, fire.shown) == ("fire", "119", "13900000028")
        assert wait_until(desk.ringing.is_set)
        assert desk.shown == "13900000028"
        uniqueid = there["Call"]
        desk.answer()
        agent = ami.wait_event("HotlineMove", Move="with", Status="connected", Kind="agent")
        assert (agent["Target"], agent["Call"]) == ("agent102", uniqueid)
        joined = ami.wait_event("BridgeEnter", Uniqueid=agent["Uniqueid"])
        room = joined["BridgeUniqueid"]
        assert {it["Uniqueid"] for it in ami.events("BridgeEnter", BridgeUniqueid=room)} >= {
            uniqueid,
            there["Uniqueid"],
            agent["Uniqueid"],
        }
        fire.hang_up()
        ami.wait_event("BridgeLeave", Uniqueid=there["Uniqueid"])
        assert not caller.gone.is_set()
        desk.hang_up()
        ami.wait_event("HotlineFlow", Status="entered", Stage="survey", Uniqueid=uniqueid)
        assert wait_until(caller.gone.is_set)
        ended = ami.wait_event("HotlineEnded", Uniqueid=uniqueid)
    assert (ended["Answered"], ended["Results"]) == ("yes", "transfer:Target=fire&Status=connected;")
    call = folded(ami, uniqueid, endings)
    assert (call.outcome, call.transfer_target, call.state) == (Outcome.ANSWERED, "fire", CallState.ENDED)
    assert [leg.agent for leg in call.agent_legs] == ["agent102"]
    assert call.transferred_at is not None
    assert call.answered_at is not None
    assert call.transferred_at < call.answered_at
    assert differing(call, from_records(endings_pbx, uniqueid, endings), 0.5) == [], "nor had nobody listened"


@pytest.mark.parametrize("refuses", ["486 Busy Here", ""])
def test_who_is_with_neither_waits_in_front(
    ami: AmiWitness,
    telephones: Telephones,
    flows: Flows,
    endings: Hotline,
    refuses: str,
    endings_pbx: RunningPbx,
) -> None:
    """A service that is busy leaves the caller to the agent; a caller who goes leaves nobody ringing."""
    flows.leads["main"] = to_fire_and_an_agent
    with (
        telephones.carrier(answers=False, refuses=refuses) as fire,
        telephones.agent("agent102", answers=False) as desk,
        telephones.citizen("13900000029") as caller,
    ):
        assert desk.register() == 200
        assert caller.call("12345") == 200
        assert wait_until(desk.ringing.is_set)
        ended = ami.wait_event("HotlineTransfer", Status="dialing")
        if refuses:
            ami.wait_event("HotlineMove", Move="with", Status="failed")
            desk.answer()
            ami.wait_event("HotlineMove", Move="with", Status="connected", Kind="agent")
        caller.hang_up()
        ended = ami.wait_event("HotlineEnded", Uniqueid=ended["Uniqueid"])
        assert wait_until(desk.cancelled.is_set if not refuses else desk.gone.is_set), (
            "an agent is not rung for who has gone"
        )
        assert refuses or wait_until(fire.cancelled.is_set)
    call = folded(ami, ended["Uniqueid"], endings)
    assert (call.outcome, call.transfer_target) == (
        Outcome.ANSWERED if refuses else Outcome.ABANDONED_IVR,
        "fire",
    )
    assert differing(call, from_records(endings_pbx, ended["Uniqueid"], endings), 0.5) == []


def sent_on_at(place: str, to: str) -> Callable[[str], str]:
    """The dialplan, in which a channel is sent on, once, when it comes to this place of a hangup handler."""
    once = (
        " same => n,Set(SENT=$[0${SENT} + 1])",
        f" same => n,ExecIf($[${{SENT}} = 1]?ChannelRedirect(${{CHANNEL}},{to}))",
    )

    def change(dialplan: str) -> str:
        head, found, rest = dialplan.partition(place)
        assert found, place
        return "\n".join([head + found.rstrip("\n"), *once, rest])

    return change


@pytest.mark.parametrize("place", [" same => n,Set(SHARED(HOTLINE_GONE)=yes)\n", " same => n(node),NoOp()\n"])
def test_who_is_sent_on_in_the_midst_of_the_report_is_reported(
    ami: AmiWitness,
    telephones: Telephones,
    flows: Flows,
    endings: Hotline,
    endings_pbx: RunningPbx,
    place: str,
) -> None:
    """A helper who leaves, or the desk, had looked before the caller went, and was late with its redirect."""
    flows.leads["main"] = to_the_fire_service
    with (
        endings_pbx.configured(
            "extensions.conf", sent_on_at(place, "hotline-room,over,1"), "dialplan reload"
        ),
        telephones.carrier(),
        telephones.citizen("13900000030") as caller,
    ):
        assert caller.call("12345") == 200
        uniqueid = ami.wait_event("HotlineTransfer", Status="connected")["Linkedid"]
        ami.wait_event("BridgeEnter", Uniqueid=uniqueid)
        caller.hang_up()
        ami.wait_event("Hangup", Uniqueid=uniqueid)
    (ended,) = ami.events("HotlineEnded", Uniqueid=uniqueid)
    assert (ended["Line"], ended["Did"], ended["Results"]) == (
        "main", "12345", "transfer:Target=fire&Status=connected;",
    )  # fmt: skip
    call = folded(ami, uniqueid, endings)
    assert (call.outcome, call.transfer_target) == (Outcome.TRANSFERRED_EMERGENCY, "fire")
    assert differing(call, from_records(endings_pbx, uniqueid, endings), 0.5) == []


def test_a_helper_who_is_sent_elsewhere_while_leaving_lets_the_caller_out(
    ami: AmiWitness, telephones: Telephones, flows: Flows, endings_pbx: RunningPbx
) -> None:
    """Else the caller would hear music in an empty room."""
    flows.leads["main"] = to_fire_and_an_agent
    place = (
        '[hotline-helper-left]\nexten => s,1,GotoIf($["${HOTLINE_LEFT}" = "${HOTLINE_ROOM}"]?done)\n'
        " same => n,Set(GROUP(hotline)=)\n"
    )
    with (
        endings_pbx.configured(
            "extensions.conf", sent_on_at(place, "hotline-helper,nobody,1"), "dialplan reload"
        ),
        telephones.carrier(refuses="486 Busy Here"),
        telephones.agent("agent102", answers=False) as desk,
        telephones.citizen("13900000031") as caller,
    ):
        assert desk.register() == 200
        assert caller.call("12345") == 200
        uniqueid = ami.wait_event("HotlineTransfer", Status="dialing")["Uniqueid"]
        assert wait_until(desk.ringing.is_set)
        desk.answer()
        ami.wait_event("HotlineMove", Move="with", Status="connected", Kind="agent")
        desk.hang_up()
        ami.wait_event("HotlineFlow", Status="entered", Stage="survey", Uniqueid=uniqueid)
        assert ami.wait_event("HotlineEnded", Uniqueid=uniqueid)["Answered"] == "yes"


def test_a_message_that_ends_with_the_hang_up_is_reported_by_the_dialplan(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones, flows: Flows
) -> None:
    async def takes_a_message(session: AgiSession) -> None:
        await session.record(most_ms=20_000, silence_ms=10_000)

    flows.leads["main"] = takes_a_message
    with telephones.citizen("13900000024") as caller:
        assert caller.call("12345") == 200
        ami.wait_event("HotlineFlow", Status="entered")
        time.sleep(3.5)
        caller.hang_up()
        ended = ami.wait_event("HotlineEnded")
    file = f"{ended['Uniqueid']}-voicemail"
    name, _, size = ended["Results"].strip(";").partition("&Bytes=")
    assert (ended["Stage"], name) == ("flow", f"voicemail:File={file}")
    assert 2000 < (int(size) - 44) / 16 < 5000
    assert (endings_pbx.settings.recordings / f"{file}.wav").stat().st_size >= int(size)


def test_a_message_that_a_key_ends_is_known_to_the_flow_and_its_facts_to_every_reader(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones, flows: Flows
) -> None:
    async def takes_a_message(session: AgiSession) -> None:
        left = await session.record(most_ms=20_000, silence_ms=10_000)
        assert left.key == "#"
        await session.report(JourneyFact.VOICEMAIL, {"File": left.file, "Ms": str(left.ms)})
        await session.report(JourneyFact.ANSWER, {"Name": "污染种类", "Value": "噪声，夜间; 50%"})
        await session.hang_up()

    flows.leads["main"] = takes_a_message
    with telephones.citizen("13900000025") as caller:
        assert caller.call("12345") == 200
        ami.wait_event("HotlineFlow", Status="entered")
        time.sleep(1.5)
        caller.press("#")
        message = ami.wait_event("HotlineFact", Fact="voicemail")
        answer = ami.wait_event("HotlineFact", Fact="answer")
        ended = ami.wait_event("HotlineEnded")
    assert 800 < int(message["Ms"]) < 3000
    assert (answer["Name"], answer["Value"]) == ("污染种类", "噪声，夜间; 50%")
    facts = ended["Results"].split(";")
    assert [fact.partition(":")[0] for fact in facts] == ["voicemail", "answer", "voicemail", ""]
    (cel,) = [
        line
        for line in endings_pbx.wait_line(endings_pbx.pbx.paths.cel, ended["Uniqueid"])
        if line.startswith('"HotlineEnded"')
    ]
    assert ended["Results"] in cel


def test_the_survey_follows_an_answered_call(ami: AmiWitness, telephones: Telephones, flows: Flows) -> None:
    async def asks(session: AgiSession) -> None:
        keys = await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=5000, between_timeout_ms=100
        )
        await session.report(JourneyFact.SURVEY, {"Score": keys.digits})

    flows.leads["survey"] = asks
    with telephones.agent("agent101") as desk, telephones.citizen("13900000026") as caller:
        assert desk.register() == 200
        assert caller.call("12345") == 200
        ami.wait_event("AgentConnect")
        time.sleep(0.5)
        desk.hang_up()
        ami.wait_event("HotlineFlow", Status="entered", Stage="survey")
        time.sleep(0.3)
        caller.press("5")
        assert ami.wait_event("HotlineFact")["Score"] == "5"
        assert wait_until(caller.gone.is_set)
        ended = ami.wait_event("HotlineEnded")
    assert (ended["Stage"], ended["Results"]) == ("done", "survey:Score=5;")


@pytest.mark.parametrize(("stage", "there"), [("flow", True), ("survey", False)])
def test_a_caller_in_a_silent_flow_is_taken_out_of_it(
    endings_pbx: RunningPbx,
    ami: AmiWitness,
    telephones: Telephones,
    flows: Flows,
    stage: str,
    there: bool,
) -> None:
    async def silent(session: AgiSession) -> None:
        await session.set_variable("HOTLINE_STAGE", stage)
        await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=60_000, between_timeout_ms=100
        )

    flows.leads["main"] = silent
    with endings_pbx.originator() as rescuer, telephones.citizen("13900000027") as caller:
        assert caller.call("12345") == 200
        entered = ami.wait_event("HotlineFlow", Status="entered")
        time.sleep(0.5)
        rescuer.action(
            Action="Redirect", Channel=entered["Channel"], Context="hotline-rescue", Exten="s", Priority="1"
        )
        assert ami.wait_event("HotlineFlow", Status="failed")["Agi"] == "LOST"
        if there:
            ami.wait_event("QueueCallerJoin")
        else:
            assert wait_until(caller.gone.is_set)


def test_speech_ends_a_question_that_is_being_asked(
    endings_pbx: RunningPbx, ami: AmiWitness, telephones: Telephones, flows: Flows
) -> None:
    """``CONTROL STREAM FILE`` is stopped by AMI, so that a caller need not hear a question to its end."""
    took: list[float] = []

    async def asks(session: AgiSession) -> None:
        began = time.monotonic()
        key = await session.play([music], asyncio.Event())
        took.append(time.monotonic() - began)
        assert key is None

    music = str(endings_pbx.settings.sounds / "moh" / "hold" / "music")
    flows.leads["main"] = asks
    with endings_pbx.originator() as interrupts, telephones.citizen("13900000028") as caller:
        assert caller.call("12345") == 200
        entered = ami.wait_event("HotlineFlow", Status="entered")
        time.sleep(1.0)
        answer = interrupts.action(Action="ControlPlayback", Channel=entered["Channel"], Control="stop")
        assert answer["Response"] == "Success", answer
        ami.wait_event("QueueCallerJoin")
        assert took
        assert took[0] < 15.0  # the music lasts 24 s
