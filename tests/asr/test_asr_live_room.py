"""More legs than the machine can hear; and legs of which only some phrases are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from asr.live_stream import BEYOND_CAPACITY
from asr.phrases import GrammarRefused
from asr.streaming import StreamState
from facts.transcript import Leg
from tests.asr.live import Heard, engine, feed_at_once, feed_in_time, until
from tests.asr.speech import AGENT, HEATING, STREET, said_in_order, was_heard
from voice.pcm import duration_s

pytestmark = pytest.mark.speech


async def test_who_waits_longest_is_heard_when_there_is_room(model: Path, tmp_path: Path) -> None:
    heard = Heard()
    cost_file = tmp_path / "cost.json"
    async with engine(model, heard, live_streams=1, capacity_file=cost_file) as live:
        first, second, third = (live.open(call, Leg.CALLER, call, 100.0) for call in "abc")
        assert [stream.state for stream in (second, third)] == [StreamState.DEFERRED] * 2
        missed = said_in_order(0.2, STREET, 0.2)
        for stream in (first, second, third):
            await feed_at_once(stream, missed)
        assert (live.status().listening, live.status().deferred, live.status().capacity) == (1, 2, 1)
        await first.close()
        assert (second.state, third.state) == (StreamState.LISTENING, StreamState.DEFERRED)
        await feed_at_once(second, said_in_order(0.3, HEATING, 0.3), 1000.0 + duration_s(missed))
        await third.close()
        await second.close()
        assert live.status().deferred == 0
    assert was_heard(heard.words("a"), STREET)
    assert was_heard(heard.words("b"), HEATING)
    assert heard.words("c") == ""
    (gap,) = second.gaps
    assert gap.reason == BEYOND_CAPACITY
    assert (gap.start_s, round(gap.end_s, 1)) == (100.0, round(100.0 + duration_s(missed), 1))
    assert abs(heard.finals("b")[0].start_s - gap.end_s - 0.3) < 0.2
    assert third.gaps == []
    assert cost_file.exists()


async def test_a_talk_leaves_its_place_to_an_open_question_and_has_a_gap(model: Path) -> None:
    heard = Heard()
    before, missed, after = (said_in_order(0.2, *parts, 0.3) for parts in ((HEATING,), (AGENT,), (STREET,)))
    async with engine(model, heard, live_streams=1) as live:
        talk = live.open("c", Leg.CALLER, "talk", 0.0)
        await feed_at_once(talk, before)
        question = live.open("q", Leg.CALLER, "question", 0.0, grammar=["暖气", "路灯"], question=True)
        assert (talk.state, question.state) == (StreamState.DEFERRED, StreamState.LISTENING)
        assert (live.status().questions, live.status().deferred) == (1, 1)
        await feed_at_once(question, said_in_order(0.6, "暖气", 1.0))
        await feed_at_once(talk, missed, 1000.0 + duration_s(before))
        await question.close()
        assert talk.state is StreamState.LISTENING
        await feed_at_once(talk, after, 1000.0 + duration_s(before) + duration_s(missed))
        aside = live.open("q", Leg.CALLER, "another", 0.0, question=True)
        await talk.close()
        await aside.close()
    assert heard.words("q") == "暖气"
    assert {gap.reason for gap in talk.gaps} == {BEYOND_CAPACITY}
    assert talk.gaps[0].start_s < duration_s(before)
    assert abs(talk.gaps[0].end_s - duration_s(before) - duration_s(missed)) < 0.1
    assert len(talk.gaps) == 2, "what was not final when it left for the second time, too"


async def test_capacity_is_measured_on_the_streams(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        at_first = live.status()
        assert at_first.capacity >= 1
        assert 0.001 < at_first.cost < 1
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        await feed_at_once(stream, said_in_order(0.2, HEATING, 0.5, STREET, 0.5))
        await stream.close()
        await until(lambda: live.status().cost != at_first.cost)
        assert 0.001 < live.status().cost < 1


async def hear_with(model: Path, grammar: Sequence[str] | None, *then: Sequence[str] | None) -> list[str]:
    """暖气, said once for each grammar; what was heard."""
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0, grammar=grammar)
        at_s = 1000.0
        for phrases in (grammar, *then):
            if phrases is not grammar:
                stream.set_grammar(phrases)
            said = said_in_order(0.6, "暖气", 1.5)
            await feed_at_once(stream, said, at_s)
            at_s += duration_s(said)
        await stream.close()
    assert not heard.gaps
    return [text.text for text in heard.finals()]


async def test_only_the_phrases_of_a_question_are_heard(model: Path) -> None:
    assert await hear_with(model, ["暖气", "路灯", "停水", "[unk]"]) == ["暖气"]


async def test_what_may_be_said_changes_while_a_leg_is_heard(model: Path) -> None:
    first, second, third = await hear_with(model, ["暖气", "路灯"], ["路灯", "停水"], None)
    assert first == "暖气"
    assert set(second) <= set("路灯停水")
    assert third


async def test_phrases_that_the_model_does_not_know_do_not_make_it_deaf(model: Path) -> None:
    assert "暖气" in "".join(await hear_with(model, ["ʬʬʬ", "暖气 ʬʬʬ"]))


async def test_a_grammar_without_phrases_is_refused_and_harms_nobody(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0)
        for phrases in ([], ["", "  "], ["路灯"] * 5000):
            with pytest.raises(GrammarRefused):
                live.open("d", Leg.CALLER, "t", 0.0, grammar=phrases)
            with pytest.raises(GrammarRefused):
                stream.set_grammar(phrases)
        await feed_at_once(stream, said_in_order(0.2, HEATING, 0.2))
        await stream.close()
    assert was_heard(heard.words(), HEATING)


async def test_a_grammar_outlives_the_process(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.CALLER, "s", 0.0, grammar=["暖气", "路灯", "[unk]"])
        lost = live.process_ids[0]
        live._engine.processes[0]._process.kill()
        await until(lambda: live.process_ids and live.process_ids[0] != lost)
        await feed_at_once(stream, said_in_order(0.6, "暖气", 1.0))
        await asyncio.gather(stream.close())
    assert heard.words() == "暖气"


async def test_a_long_hold_is_leapt_over(model: Path) -> None:
    """Ten minutes without a frame are neither ten minutes of silence to send, nor a gap."""
    heard = Heard()
    async with engine(model, heard) as live:
        stream = live.open("c", Leg.AGENT, "s", 0.0)
        await feed_at_once(stream, said_in_order(0.2, HEATING, 0.2), 1000.0)
        await feed_at_once(stream, said_in_order(0.2, AGENT, 0.2), 1600.0)
        await stream.close()
    assert not heard.gaps
    first, second = heard.finals(leg=Leg.AGENT)
    assert was_heard(first.text, HEATING)
    assert was_heard(second.text, AGENT)
    assert abs(second.start_s - 600.2) < 0.2


async def test_a_process_that_comes_later_takes_its_share_and_no_word_is_lost(model: Path) -> None:
    heard = Heard()
    async with engine(model, heard, children=2) as live:
        streams = [live.open(call, Leg.CALLER, call, 0.0) for call in "abcd"]
        audio = said_in_order(0.4, HEATING, 2.0, STREET, 2.0, HEATING, 0.5)
        await asyncio.gather(*(feed_in_time(stream, audio) for stream in streams))
        await until(lambda: sorted(one.streams for one in live._engine.processes) == [2, 2])
        await asyncio.gather(*(stream.close(30.0) for stream in streams))
    assert not heard.gaps
    for call in "abcd":
        assert was_heard(heard.words(call), HEATING + STREET + HEATING)
        assert len(heard.words(call)) < 4 / 3 * len(HEATING + STREET + HEATING), "and no sentence twice"
