"""Live legs while their recognisers are killed, people talk over each other, and rubbish comes in."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.files import transcribe_legs
from asr.live_stream import LiveStream
from asr.transcript import merge_turns
from asr.wire import POSITION, Kind, Message
from facts.transcript import Gap, Leg, LiveText, Turn
from ivr_flows.hold_music import hold_music
from tests.asr.live import Heard, engine, feed_at_once, feed_in_time, until
from tests.asr.speech import AGENT, HEATING, ROAD, STREET, said_in_order, spoken, was_heard
from voice.pcm import Pcm, duration_s, tone
from voice.wav import write_wav

SPEECH = pytest.mark.speech


@SPEECH
async def test_ten_kills_during_ten_legs_leave_every_word_heard_or_marked(model: Path) -> None:
    """A leg's sentences are heard, or lie in a gap that was told: nothing vanishes in silence."""
    heard = Heard()
    sentences = (HEATING, STREET, ROAD)
    audio = said_in_order(0.5, HEATING, 1.2, STREET, 1.2, ROAD, 0.5)
    async with engine(model, heard, children=2) as live:
        await until(lambda: len(live.process_ids) == 2)
        streams = [live.open(f"c{number}", Leg.CALLER, f"s{number}", 0.0) for number in range(10)]
        feeding = [asyncio.create_task(feed_in_time(stream, audio)) for stream in streams]
        for _ in range(10):
            await asyncio.sleep(0.6)
            await until(lambda: live.process_ids)
            os.kill(random.choice(live.process_ids), signal.SIGKILL)
        await asyncio.gather(*feeding)
        await until(lambda: live.process_ids)
        await asyncio.gather(*(stream.close(30.0) for stream in streams))
        assert live.status().restarts >= 8  # a process may have been hit twice while it died
    for number, stream in enumerate(streams):
        lost_s = sum(gap.end_s - gap.start_s for gap in stream.gaps)
        missing = [text for text in sentences if not was_heard(heard.words(f"c{number}"), text)]
        assert lost_s >= 0.25 * sum(duration_s(spoken(text)) for text in missing), (number, missing)
        assert [text.segment for text in heard.finals(f"c{number}")] == list(
            range(len(heard.finals(f"c{number}")))
        )


def talk_over() -> dict[Leg, Pcm]:
    """The agent begins while the citizen still speaks, and the citizen while the agent does."""
    first_s, answer_s = duration_s(spoken(HEATING)), duration_s(spoken(AGENT, "agent_f1"))
    agent_at = 0.5 + first_s - 0.8
    again_at = agent_at + answer_s - 0.6
    return {
        Leg.CALLER: said_in_order(0.5, HEATING, again_at - 0.5 - first_s, STREET, 0.8),
        Leg.AGENT: said_in_order(agent_at, AGENT, 4.0, voice="agent_f1"),
    }


def assert_in_order(turns: tuple[Turn, ...]) -> None:
    legs = [turn.leg for turn in turns]
    assert legs == [Leg.CALLER, Leg.AGENT, Leg.CALLER]
    for turn, said in zip(turns, (HEATING, AGENT, STREET), strict=True):
        assert was_heard(turn.text, said)
    first, answer, second = turns
    assert answer.start_s < first.end_s
    assert second.start_s < answer.end_s


@SPEECH
async def test_people_who_talk_over_each_other_live_and_in_the_recording(model: Path, tmp_path: Path) -> None:
    heard = Heard()
    legs = talk_over()
    async with engine(model, heard) as live:
        streams = {leg: live.open("c", leg, leg.value, 0.0) for leg in Leg}
        await asyncio.gather(*(feed_at_once(streams[leg], audio) for leg, audio in legs.items()))
        await asyncio.gather(*(stream.close() for stream in streams.values()))
    assert_in_order(merge_turns({leg: [text.words for text in heard.finals(leg=leg)] for leg in Leg}))
    for leg, audio in legs.items():
        write_wav(tmp_path / f"{leg}.wav", audio)
    transcript = await transcribe_legs(tmp_path / "caller.wav", tmp_path / "agent.wav", model=model)
    assert_in_order(transcript.turns)


def rubbish() -> dict[str, bytes]:
    noise = np.random.default_rng(3)
    loud = said_in_order(0.2, ROAD).astype(np.int32)
    kinds: dict[str, Pcm] = {
        "extremes": np.tile(np.array([-32768, 32767], dtype=np.int16), 8000),
        "constant": np.full(16000, 20000, dtype=np.int16),
        "clipped": np.clip(50 * loud, -32768, 32767).astype(np.int16),
        "white": noise.integers(-32768, 32767, 5 * 8000).astype(np.int16),
        "hiss": noise.normal(0, 300, 20 * 8000).astype(np.int16),
        "ring": np.concatenate([tone(450, 1.0), np.zeros(32000, dtype=np.int16)] * 3),
        "music": hold_music(20.0),
    }
    return {
        **{name: samples.astype("<i2").tobytes() for name, samples in kinds.items()},
        "text": "这不是声音。".encode() * 2000,
        "nothing": b"",
    }


@SPEECH
async def test_rubbish_never_ends_the_process_and_the_next_sentence_is_heard(model: Path) -> None:
    heard = Heard()
    sizes = random.Random(5)
    async with engine(model, heard) as live:
        process = live.process_ids
        for name, data in rubbish().items():
            stream = live.open(name, Leg.CALLER, name, 0.0)
            at, at_s = 0, 1000.0
            while at <= len(data):  # whole, odd and empty frames, as they come
                size = sizes.choice((0, 1, 319, 320, 321, 640, 4095))
                at_s += size / 16000
                stream.feed(data[at : at + size], at_s)
                at += size or 2
                await asyncio.sleep(0)
            stream.feed(data * 2, at_s + 60)
            await stream.close(30.0)
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        await feed_at_once(stream, said_in_order(0.3, HEATING, 0.3))
        await stream.close()
        assert live.process_ids == process
        assert live.status().restarts == 0
    assert was_heard(heard.words(), HEATING)
    for name in ("nothing", "constant"):
        assert heard.words(name) == ""


class Recorder:
    """What a stream sends, where a process would be."""

    def __init__(self) -> None:
        self.streams = 0
        self.sent: list[Message] = []

    def send(self, message: Message) -> bool:
        self.sent.append(message)
        return True

    def tell(self, stream: LiveStream, text: LiveText) -> None: ...

    def tell_gap(self, call: str, gap: Gap) -> None: ...

    async def told(self) -> None: ...

    def forget(self, stream: LiveStream) -> None: ...


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_whatever_the_frames_sizes_every_whole_sample_is_sent_once_in_its_place(
    sizes: list[int], generator: random.Random
) -> None:
    recorder = Recorder()
    stream = LiveStream(recorder, 1, call="c", leg=Leg.CALLER, stream="s", offset_s=0.0)
    stream.attach(recorder)  # type: ignore[arg-type]
    given_bytes, at_s = b"", 1000.0
    for size in sizes:
        frame = generator.randbytes(size)
        at_s += size // 2 / 8000
        stream.feed(frame, at_s)
        given_bytes += frame[: size // 2 * 2]
    stream.idle(float("inf"))
    audio = [message.payload for message in recorder.sent if message.kind is Kind.AUDIO]
    position = 0
    for payload in audio:
        assert POSITION.unpack_from(payload) == (position,)
        position += (len(payload) - POSITION.size) // 2
    sent = b"".join(payload[POSITION.size :] for payload in audio)
    assert given_bytes.startswith(sent)
    assert len(sent) == len(given_bytes) or len(sent) >= 3 * 16000
