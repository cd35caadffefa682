"""WAV files with PCM, floats, A-law or µ-law, also cut-off ones; any file whose frames are of one length."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from asr.recording import AudioSegment, Recording, RecordingInvalid, Samples, from_floats, segment_of
from voice.g711 import alaw_decode, ulaw_decode

Decode = Callable[[bytes], Samples]

PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a fixed length, one after the other."""

    path: Path
    begin: int
    frames: int
    channels: int
    width: int
    rate_hz: int
    decode: Decode

    def blocks(self, first: int, size: int) -> Iterator[AudioSegment]:
        frame = self.channels * self.width
        with self.path.open("rb") as file:
            file.seek(self.begin + first * frame)
            for done in range(first, self.frames, size):
                data = file.read(min(size, self.frames - done) * frame)
                whole = data[: len(data) // frame * frame]
                if not whole:  # it became shorter while we read
                    return
                yield segment_of(self.decode(whole), self.rate_hz, self.channels)


@dataclass(frozen=True, slots=True)
class _WavFormat:
    code: int
    channels: int
    rate_hz: int
    bits: int

    @property
    def width(self) -> int:
        return self.bits // 8


def read_wav(path: Path, file: Any, size: int) -> Recording | None:
    """Read the chunks ourselves: libraries trust or refuse the header of a file that was cut off.

    None for codings that the library knows (GSM, ADPCM).
    """
    form: _WavFormat | None = None
    place = 12
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        body = place + 8
        if name == b"fmt " and body + 16 <= size:
            form = _wav_format(file.read(min(length, 64)))
            if form.code not in WAV_WIDTHS:
                return None
            _check_format(path, form)
        elif name == b"data" and form is not None:
            return _wav_data(path, form, body, size - body, length)
        place = body + length + length % 2
    raise RecordingInvalid(
        f"{path}: the WAV file is cut off before its sound begins", fix="name another file"
    )


#: widths (bits) of the codings that are read here
WAV_WIDTHS = MappingProxyType({PCM: (8, 16, 24, 32), FLOAT: (32, 64), ALAW: (8,), ULAW: (8,)})


def _wav_format(chunk: bytes) -> _WavFormat:
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == EXTENSIBLE and len(chunk) >= 26:
        (code,) = struct.unpack_from("<H", chunk, 24)
    return _WavFormat(code, channels, rate_hz, bits)


def _check_format(path: Path, form: _WavFormat) -> None:
    """A header that leads nowhere; rate and channels are checked for every kind of file."""
    wrong = None
    if form.bits not in WAV_WIDTHS[form.code]:
        wrong = f"{form.bits} bits a sample"
    elif not form.rate_hz:
        wrong = "0 Hz"
    elif not form.channels:
        wrong = "0 channels"
    if wrong:
        raise RecordingInvalid(
            f"{path}: the header says {wrong}", fix="record or convert it again as 16-bit PCM"
        )


def _wav_data(path: Path, form: _WavFormat, begin: int, there: int, length: int) -> Recording:
    frame = form.channels * form.width
    unfinished = length in (0, 0xFFFFFFFF)  # the writer never came back to fill in the length
    frames = (there if unfinished else min(there, length)) // frame
    cut = not unfinished and frames * frame + frame <= length
    source = Frames(path, begin, frames, form.channels, form.width, form.rate_hz, _decoder(form))
    claimed_s = length / frame / form.rate_hz if cut else None
    return Recording(path, form.rate_hz, form.channels, frames, source, claimed_s)


def _decoder(form: _WavFormat) -> Decode:
    if form.code == ALAW:
        return alaw_decode
    if form.code == ULAW:
        return ulaw_decode
    if form.code == FLOAT:
        return lambda data: from_floats(np.frombuffer(data, dtype=f"<f{form.width}"))
    return lambda data: linear(data, form.width)


def linear(data: bytes, width: int) -> Samples:
    """PCM of 8 (unsigned), 16, 24 or 32 bits, by its upper 16 bits."""
    whole = np.frombuffer(data, dtype=np.uint8)
    if width == 1:
        return (whole.astype(np.int16) - 128) << 8
    upper = np.ascontiguousarray(whole.reshape(-1, width)[:, -2:])
    linear: Samples = upper.view("<i2").reshape(-1)
    return linear
