"""What a telephone carries when nobody speaks: tones of exchanges, keys, music, noise, clicks, nothing.

Without it the network takes a ring-back tone for a vowel and music on hold for somebody who counts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from asr.demo_model import augment
from asr.demo_model.augment import RATE, Sound, over_the_line
from voice.pcm import Pcm

Rng = np.random.Generator

# Call-progress tones, ITU-T E.180 supplement 2 and national lists: China, Europe, North America, Britain,
# Japan, Australia, Russia, India, special information.
_TONES = (
    (450,), (425,), (440, 480), (350, 440), (480, 620), (400, 450), (400,), (400, 416), (413, 438), (950,),
    (1400,), (1800,), (1100,), (2100,), (1000,),
)  # fmt: skip
_CADENCES = ((1, 4), (0.35, 0.35), (2, 4), (0.4, 0.2), (0.5, 0.5), (1, 3), (0.25, 0.25), (9, 0), (0.1, 0.1))
_SCALES = ((0, 2, 4, 7, 9), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 11))
_KEYS_LOW, _KEYS_HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def non_speech(rng: Rng) -> Pcm:
    """One to six seconds in which nobody says anything, over a line as they come."""
    line = augment.random_line(rng)
    length = int(rng.uniform(1, 6) * RATE)
    maker = _MAKERS[int(rng.integers(len(_MAKERS)))]
    return over_the_line(maker(length, rng), line, rng)


def interlude(rng: Rng) -> Sound:
    """Half a second to two seconds of tone, key or music, to stand before speech; peak 1."""
    makers = (_call_progress, _keys, _music, _chords)
    sound = makers[int(rng.integers(len(makers)))](int(rng.uniform(0.5, 2) * RATE), rng)
    return np.asarray(sound / (float(np.abs(sound).max(initial=0.0)) or 1.0))


def _seconds(length: int) -> Sound:
    return np.asarray(np.arange(length) / RATE, dtype=np.float64)


def _call_progress(length: int, rng: Rng) -> Sound:
    """A tone of an exchange in its rhythm; sometimes of no exchange in the world."""
    time_s = _seconds(length) + rng.uniform(0, 5)
    if rng.random() < 0.7:
        hertz, (on, off) = (
            _TONES[int(rng.integers(len(_TONES)))],
            _CADENCES[int(rng.integers(len(_CADENCES)))],
        )
    else:
        hertz, (on, off) = tuple(rng.uniform(300, 2000, int(rng.integers(1, 3)))), rng.uniform(0.1, 3, 2)
    sounding = time_s % (on + off) < on
    return np.asarray(sum(np.sin(2 * np.pi * at * time_s) for at in hertz) * sounding)


def _keys(length: int, rng: Rng) -> Sound:
    """Keys pressed one after the other (DTMF)."""
    time_s, sound = _seconds(length), np.zeros(length)
    at = 0
    while at < length:
        end = at + int(rng.uniform(0.06, 0.4) * RATE)
        for hertz in (rng.choice(_KEYS_LOW), rng.choice(_KEYS_HIGH)):
            sound[at:end] += np.sin(2 * np.pi * hertz * time_s[at:end])
        at = end + int(rng.uniform(0.04, 0.6) * RATE)
    return sound


def _chords(length: int, rng: Rng) -> Sound:
    """A few tones held together, swelling and ebbing."""
    time_s = _seconds(length)
    swell = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(0.2, 6) * time_s)
    return np.asarray(sum(np.sin(2 * np.pi * at * time_s) for at in rng.uniform(100, 1500, 4)) * swell)


def _music(length: int, rng: Rng) -> Sound:
    """Notes of a scale, plucked, blown or bowed, with a second part below and perhaps a beat."""
    sound = np.zeros(length)
    beat = int(rng.uniform(0.14, 0.7) * RATE)
    steps = _SCALES[int(rng.integers(len(_SCALES)))]
    base = rng.uniform(110, 400)
    harmonics = np.array([1.0, *rng.uniform(0, 0.8, int(rng.integers(0, 8)))])
    decay = rng.uniform(0.5, 8) if rng.random() < 0.6 else 0.0
    vibrato = rng.uniform(0, 0.01)
    for at in range(0, length, beat):
        ring = min(length - at, int(beat * rng.uniform(0.8, 4)))
        voices = 1 if rng.random() < 0.5 else int(rng.integers(2, 4))
        for _ in range(voices):
            hertz = base * 2 ** ((rng.choice(steps) + 12 * rng.integers(-1, 2)) / 12)
            sound[at : at + ring] += _note(ring, hertz, harmonics, decay, vibrato)
        if rng.random() < 0.2:
            hit = min(length - at, RATE // 12)
            sound[at : at + hit] += rng.standard_normal(hit) * np.exp(-np.arange(hit) / 120)
    return sound


def _note(length: int, hertz: float, harmonics: Sound, decay: float, vibrato: float) -> Sound:
    time_s = _seconds(length)
    turns = 2 * np.pi * hertz * (time_s + vibrato / 30 * np.sin(2 * np.pi * 5.5 * time_s))
    tone = sum(
        share * np.sin(number * turns) for number, share in enumerate(harmonics, 1) if number * hertz < 3900
    )
    edges = np.minimum(time_s / 0.015, 1) * np.minimum((length / RATE - time_s) / 0.03, 1)
    return np.asarray(tone * edges * np.exp(-decay * time_s))


def _hiss(length: int, rng: Rng) -> Sound:
    """Noise that comes and goes: traffic, wind, breath."""
    swell = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(0.3, 6) * _seconds(length))
    return np.asarray(augment.noise(length, rng) * swell)


def _knocks(length: int, rng: Rng) -> Sound:
    """Clicks and bumps."""
    sound = np.zeros(length)
    for at in rng.integers(0, length, int(rng.integers(2, 14))):
        hit = min(length - int(at), int(rng.uniform(0.001, 0.12) * RATE))
        body = rng.standard_normal(hit) * np.exp(-np.arange(hit) / max(1.0, hit / 5))
        sound[at : at + hit] += rng.uniform(-1, 1) * body
    return sound


def _sweep(length: int, rng: Rng) -> Sound:
    """A siren, a whistle or the howl of a line."""
    time_s = _seconds(length)
    middle, width = rng.uniform(400, 2200), rng.uniform(0, 0.5)
    hertz = middle * (1 + width * np.sin(2 * np.pi * rng.uniform(0.2, 4) * time_s))
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz) / RATE))


def _nothing(length: int, rng: Rng) -> Sound:
    """Digital silence, or a sound too weak for words."""
    return np.zeros(length)


_MAKERS: tuple[Callable[[int, Rng], Sound], ...] = (
    _call_progress, _call_progress, _keys, _chords, _music, _music, _music, _hiss, _hiss, _knocks, _sweep,
    _nothing,
)  # fmt: skip
