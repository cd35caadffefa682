"""A telephone that is not ours calls: SIPp, which shares none of the simulators' assumptions."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from config.hotline import load_hotline
from facts.call import Call, EndedBy, Outcome
from telephony.ami.codec import AmiMessage
from telephony.ami.connection import AmiAddress, AmiConnection, WireCounts
from telephony.ami.events import parse_event
from telephony.call_fold import CallTracker, FoldRules
from telephony.pbx.program import AsteriskProgram
from telephony.simulation.diary import Diary, PhoneSide, phone_sides
from telephony.simulation.outside import outside_world
from telephony.simulation.outside_config import OutsidePaths
from telephony.simulation.play import Player, PromptTimes
from telephony.simulation.scenario_file import parse_scenario, plan
from telephony.simulation.speech import speak_all, speak_to_stranger
from tests.pbx import RunningPbx, free_rtp_range, pbx_up
from ticketing_bridge.bench.ports import free_port

pytestmark = [pytest.mark.pbx, pytest.mark.timeout(120)]

NUMBER = "09797654321"
#: seconds from the PBX's answer to SIPp's hang-up: past notice, greeting and an agent's answer
TALK_MS = 9000

SIPP_SCENARIO = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="citizen">
  <send retrans="500"><![CDATA[

      INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: "citizen" <sip:{NUMBER}@[local_ip]:[local_port]>;tag=[pid]S[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:{NUMBER}@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=- 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 8
      a=rtpmap:8 PCMA/8000

  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rtd="true"/>
  <send><![CDATA[

      ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: "citizen" <sip:{NUMBER}@[local_ip]:[local_port]>;tag=[pid]S[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Contact: <sip:{NUMBER}@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Length: 0

  ]]></send>
  <pause milliseconds="{TALK_MS}"/>
  <send retrans="500"><![CDATA[

      BYE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: "citizen" <sip:{NUMBER}@[local_ip]:[local_port]>;tag=[pid]S[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 2 BYE
      Contact: <sip:{NUMBER}@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Length: 0

  ]]></send>
  <recv response="200" crlf="true"/>
</scenario>
"""


@pytest.fixture(scope="module")
def sipp() -> str:
    program = os.environ.get("HOTLINE_SIPP") or shutil.which("sipp")
    if not program:
        pytest.skip("SIPp is not here: python -m tests.provision gets it, or apt-get install sip-tester")
    return program


@pytest.fixture(scope="module")
def pbx(asterisk_program: AsteriskProgram) -> Iterator[RunningPbx]:
    first, last = free_rtp_range()
    outside = {
        "outside_sip_port": free_port(socket.SOCK_DGRAM),
        "outside_ami_port": free_port(),
        "outside_rtp_first": first,
        "outside_rtp_last": last,
    }
    with pbx_up(asterisk_program, load_hotline(), **outside) as up:
        yield up


def _calls(told: list[AmiMessage], pbx: RunningPbx) -> list[Call]:
    rules = FoldRules(frozenset(agent.id for agent in pbx.hotline.agents), pbx.settings.t_short_s)
    tracker = CallTracker("city", rules)
    for message in told:
        if event := parse_event(message.headers, "city"):
            tracker.take(event)
    return tracker.changed_calls()


async def _phone(sipp: str, pbx: RunningPbx, folder: Path) -> tuple[list[Call], list[PhoneSide], str]:
    """One SIPp call while agents of the outside world are on duty; one of our own citizens calls too."""
    settings = pbx.settings
    (folder / "citizen.xml").write_text(SIPP_SCENARIO)
    media, _ = free_rtp_range(20)
    argv = (
        *(sipp, f"127.0.0.1:{settings.sip_port}", "-sf", str(folder / "citizen.xml"), "-s", "12345"),
        *("-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(free_port(socket.SOCK_DGRAM)), "-mp", str(media)),
        *("-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error"),
    )
    told: list[AmiMessage] = []
    address = AmiAddress("127.0.0.1", settings.ami_port, "hotline-reader", pbx.secrets.ami_reader, "city")
    connection = AmiConnection(address, told.append, WireCounts())
    assert await connection.open(5)
    paths = OutsidePaths.of(settings)
    own = plan(parse_scenario("- 路灯不亮了。"), pbx.hotline)
    dialogues = await asyncio.to_thread(speak_all, own, paths.speech)
    stranger = await asyncio.to_thread(speak_to_stranger, paths.speech)
    async with outside_world(settings, pbx.hotline, pbx.secrets, pbx.program) as phones:
        with Diary() as diary:
            player = Player(phones, diary, dialogues, PromptTimes(3, 3), run_id="ua", stranger=stranger)
            process = await asyncio.create_subprocess_exec(
                *argv, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            _, (output, _) = await asyncio.gather(player.play(own), process.communicate())
        await asyncio.sleep(0.5)
    connection.close()
    assert process.returncode == 0, output.decode(errors="replace")[-2000:]
    return _calls(told, pbx), phone_sides(diary.entries), output.decode(errors="replace")


def test_a_foreign_telephone_is_answered_and_counted_like_any_citizen(
    sipp: str, pbx: RunningPbx, tmp_path: Path
) -> None:
    calls, sides, _ = asyncio.run(_phone(sipp, pbx, tmp_path))
    (call,) = [call for call in calls if call.caller_number == NUMBER]
    assert len(calls) == 2
    assert (call.outcome, call.ended_by, call.line) == (Outcome.ANSWERED, EndedBy.CALLER, "main")
    (agent,) = [side for side in sides if side.number == NUMBER]
    assert call.agent == agent.person
    assert agent.answered_at is not None
    assert call.answered_at is not None
    assert abs(call.answered_at - agent.answered_at) < timedelta(seconds=1)
    assert call.ended_at is not None
    assert abs((call.ended_at - call.arrived_at).total_seconds() - TALK_MS / 1000) < 1.0
