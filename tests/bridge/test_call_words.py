"""Whose words are whose: what the caller heard is cut by the agents' bridges, through transfers and music."""

from __future__ import annotations

import asyncio
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
from facts.transcript import Leg
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
