"""A-law and µ-law (ITU-T G.711) by table, without the audioop module that Python 3.13 dropped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice.pcm import Pcm


def alaw_encode(samples: Pcm) -> bytes:
    """One A-law byte for every sample."""
    return _ALAW_BYTES[samples.astype(np.int32) + 32768].tobytes()


def alaw_decode(data: bytes) -> Pcm:
    """Linear samples of A-law bytes."""
    return _ALAW_SAMPLES[np.frombuffer(data, dtype=np.uint8)]


def ulaw_encode(samples: Pcm) -> bytes:
    """One µ-law byte for every sample."""
    return _ULAW_BYTES[samples.astype(np.int32) + 32768].tobytes()


def ulaw_decode(data: bytes) -> Pcm:
    """Linear samples of µ-law bytes."""
    return _ULAW_SAMPLES[np.frombuffer(data, dtype=np.uint8)]


def _alaw_bytes() -> NDArray[np.uint8]:
    """The byte of every sample from -32768 to 32767: 13 bits, eight segments, even bits inverted."""
    value = np.arange(-32768, 32768) >> 3
    mask = np.where(value >= 0, 0xD5, 0x55)
    size = np.where(value >= 0, value, -value - 1)
    segment = np.searchsorted((0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF), size)
    mantissa = (size >> np.maximum(segment, 1)) & 0x0F
    return np.asarray((segment << 4 | mantissa) ^ mask, dtype=np.uint8)


def _alaw_samples() -> Pcm:
    code = np.arange(256) ^ 0x55
    segment = (code & 0x70) >> 4
    size = ((code & 0x0F) << 4) + np.where(segment == 0, 8, 0x108) << np.maximum(segment - 1, 0)
    return np.asarray(np.where(code & 0x80, size, -size), dtype=np.int16)


def _ulaw_bytes() -> NDArray[np.uint8]:
    """The byte of every sample from -32768 to 32767: 14 bits with a bias of 33, eight segments, inverted."""
    value = np.arange(-32768, 32768) >> 2
    mask = np.where(value < 0, 0x7F, 0xFF)
    size = np.minimum(np.abs(value) + 0x21, 0x1FFF)
    segment = np.searchsorted((0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF), size)
    mantissa = (size >> (segment + 1)) & 0x0F
    return np.asarray((segment << 4 | mantissa) ^ mask, dtype=np.uint8)


def _ulaw_samples() -> Pcm:
    code = ~np.arange(256) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.asarray(np.where(code & 0x80, -size, size), dtype=np.int16)


_ALAW_BYTES = _alaw_bytes()
_ALAW_SAMPLES = _alaw_samples()
_ULAW_BYTES = _ulaw_bytes()
_ULAW_SAMPLES = _ulaw_samples()
