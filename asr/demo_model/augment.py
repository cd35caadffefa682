"""From studio to telephone: everything that happens to training speech on its way to the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.demo_model.extras import need
from voice.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from voice.pcm import Pcm

RATE = 8000
FRAME = 160
"""Samples of one packet, 20 ms."""
CODECS = ("alaw", "ulaw", "linear")
CONCEALMENTS = ("zeros", "repeat", "fade")
Sound = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """How one call sounds: the silence around the words, the channel, the level, the noise and the loss.

    ``loss`` is the share of packets of 20 ms that never came; ``concealment`` is what is heard in their
    place: nothing, the packet before once more, or the packet before ever more softly.
    """

    lead_s: float = 0.0
    trail_s: float = 0.0
    peak_dbfs: float = -6.0
    snr_db: float | None = None
    codec: str = "alaw"
    loss: float = 0.0
    concealment: str = "zeros"


def random_line(rng: np.random.Generator) -> Line:
    """A line as they come, some of them bad."""
    return Line(
        lead_s=float(rng.uniform(0.05, 0.6)),
        trail_s=float(rng.uniform(0.05, 0.7)),
        peak_dbfs=float(rng.uniform(-36, -1)),
        snr_db=float(rng.uniform(10, 45)) if rng.random() < 0.75 else None,
        codec=str(rng.choice(CODECS, p=(0.7, 0.15, 0.15))),
        loss=float(rng.uniform(0.01, 0.08)) if rng.random() < 0.35 else 0.0,
        concealment=str(rng.choice(CONCEALMENTS)),
    )


def coloured(speech: Sound, rng: np.random.Generator) -> Sound:
    """The same speech through a telephone set of its own: equalised and band-limited, as often as not."""
    if rng.random() < 0.5:
        speech = _equalised(speech, rng)
    if rng.random() < 0.7:
        speech = band_passed(speech, float(rng.uniform(150, 350)), float(rng.uniform(3200, 3700)))
    return speech


def over_the_line(speech: Sound, line: Line, rng: np.random.Generator) -> Pcm:
    """Speech at 8 kHz as it arrives at the other end; ``lead_s`` of silence comes first."""
    sound = np.concatenate(
        [np.zeros(round(line.lead_s * RATE)), speech, np.zeros(round(line.trail_s * RATE))]
    )
    peak = float(np.abs(sound).max(initial=0.0)) or 1.0
    sound = sound / peak * 32767 * 10 ** (line.peak_dbfs / 20)
    if line.snr_db is not None:
        sound = sound + noise(len(sound), rng) * _rms(sound) * 10 ** (-line.snr_db / 20)
    samples: Pcm = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    if line.codec == "alaw":
        samples = alaw_decode(alaw_encode(samples))
    elif line.codec == "ulaw":
        samples = ulaw_decode(ulaw_encode(samples))
    return _with_loss(samples, line, rng) if line.loss else samples


def noise(length: int, rng: np.random.Generator) -> Sound:
    """Noise of power one: white, brownish, a band of it, or the hum of the mains under some of it."""
    signal: Any = need("scipy.signal")
    made = rng.standard_normal(length)
    kind = rng.integers(0, 4)
    if kind == 1:
        made = np.asarray(signal.lfilter([1.0], [1.0, -float(rng.uniform(0.8, 0.97))], made))
    elif kind == 2:
        centre = float(rng.uniform(400, 2800))
        made = band_passed(made, centre * 0.6, min(centre * 1.4, 3900))
    elif kind == 3:
        turns = 2 * np.pi * 50 * np.arange(length) / RATE
        made = 0.5 * made + sum(rng.uniform(0, 2) / n * np.sin(n * turns + n) for n in (1, 2, 3, 4, 6))
    return np.asarray(made / (_rms(made) or 1.0))


def band_passed(sound: Sound, low: float, high: float) -> Sound:
    """What lies between two frequencies in Hz."""
    signal: Any = need("scipy.signal")
    return np.asarray(signal.sosfilt(signal.butter(3, [low, high], "bandpass", fs=RATE, output="sos"), sound))


def _with_loss(samples: Pcm, line: Line, rng: np.random.Generator) -> Pcm:
    heard = samples.copy()
    share = {"zeros": 0.0, "repeat": 1.0, "fade": 0.6}[line.concealment]
    for at in range(FRAME, len(samples), FRAME):
        if rng.random() < line.loss:
            end = min(at + FRAME, len(samples))
            heard[at:end] = (heard[at - FRAME : at] * share)[: end - at]
    return heard


def _equalised(sound: Sound, rng: np.random.Generator) -> Sound:
    signal: Any = need("scipy.signal")
    at = [0.0, *np.sort(rng.uniform(0.05, 0.95, 4)), 1.0]
    gains = 10 ** (rng.uniform(-7, 7, 6) / 20)
    return np.asarray(signal.fftconvolve(sound, signal.firwin2(65, at, gains), mode="same"))


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2))) if len(sound) else 0.0
