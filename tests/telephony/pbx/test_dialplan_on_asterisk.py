"""What a caller gets from the real Asterisk while nothing of ours answers, and what is written down of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from config.hotline import Hotline
from telephony.pbx.program import AsteriskProgram
from telephony.recordings import wait_for_recording
from tests.pbx import AmiWitness, RunningPbx, pbx_up
from tests.sip_phone import SipPhone, wait_until

pytestmark = pytest.mark.pbx


@pytest.fixture
def ami(endings_pbx: RunningPbx) -> Iterator[AmiWitness]:
    with endings_pbx.reader() as witness:
        yield witness


def phone(pbx: RunningPbx, user: str, *, password: str = "", answers: bool = False) -> SipPhone:
    return SipPhone(user, pbx.settings.sip_port, password, answers)


def agent(pbx: RunningPbx, name: str) -> SipPhone:
    return phone(pbx, name, password=pbx.secrets.sip_password(name), answers=True)


def ended_once(pbx: RunningPbx, ami: AmiWitness, uniqueid: str) -> dict[str, str]:
    """The ending of a call, after seeing that each of the three records has it exactly once."""
    paths = pbx.pbx.paths
    ended = ami.wait_event("HotlineEnded", Uniqueid=uniqueid)
    assert pbx.wait_line(paths.queue_log, f"|{uniqueid}|")
    ami.wait_event("Hangup", Uniqueid=uniqueid)
    assert pbx.wait_line(paths.cdr, f'"{uniqueid}"')
    assert len(ami.events("HotlineEnded", Uniqueid=uniqueid)) == 1
    assert len([it for it in pbx.lines(paths.queue_log, uniqueid) if "HOTLINEENDED" in it]) == 1
    assert len([it for it in pbx.lines(paths.cel, f'"{uniqueid}"') if it.startswith('"HotlineEnded"')]) == 1
    return ended


def test_caller_is_led_to_the_queue_when_nothing_of_ours_answers(
    endings_pbx: RunningPbx, ami: AmiWitness
) -> None:
    with phone(endings_pbx, "13997360001") as caller:
        assert caller.call("12345") == 200
        queued = ami.wait_event("HotlineQueue", CallerIDNum="13997360001")
        ami.wait_event("QueueCallerJoin", Uniqueid=queued["Uniqueid"])
        time.sleep(1.5)
        caller.hang_up()
    call = queued["Uniqueid"]
    assert call.startswith("city-")
    arrived = ami.wait_event("HotlineArrived", Uniqueid=call)
    assert (arrived["Line"], arrived["Did"], arrived["Context"]) == ("main", "12345", "hotline-from-trunk")
    assert ami.wait_event("HotlineNotice", Uniqueid=call)["Status"] == "played"
    assert ami.wait_event("HotlineRecording", Uniqueid=call)["File"] == call
    assert [it["Status"] for it in ami.events("HotlineFlow", Uniqueid=call)] == ["entered", "failed"]
    ended = ended_once(endings_pbx, ami, call)
    assert (ended["Stage"], ended["QueueStatus"], ended["Abandoned"]) == ("queue", "", "TRUE")
    files = wait_for_recording(endings_pbx.settings.recordings, call, timeout_s=30)
    assert files.caller_s > 1.0
    assert files.heard_s > 1.0


def test_hang_up_in_the_notice_is_an_ending_too(endings_pbx: RunningPbx, ami: AmiWitness) -> None:
    with phone(endings_pbx, "13997360002") as caller:
        assert caller.call("+8612345") == 200
        caller.hang_up()
    call = ami.wait_event("HotlineArrived", CallerIDNum="13997360002")["Uniqueid"]
    ended = ended_once(endings_pbx, ami, call)
    assert (ended["Stage"], ended["Did"], ended["Notice"]) == ("notice", "+8612345", "")
    assert not ami.events("HotlineRecording", Uniqueid=call)


def test_full_queue_apologises_and_ends(endings_pbx: RunningPbx, ami: AmiWitness) -> None:
    with phone(endings_pbx, "13997360003") as first, phone(endings_pbx, "13997360004") as second:
        assert first.call("8410001") == 200
        ami.wait_event("QueueCallerJoin", CallerIDNum="13997360003")
        assert second.call("8410001") == 200
        call = ami.wait_event("HotlineQueue", CallerIDNum="13997360004")["Uniqueid"]
        ended = ended_once(endings_pbx, ami, call)
        assert wait_until(second.gone.is_set)
    assert (ended["Stage"], ended["QueueStatus"], ended["Queue"]) == ("otherwise", "FULL", "tight")


@pytest.mark.parametrize(("number", "status"), [("8410002", "JOINEMPTY"), ("8410003", "TIMEOUT")])
def test_queue_that_gives_up_keeps_its_reason(
    endings_pbx: RunningPbx, ami: AmiWitness, number: str, status: str
) -> None:
    with phone(endings_pbx, f"1399736{number[-4:]}") as caller:
        assert caller.call(number) == 200
        call = ami.wait_event("HotlineQueue", CallerIDNum=caller.user)["Uniqueid"]
        ended = ended_once(endings_pbx, ami, call)
        assert wait_until(caller.gone.is_set)
    assert (ended["Stage"], ended["QueueStatus"]) == ("otherwise", status)


def test_agent_who_hangs_up_releases_the_caller(endings_pbx: RunningPbx, ami: AmiWitness) -> None:
    with agent(endings_pbx, "agent101") as desk, phone(endings_pbx, "13997360005") as caller:
        assert desk.register() == 200
        assert caller.call("12345") == 200
        connected = ami.wait_event("AgentConnect", CallerIDNum="13997360005")
        assert (connected["MemberName"], connected["Interface"]) == ("agent101", "PJSIP/agent101")
        ami.wait_event("BridgeEnter", Uniqueid=connected["Uniqueid"])
        time.sleep(0.3)
        desk.hang_up()
        assert wait_until(caller.gone.is_set)
        ended = ended_once(endings_pbx, ami, connected["Uniqueid"])
    assert (ended["Stage"], ended["QueueStatus"], ended["Member"]) == ("done", "CONTINUE", "agent101")


@pytest.mark.parametrize("number", ["101", "8410009", "hotline-ended", "s", "q1"])
def test_trunk_reaches_known_numbers_only(endings_pbx: RunningPbx, number: str) -> None:
    with phone(endings_pbx, "13997360006") as stranger:
        assert stranger.call(number) == 404


def test_names_of_the_trunk_and_of_agents_open_nothing(endings_pbx: RunningPbx) -> None:
    with phone(endings_pbx, "agent101", password="wrong") as thief:
        assert thief.register() == 401
        assert thief.call("101") == 401


def test_a_stranger_does_not_become_the_trunk_by_its_name(
    asterisk_program: AsteriskProgram, endings: Hotline
) -> None:
    elsewhere = endings.model_copy(update={"trunk_hosts": ("192.0.2.1",)})
    with pbx_up(asterisk_program, elsewhere, sounds=False) as pbx:
        for name in ("hotline-trunk", "anonymous", "13997360008"):
            with phone(pbx, name) as stranger:
                assert stranger.call("12345") == 401


def test_reader_may_not_act_and_originator_may_not_read(endings_pbx: RunningPbx, ami: AmiWitness) -> None:
    dial = {
        "Action": "Originate",
        "Channel": "Local/12345@hotline-from-trunk",
        "Application": "Wait",
        "Data": "1",
    }
    for action in (dial, {"Action": "Command", "Command": "core stop now"}, {"Action": "GetConfig"}):
        assert ami.action(**action)["Message"] == "Permission denied"
    with endings_pbx.originator() as originator:
        assert originator.action(**dial | {"Async": "true", "Application": "NoOp"})["Response"] == "Success"
        call = ami.wait_event("HotlineArrived")["Uniqueid"]
        for action in ({"Action": "CoreShowChannels"}, {"Action": "GetConfig"}, {"Action": "Command"}):
            assert originator.action(**action)["Message"] == "Permission denied"
        ami.wait_event("HotlineEnded", Uniqueid=call)
        originator.read(0.5)
        assert {it.get("Event") for it in originator.messages} <= {None, "FullyBooted", "OriginateResponse"}


def test_noise_is_kept_from_the_reader(endings_pbx: RunningPbx, ami: AmiWitness) -> None:
    with phone(endings_pbx, "13997360007") as caller:
        caller.call("12345")
        ami.wait_event("QueueCallerJoin", CallerIDNum="13997360007")
    ami.wait_event("HotlineEnded", CallerIDNum="13997360007")
    assert not {"VarSet", "Newexten", "RTCPSent", "RTCPReceived", "TestEvent", "MusicOnHoldStart"} & set(
        ami.names()
    )
