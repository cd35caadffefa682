"""Live words of real speech through real recogniser processes, also when those die, freeze or are too few."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from asr.models import ModelInvalid
from asr.streaming import LiveEngine, StreamState
from asr.wire import lane_of
from facts.transcript import Leg, LiveText
from tests.asr.live import Heard, engine, feed_at_once, feed_in_time, until
from tests.asr.speech import AGENT, HEATING, STREET, said_in_order, spoken, was_heard
from tests.processes import has_ended
from voice.pcm import duration_s

pytestmark = pytest.mark.speech


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_streams_of_each_process_use_all_its_lanes(processes: int) -> None:
    for process in range(processes):
        own = [number for number in range(1, 41) if number % processes == process]
        lanes = [lane_of(number, 2, processes) for number in own]
        assert abs(lanes.count(0) - lanes.count(1)) <= 1


async def test_both_legs_are_heard_with_their_times(model: Path) -> None:
    heard = Heard()
    caller = said_in_order(1.0, HEATING, 6.0, STREET, 0.3)
    agent = said_in_order(4.0, AGENT, 1.0, voice="agent_f1")
    async with engine(model, heard) as live:
        streams = [live.open("c", leg, f"s-{leg}", 100.0) for leg in Leg]
        await asyncio.gather(feed_at_once(streams[0], caller), feed_at_once(streams[1], agent))
        for stream in streams:
            await stream.close()
    first, second = heard.finals()
    assert was_heard(first.text, HEATING)
    assert was_heard(second.text, STREET)
    assert was_heard(heard.words(leg=Leg.AGENT), AGENT)
    street_s = 100.0 + 1.0 + duration_s(spoken(HEATING)) + 6.0
    assert abs(first.start_s - 101.0) < 0.2
    assert abs(second.start_s - street_s) < 0.2
    assert abs(heard.finals(leg=Leg.AGENT)[0].start_s - 104.0) < 0.2
    assert [text.segment for text in heard.finals()] == [0, 1]
    assert second.words
    assert all(0 <= word.confidence <= 1 and word.start_s <= word.end_s for word in second.words)
    partials = [text for text in heard.texts if not text.final and text.leg is Leg.CALLER]
    assert {text.segment for text in partials} == {0, 1}
    assert not heard.gaps


async def test_a_hole_in_the_frames_does_not_shift_what_follows(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        await feed_at_once(stream, said_in_order(HEATING), 1000.0)
        await feed_at_once(stream, said_in_order(STREET, 0.2), 1010.0)
        await stream.close()
    assert was_heard(heard.finals()[0].text, HEATING)
    assert was_heard(heard.finals()[-1].text, STREET)
    assert abs(heard.finals()[-1].start_s - 10.0) < 0.2


async def test_a_leg_that_stops_sending_still_gets_its_final(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        await feed_at_once(stream, said_in_order(0.2, HEATING))
        await until(heard.finals, 4.0)
        assert was_heard(heard.words(), HEATING)
        await stream.close()


async def test_a_killed_recogniser_costs_no_word(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        feeding = asyncio.create_task(
            feed_in_time(stream, said_in_order(0.2, HEATING, 1.2, STREET, 0.2), speed=2)
        )
        await until(lambda: heard.texts)
        os.kill(live.process_ids[0], signal.SIGKILL)
        await feeding
        await stream.close()
    assert was_heard(heard.words(), HEATING)
    assert was_heard(heard.words(), STREET)
    assert not heard.gaps


async def test_sound_that_kills_every_recogniser_is_a_gap_and_the_rest_is_heard(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 50.0)
        await feed_at_once(stream, said_in_order(0.2, HEATING))
        for _ in range(2):
            await until(lambda: live.process_ids and heard.texts and heard.texts[-1].text)
            os.kill(live.process_ids[0], signal.SIGKILL)
            await until(lambda: heard.texts[-1].text == "")
        await feed_at_once(stream, said_in_order(1.0, STREET, 0.2), 1000.0 + stream.timeline.samples / 8000)
        await until(lambda: live.process_ids)
        await stream.close(5.0)
    assert was_heard(heard.words(), STREET)
    (gap,) = heard.gaps
    assert stream.gaps == [gap]
    assert gap.leg is Leg.CALLER
    assert 50.0 <= gap.start_s < gap.end_s <= 50.3 + duration_s(spoken(HEATING))
    assert "-9" in gap.reason


async def test_a_frozen_recogniser_is_replaced(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard, frozen_after_s=1.0) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        frozen = live.process_ids[0]
        os.kill(frozen, signal.SIGSTOP)
        await feed_at_once(stream, said_in_order(0.2, HEATING, 0.2))
        await until(lambda: live.process_ids and live.process_ids[0] != frozen)
        await stream.close()
    assert was_heard(heard.words(), HEATING)
    assert has_ended(frozen)


async def test_what_cannot_be_kept_while_nobody_listens_is_a_gap(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        os.kill(live.process_ids[0], signal.SIGSTOP)
        await feed_at_once(stream, said_in_order(HEATING, 50.0, STREET, 0.2))
        os.kill(live.process_ids[0], signal.SIGCONT)
        await stream.close()
    assert was_heard(heard.words(), STREET)
    assert sum(gap.end_s - gap.start_s for gap in heard.gaps) > 15
    assert {gap.reason for gap in heard.gaps} == {"recognition could not keep up"}


async def test_beyond_the_limit_a_leg_waits_for_its_recording(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard, live_streams=1) as live:
        first = live.open("c", Leg.CALLER, "s1", 0.0)
        second = live.open("d", Leg.CALLER, "s2", 0.0)
        assert (first.state, second.state) == (StreamState.LISTENING, StreamState.DEFERRED)
        audio = said_in_order(0.2, HEATING, 0.2)
        await asyncio.gather(feed_at_once(first, audio), feed_at_once(second, audio))
        await asyncio.gather(first.close(), second.close())
        assert was_heard(heard.words("c"), HEATING)
        assert heard.words("d") == ""
        assert live.open("e", Leg.CALLER, "s3", 0.0).state is StreamState.LISTENING


async def test_a_callback_that_fails_does_not_silence_others(model: Path) -> None:
    heard = Heard()

    async def on_text(text: LiveText) -> None:
        if text.call == "bad":
            raise RuntimeError("the page is gone")
        await heard.on_text(text)

    async with LiveEngine(model, on_text, children=1) as live:
        streams = [live.open(call, Leg.CALLER, call, 0.0) for call in ("bad", "c")]
        for stream in streams:
            await feed_at_once(stream, said_in_order(0.2, HEATING, 0.2))
        for stream in streams:
            await stream.close()
    assert was_heard(heard.words(), HEATING)


async def test_frames_that_come_while_a_leg_is_closed_harm_nobody(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        leaving, staying = (live.open(call, Leg.CALLER, call, 0.0) for call in ("leaving", "c"))
        await feed_at_once(leaving, said_in_order(0.2, STREET))
        closing = [asyncio.create_task(leaving.close()) for _ in range(2)]
        await asyncio.sleep(0)
        await feed_at_once(leaving, said_in_order(HEATING), 1004.0)
        await asyncio.gather(*closing)
        await feed_at_once(staying, said_in_order(0.2, HEATING, 0.2))
        await staying.close()
    assert was_heard(heard.words("leaving"), STREET)
    assert was_heard(heard.words("c"), HEATING)
    assert not heard.gaps


async def test_nothing_said_nothing_heard(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        stream.feed(b"", 1.0)
        stream.feed(b"\x01", 1.0)
        await feed_at_once(stream, said_in_order(5.0))
        await stream.close()
        await stream.close()
        stream.feed(b"\0" * 320, 9.0)
    assert heard.texts == []


async def test_a_broken_model_is_an_error_at_the_start(broken_model: Any) -> None:
    path = broken_model()
    (path / "am" / "final.mdl").write_bytes(b"\0B<TransitionModel> ")
    with pytest.raises(ModelInvalid, match="Vosk could not use"):
        async with engine(path, Heard()):
            raise AssertionError("it must not start")


async def test_processes_end_with_the_engine(model: Path) -> None:
    async with engine(model, Heard(), children=2) as live:
        await until(lambda: len(live.process_ids) == 2)
        pids = live.process_ids
    for pid in pids:
        assert has_ended(pid)


async def test_eight_legs_are_heard_while_they_speak(model: Path) -> None:
    """Of every leg something is read before its second sentence has been said, and in the end all of it.

    How soon a word is shown is measured by ``hotline bench speech``.
    """
    heard = Heard()
    told = said_in_order(0.3, HEATING, 3.0)
    fed: dict[str, int] = {}
    async with engine(model, heard, children=2) as live:
        await until(lambda: len(live.process_ids) == 2)

        async def one(number: int) -> None:
            await asyncio.sleep(number * 0.07)
            call = f"c{number}"
            stream = live.open(call, Leg.CALLER, call, 0.0)
            await feed_in_time(stream, told)
            fed[call] = sum(len(text.text) for text in heard.texts if text.call == call)
            await feed_in_time(stream, said_in_order(STREET, 0.2))
            await stream.close()

        await asyncio.gather(*(one(number) for number in range(8)))
    for call, shown in fed.items():
        assert shown > 0 or heard.gaps, f"{call} was silent until its caller had ended"
        assert was_heard(heard.words(call), HEATING + STREET) or heard.gaps
