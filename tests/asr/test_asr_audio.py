"""Recordings of every kind are read as what they are, broken ones with a word on what is wrong."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio import Recording, RecordingInvalid, open_recording
from voice.g711 import alaw_encode, ulaw_encode
from voice.pcm import tone
from voice.wav import wav_bytes

TONE = tone(440, 0.5)


def whole(recording: Recording, first: int = 0, size: int = 1500) -> tuple[np.ndarray, ...]:
    """All samples of every channel, read in blocks."""
    blocks = list(recording.blocks(first, size))
    return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))


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
    recording = open_recording(wav_file(tmp_path / "a.wav", code, bits, data))
    assert recording.rate_hz == 8000
    assert recording.claimed_s is None
    assert np.abs(whole(recording)[0].astype(int) - TONE).max() <= tolerance
    assert np.abs(whole(recording, first=1000)[0].astype(int) - TONE[1000:]).max() <= tolerance


def test_two_sides_are_told_from_two_equal_channels(tmp_path: Path) -> None:
    other = np.concatenate((TONE[:-1000], tone(880, 0.125)))
    dithered = TONE + np.random.default_rng(3).integers(-2, 3, len(TONE), dtype=np.int16)
    for name, right, two_sided in (("a", other, True), ("b", TONE, False), ("c", dithered, False)):
        data = np.stack((TONE, right), axis=1).astype("<i2").tobytes()
        recording = open_recording(wav_file(tmp_path / f"{name}.wav", 1, 16, data, channels=2, rate=16000))
        assert recording.is_two_sided() is two_sided
        assert np.array_equal(whole(recording)[1], right)
        assert recording.duration_s == 0.25


def test_files_of_the_pbx_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.alaw").write_bytes(alaw_encode(TONE))
    (tmp_path / "a.sln16").write_bytes(TONE.tobytes())
    assert open_recording(tmp_path / "a.alaw").duration_s == 0.5
    assert open_recording(tmp_path / "a.sln16").rate_hz == 16000


def test_a_recording_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = wav_bytes(TONE)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: 44 + 4001])
    recording = open_recording(cut)
    assert recording.duration_s == 0.25
    assert recording.claimed_s == 0.5
    unfinished = tmp_path / "unfinished.wav"
    unfinished.write_bytes(whole[:40] + b"\0\0\0\0" + whole[44:])
    assert open_recording(unfinished).duration_s == 0.5


BAD: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "no such recording"),
    "empty": (b"", "empty"),
    "one byte": (b"R", "no kind of recording"),
    "cut in the header": (b"RIFF\x24\0\0\0WAVEfmt \x10\0", "cut off before its sound"),
    "no sound": (wav_bytes(TONE)[:44], "no sound"),
    "0 Hz": (wav_bytes(TONE)[:24] + bytes(4) + wav_bytes(TONE)[28:], "0 Hz"),
    "4 kHz": (wav_bytes(TONE, 4000), "4000 Hz"),
    "96 kHz": (wav_bytes(TONE, 96000), "96000 Hz"),
    "7 bits": (wav_bytes(TONE)[:34] + b"\x07\0" + wav_bytes(TONE)[36:], "7 bits"),
    "0 channels": (wav_bytes(TONE)[:22] + bytes(2) + wav_bytes(TONE)[24:], "0 channels"),
    "17 channels": (wav_bytes(TONE)[:22] + b"\x11\0" + wav_bytes(TONE)[24:], "17 channels"),
    "text": ("这不是录音。".encode() * 50, "no kind of recording"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_wrong_is_said(bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    content, says = BAD[bad]
    path = tmp_path / "call.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingInvalid, match=says) as caught:
        open_recording(path)
    assert str(path) in str(caught.value)
    assert caught.value.fix


def test_what_is_no_file_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    os.mkfifo(tmp_path / "pipe.wav")  # opening it would wait for ever
    for name, says in (("folder", "directory"), ("loop", "symbolic links"), ("pipe", "pipe")):
        with pytest.raises(RecordingInvalid, match=says):
            open_recording(tmp_path / f"{name}.wav")


def test_without_the_right_to_read_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(wav_bytes(TONE))
    path.chmod(0)
    look = "import os, sys, pathlib, asr.audio as audio\n"
    look += "if not os.geteuid(): os.setuid(65534)\n"
    look += "try: audio.open_recording(pathlib.Path(sys.argv[1]))\n"
    look += "except audio.RecordingInvalid as problem: print(problem)\n"
    done = subprocess.run([sys.executable, "-c", look, path], capture_output=True, text=True, check=False)
    assert "Permission denied" in done.stdout, done.stderr


def test_a_file_that_goes_away_or_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "a.wav", 1, 16, TONE.tobytes())
    recording = open_recording(path)
    path.write_bytes(path.read_bytes()[:5000])
    assert len(whole(recording)[0]) < 2500
    path.unlink()
    with pytest.raises(RecordingInvalid, match="could not be read to its end"):
        whole(recording)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 60), st.sampled_from(["wav", "mp3", "flac", "gsm", "al"]))
def test_no_bytes_lead_to_another_error(noise: bytes, at: int, kind: str) -> None:
    """A header with anything written over it: samples come out, or the error says that it is none."""
    good = wav_bytes(TONE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{kind}"
        path.write_bytes((good[:at] + noise + good[at + len(noise) :]) if kind == "wav" else noise)
        with contextlib.suppress(RecordingInvalid):
            recording = open_recording(path)
            for block in recording.blocks(0, 8000):
                assert len(block) == recording.channels


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp3", {"format": "MP3"}),
        ("a.ogg", {"format": "OGG"}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.flac", {"format": "FLAC"}),
        ("a.WAV", {"format": "WAV", "subtype": "GSM610"}),
        ("a.gsm", {"format": "RAW", "subtype": "GSM610"}),
        ("a.au", {"format": "AU", "subtype": "ULAW"}),
    ],
)
def test_compressed_kinds_need_no_other_program(
    name: str, kind: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    long = tone(440, 3.0)
    soundfile.write(tmp_path / name, long, 8000, **kind)
    recording = open_recording(tmp_path / name)
    assert (recording.rate_hz, recording.channels) == (8000, 1)
    assert abs(recording.duration_s - 3.0) < 0.06
    (samples,) = whole(recording)
    (at_once,) = whole(recording, size=100_000)
    assert np.array_equal(samples, at_once)
    assert spectrum_peak_hz(samples[4000:12000]) == pytest.approx(440, abs=5)
    (rest,) = whole(recording, first=16000)
    assert np.abs(rest.astype(int) - samples[16000:]).max() <= 1


def spectrum_peak_hz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 8000 / len(samples))


def test_python_wave_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(TONE.tobytes())
    assert open_recording(path).rate_hz == 48000
