"""A recording as everybody here sees it: what it holds, and its samples block after block."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facts.errors import HotlineError

with warnings.catch_warnings():  # it warns when there is no ffmpeg; we say so when one is needed
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.exceptions import CouldntDecodeError

__all__ = [
    "AudioSegment",
    "CouldntDecodeError",
    "Recording",
    "RecordingInvalid",
    "Samples",
    "Source",
    "from_floats",
    "segment_of",
]

Samples = NDArray[np.int16]

#: channels that differ by no more than this are one voice (dither of the least bits)
SAME_WITHIN = 8


class RecordingInvalid(HotlineError):
    """The recording cannot be read."""

    error_id = "recording-invalid"


class Source(Protocol):
    """Where a recording's samples come from."""

    def blocks(self, first: int, size: int) -> Iterator[AudioSegment]:
        """From frame ``first`` on, ``size`` frames at a time, 16 bits a sample. Opens the file anew."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds, known before its sound is read."""

    path: Path
    rate_hz: int
    channels: int
    #: samples of each channel that are there
    frames: int
    source: Source
    #: how long the file claims to be, when less than that is there
    claimed_s: float | None = None

    @property
    def duration_s(self) -> float:
        """Seconds that are there."""
        return self.frames / self.rate_hz

    def blocks(self, first: int, size: int) -> Iterator[tuple[Samples, ...]]:
        """Samples of every channel from frame ``first`` on, ``size`` at a time.

        Raises:
            RecordingInvalid: the file went away or became unreadable meanwhile.
        """
        try:
            for segment in self.source.blocks(first, size):
                yield tuple(np.frombuffer(side.raw_data, dtype="<i2") for side in segment.split_to_mono())
        except (OSError, RuntimeError) as problem:  # libsndfile's errors are RuntimeErrors
            reason = getattr(problem, "strerror", None) or str(problem)
            raise RecordingInvalid(
                f"{self.path}: it could not be read to its end ({reason})",
                fix="look at the file and its disk",
            ) from None

    def is_two_sided(self) -> bool:
        """Two channels that differ: one side of the call on each. Reads as far as it must."""
        if self.channels != 2:
            return False
        blocks = self.blocks(0, 60 * self.rate_hz)
        return any(np.abs(left.astype(np.int32) - right).max() > SAME_WITHIN for left, right in blocks)


def segment_of(samples: Samples, rate_hz: int, channels: int) -> AudioSegment:
    """A block of samples, channels side by side."""
    return AudioSegment(
        samples.astype("<i2", copy=False).tobytes(),
        sample_width=2,
        frame_rate=rate_hz,
        channels=channels,
    )


def from_floats(floats: NDArray[np.floating]) -> Samples:
    """-1…1 as 16 bits; what is no number is silence."""
    samples: Samples = np.rint(np.clip(np.nan_to_num(floats), -1.0, 1.0) * 32767).astype(np.int16)
    return samples
