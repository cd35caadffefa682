"""From studio to telephone: everything that happens to training speech on its way to the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.demo_model.extras import need
from voice.g711 import alaw_decode, alaw_encode
from voice.pcm import Pcm
from voice.voices import Voice

RATE = 8000
Sound = NDArray[np.float64]

TRAINING_VARIANTS = (
    "", "m1", "m2", "m3", "m4", "m6", "m7", "m8", "f1", "f2", "f3", "f5", "klatt", "klatt2", "Alex", "Annie",
    "Andy", "steph", "john", "Mario", "Alicia", "Gene", "Hugo", "Jacky", "Lee", "Marco", "Nguyen", "paul",
    "zac", "anika", "belinda", "adam", "ed", "max", "sandro",
)  # fmt: skip
HELD_OUT_VARIANTS = ("m5", "f4", "Michel", "linda", "klatt4", "Andrea", "Denis", "travis")


def random_voice(rng: np.random.Generator) -> Voice:
    """A training voice of any speed and pitch."""
    return Voice(
        variant=str(rng.choice(TRAINING_VARIANTS)),
        rate_wpm=int(rng.integers(120, 261)),
        pitch=int(rng.integers(15, 96)),
        pitch_range=int(rng.integers(20, 91)),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """How one call sounds: the silence around the words, the channel, the level and the noise."""

    lead_s: float
    trail_s: float
    peak_dbfs: float
    snr_db: float | None
    alaw: bool


def random_line(rng: np.random.Generator) -> Line:
    """A line as they come."""
    return Line(
        lead_s=float(rng.uniform(0.05, 0.6)),
        trail_s=float(rng.uniform(0.05, 0.7)),
        peak_dbfs=float(rng.uniform(-24, -2)),
        snr_db=float(rng.uniform(10, 45)) if rng.random() < 0.75 else None,
        alaw=bool(rng.random() < 0.85),
    )


def over_the_line(speech: Sound, line: Line, rng: np.random.Generator) -> Pcm:
    """Speech at 8 kHz as it arrives at the other end; ``lead_s`` of silence comes first."""
    sound = _equalised(speech, rng) if rng.random() < 0.5 else speech
    sound = np.concatenate([np.zeros(round(line.lead_s * RATE)), sound, np.zeros(round(line.trail_s * RATE))])
    if rng.random() < 0.7:
        sound = _band_passed(sound, float(rng.uniform(150, 350)), float(rng.uniform(3200, 3700)))
    peak = float(np.abs(sound).max()) or 1.0
    sound = sound / peak * 32767 * 10 ** (line.peak_dbfs / 20)
    if line.snr_db is not None:
        sound = sound + _noise(len(sound), rng) * _rms(sound) * 10 ** (-line.snr_db / 20)
    samples: Pcm = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return alaw_decode(alaw_encode(samples)) if line.alaw else samples


def non_speech(rng: np.random.Generator) -> Pcm:
    """One to four seconds in which nobody says anything: tones, keys, chords, noise, clicks or nothing."""
    length = int(rng.integers(RATE, 4 * RATE))
    time_s = np.arange(length) / RATE
    kind = rng.integers(0, 6)
    if kind == 0:
        period, share = float(rng.uniform(0.4, 5)), float(rng.uniform(0.2, 0.8))
        sound = np.sin(2 * np.pi * rng.uniform(350, 1000) * time_s) * ((time_s % period) < period * share)
    elif kind == 1:
        low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
        sound = (np.sin(2 * np.pi * low * time_s) + np.sin(2 * np.pi * high * time_s)) * (
            (time_s % 0.4) < 0.2
        )
    elif kind == 2:
        sound = sum(
            (np.sin(2 * np.pi * hertz * time_s) for hertz in rng.uniform(150, 1500, 4)), np.zeros(length)
        )
    elif kind == 3:
        sound = _noise(length, rng) * (1 + np.sin(2 * np.pi * rng.uniform(0.3, 6) * time_s))
    elif kind == 4:
        sound = np.zeros(length)
        sound[rng.integers(0, length, 12)] = rng.uniform(-1, 1, 12)
    else:
        return alaw_decode(alaw_encode(np.zeros(length, dtype=np.int16)))
    return over_the_line(np.asarray(sound, dtype=np.float64), random_line(rng), rng)


def _equalised(sound: Sound, rng: np.random.Generator) -> Sound:
    signal: Any = need("scipy.signal")
    at = [0.0, *np.sort(rng.uniform(0.05, 0.95, 4)), 1.0]
    gains = 10 ** (rng.uniform(-7, 7, 6) / 20)
    return np.asarray(signal.fftconvolve(sound, signal.firwin2(65, at, gains), mode="same"))


def _band_passed(sound: Sound, low: float, high: float) -> Sound:
    signal: Any = need("scipy.signal")
    return np.asarray(signal.sosfilt(signal.butter(3, [low, high], "bandpass", fs=RATE, output="sos"), sound))


def _noise(length: int, rng: np.random.Generator) -> Sound:
    """Noise of power one: white, brownish or a band of it."""
    signal: Any = need("scipy.signal")
    noise = rng.standard_normal(length)
    kind = rng.integers(0, 3)
    if kind == 1:
        noise = np.asarray(signal.lfilter([1.0], [1.0, -float(rng.uniform(0.8, 0.97))], noise))
    elif kind == 2:
        centre = float(rng.uniform(400, 2800))
        noise = _band_passed(noise, centre * 0.6, min(centre * 1.4, 3900))
    return noise / (_rms(noise) or 1.0)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2))) if len(sound) else 0.0
