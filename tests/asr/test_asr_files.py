"""Recordings become transcripts: two legs, any file, also when the recogniser dies on the way."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import RecordingInvalid
from asr.files import Sides, transcribe_file, transcribe_legs
from asr.many_files import Heard, hear_all
from asr.models import ModelInvalid
from facts.transcript import Leg
from tests.asr.speech import AGENT, HEATING, ROAD, STREET, said_in_order, spoken, was_heard
from voice.g711 import alaw_encode
from voice.pcm import Pcm, duration_s, join, silence
from voice.resample import resample
from voice.wav import write_wav

pytestmark = pytest.mark.speech

PROMPT = "您的通话将被录音"


def saved(path: Path, samples: Pcm, rate_hz: int = 8000) -> Path:
    write_wav(path, samples, rate_hz)
    return path


@pytest.fixture
def call(tmp_path: Path) -> tuple[Path, Path, float]:
    """Caller's mouth, what the caller heard, and when the agent came (seconds)."""
    prompt = spoken(PROMPT, "prompt")
    bridged_s = duration_s(prompt) + 2.0
    heard = join(prompt, silence(2.2), spoken(AGENT, "agent_f1"), silence(9.0))
    mouth = join(silence(bridged_s + 3.5), said_in_order(HEATING, 1.2, STREET, 0.5))
    return saved(tmp_path / "c-rx.wav", mouth), saved(tmp_path / "c-tx.wav", heard), bridged_s


async def test_two_legs_become_turns_in_order(call: tuple[Path, Path, float], model: Path) -> None:
    caller, agent, bridged_s = call
    shares: list[float] = []
    transcript = await transcribe_legs(
        caller,
        agent,
        model=model,
        agent_intervals=[(bridged_s, bridged_s + 60)],
        progress=lambda share, _: shares.append(share),
    )
    assert [turn.leg for turn in transcript.turns] == [Leg.AGENT, Leg.CALLER, Leg.CALLER]
    for turn, meant in zip(transcript.turns, (AGENT, HEATING, STREET), strict=True):
        assert was_heard(turn.text, meant)
    assert abs(transcript.turns[0].start_s - bridged_s - 0.2) < 0.2
    assert abs(transcript.turns[1].start_s - bridged_s - 3.5) < 0.2
    assert transcript.model.endswith(transcript.model.split("@")[1])
    assert not transcript.gaps
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


async def test_prompts_are_no_agents_words(call: tuple[Path, Path, float], model: Path) -> None:
    caller, heard, bridged_s = call
    whole, cut, nobody = await asyncio.gather(
        transcribe_legs(caller, heard, model=model),
        transcribe_legs(caller, heard, model=model, agent_intervals=[(bridged_s, 99.0)], offset_s=7.5),
        transcribe_legs(caller, heard, model=model, agent_intervals=[(5.0, 4.0)]),
    )
    assert "通话" in whole.text(Leg.AGENT)
    assert "通话" not in cut.text(Leg.AGENT)
    assert was_heard(cut.text(Leg.AGENT), AGENT)
    assert nobody.text(Leg.AGENT) == ""
    assert was_heard(nobody.text(Leg.CALLER), HEATING)
    assert abs(cut.turns[-1].start_s - whole.turns[-1].start_s - 7.5) < 0.01


@pytest.mark.parametrize("rate_hz", [16000, 44100])
async def test_other_sample_rates_are_heard(rate_hz: int, tmp_path: Path, model: Path) -> None:
    audio = resample(said_in_order(0.5, HEATING, 0.5), 8000, rate_hz)
    transcript = await transcribe_file(saved(tmp_path / "a.wav", audio, rate_hz), model=model)
    assert was_heard(transcript.text(), HEATING)
    assert abs(transcript.turns[0].start_s - 0.5) < 0.2


async def test_two_channels_are_two_sides_and_a_law_is_read(tmp_path: Path, model: Path) -> None:
    left, right = said_in_order(0.3, HEATING), said_in_order(3.0, AGENT, 0.5, voice="agent_f1")
    left = join(left, silence((len(right) - len(left)) / 8000)) if len(left) < len(right) else left
    right = join(right, silence((len(left) - len(right)) / 8000))
    length = min(len(left), len(right))
    data = alaw_encode(np.stack((left[:length], right[:length]), axis=1).reshape(-1))
    header = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x06\0\x02\0"
    header += (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little") + b"\x02\0\x08\0data"
    path = tmp_path / "stereo.wav"
    path.write_bytes(header + len(data).to_bytes(4, "little") + data)
    transcript = await transcribe_file(path, model=model)
    assert was_heard(transcript.text(Leg.CALLER), HEATING)
    assert was_heard(transcript.text(Leg.AGENT), AGENT)


async def test_a_recording_cut_off_is_transcribed_and_marked(tmp_path: Path, model: Path) -> None:
    path = saved(tmp_path / "a.wav", said_in_order(0.3, HEATING, 1.0, STREET, 5.0))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 2 * 8000 * 5])
    transcript = await transcribe_file(path, model=model)
    assert was_heard(transcript.text(), HEATING)
    (gap,) = transcript.gaps
    assert gap.reason == "the recording is cut off"
    assert abs(gap.end_s - gap.start_s - 5.0) < 0.01


async def test_missing_and_empty_recordings_say_so(tmp_path: Path, model: Path) -> None:
    good = saved(tmp_path / "good.wav", said_in_order(0.1, HEATING))
    empty = saved(tmp_path / "empty.wav", silence(0))
    with pytest.raises(RecordingInvalid, match=r"missing\.wav"):
        await transcribe_legs(good, tmp_path / "missing.wav", model=model)
    with pytest.raises(RecordingInvalid, match=r"empty\.wav"):
        await transcribe_file(empty, model=model)
    one_sided = await transcribe_legs(good, empty, model=model)
    assert was_heard(one_sided.text(Leg.CALLER), HEATING)
    assert (await transcribe_legs(empty, empty, model=model)).reason == "silence"
    with pytest.raises(ModelInvalid, match="no speech model"):
        await transcribe_file(good, model=tmp_path / "no-model")


def transcribers() -> list[int]:
    """The transcribers that this process started."""
    me = os.getpid()
    children = Path(f"/proc/{me}/task/{me}/children").read_text().split()
    return [
        int(child) for child in children if b"asr.file_child" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def kill_transcriber() -> None:
    for process in transcribers():
        os.kill(process, signal.SIGKILL)


async def test_a_transcriber_killed_on_the_way_goes_on_behind_the_gap(tmp_path: Path, model: Path) -> None:
    long = said_in_order(*([HEATING, 1.0, STREET, 1.0, ROAD, 1.0] * 8))
    path = saved(tmp_path / "long.wav", long)
    killed: list[float] = []

    def progress(share: float, heard_s: float) -> None:
        if not killed:
            killed.append(share)
            kill_transcriber()

    transcript = await transcribe_file(path, model=model, progress=progress)
    (gap,) = transcript.gaps
    assert 0 < gap.end_s - gap.start_s < 15
    assert transcript.text().count("路灯") >= 5
    starts = [turn.start_s for turn in transcript.turns]
    assert starts == sorted(starts)
    assert len(starts) == len(set(starts))


async def test_many_recordings_are_heard_in_their_order_and_a_bad_one_stops_none(
    tmp_path: Path, model: Path
) -> None:
    long = saved(tmp_path / "long.wav", said_in_order(*([HEATING, 0.6, STREET, 0.6] * 4)))
    short = saved(tmp_path / "short.wav", said_in_order(0.2, ROAD))
    (tmp_path / "bad.wav").write_text("words")
    paths = [long, tmp_path / "bad.wav", short, short, tmp_path / "none.wav"]
    outcomes: list[Heard] = []
    shares: dict[int, float] = {}
    await hear_all(
        paths,
        outcomes.append,
        model=model,
        jobs=2,
        progress=lambda number, share, _: shares.__setitem__(number, share),
    )
    assert [heard.path for heard in outcomes] == paths
    assert [type(heard.problem) for heard in outcomes] == [
        type(None), RecordingInvalid, type(None), type(None), RecordingInvalid,
    ]  # fmt: skip
    assert shares == {0: 1.0, 2: 1.0, 3: 1.0}
    assert outcomes[2].hearing is not None
    assert was_heard(outcomes[2].hearing.transcript.text(), ROAD)
    with pytest.raises(ModelInvalid):
        await hear_all(paths, outcomes.append, model=tmp_path, jobs=2)


async def test_cancelled_it_ends_its_processes(tmp_path: Path, model: Path) -> None:
    path = saved(tmp_path / "long.wav", said_in_order(*([HEATING, 0.2, STREET, 0.2] * 30)))
    begun = asyncio.Event()
    task = asyncio.create_task(
        hear_all([path] * 4, lambda _: None, model=model, jobs=2, progress=lambda *_: begun.set())
    )
    await asyncio.wait_for(begun.wait(), 60)
    assert transcribers()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not transcribers()


@pytest.mark.parametrize(
    ("sides", "whose"),
    [(Sides.CALLER_AGENT, Leg.CALLER), (Sides.AGENT_CALLER, Leg.AGENT), (Sides.MONO, Leg.CALLER)],
)
async def test_whose_voices_the_channels_carry_is_said(
    sides: Sides, whose: Leg, tmp_path: Path, model: Path
) -> None:
    left, right = spoken(HEATING), join(silence(4.0), spoken(AGENT, "agent_f1"))
    left = join(left, silence((len(right) - len(left)) / 8000))
    soundfile.write(tmp_path / "a.wav", np.stack((left, right), axis=1), 8000)
    transcript = await transcribe_file(tmp_path / "a.wav", model=model, sides=sides)
    assert was_heard(transcript.text(whose), HEATING)
    other = {Leg.CALLER: Leg.AGENT, Leg.AGENT: Leg.CALLER}[whose]
    assert was_heard(transcript.text(whose if sides is Sides.MONO else other), AGENT)
