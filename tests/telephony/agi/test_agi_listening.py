"""Open questions, messages and facts, as Asterisk sees them; and connections that die without a word."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from facts.caller_session import CallerGone, JourneyFact, Recorded, Utterance
from facts.errors import HotlineError
from facts.identity import CallKey
from telephony.agi.session import AgiSession

KEY = "WAIT FOR DIGIT"


class Ears:
    """A listener that hears ``said`` so many seconds after the question is over, or while it is asked."""

    def __init__(self, said: Utterance | Exception, *, after_s: float = 0.05, at_once: bool = False) -> None:
        self.said, self.after_s, self.at_once = said, after_s, at_once
        self.asked: list[tuple[str, str, str, tuple[str, ...]]] = []

    async def hear(
        self,
        call: CallKey,
        channel: str,
        channel_uniqueid: str,
        *,
        phrases: Sequence[str],
        first_timeout_ms: int,
        most_ms: int,
        prompt_over: asyncio.Event,
        on_speech: Callable[[], None],
    ) -> Utterance:
        self.asked.append((str(call), channel, channel_uniqueid, tuple(phrases)))
        if isinstance(self.said, Exception):
            raise self.said
        if self.at_once:
            on_speech()
        await prompt_over.wait()
        await asyncio.sleep(self.after_s)
        return self.said


async def listen(session: AgiSession) -> Utterance:
    return await session.listen(["hotline/q"], phrases=["有 危险"], first_timeout_ms=300, most_ms=900)


@pytest.fixture
def ask(serve: Any, dial: Any) -> Any:
    async def start(handler: Any, **options: Any) -> tuple[Any, asyncio.Future[Any]]:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def keep(session: AgiSession) -> None:
            try:
                outcome.set_result(await handler(session))
            except BaseException as error:
                outcome.set_exception(error)
                raise

        return await dial(await serve(keep, **options)), outcome

    return start


async def answer_keys(pbx: Any, count: int = 100) -> None:
    """No key, until the session stops asking."""
    for _ in range(count):
        line = await pbx.expect("")
        if not line.startswith(KEY):
            return
        await asyncio.sleep(0.02)
        pbx.answer("200 result=0")


async def test_what_the_caller_says_is_heard_while_keys_are_watched(ask: Any) -> None:
    ears = Ears(Utterance("有危险", 0.9))
    pbx, outcome = await ask(listen, listener=ears)
    await pbx.play(("CONTROL STREAM FILE", "200 result=0 endpos=8000"))
    await answer_keys(pbx)
    assert await outcome == Utterance("有危险", 0.9)
    assert ears.asked == [
        ("city:city-1763683200.7", "PJSIP/trunk-00000001", "city-1763683200.7", ("有 危险",))
    ]


async def test_a_key_overtakes_the_ears(ask: Any) -> None:
    pbx, outcome = await ask(listen, listener=Ears(Utterance("啊"), after_s=30))
    await pbx.play(
        ("CONTROL STREAM FILE", "200 result=0 endpos=8000"), (KEY, "200 result=0"), (KEY, "200 result=50")
    )
    assert await outcome == Utterance(key="2")


async def test_speech_ends_the_question(ask: Any) -> None:
    stopped: list[str] = []

    async def interrupt(channel: str) -> None:
        stopped.append(channel)

    pbx, outcome = await ask(listen, listener=Ears(Utterance("有"), at_once=True), interrupt=interrupt)
    await pbx.expect("CONTROL STREAM FILE")
    async with asyncio.timeout(30):
        while not stopped:
            await asyncio.sleep(0.01)
    pbx.answer("200 result=1000 endpos=1600")  # AST_CONTROL_STREAM_STOP: no key
    await answer_keys(pbx)
    assert await outcome == Utterance("有")
    assert stopped == ["PJSIP/trunk-00000001"]


@pytest.mark.parametrize("problem", [HotlineError("away"), RuntimeError("a bug")])
async def test_ears_that_fail_mean_that_nobody_listens(ask: Any, problem: Exception) -> None:
    pbx, outcome = await ask(listen, listener=Ears(problem))
    await pbx.play(("CONTROL STREAM FILE", "200 result=0 endpos=8000"))
    await answer_keys(pbx)
    assert await outcome == Utterance(heard=False)


async def test_without_ears_the_question_is_played_and_nobody_listens(ask: Any) -> None:
    pbx, outcome = await ask(listen)
    await pbx.play(("STREAM FILE", "200 result=49 endpos=800"))
    assert await outcome == Utterance(key="1", heard=False)


async def test_a_hang_up_overtakes_the_ears(ask: Any) -> None:
    pbx, outcome = await ask(listen, listener=Ears(Utterance("啊"), after_s=30))
    await pbx.play(("CONTROL STREAM FILE", "200 result=0 endpos=8000"))
    await pbx.expect(KEY)
    pbx.answer("HANGUP")
    with pytest.raises(CallerGone):
        await outcome


async def test_a_message_is_named_by_its_call(ask: Any) -> None:
    pbx, outcome = await ask(lambda it: it.record(most_ms=60_000, silence_ms=4_000))
    await pbx.play(
        ('GET FULL VARIABLE "${ASTSPOOLDIR}"', "200 result=1 (/spool)"),
        ('STREAM FILE "hotline/beep"', "200 result=0 endpos=2800"),
        ('SET VARIABLE "HOTLINE_VOICEMAIL" "city-1763683200.7-voicemail"', "200 result=1"),
        (
            'RECORD FILE "/spool/monitor/city-1763683200.7-voicemail" "wav" "#" "60000" "0" "s=4"',
            "200 result=35 (dtmf) endpos=25600",
        ),
    )
    assert await outcome == Recorded("city-1763683200.7-voicemail", 3200, "#")


async def test_a_fact_is_kept_for_the_ending_before_it_is_told(ask: Any) -> None:
    fact = (JourneyFact.ANSWER, {"Name": "企业", "Value": "a;b,c:d"})
    pbx, outcome = await ask(lambda it: it.report(*fact))
    await pbx.play(
        ('GET VARIABLE "HOTLINE_RESULTS"', "200 result=1 (closed:;)"),
        (
            'SET VARIABLE "HOTLINE_RESULTS" "closed:;answer:Name=%E4%BC%81%E4%B8%9A&Value=a%3Bb%2Cc%3Ad;"',
            "200 result=1",
        ),
        (
            'SET VARIABLE "HOTLINE_SAID" "HotlineFact,Fact: answer,Name: 企业,Value: a;b\\\\,c:d"',
            "200 result=1",
        ),
        ('GOSUB "hotline-say" "s" "1"', "200 result=0 Gosub complete"),
    )
    assert await outcome is None


async def test_a_connection_that_breaks_without_a_hang_up_is_told(serve: Any, dial: Any) -> None:
    lost: list[tuple[str, str]] = []
    gone = asyncio.Event()

    async def on_lost(channel: str, call: CallKey) -> None:
        lost.append((channel, str(call)))
        gone.set()

    async def waits(session: AgiSession) -> None:
        await session.say(["hotline/long"])

    pbx = await dial(await serve(waits, on_lost=on_lost))
    await pbx.expect("STREAM FILE")
    linger = struct.pack("ii", 1, 0)
    pbx.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    pbx.writer.transport.abort()
    async with asyncio.timeout(30):
        await gone.wait()
    assert lost == [("PJSIP/trunk-00000001", "city:city-1763683200.7")]


async def test_a_hang_up_is_no_loss(serve: Any, dial: Any) -> None:
    lost: list[str] = []

    async def on_lost(channel: str, call: CallKey) -> None:
        lost.append(f"{channel} {call}")

    async def waits(session: AgiSession) -> None:
        await session.say(["hotline/long"])

    for goodbye in ("HANGUP", "511 Command Not Permitted on a dead channel", None):
        server = await serve(waits, on_lost=on_lost)
        pbx = await dial(server)
        await pbx.expect("STREAM FILE")
        if goodbye:
            pbx.answer(goodbye)
        else:
            pbx.writer.close()
        async with asyncio.timeout(30):
            while server.sessions:
                await asyncio.sleep(0.01)
    assert lost == []


async def test_two_servers_share_a_port(serve: Any) -> None:
    async def nothing(session: AgiSession) -> None:
        del session

    first = await serve(nothing, reuse_port=True)
    from telephony.agi.server import AgiServer

    async with AgiServer("127.0.0.1", first.port, nothing, pbx_id="city", reuse_port=True) as second:
        assert second.port == first.port
