"""G.711 against the tables of the standard library's audioop (or its successor package)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from voice import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop")

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize(
    ("encode", "decode", "law"),
    [(g711.alaw_encode, g711.alaw_decode, "alaw"), (g711.ulaw_encode, g711.ulaw_decode, "ulaw")],
)
def test_every_sample_and_byte_agrees_with_audioop(encode, decode, law) -> None:
    assert encode(EVERY_SAMPLE) == getattr(audioop, f"lin2{law}")(EVERY_SAMPLE.tobytes(), 2)
    assert decode(EVERY_BYTE).tobytes() == getattr(audioop, f"{law}2lin")(EVERY_BYTE, 2)


def test_digital_silence_stays_near_silence() -> None:
    zeros = np.zeros(8, dtype=np.int16)
    assert g711.alaw_encode(zeros) == b"\xd5" * 8
    assert np.abs(g711.alaw_decode(b"\xd5" * 8)).max() == 8
