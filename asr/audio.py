"""Recordings of every kind as linear samples, block after block: a file is never in memory as a whole.

WAV with PCM, floats, A-law or µ-law and telephone files without a header are read by us; GSM, MP3, Ogg, FLAC
and others by libsndfile, which comes inside the soundfile wheel; what neither knows goes through pydub to
ffmpeg, where it is installed. A recording that was cut off (a crash, a full disk) is read as far as it goes,
and says so. Nothing is guessed silently.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.recording import (
    AudioSegment,
    CouldntDecodeError,
    Recording,
    RecordingInvalid,
    Samples,
    from_floats,
    segment_of,
)
from asr.wav_files import Decode, Frames, linear, read_wav
from voice.g711 import alaw_decode, ulaw_decode

__all__ = ["Recording", "RecordingInvalid", "Samples", "known_suffixes", "open_recording"]

#: recordings that are longer are a mistake (hours)
LONGEST_H = 24
#: what ffmpeg decodes is in memory as a whole
LONGEST_FOR_FFMPEG_BYTES = 64 << 20
RATES_HZ = range(8000, 48001)
#: files that libsndfile reads by their header
BY_LIBRARY = frozenset({".mp3", ".ogg", ".oga", ".opus", ".flac", ".au", ".snd", ".aif", ".aiff", ".w64"})
#: files for which ffmpeg is needed
BY_FFMPEG = frozenset({".m4a", ".aac", ".amr", ".wma", ".webm", ".mp4", ".3gp", ".mka", ".mkv"})
_CHECK_NAME = "name another file"


def known_suffixes() -> frozenset[str]:
    """Endings of files (lower case) that can be read on this machine."""
    return frozenset(
        {".wav", ".wave", ".wav49", *HEADERLESS, *BY_LIBRARY, *(BY_FFMPEG if _has_ffmpeg() else ())}
    )


def open_recording(path: Path, *, may_be_empty: bool = False) -> Recording:
    """Find out what a file holds; ``may_be_empty``: a header without sound is silence, not a mistake.

    Raises:
        RecordingInvalid: it is missing, empty, too long, or of a kind that cannot be read here.
    """
    size = _size(path)
    try:
        recording = _opened(path, size)
    except OSError as problem:
        raise _unreadable(path, problem) from None
    if recording.rate_hz not in RATES_HZ:
        raise RecordingInvalid(
            f"{path}: {recording.rate_hz} Hz is no sample rate of speech", fix="convert it to 8000–48000 Hz"
        )
    if recording.channels not in (1, 2):
        raise RecordingInvalid(
            f"{path}: {recording.channels} channels are neither one voice nor the two sides of a call",
            fix="take out the channels that carry speech",
        )
    if recording.frames <= 0 and not may_be_empty:
        raise RecordingInvalid(f"{path}: the recording has no sound in it", fix=_CHECK_NAME)
    if recording.duration_s > LONGEST_H * 3600:
        hours = recording.duration_s / 3600
        raise RecordingInvalid(
            f"{path}: {hours:.0f} h are longer than {LONGEST_H} h", fix="cut it into parts"
        )
    return recording


def _size(path: Path) -> int:
    """Bytes of a file that can be read without waiting for anybody (a pipe may never end)."""
    try:
        found = os.stat(path)
    except OSError as problem:
        raise _unreadable(path, problem) from None
    if stat.S_ISDIR(found.st_mode):
        raise RecordingInvalid(f"{path}: it is a directory", fix="name the recordings in it")
    if not stat.S_ISREG(found.st_mode):
        raise RecordingInvalid(f"{path}: it is no file but a device or a pipe", fix=_CHECK_NAME)
    if not found.st_size:
        raise RecordingInvalid(f"{path}: the recording is empty (0 bytes)", fix=_CHECK_NAME)
    return found.st_size


def _unreadable(path: Path, problem: OSError) -> RecordingInvalid:
    if isinstance(problem, FileNotFoundError):
        return RecordingInvalid(f"{path}: there is no such recording", fix="check the name")
    return RecordingInvalid(f"{path}: {problem.strerror}", fix="check the file and its rights")


def _opened(path: Path, size: int) -> Recording:
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            found = read_wav(path, file, size)
            if found is not None:
                return found
    suffix = path.suffix.lower()
    if suffix in HEADERLESS:
        return HEADERLESS[suffix](path, size)
    return _by_library(path)


# --- libsndfile -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Library:
    """A file that libsndfile decodes."""

    path: Path
    #: how to read one without a header
    raw: Mapping[str, Any]

    def blocks(self, first: int, size: int) -> Iterator[AudioSegment]:
        with _sound_file(self.path, self.raw) as file:
            begin = file.begin_near(first)
            while begin < first and (passed := len(_read(file, min(size, first - begin)))):
                begin += passed
            while len(floats := _read(file, size)):
                yield segment_of(from_floats(floats).reshape(-1), file.samplerate, file.channels)


def _read(file: Any, frames: int) -> NDArray[np.float32]:
    floats: NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
    return floats


def _sound_file(path: Path, raw: Mapping[str, Any]) -> Any:
    import soundfile  # noqa: PLC0415 — loads a library that most recordings do not need

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """Read from front to back: soundfile seeks after every read, and MP3 is damaged by each seek."""

        def begin_near(self, frame: int) -> int:
            """Go so near before a frame that it sounds right, if the kind of file allows; returns where."""
            if not super().seekable():  # GSM
                return 0
            near: int = self.seek(max(0, frame - self.samplerate))
            return near

        def seekable(self) -> bool:
            return False

    return Forward(os.fspath(path), **raw)


def _by_library(path: Path, **raw: Any) -> Recording:
    try:
        with _sound_file(path, raw) as file:
            return Recording(path, file.samplerate, file.channels, file.frames, _Library(path, raw))
    except RuntimeError as problem:
        if _has_ffmpeg():
            return _by_ffmpeg(path)
        why = str(problem).rpartition(": ")[2].rstrip(".")
        raise RecordingInvalid(
            f"{path}: no kind of recording that can be read ({why})",
            fix="name a WAV, A-law, µ-law, GSM, MP3, Ogg or FLAC file, or install ffmpeg for other kinds",
        ) from None


# --- files without a header, as telephone exchanges write them --------------------------------------------


def _headerless(rate_hz: int, width: int, decode: Decode) -> Callable[[Path, int], Recording]:
    def opened(path: Path, size: int) -> Recording:
        frames = size // width
        return Recording(path, rate_hz, 1, frames, Frames(path, 0, frames, 1, width, rate_hz, decode))

    return opened


def _gsm(path: Path, _: int) -> Recording:
    return _by_library(path, format="RAW", subtype="GSM610", channels=1, samplerate=8000)


def _linear_16(data: bytes) -> Samples:
    return linear(data, 2)


HEADERLESS: MappingProxyType[str, Callable[[Path, int], Recording]] = MappingProxyType(
    {
        ".sln": _headerless(8000, 2, _linear_16),
        **{f".sln{khz}": _headerless(khz * 1000, 2, _linear_16) for khz in (12, 16, 24, 32, 48)},
        ".sln44": _headerless(44100, 2, _linear_16),
        **{suffix: _headerless(8000, 1, alaw_decode) for suffix in (".al", ".alaw")},
        **{suffix: _headerless(8000, 1, ulaw_decode) for suffix in (".ul", ".ulaw", ".pcm")},
        ".gsm": _gsm,
    }
)


# --- ffmpeg -----------------------------------------------------------------------------------------------


def _has_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


@dataclass(frozen=True, slots=True)
class _Decoded:
    """Sound that is in memory."""

    segment: AudioSegment

    def blocks(self, first: int, size: int) -> Iterator[AudioSegment]:
        for begin in range(first, int(self.segment.frame_count()), size):
            yield self.segment.get_sample_slice(begin, begin + size)


def _by_ffmpeg(path: Path) -> Recording:
    if path.stat().st_size > LONGEST_FOR_FFMPEG_BYTES:
        raise RecordingInvalid(f"{path}: too long for this kind of file", fix="convert it to WAV or MP3")
    try:
        segment: Any = AudioSegment.from_file(os.fspath(path)).set_sample_width(2)
    except (CouldntDecodeError, OSError, IndexError, KeyError, ValueError):
        raise RecordingInvalid(
            f"{path}: ffmpeg finds no sound in it", fix="name an audio file (WAV, MP3, GSM, …)"
        ) from None
    frames = int(segment.frame_count())
    return Recording(path, segment.frame_rate, segment.channels, frames, _Decoded(segment))
