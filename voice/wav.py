"""Reading and writing WAV files of 16-bit samples in one channel."""

from __future__ import annotations

import io
import os
import tempfile
import wave
from pathlib import Path

from voice.pcm import TELEPHONE_RATE, Pcm, from_bytes, to_bytes


class WavError(ValueError):
    """The file is not the kind of WAV file that this service speaks."""


def read_wav(path: Path, sample_rate: int = TELEPHONE_RATE) -> Pcm:
    """The samples of a 16-bit mono WAV file recorded at ``sample_rate`` Hz; anything else is a WavError."""
    try:
        with wave.open(str(path), "rb") as file:
            found = (file.getframerate(), file.getsampwidth() * 8, file.getnchannels())
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise WavError(f"{path}: not a WAV file that can be read ({error})") from error
    if found != (sample_rate, 16, 1):
        raise WavError(
            f"{path}: {found[0]} Hz, {found[1]} bit, {found[2]} channel(s); "
            f"needed: {sample_rate} Hz, 16 bit, 1 channel"
        )
    return from_bytes(data)


def wav_bytes(samples: Pcm, sample_rate: int = TELEPHONE_RATE) -> bytes:
    """A whole 16-bit mono WAV file as bytes."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(to_bytes(samples))
    return buffer.getvalue()


def write_wav(path: Path, samples: Pcm, sample_rate: int = TELEPHONE_RATE) -> None:
    """Write a 16-bit mono WAV file; it appears whole or not at all, readable by the telephone exchange."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(wav_bytes(samples, sample_rate))
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
