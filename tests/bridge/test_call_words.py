"""Whose words are whose: what the caller heard is cut by the agents' bridges, through transfers and music."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from asr.text.searching import Terms
from config.catalogue import load_catalogue
from config.hotline import load_hotline
from config.settings import load_settings
from facts.call import AgentLeg, Call, CallState, Outcome
from facts.identity import CallKey
from facts.transcript import Leg, LiveText, Word
from tests.asr.speech import AGENT, HEATING, ROAD, STREET, spoken, was_heard
from ticketing_bridge.store import Database
from ticketing_bridge.store.records import SearchFilter
from ticketing_bridge.words import CallWords, agent_intervals
from voice.pcm import Pcm, duration_s, join, silence
from voice.wav import write_wav

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
KEY = CallKey("city", "city-5.1")
BETWEEN = "您的通话正在转接请稍候"


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def call(*talks: tuple[float, float | None], ended: float = 60.0) -> Call:
    """A recorded call with agents in the bridge from and to these seconds after arrival."""
    legs = tuple(
        AgentLeg(
            f"agent{number}",
            f"PJSIP/agent{number}-1",
            str(number),
            at(start),
            None if end is None else at(end),
        )
        for number, (start, end) in enumerate(talks)
    )
    return Call(
        KEY, KEY.uniqueid, "PJSIP/trunk-1", "13997360001", "12345", "main", NOON, state=CallState.ENDED,
        notice_at=NOON, recording=KEY.uniqueid, answered_at=at(talks[0][0]), ended_at=at(ended),
        outcome=Outcome.ANSWERED, agent_legs=legs,
    )  # fmt: skip


def test_agents_in_turn_have_an_interval_each_and_a_conference_has_one() -> None:
    assert agent_intervals(call((5, 20), (30, None)), at(2)) == [(3, 18), (28, 58)]
    assert agent_intervals(call((30, 40), (5, 20)), NOON) == [(5, 20), (30, 40)]
    assert agent_intervals(call((5, 20), (15, 30), (16, 18)), NOON) == [(5, 30)]
    assert agent_intervals(call((1, 4)), at(5)) == []
    assert agent_intervals(call((1, 9)), at(5)) == [(0, 4)]
    assert agent_intervals(replace(call((5, None)), ended_at=None), NOON) == []


async def test_what_is_said_on_a_call_back_fills_the_draft_of_the_call(
    database: Database, tmp_path: Path
) -> None:
    """A caller whom nobody answered and who said 噪声 to the flow; the rest is said when called back."""
    missed = replace(
        call((5, 20)), outcome=Outcome.CALLBACK_REQUESTED, agent_legs=(), answered_at=None,
        answers=(("污染种类", "噪声"),),
    )  # fmt: skip
    words = tuple(
        Word(word, 700.0 + at, 700.4 + at, 0.9) for at, word in enumerate(("八一路", "路灯", "不亮"))
    )
    said = LiveText(str(KEY), Leg.CALLER, 0, True, "八一路路灯不亮", 700.0, 702.4, words, stream="s1")
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([missed])
        for stream, leg in (("s1", Leg.CALLER), ("s2", Leg.AGENT)):
            await uow.live.stream_started(stream, KEY, leg, offset_s=700.0, model="m")
            await uow.live.stream_ended(stream)
        await uow.live.add_segment(said, stream="s1")
    city = await asyncio.to_thread(load_catalogue)
    work = CallWords(load_settings(home=tmp_path), load_hotline(), city, database)
    await work.draft_callback(KEY)
    await work.draft_callback(KEY)
    async with database.unit_of_work() as uow:
        draft = await uow.drafts.latest(KEY)
        transcript = await uow.transcripts.get(KEY, "live")
    assert draft is not None
    assert draft.content["answers"] == [["污染种类", "噪声"]]
    assert draft.content["whole"]
    assert "八一路" in json.dumps(draft.content, ensure_ascii=False)
    assert draft.version == 1, "the same words twice are one version"
    assert transcript is not None


@pytest.mark.speech
async def test_a_transferred_call_has_both_agents_and_no_word_of_the_prompt_between(
    database: Database, tmp_path: Path
) -> None:
    settings = load_settings(home=tmp_path)
    settings.recordings.mkdir(parents=True)
    prompt, first, between, second = (
        spoken(BETWEEN, "prompt"),
        spoken(AGENT, "agent_f1"),
        spoken(BETWEEN, "prompt"),
        spoken(ROAD, "agent_m1"),
    )
    heard: list[Pcm] = []
    starts: list[float] = []
    for part in (prompt, silence(1.0), first, silence(4.0), between, silence(1.0), second, silence(4.0)):
        starts.append(sum(duration_s(it) for it in heard))
        heard.append(part)
    total = starts[-1] + 4.0
    talks = ((starts[2] - 0.2, starts[4] - 0.1), (starts[6] - 0.2, total))
    mouth = join(silence(starts[3] + 0.3), spoken(HEATING), silence(0.5))
    mouth = join(mouth, silence(starts[7] + 0.3 - duration_s(mouth)), spoken(STREET))
    for end, samples in {"": silence(total), "-rx": mouth, "-tx": join(*heard)}.items():
        write_wav(settings.recordings / f"{KEY.uniqueid}{end}.wav", samples)
    transferred = call(*talks, ended=total)
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([transferred])
    city = await asyncio.to_thread(load_catalogue)
    await CallWords(settings, load_hotline(), city, database).transcribe(KEY)

    terms = Terms.of("路灯 暖气")
    async with database.unit_of_work() as uow:
        stored = await uow.transcripts.get(KEY, "record")
        found = await uow.search.find([*zip(terms.terms, terms.keys, strict=True)], SearchFilter(), limit=5)
    assert stored
    agents = [turn for turn in stored.transcript.turns if turn.leg is Leg.AGENT]
    assert len(agents) == 2
    for turn, meant, begins in zip(agents, (AGENT, ROAD), (starts[2], starts[6]), strict=True):
        assert was_heard(turn.text, meant)
        assert abs(turn.start_s - begins) < 0.5
    assert not was_heard(stored.transcript.text(Leg.AGENT), BETWEEN)
    assert [it.call for it in found] == [str(KEY)], "what was heard can be found"
