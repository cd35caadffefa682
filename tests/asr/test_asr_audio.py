"""Recordings of every kind are read as what they are, broken ones with a word on what is wrong."""

from __future__ import annotations

import shutil
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from asr.audio import RecordingInvalid, load_recording
from voice.g711 import alaw_encode, ulaw_encode
from voice.pcm import tone
from voice.wav import wav_bytes

TONE = tone(440, 0.5)


def wav_file(path: Path, code: int, bits: int, data: bytes, *, rate: int = 8000, channels: int = 1) -> Path:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"LIST\x03\0\0\0abc\0"
    chunks += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        (1, 16, TONE.astype("<i2").tobytes(), 0),
        (1, 8, ((TONE.astype(int) >> 8) + 128).astype(np.uint8).tobytes(), 256),
        (1, 24, (TONE.astype("<i4") << 8).reshape(-1, 1).view(np.uint8)[:, :3].tobytes(), 0),
        (1, 32, (TONE.astype("<i4") << 16).tobytes(), 0),
        (3, 32, (TONE / 32767).astype("<f4").tobytes(), 2),
        (6, 8, alaw_encode(TONE), 600),
        (7, 8, ulaw_encode(TONE), 600),
    ],
    ids=["pcm16", "pcm8", "pcm24", "pcm32", "float", "a-law", "mu-law"],
)
def test_wav_kinds_need_no_other_program(
    kind: tuple[int, int, bytes, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, bits, data, tolerance = kind
    monkeypatch.setenv("PATH", "")
    recording = load_recording(wav_file(tmp_path / "a.wav", code, bits, data))
    assert recording.rate_hz == 8000
    assert recording.claimed_s is None
    assert np.abs(recording.channels[0].astype(int) - TONE).max() <= tolerance


def test_two_sides_are_told_from_two_equal_channels(tmp_path: Path) -> None:
    other = tone(880, 0.5)
    for name, right, two_sided in (("a", other, True), ("b", TONE, False)):
        data = np.stack((TONE, right), axis=1).astype("<i2").tobytes()
        recording = load_recording(wav_file(tmp_path / f"{name}.wav", 1, 16, data, channels=2, rate=16000))
        assert recording.is_two_sided is two_sided
        assert np.array_equal(recording.channels[1], right)
        assert recording.duration_s == 0.25


def test_files_of_the_pbx_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.alaw").write_bytes(alaw_encode(TONE))
    (tmp_path / "a.sln16").write_bytes(TONE.tobytes())
    assert load_recording(tmp_path / "a.alaw").duration_s == 0.5
    assert load_recording(tmp_path / "a.sln16").rate_hz == 16000


def test_a_recording_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = wav_bytes(TONE)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: 44 + 4001])
    recording = load_recording(cut)
    assert recording.duration_s == 0.25
    assert recording.claimed_s == 0.5
    unfinished = tmp_path / "unfinished.wav"
    unfinished.write_bytes(whole[:40] + b"\0\0\0\0" + whole[44:])
    assert load_recording(unfinished).duration_s == 0.5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such recording"),
        (b"", "empty"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0", "cut off before its sound"),
        (wav_bytes(TONE)[:44], "no sound"),
        (wav_bytes(TONE, 4000), "4000 Hz"),
        (b"this is no recording at all", "ffmpeg"),
    ],
)
def test_what_is_wrong_is_said(content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingInvalid, match=says) as caught:
        load_recording(path)
    assert str(path) in str(caught.value)
    assert caught.value.fix


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingInvalid, match="directory"):
        load_recording(tmp_path)


def test_without_ffmpeg_an_mp3_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a.mp3").write_bytes(b"ID3\x04" + bytes(500))
    with pytest.raises(RecordingInvalid, match="install ffmpeg"):
        load_recording(tmp_path / "a.mp3")


def test_other_kinds_are_read_where_there_is_ffmpeg(tmp_path: Path) -> None:
    """Sun's .au stands for all of them: it can be written here, and only ffmpeg reads it."""
    path = tmp_path / "a.au"
    path.write_bytes(b".snd" + struct.pack(">IIIII", 24, 4000, 1, 8000, 1) + ulaw_encode(TONE))
    if shutil.which("ffmpeg") and shutil.which("ffprobe"):
        recording = load_recording(path)
        assert np.abs(recording.channels[0].astype(int) - TONE).max() <= 600
    else:
        with pytest.raises(RecordingInvalid, match="install ffmpeg"):
            load_recording(path)


def test_python_wave_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(TONE.tobytes())
    assert load_recording(path).rate_hz == 48000
