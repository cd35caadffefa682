"""The answer to an open question: heard before talks that wait, and no silence while it is not heard yet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from asr.inbox import Inbox
from asr.unheard import UNDERSTOOD_S, UnheardVoice
from asr.wire import Kind, Message, lane_of
from facts.transcript import Leg
from tests.asr.live import Heard, engine, feed_at_once, feed_in_time, until
from tests.asr.speech import HEATING, STREET, said_in_order, was_heard
from voice.pcm import join, silence

TALK, QUESTION, ANOTHER_TALK = 7, 8, 9


def opening(stream: int) -> Message:
    return Message.of(Kind.OPEN, stream, {"question": stream == QUESTION})


def test_a_question_is_taken_first_and_each_stream_in_its_order() -> None:
    inbox = Inbox()
    put = [
        *map(opening, (TALK, ANOTHER_TALK)),
        *(
            Message(Kind.AUDIO, stream, bytes([number]))
            for number in range(3)
            for stream in (TALK, ANOTHER_TALK)
        ),
        Message(Kind.PING, QUESTION),  # of a lane with that number
        opening(QUESTION),
        Message(Kind.AUDIO, QUESTION, b"0"),
        Message(Kind.CLOSE, TALK),
        Message(Kind.CLOSE, QUESTION),
        opening(QUESTION),
        Message(Kind.AUDIO, QUESTION, b"1"),
    ]
    for message in put:
        inbox.put(message)
    taken = [inbox.get() for _ in put]
    urgent = [it for it in put if it.stream == QUESTION and it.kind is not Kind.PING]
    assert taken == [*urgent, *(it for it in put if it not in urgent)]


@pytest.mark.speech
async def test_an_answer_is_heard_before_talks_that_were_sent_before_it(model: Path) -> None:
    """The question's lane has many seconds of talk to hear when it is asked."""
    heard = Heard()
    talk = said_in_order(0.2, HEATING, 1.0)
    async with engine(model, heard, live_streams=100, frozen_after_s=60.0) as live:
        streams = [live.open(f"t{number}", Leg.CALLER, f"t{number}", 0.0) for number in range(24)]
        question = live.open("q", Leg.CALLER, "q", 0.0, grammar=["暖气", "路灯", "停水"], question=True)
        lanes = live._engine._lanes
        talks = [it for it in streams if lane_of(it.number, lanes, 1) == lane_of(question.number, lanes, 1)]
        for stream in talks:
            await feed_at_once(stream, talk)
        await feed_at_once(question, said_in_order(0.3, "暖气", 1.0))
        await until(lambda: heard.finals("q"))
        unheard = {it.call for it in talks} - {text.call for text in heard.texts}
        await asyncio.gather(*(stream.close(60.0) for stream in (*streams, question)))
    assert heard.words("q") == "暖气"
    assert len(unheard) >= len(talks) / 2, "the question waited for talks"
    for stream in talks:
        assert was_heard(heard.words(stream.call), HEATING)


def unheard_after(voice: UnheardVoice, sound: bytes, at: int = 0) -> bool:
    for first in range(0, len(sound), 320):
        voice.listen(sound[first : first + 320], at + first // 2)
    return voice.there


def test_a_voice_is_there_until_words_come_or_enough_of_it_was_heard() -> None:
    loud = np.random.default_rng(1).normal(0, 3000, 8000).astype("<i2").tobytes()
    voice = UnheardVoice(8000)
    assert not unheard_after(voice, bytes(8000))
    assert unheard_after(voice, loud, 4000)
    voice.understood()
    assert not unheard_after(voice, loud, 12000), "it goes on"
    assert not unheard_after(voice, bytes(16000), 20000)
    assert unheard_after(voice, loud, 40000), "after a hole, too"
    voice.taken(40000 + round(UNDERSTOOD_S * 8000) - 200)
    assert voice.there
    voice.taken(40000 + round(UNDERSTOOD_S * 8000) + 200)
    assert not voice.there, "a noise"


@pytest.mark.speech
async def test_a_voice_is_told_before_its_words_and_taken_back_when_it_was_a_noise(model: Path) -> None:
    heard = Heard()
    click = np.zeros(16000, dtype=np.int16)
    click[4000:4800] = 8000 * np.sign(np.sin(np.arange(800)))
    async with engine(model, heard) as live:
        question = live.open("q", Leg.CALLER, "q", 0.0, question=True)
        await feed_in_time(question, join(silence(0.2), click, silence(1.0)), speed=2)
        await until(lambda: heard.texts and not heard.texts[-1].unheard)
        noise, heard.texts = heard.texts, []
        await feed_in_time(question, said_in_order(0.2, STREET, 0.8), speed=2)
        await question.close()
        talk = live.open("t", Leg.CALLER, "t", 0.0)
        await feed_at_once(talk, said_in_order(0.2, STREET, 0.2))
        await talk.close()
    assert [(text.text, text.unheard) for text in noise] == [("", True), ("", False)]
    first, *words = heard.texts
    assert (first.text, first.final, first.unheard) == ("", False, True)
    assert not any(text.unheard for text in words), "words say it themselves, and nobody asks a talk"
    assert was_heard(heard.words("q"), STREET)
