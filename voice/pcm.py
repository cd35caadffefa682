"""Helpers for sound held as 16-bit linear samples of one channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
"""One channel of linear samples, -32768 to 32767."""

TELEPHONE_RATE = 8000
"""Samples a second on the telephone network."""


def silence(seconds: float, sample_rate: int = TELEPHONE_RATE) -> Pcm:
    """Digital zeros lasting ``seconds``."""
    return np.zeros(round(seconds * sample_rate), dtype=np.int16)


def tone(
    hertz: float, seconds: float, sample_rate: int = TELEPHONE_RATE, *, level_dbfs: float = -12.0
) -> Pcm:
    """A sine of ``hertz`` with its peak at ``level_dbfs`` (450 Hz is China's ring-back tone)."""
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    return to_pcm(np.sin(2 * np.pi * hertz * time_s) * 10 ** (level_dbfs / 20))


def duration_s(samples: Pcm, sample_rate: int = TELEPHONE_RATE) -> float:
    """How long the sound lasts, in seconds."""
    return len(samples) / sample_rate


def join(*parts: Pcm) -> Pcm:
    """The parts one after the other; an empty array when there are none."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)


def level_dbfs(samples: Pcm) -> float:
    """Root mean square below full scale in dB; ``-inf`` for silence or no samples."""
    if len(samples) == 0:
        return float("-inf")
    power = float(np.mean(samples.astype(np.float64) ** 2)) / 32768.0**2
    return float(10 * np.log10(power)) if power > 0 else float("-inf")


def to_peak(samples: Pcm, peak_dbfs: float) -> Pcm:
    """The same sound with its loudest sample at ``peak_dbfs``; silence stays silence."""
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    if peak == 0:
        return samples.copy()
    return to_pcm(samples.astype(np.float64) / peak * 10 ** (peak_dbfs / 20))


def to_pcm(unit: NDArray[np.floating]) -> Pcm:
    """Samples in -1..1 as 16-bit samples, clipped."""
    samples: Pcm = np.clip(np.rint(unit * 32767.0), -32768, 32767).astype(np.int16)
    return samples


def to_bytes(samples: Pcm) -> bytes:
    """Little-endian signed linear bytes, as AudioSocket and ``.sln`` files carry them."""
    return samples.astype("<i2").tobytes()


def from_bytes(data: bytes) -> Pcm:
    """Samples from little-endian signed linear bytes; an odd last byte is left out."""
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16)
