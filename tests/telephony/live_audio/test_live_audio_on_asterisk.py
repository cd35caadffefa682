"""On the real Asterisk: events are typed, both legs heard, a menu played, and a frozen one harms nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from facts.audio import TapRequest
from facts.caller_session import Keys
from facts.identity import CallKey
from facts.transcript import Leg
from telephony.agi.server import AgiServer
from telephony.agi.session import AgiSession
from telephony.ami import events as ev
from telephony.ami.actions import Action
from telephony.ami.link import AmiAddress, AmiLink
from telephony.live_audio.server import AudioSocketServer, AudioStream
from telephony.live_audio.taps import ChanSpyTap, TapFailed, is_tap
from tests.pbx import RunningPbx
from tests.sip_phone import SipPhone

pytestmark = pytest.mark.pbx


@dataclass
class House:
    """Two links to the PBX, and every typed event that came."""

    pbx: RunningPbx
    reader: AmiLink
    originator: AmiLink
    events: list[Any] = field(default_factory=list)

    async def seen(self, wanted: Callable[[Any], object], timeout_s: float = 15.0) -> Any:
        """The first event that is wanted, that came or comes."""
        async with asyncio.timeout(timeout_s):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                await asyncio.sleep(0.005)

    async def stage(self, name: ev.StageName, **fields: str) -> ev.Stage:
        def wanted(event: Any) -> bool:
            return (
                isinstance(event, ev.Stage)
                and event.name is name
                and all(getattr(event, key) == value for key, value in fields.items())
            )

        stage: ev.Stage = await self.seen(wanted)
        return stage

    async def follow(self) -> None:
        async for message in self.reader.messages():
            event = ev.read_event(message.headers, "city")
            if event is not None:
                self.events.append(event)

    async def citizen(self, application: str, data: str) -> None:
        """A caller whose mouth and fingers are an application."""
        await self.originator.action(
            Action(
                "Originate",
                {
                    "Channel": "Local/12345@hotline-from-trunk",
                    "Application": application,
                    "Data": data,
                    "CallerID": "13900001111",
                    "Timeout": "10000",
                },
            ),
            timeout_s=10,
        )


@pytest.fixture
async def house(running_pbx: RunningPbx) -> AsyncIterator[House]:
    def address(user: str, secret: str) -> AmiAddress:
        return AmiAddress("127.0.0.1", running_pbx.settings.ami_port, user, secret, "city")

    secrets = running_pbx.secrets
    async with (
        AmiLink(address("hotline-reader", secrets.ami_reader)) as reader,
        AmiLink(address("hotline-originator", secrets.ami_originator), follow=False) as originator,
    ):
        await reader.wait_up(5)
        await originator.wait_up(5)
        found = House(running_pbx, reader, originator)
        follower = asyncio.create_task(found.follow())
        yield found
        follower.cancel()
        assert not [event for event in found.events if isinstance(event, ev.MalformedMessage)]
        assert reader.counts.rejected == reader.counts.malformed == 0
        assert abs(reader.clock.offset_s) < 0.2, "one machine, one clock"


class Ears:
    """Listens to every stream and keeps how it sounded."""

    def __init__(self) -> None:
        self.frames: dict[str, list[tuple[float, float]]] = {}
        self.ended: dict[str, float] = {}

    async def __call__(self, stream: AudioStream) -> None:
        heard = self.frames.setdefault(stream.id, [])
        async for pcm, arrived_s in stream:
            heard.append((float(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).mean()), arrived_s))
        self.ended[stream.id] = time.monotonic()

    def rate(self, stream: str, first_s: float, last_s: float) -> float:
        """Frames a second with sound in them, between two moments."""
        return sum(level > 100 and first_s <= at < last_s for level, at in self.frames[stream]) / (
            last_s - first_s
        )


async def until(holds: Callable[[], object], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.005)


async def test_both_legs_of_a_real_call_are_heard_apart(house: House) -> None:
    settings, secrets, ears = house.pbx.settings, house.pbx.secrets, Ears()
    with contextlib.ExitStack() as phones:
        agent = phones.enter_context(
            SipPhone("agent101", settings.sip_port, secrets.sip_password("agent101"), True)
        )
        caller = phones.enter_context(SipPhone("13997360077", settings.sip_port, "", False))
        assert await asyncio.to_thread(agent.register) == 200
        async with AudioSocketServer(
            "127.0.0.1", settings.audiosocket_port, ears, accept=lambda _: True
        ) as server:

            async def release(stream: str) -> None:
                server.close_stream(stream)

            tap = ChanSpyTap(house.originator, "127.0.0.1", server.port, release)
            assert await asyncio.to_thread(caller.call, "12345") == 200
            connected = await house.seen(lambda event: isinstance(event, ev.AgentConnected), 20)
            began = time.monotonic()
            call = CallKey("city", connected.uniqueid)
            legs = (
                (Leg.CALLER, connected.channel, connected.uniqueid),
                (Leg.AGENT, connected.agent_channel, connected.agent_uniqueid),
            )
            taps = [
                TapRequest(call, leg, channel, uniqueid, str(uuid.uuid4()), 0.0)
                for leg, channel, uniqueid in legs
            ]
            for request in taps:
                await tap.start(request)
            await until(lambda: len(ears.frames) == 2 and all(ears.frames.values()))
            for request in taps:
                assert ears.frames[request.stream][0][1] - began < 0.5
            await asyncio.sleep(2.5)
            for request in taps:
                assert 44 < ears.rate(request.stream, began + 0.5, began + 2.5) < 56, (
                    "20 ms frames with sound"
                )

            await tap.stop(taps[1].stream)
            await until(lambda: taps[1].stream in ears.ended)
            await asyncio.sleep(0.3)
            assert not [
                event
                for event in house.events
                if isinstance(event, ev.ChannelHangup) and event.uniqueid == connected.agent_uniqueid
            ], "a tap's end is not the talk's"

            caller.hang_up()
            hung_up = time.monotonic()
            for uniqueid in (connected.uniqueid, connected.agent_uniqueid):
                await house.seen(
                    lambda event, it=uniqueid: isinstance(event, ev.ChannelHangup) and event.uniqueid == it
                )
            assert time.monotonic() - hung_up < 3.0, "a tap does not hold a channel back"
            await until(lambda: taps[0].stream in ears.ended, 1.0)
        ended = await house.stage(ev.StageName.ENDED)
        assert (ended.uniqueid, ended.line) == (connected.uniqueid, "main")
        spies = {
            event.uniqueid
            for event in house.events
            if isinstance(event, ev.ChannelNew) and is_tap(event.uniqueid)
        }
        assert len(spies) == 2, "their channels say whose they are"


async def test_a_listener_that_is_away_is_a_clear_error(house: House) -> None:
    async def release(_: str) -> None:
        return

    tap = ChanSpyTap(house.originator, "127.0.0.1", house.pbx.settings.audiosocket_port, release, timeout_s=2)
    request = TapRequest(CallKey("city", "x"), Leg.CALLER, "PJSIP/x", "x", str(uuid.uuid4()), 0.0)
    with pytest.raises(TapFailed):
        await tap.start(request)


async def test_a_menu_on_a_real_channel(house: House) -> None:
    """Greeting, a missing prompt, keys with barge-in, a mark with awkward text, another queue."""
    heard: dict[str, Any] = {}
    # the shortest of more than a second: the keys come after it
    wavs = (house.pbx.settings.sounds / "hotline").glob("*.wav")
    prompt = min((it for it in wavs if it.stat().st_size > 16_000), key=lambda it: it.stat().st_size).stem

    async def menu(session: AgiSession) -> None:
        heard["number"], heard["line"] = session.caller_number, session.arguments
        began = time.monotonic()
        heard["said"] = await session.say([f"hotline/{prompt}"], interrupt_keys="1")
        heard["said_s"] = time.monotonic() - began
        await session.say(["hotline/missing"])
        heard["keys"] = await session.collect(
            [f"hotline/{prompt}"],
            max_digits=4,
            terminator="#",
            first_timeout_ms=9000,
            between_timeout_ms=2000,
        )
        heard["none"] = await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=200, between_timeout_ms=200
        )
        await session.mark('menu, "1" (', {"Key": "1,2[", "Ms": "12"})
        await session.set_variable("HOTLINE_QUEUE", "business")

    async with AgiServer("127.0.0.1", house.pbx.settings.agi_port, menu, pbx_id="city"):
        await house.citizen("SendDTMF", "wwwwwwwwwwwwwww42#wwwwwwwwww")
        step = await house.stage(ev.StageName.STEP)
        assert (step.node, step.key, step.ms) == ('menu, "1" (', "1,2[", 12)
        joined = await house.seen(lambda event: isinstance(event, ev.QueueJoined))
        assert (joined.queue, joined.uniqueid) == ("business", step.uniqueid)
    assert (heard["number"], heard["line"], heard["said"]) == (
        "13900001111",
        ("main", "flow", "main", "", "kept"),
        None,
    )
    assert heard["said_s"] > 0.5
    assert (heard["keys"], heard["none"]) == (Keys("42", terminated=True), Keys("", timed_out=True))


FROZEN = """
import asyncio, sys
from telephony.agi.server import AgiServer

async def say(session):
    print("serving", flush=True)
    await session.collect([], max_digits=1, terminator="", first_timeout_ms=300, between_timeout_ms=300)
    await asyncio.sleep(60)

async def main():
    async with AgiServer("127.0.0.1", int(sys.argv[1]), say, pbx_id="city"):
        print("listening", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_callers_of_a_frozen_menu_reach_the_queue_when_it_is_ended(house: House) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FROZEN, str(house.pbx.settings.agi_port), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        assert await server.stdout.readline() == b"listening\n"
        await house.citizen("SendDTMF", "w" * 40)
        async with asyncio.timeout(15):
            assert await server.stdout.readline() == b"serving\n"
        os.kill(server.pid, signal.SIGSTOP)
        await asyncio.sleep(1.0)
        assert not [event for event in house.events if isinstance(event, ev.QueueJoined)], (
            "in silence meanwhile"
        )
    finally:
        server.kill()
        ended = time.monotonic()
        await server.wait()
    joined = await house.seen(lambda event: isinstance(event, ev.QueueJoined), 30)
    assert time.monotonic() - ended < 3.0
    assert joined.queue == "main"
