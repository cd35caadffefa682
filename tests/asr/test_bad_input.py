"""Whatever is given: a named error or an empty transcript with its reason; never an abort, never a hang."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import RecordingInvalid
from asr.files import Transcriber, transcribe_file
from asr.manifest import MANIFEST, write_manifest
from asr.many_files import Heard, hear_all
from asr.models import ModelInvalid, check_model
from asr.wideband import ALLOW, for_telephone
from facts.errors import HotlineError
from ivr_flows.hold_music import hold_music
from tests.asr.speech import HEATING, said_in_order, was_heard
from voice.pcm import Pcm, silence, to_bytes, tone
from voice.wav import wav_bytes

pytestmark = pytest.mark.speech

SECONDS = 8.0
NOISE = np.random.default_rng(5)


def noise(level: float, seconds: float = SECONDS) -> Pcm:
    return np.clip(NOISE.normal(0, level, round(8000 * seconds)), -32768, 32767).astype(np.int16)


def header_with(at: int, field: bytes) -> bytes:
    whole = wav_bytes(tone(440, 1.0))
    return whole[:at] + field + whole[at + len(field) :]


def compressed(kind: dict[str, str]) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, hold_music(SECONDS), 8000, **kind)


#: content of a file, or what makes it, and what the error must say
REFUSED: dict[str, tuple[bytes | Callable[[Path], object], str]] = {
    "missing.wav": (lambda path: None, "no such recording"),
    "empty.wav": (b"", "0 bytes"),
    "one-byte.wav": (b"R", "no kind of recording"),
    "only-header.wav": (wav_bytes(silence(0)), "no sound"),
    "cut-in-header.wav": (wav_bytes(silence(1))[:30], "cut off before its sound"),
    "text.wav": ("市民：路灯坏了。\n".encode() * 90, "no kind of recording"),
    "text.mp3": (b"this is no music\n" * 90, "no kind of recording"),
    "0-hz.wav": (header_with(24, bytes(4)), "0 Hz"),
    "4-hz.wav": (header_with(24, (4).to_bytes(4, "little")), "4 Hz"),
    "96-khz.wav": (wav_bytes(tone(440, 1.0), 96000), "96000 Hz"),
    "7-bits.wav": (header_with(34, b"\x07\0"), "7 bits"),
    "0-channels.wav": (header_with(22, b"\0\0"), "0 channels"),
    "17-channels.wav": (header_with(22, b"\x11\0"), "17 channels"),
    "folder.wav": (lambda path: path.mkdir(), "directory"),
    "loop.wav": (lambda path: path.symlink_to(path), "symbolic links"),
    "pipe.wav": (os.mkfifo, "pipe"),
    "zeros.ogg": (bytes(5000), "no kind of recording"),
}

#: sound without speech, and why its transcript is empty
NO_WORDS: dict[str, tuple[bytes | Callable[[Path], object], str]] = {
    "silence.wav": (wav_bytes(silence(SECONDS)), "silence"),
    "one-sample.wav": (wav_bytes(silence(1 / 8000)), "silence"),
    "dc.wav": (wav_bytes(np.full(64000, 9000, np.int16)), "silence"),
    "clipped-dc.wav": (wav_bytes(np.full(64000, 32767, np.int16)), "silence"),
    "faint-noise.wav": (wav_bytes(noise(5)), "silence"),
    "noise.wav": (wav_bytes(noise(3000)), "no speech"),
    "white-full.wav": (wav_bytes(noise(30000)), "no speech"),
    "clipped.wav": (wav_bytes(np.where(noise(3000) > 0, 32767, -32768).astype(np.int16)), "no speech"),
    "ring.wav": (wav_bytes(np.tile(np.r_[tone(450, 1.0), silence(4.0)], 2)), "no speech"),
    "hold-music.wav": (wav_bytes(hold_music(20.0)), "no speech"),
    "hold-music.mp3": (compressed({"format": "MP3"}), "no speech"),
}  # fmt: skip

GOOD = "good.wav"


@pytest.fixture(scope="module")
def outcomes(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Heard]:
    """All of it heard in one go by two processes, good recordings in between."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (content, _) in (REFUSED | NO_WORDS).items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            content(folder / name)
    (folder / GOOD).write_bytes(wav_bytes(said_in_order(0.3, HEATING, 0.5)))
    heard: list[Heard] = []
    names = [name for bad in (REFUSED | NO_WORDS) for name in (bad, GOOD)]
    asyncio.run(
        asyncio.wait_for(hear_all([folder / name for name in names], heard.append, model=model, jobs=2), 200)
    )
    good = [one for one in heard if one.path.name == GOOD]
    assert len(good) == len(names) // 2
    assert all(one.hearing and was_heard(one.hearing.transcript.text(), HEATING) for one in good)
    return {one.path.name: one for one in heard}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_recording_is_a_named_error(name: str, outcomes: dict[str, Heard]) -> None:
    problem = outcomes[name].problem
    assert isinstance(problem, RecordingInvalid)
    assert problem.error_id == "recording-invalid"
    assert REFUSED[name][1] in str(problem)
    assert name in str(problem)
    assert " — " in str(problem), "it names what mends it"


@pytest.mark.parametrize("name", NO_WORDS)
def test_sound_without_speech_is_an_empty_transcript_with_its_reason(
    name: str, outcomes: dict[str, Heard]
) -> None:
    assert outcomes[name].problem is None
    hearing = outcomes[name].hearing
    assert hearing is not None
    assert hearing.transcript.text() == ""
    assert hearing.transcript.reason == NO_WORDS[name][1]


async def test_a_long_recording_takes_no_more_memory_than_a_short_one(model: Path, tmp_path: Path) -> None:
    """Twenty minutes of noise that never lets the gate close for long, with two sides."""
    path = tmp_path / "long.wav"
    minute = np.stack((noise(4, 60), noise(4, 60)), axis=1)
    minute[:8000, 0] += tone(450, 1.0)
    with soundfile.SoundFile(path, "w", 8000, 2, "PCM_16") as file:
        for _ in range(20):
            file.write(minute)
    most_mb: list[float] = []

    def look(*_: float) -> None:
        me = os.getpid()
        for child in Path(f"/proc/{me}/task/{me}/children").read_text().split():
            status = Path(f"/proc/{child}/status").read_text()
            if "asr.file_child" in Path(f"/proc/{child}/cmdline").read_text():
                most_mb.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)

    async with Transcriber(model) as transcriber:
        hearing = await transcriber.file(path, progress=look)
    assert hearing.duration_s == 1200
    assert hearing.transcript.reason == "no speech"
    assert max(most_mb) < most_mb[2] + 25


PARTS = (
    "am/final.mdl",
    "conf/mfcc.conf",
    "conf/model.conf",
    "conf/pitch.conf",
    "graph/Gr.fst",
    "graph/HCLr.fst",
    "graph/disambig_tid.int",
    "graph/phones/word_boundary.int",
    "graph/words.txt",
)
HARM: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 3],
    "zeroed": lambda content: bytes(len(content)),
    "flipped": lambda content: bytes(
        np.frombuffer(content, np.uint8)
        ^ (np.random.default_rng(len(content)).random(len(content)) < 0.01).astype(np.uint8) * 0x55
    ),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("part", PARTS)
async def test_a_harmed_model_is_refused_or_hears_something_and_nothing_hangs(
    part: str, harm: str, model: Path, tmp_path: Path
) -> None:
    """Without checksums nobody can tell an altered model; Vosk may abort over it, in its own process only."""
    harmed = tmp_path / "model"
    shutil.copytree(model, harmed, copy_function=os.link)
    (harmed / MANIFEST).unlink(missing_ok=True)
    content = (harmed / part).read_bytes()
    (harmed / part).unlink()
    (harmed / part).write_bytes(HARM[harm](content))
    (tmp_path / "a.wav").write_bytes(wav_bytes(said_in_order(0.3, HEATING, 0.5)))
    heard = asyncio.wait_for(transcribe_file(tmp_path / "a.wav", model=harmed), 120)
    (outcome,) = await asyncio.gather(heard, return_exceptions=True)
    if isinstance(outcome, HotlineError):
        assert outcome.error_id in ("model-invalid", "recognition-failed")
        assert str(harmed) in str(outcome) or "try another model" in str(outcome)
    else:
        assert not isinstance(outcome, BaseException)
        assert outcome.turns or outcome.reason


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_file_of_a_sealed_model_is_named(part: str, model: Path, tmp_path: Path) -> None:
    harmed = tmp_path / "model"
    shutil.copytree(model, harmed, copy_function=os.link)
    (harmed / MANIFEST).unlink(missing_ok=True)
    write_manifest(harmed)
    (harmed / part).unlink()
    with pytest.raises(ModelInvalid, match=part):
        check_model(harmed)


async def test_a_model_of_full_band_speech_hears_the_telephone_and_stays_as_it_is(
    model: Path, tmp_path: Path
) -> None:
    wide = tmp_path / "wide"
    shutil.copytree(model, wide)
    (wide / MANIFEST).unlink(missing_ok=True)
    conf = (wide / "conf" / "mfcc.conf").read_text()
    conf = conf.replace("sample-frequency=8000", "sample-frequency=16000").replace(
        "high-freq=-200", "high-freq=3800"
    )
    (wide / "conf" / "mfcc.conf").write_text(conf)
    ours = for_telephone(wide, tmp_path / ".narrowband")
    assert ours != wide
    assert for_telephone(wide, tmp_path / ".narrowband") == ours, "made once"
    assert for_telephone(ours, tmp_path / ".narrowband") == ours
    assert for_telephone(model, tmp_path / ".narrowband") == model
    assert (wide / "conf" / "mfcc.conf").read_text() == conf
    assert ALLOW in (ours / "conf" / "mfcc.conf").read_text()
    assert (ours / "am" / "final.mdl").stat().st_ino == (wide / "am" / "final.mdl").stat().st_ino
    assert check_model(ours).rate_hz == 16000
    (tmp_path / "a.sln").write_bytes(to_bytes(said_in_order(0.3, HEATING, 0.5)))
    async with Transcriber(ours) as transcriber:
        hearing = await transcriber.file(tmp_path / "a.sln")
    assert was_heard(hearing.transcript.text(), HEATING)
    assert hearing.transcript.model.startswith("wide@")
