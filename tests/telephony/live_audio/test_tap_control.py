"""Telephony asks, speech listens, and either may go away and come back."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facts.audio import LegTap, TapRequest
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg
from telephony.ami.link import AmiAddress, AmiLink
from telephony.ami.testing import FakeAmi
from telephony.live_audio.tap_control import SpeechAway, TapControl, TapControlServer, TapRefused
from telephony.live_audio.taps import ChanSpyTap, TapFailed, is_tap

REQUEST = TapRequest(
    CallKey("city", "city-1.1"), Leg.CALLER, "PJSIP/trunk-1", "city-1.1", str(uuid.uuid4()), offset_s=3.2
)


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "taps.sock"


@pytest.fixture
async def control(socket_path: Path) -> AsyncIterator[Any]:
    connected: list[int] = []
    async with TapControl(socket_path, lambda: connected.append(1)) as client:
        client.times_connected = connected
        yield client


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def leave_behind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.005)


async def test_expected_then_taken_once(control: TapControl, socket_path: Path) -> None:
    async with TapControlServer(socket_path) as server:
        await until(lambda: control.connected)
        await control.expect(REQUEST)
        assert server.expects(REQUEST.stream)
        assert not server.expects("another")
        assert server.take(REQUEST.stream) == REQUEST
        assert not server.expects(REQUEST.stream)
        assert mode(socket_path) == 0o600


async def test_speech_is_away_comes_back_and_is_told_of(control: Any, socket_path: Path) -> None:
    with pytest.raises(SpeechAway):
        await control.expect(REQUEST)
    await control.release(REQUEST.stream)
    for round_ in (1, 2):
        async with TapControlServer(socket_path):
            await until(lambda round_=round_: len(control.times_connected) == round_)
            await control.expect(REQUEST)
        await until(lambda: not control.connected)
    assert len(control.times_connected) == 2


async def test_speech_that_dies_while_it_is_asked(control: TapControl, socket_path: Path) -> None:
    async def never(_: TapRequest) -> None:
        await asyncio.sleep(60)

    async with TapControlServer(socket_path, on_expect=never):
        await until(lambda: control.connected)
        with pytest.raises(SpeechAway, match="did not answer"):
            await control.expect(REQUEST, timeout_s=0.05)
        waiting = asyncio.create_task(control.expect(REQUEST))
        await asyncio.sleep(0.05)
    with pytest.raises(SpeechAway):
        await waiting


async def test_speech_may_refuse_and_telephony_may_release(control: TapControl, socket_path: Path) -> None:
    released: list[str] = []

    async def full(request: TapRequest) -> None:
        if request.leg is Leg.AGENT:
            raise HotlineError("too many streams")

    async with TapControlServer(socket_path, on_expect=full, on_release=released.append) as server:
        await until(lambda: control.connected)
        with pytest.raises(TapRefused, match="too many streams"):
            await control.expect(replace(REQUEST, leg=Leg.AGENT))
        await control.expect(REQUEST)
        await control.release(REQUEST.stream)
        await until(lambda: released)
        assert released == [REQUEST.stream]
        assert not server.expects(REQUEST.stream)


async def test_half_lines_garbage_and_lines_without_end(control: TapControl, socket_path: Path) -> None:
    async with TapControlServer(socket_path) as server:
        await until(lambda: control.connected)
        for data in (
            b"{\n[]\n{}\n\xff\xfe\n",
            b'{"call":"city:1"',
            b"x" * 100_000,
            b'{"call":"nonsense","leg":"caller"}\n',
        ):
            reader, writer = await asyncio.open_unix_connection(socket_path)
            writer.write(data)
            writer.close()
            await reader.read()
        await control.expect(REQUEST)
        assert server.expects(REQUEST.stream)


async def test_what_never_comes_is_forgotten(control: TapControl, socket_path: Path) -> None:
    async with TapControlServer(socket_path, kept_s=0.05) as server:
        await until(lambda: control.connected)
        await control.expect(REQUEST)
        await asyncio.sleep(0.08)
        assert not server.expects(REQUEST.stream)


async def test_a_speech_role_that_was_killed_leaves_a_socket_behind(
    control: TapControl, socket_path: Path
) -> None:
    leave_behind(socket_path)
    async with TapControlServer(socket_path):
        await until(lambda: control.connected)


async def test_a_tap_names_one_channel_exactly_and_its_listener() -> None:
    released: list[str] = []

    async def release(stream: str) -> None:
        released.append(stream)

    async with FakeAmi() as pbx:
        pbx.answers["originate"] = lambda _: [
            {"Response": "Success", "Message": "Originate successfully queued"},
            {"Event": "OriginateResponse", "Response": "Success"},
        ]
        address = AmiAddress("127.0.0.1", pbx.port, "hotline-originator", "s", "city")
        async with AmiLink(address, follow=False) as link:
            await link.wait_up(3)
            tap: LegTap = ChanSpyTap(link, "127.0.0.1", 9092, release)
            await tap.start(REQUEST)
            (sent,) = pbx.named("originate")
            assert sent["Channel"] == f"AudioSocket/127.0.0.1:9092/{REQUEST.stream}/c(slin)"
            assert (sent["Application"], sent["Data"]) == ("ChanSpy", "city-1.1,qsSuo")
            assert is_tap(sent["ChannelId"])
            assert not is_tap("city-1.1", "PJSIP/trunk-1")
            await tap.stop(REQUEST.stream)
            assert released == [REQUEST.stream]
            pbx.answers["originate"] = lambda _: [
                {"Response": "Success", "Message": "Originate successfully queued"},
                {"Event": "OriginateResponse", "Response": "Failure", "Reason": "0"},
            ]
            with pytest.raises(TapFailed, match="reason 0"):
                await tap.start(REQUEST)


async def test_a_question_brings_its_answers_along_and_may_change_them(
    control: TapControl, socket_path: Path
) -> None:
    heard: list[tuple[str, tuple[str, ...] | None]] = []
    asked = replace(REQUEST, grammar=("供 热", "停水", "[unk]"))
    async with TapControlServer(
        socket_path, on_grammar=lambda stream, phrases: heard.append((stream, phrases))
    ) as server:
        await until(lambda: control.connected)
        await control.expect(asked)
        assert server.take(asked.stream) == asked
        await control.set_grammar(asked.stream, ["是", "不是"])
        await control.set_grammar(asked.stream, None)
        await until(lambda: len(heard) == 2)
    assert heard == [(asked.stream, ("是", "不是")), (asked.stream, None)]
