"""Quiet music for waiting callers, made here: nobody's rights, no announcement of the queue."""

from __future__ import annotations

import numpy as np

from voice.pcm import TELEPHONE_RATE, Pcm

#: loudest sample, below full scale: well under speech, so that a caller can think
_PEAK_DBFS = -24.0
#: four chords (Hz) of a pentatonic scale, within the telephone's band
_CHORDS = (
    (392.0, 493.9, 587.3),
    (440.0, 523.3, 659.3),
    (392.0, 523.3, 659.3),
    (349.2, 440.0, 523.3),
)
_NOTE_S = 0.5
_RING_S = 2.0


def hold_music(seconds: float, sample_rate: int = TELEPHONE_RATE) -> Pcm:
    """Soft plucked chords, one note each half second; the end runs into the beginning when looped."""
    length = int(seconds * sample_rate)
    song = np.zeros(length)
    ring = np.arange(int(_RING_S * sample_rate)) / sample_rate
    envelope = np.minimum(ring / 0.02, 1.0) * np.exp(-2.2 * ring)
    for number in range(int(seconds / _NOTE_S)):
        chord = _CHORDS[number // 6 % len(_CHORDS)]
        pitch = chord[(0, 1, 2, 1, 2, 1)[number % 6]]
        tone = np.sin(2 * np.pi * pitch * ring) + 0.3 * np.sin(4 * np.pi * pitch * ring)
        places = (int(number * _NOTE_S * sample_rate) + np.arange(ring.size)) % max(length, 1)
        np.add.at(song, places, tone * envelope)
    peak = float(np.abs(song).max()) if length else 0.0
    if peak == 0.0:
        return np.zeros(length, dtype=np.int16)
    return (song / peak * 10 ** (_PEAK_DBFS / 20) * 32767).astype(np.int16)


def tone(seconds: float = 0.35, hertz: float = 1000.0, sample_rate: int = TELEPHONE_RATE) -> Pcm:
    """The beep after which a message may be left."""
    moments = np.arange(int(seconds * sample_rate)) / sample_rate
    edges = np.minimum(1.0, np.minimum(moments, seconds - moments) / 0.01)
    return (np.sin(2 * np.pi * hertz * moments) * edges * 10 ** (-12 / 20) * 32767).astype(np.int16)
