"""Recordings are heard by the model that is set for them, and again by another when it takes its place."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from asr.manifest import MANIFEST
from asr.models import default_model, model_facts
from config.catalogue import load_catalogue
from config.hotline import load_hotline
from config.settings import load_settings
from facts.call import AgentLeg, Call, CallState, Outcome
from facts.identity import CallKey
from tests.asr.speech import AGENT, HEATING, said_in_order, was_heard
from ticketing_bridge.hearing_again import HearAgain, RecordingUnknown, hear_again
from ticketing_bridge.store import Database
from ticketing_bridge.words import CallWords
from voice.pcm import silence
from voice.wav import write_wav

pytestmark = pytest.mark.speech

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def call(number: int, *, recorded: bool = True) -> Call:
    """Answered at once, eight seconds long."""
    key = CallKey("city", f"city-{number}.1")
    ended = NOON + timedelta(seconds=8)
    agent = AgentLeg("801", "PJSIP/801-1", "2", NOON, ended)
    return Call(
        key, key.uniqueid, "PJSIP/trunk-1", "13997360001", "09798412345", "main", NOON,
        state=CallState.ENDED, notice_at=NOON, recording=key.uniqueid if recorded else None, answered_at=NOON,
        ended_at=ended, outcome=Outcome.ANSWERED, agent_legs=(agent,),
    )  # fmt: skip


@pytest.fixture
def second_model(tmp_path: Path) -> Path:
    """The demo model once more, under another name."""
    copy = Path(shutil.copytree(default_model(), tmp_path / "larger-model"))
    (copy / "CARD.md").unlink(missing_ok=True)
    (copy / MANIFEST).unlink(missing_ok=True)
    return copy


async def test_the_second_model_hears_recordings_and_calls_of_the_first_again(
    database: Database, tmp_path: Path, second_model: Path
) -> None:
    first = load_settings(home=tmp_path)
    first.recordings.mkdir(parents=True)
    said = {
        "": silence(8.0),
        "-rx": said_in_order(2.5, HEATING, 2.5),
        "-tx": said_in_order(0.2, AGENT, 6.0, voice="agent_f1"),
    }
    calls = [call(1), call(2), call(3, recorded=False)]
    for recorded in calls[:2]:
        for end, samples in said.items():
            write_wav(first.recordings / f"{recorded.recording}{end}.wav", samples)
    async with database.unit_of_work() as uow:
        await uow.calls.upsert(calls)
    hotline, city = load_hotline(), await asyncio.to_thread(load_catalogue)

    await CallWords(first, hotline, city, database).transcribe(calls[0].key)
    with_second = first.model_copy(update={"second_pass_model": second_model})
    await CallWords(with_second, hotline, city, database).transcribe(calls[1].key)
    old, new = model_facts(default_model()).id, model_facts(second_model).id
    async with database.unit_of_work() as uow:
        made = [await uow.transcripts.get(one.key, "record") for one in calls]
        assert [one.model if one else None for one in made] == [old, new, None]
        for one in made[:2]:
            assert one is not None
            assert was_heard(one.transcript.text(), HEATING)

    one, two = str(calls[0].key), str(calls[1].key)
    async with database.unit_of_work() as uow:
        with pytest.raises(RecordingUnknown, match=r"city-3\.1"):
            await hear_again(uow, new, calls=[str(calls[2].key)])
        assert await hear_again(uow, new) == HearAgain((one,), (), 1)
        assert await hear_again(uow, new) == HearAgain((), (one,), 1)
        assert await hear_again(uow, new, made_by="larger-model") == HearAgain((two,), (), 1)
        assert await hear_again(uow, new, everything=True) == HearAgain((), (one, two), 0)
        assert await hear_again(uow, new, calls=[two]) == HearAgain((), (two,), 1)
        rows = await uow.connection.execute(text("SELECT args, priority FROM procrastinate_jobs ORDER BY id"))
        assert [(row.args["call"], row.priority) for row in rows] == [(one, -10), (two, -10)]

    await CallWords(with_second, hotline, city, database).transcribe(calls[0].key)
    async with database.unit_of_work() as uow:
        versions = [it.model for it in await uow.transcripts.versions(calls[0].key) if it.kind == "record"]
        assert versions == [new, old], "the earlier one stays"
