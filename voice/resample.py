"""Changing the sample rate of speech."""

from __future__ import annotations

import numpy as np
import soxr

from voice.pcm import Pcm


def resample(samples: Pcm, from_rate: float, to_rate: float) -> Pcm:
    """The same sound at another sample rate (both in Hz). No delay: second t stays second t."""
    if from_rate == to_rate or len(samples) == 0:
        return samples
    return np.asarray(soxr.resample(samples, from_rate, to_rate, quality="HQ"), dtype=np.int16)
