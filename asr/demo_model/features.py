"""Features and labels: what the network sees every 10 ms and what it shall answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.demo_model import pitch
from asr.demo_model.extras import need
from asr.demo_model.lexicon import SILENCE, is_silence

CEPSTRA = 40
DIMENSION = CEPSTRA + pitch.DIMENSION
FRAME_SHIFT, FRAME_LENGTH = 80, 200  # samples at 8 kHz
MFCC_CONF = """\
--sample-frequency=8000
--use-energy=false
--num-mel-bins=40
--num-ceps=40
--low-freq=40
--high-freq=-200
--dither=0
"""
_JOINED_GAP_S = 0.070
_STEP_S = 0.030  # the decoder's, three frames

Features = NDArray[np.float32]
Labels = NDArray[np.int16]


def heard(samples: NDArray[Any]) -> Features:
    """Cepstra and pitch for every 10 ms of 8 kHz speech in 16-bit range: what Vosk gives to the network."""
    cepstra = mfcc(samples)
    return np.concatenate([cepstra, pitch.pitch(samples)[: len(cepstra)]], axis=1)


def mfcc(samples: NDArray[Any]) -> Features:
    """40 cepstra for every 10 ms of 8 kHz speech in 16-bit range, as Kaldi makes them of MFCC_CONF."""
    fbank = need("kaldi_native_fbank")
    options = fbank.MfccOptions()
    options.frame_opts.samp_freq = 8000
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = CEPSTRA
    options.mel_opts.low_freq = 40
    options.mel_opts.high_freq = -200
    options.num_ceps = CEPSTRA
    options.use_energy = False
    stream = fbank.OnlineMfcc(options)
    stream.accept_waveform(8000, samples.astype(np.float32).tolist())
    stream.input_finished()
    frames = [stream.get_frame(index) for index in range(stream.num_frames_ready)]
    return np.array(frames, dtype=np.float32).reshape(-1, CEPSTRA)


def frame_count(samples: int) -> int:
    """How many whole 25 ms frames begin every 10 ms inside so many samples."""
    return max(0, (samples - FRAME_LENGTH) // FRAME_SHIFT + 1)


def spans(
    events: Sequence[tuple[int, str]], units: Sequence[int], rate: float
) -> list[tuple[float, int]] | None:
    """The start in seconds of every unit of an utterance; None when the synthesiser said something else.

    A short gap belongs to the phoneme after it (it is the closure of its stop); a longer one is silence.
    """
    starts: list[tuple[float, int]] = []
    names: list[str] = []
    gap_start: float | None = None
    for sample, name in events:
        at = sample / rate
        if is_silence(name):
            gap_start = at if gap_start is None else gap_start
            continue
        if len(names) == len(units):
            return None
        if gap_start is not None and at - gap_start >= _JOINED_GAP_S:
            starts.append((gap_start, SILENCE))
            gap_start = None
        starts.append((at if gap_start is None else gap_start, units[len(names)]))
        names.append(name)
        gap_start = None
    if len(names) != len(units):
        return None
    return [*starts, (gap_start, SILENCE)] if gap_start is not None else starts


def labels(starts: Sequence[tuple[float, int]], samples: int) -> Labels:
    """The unit in the middle of every frame of an utterance of ``samples`` at 8 kHz.

    The decoder gives every sound at least one of its steps; in fast speech the starts are moved apart so far.
    """
    middles = (np.arange(frame_count(samples)) * FRAME_SHIFT + FRAME_LENGTH / 2) / 8000
    times = _apart(np.array([at for at, _ in starts]))
    units = np.array([SILENCE, *(unit for _, unit in starts)], dtype=np.int16)
    return units[np.searchsorted(times, middles, side="right")]


def _apart(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times at least a step of the decoder apart, each moved as little earlier as later."""
    steps = _STEP_S * np.arange(len(times))
    later = np.maximum.accumulate(times - steps)
    earlier = np.minimum.accumulate((times - steps)[::-1])[::-1]
    return np.asarray((later + earlier) / 2 + steps)
