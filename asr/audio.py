"""Recordings of every kind as linear samples: what the file has is read, nothing is guessed silently.

WAV with PCM, A-law or µ-law needs no other program; anything else (GSM, MP3, Opus, …) goes through pydub to
ffmpeg. A recording that was cut off (a crash, a full disk) is read as far as it goes, and says so.
"""

from __future__ import annotations

import shutil
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facts.errors import HotlineError
from voice.g711 import alaw_decode, ulaw_decode

with warnings.catch_warnings():  # it warns when there is no ffmpeg; we say so when one is needed
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.exceptions import CouldntDecodeError

Samples = NDArray[np.int16]

#: recordings that are longer are a mistake, or an attack on memory: 8 h of 8 kHz stereo
LONGEST_BYTES = 1 << 30
RATES_HZ = range(8000, 48001)
PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
#: Asterisk's files without a header
HEADERLESS: MappingProxyType[str, tuple[int, Callable[[bytes], Samples]]] = MappingProxyType(
    {
        ".sln": (8000, lambda data: _linear(data, 2)),
        ".sln16": (16000, lambda data: _linear(data, 2)),
        ".alaw": (8000, alaw_decode),
        ".al": (8000, alaw_decode),
        ".ulaw": (8000, ulaw_decode),
        ".ul": (8000, ulaw_decode),
        ".pcm": (8000, ulaw_decode),
    }
)


class RecordingInvalid(HotlineError):
    """The recording cannot be read."""

    error_id = "recording-invalid"


@dataclass(frozen=True, slots=True)
class Recording:
    """Linear 16-bit samples of a file, an array for every channel."""

    path: Path
    rate_hz: int
    channels: tuple[Samples, ...]
    #: how long the file claims to be, when less than that is there
    claimed_s: float | None = None

    @property
    def duration_s(self) -> float:
        """Seconds that are there."""
        return len(self.channels[0]) / self.rate_hz

    @property
    def is_two_sided(self) -> bool:
        """Two channels that differ: one side of the call on each."""
        return len(self.channels) == 2 and not np.array_equal(*self.channels)

    def mono(self) -> Samples:
        """All channels as one."""
        if len(self.channels) == 1:
            return self.channels[0]
        mixed: Samples = np.mean(np.stack(self.channels), axis=0).astype(np.int16)
        return mixed


def load_recording(path: Path) -> Recording:
    """Read a recording.

    Raises:
        RecordingInvalid: it is missing, empty, too long, or of a kind that cannot be read here.
    """
    data = _read(path)
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        recording = _wav(path, data)
    elif path.suffix.lower() in HEADERLESS:
        rate_hz, decode = HEADERLESS[path.suffix.lower()]
        recording = Recording(path, rate_hz, (decode(data),))
    else:
        recording = _by_ffmpeg(path)
    if recording.duration_s <= 0:
        raise RecordingInvalid(f"{path}: the recording has no sound in it", fix="name another file")
    if recording.rate_hz not in RATES_HZ:
        raise RecordingInvalid(
            f"{path}: {recording.rate_hz} Hz is no sample rate of speech", fix="convert it to 8000–48000 Hz"
        )
    return recording


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LONGEST_BYTES:
            raise RecordingInvalid(f"{path}: {size >> 20} MB is too long", fix="cut it into parts")
        data = path.read_bytes()
    except FileNotFoundError:
        raise RecordingInvalid(f"{path}: there is no such recording", fix="check the name") from None
    except OSError as problem:
        raise RecordingInvalid(f"{path}: {problem.strerror}", fix="check the file and its rights") from None
    if not data:
        raise RecordingInvalid(f"{path}: the recording is empty (0 bytes)", fix="name another file")
    return data


@dataclass(frozen=True, slots=True)
class _WavFormat:
    code: int
    channels: int
    rate_hz: int
    bits: int

    @property
    def width(self) -> int:
        return self.bits // 8


def _wav(path: Path, data: bytes) -> Recording:
    """Read the chunks ourselves: Python's wave knows PCM only, and trusts the header of a file cut off."""
    form: _WavFormat | None = None
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        body = place + 8
        if name == b"fmt " and body + 16 <= len(data):
            form = _wav_format(data[body : body + size])
        elif name == b"data" and form is not None:
            return _wav_samples(path, form, data[body:], size)
        place = body + size + size % 2
    raise RecordingInvalid(
        f"{path}: the WAV file is cut off before its sound begins", fix="name another file"
    )


def _wav_format(chunk: bytes) -> _WavFormat:
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == EXTENSIBLE and len(chunk) >= 26:
        (code,) = struct.unpack_from("<H", chunk, 24)
    return _WavFormat(code, channels, rate_hz, bits)


def _wav_samples(path: Path, form: _WavFormat, rest: bytes, size: int) -> Recording:
    frame = form.channels * form.width
    known = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), ALAW: (8,), ULAW: (8,)}
    if form.bits not in known.get(form.code, ()) or not 1 <= form.channels <= 32:
        return _by_ffmpeg(path)
    unfinished = size in (0, 0xFFFFFFFF)  # the writer never came back to fill in the length
    there = rest if unfinished else rest[:size]
    there = there[: len(there) // frame * frame]
    samples = _decode(form, there).reshape(-1, form.channels)
    cut = not unfinished and len(there) + frame <= size
    return Recording(
        path,
        form.rate_hz,
        tuple(np.ascontiguousarray(samples[:, channel]) for channel in range(form.channels)),
        claimed_s=size / frame / form.rate_hz if cut else None,
    )


def _decode(form: _WavFormat, data: bytes) -> Samples:
    if form.code == ALAW:
        return alaw_decode(data)
    if form.code == ULAW:
        return ulaw_decode(data)
    if form.code == FLOAT:
        floats = np.nan_to_num(np.frombuffer(data, dtype=f"<f{form.width}"))
        clipped: Samples = (np.clip(floats, -1.0, 1.0) * 32767).astype(np.int16)
        return clipped
    return _linear(data, form.width)


def _linear(data: bytes, width: int) -> Samples:
    """PCM of 8 (unsigned), 16, 24 or 32 bits, by its upper 16 bits."""
    whole = np.frombuffer(data[: len(data) // width * width], dtype=np.uint8)
    if width == 1:
        return (whole.astype(np.int16) - 128) << 8
    upper = np.ascontiguousarray(whole.reshape(-1, width)[:, -2:])
    linear: Samples = upper.view("<i2").reshape(-1).astype(np.int16)
    return linear


def _by_ffmpeg(path: Path) -> Recording:
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        raise RecordingInvalid(
            f"{path}: this kind of recording needs ffmpeg, which is not installed",
            fix="install ffmpeg, or convert it to WAV (PCM, A-law or µ-law)",
        )
    try:
        segment: Any = AudioSegment.from_file(str(path))
    except (CouldntDecodeError, OSError, IndexError, KeyError, ValueError):
        raise RecordingInvalid(
            f"{path}: ffmpeg finds no sound in it", fix="name an audio file (WAV, MP3, GSM, …)"
        ) from None
    sides = segment.set_sample_width(2).split_to_mono()
    channels = tuple(np.frombuffer(side.raw_data, dtype="<i2").astype(np.int16) for side in sides)
    return Recording(path, segment.frame_rate, channels)
