"""How high a voice speaks, every 10 ms: what tells the tones of Mandarin apart.

Vosk computes it while decoding when a model has a ``conf/pitch.conf``. The training speech gets the very same
numbers from the same code: libvosk exports Kaldi's pitch functions, and they are called here through ctypes.
Used only where a model is built.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.demo_model.extras import need

DIMENSION = 4
"""How surely a voice is heard, its pitch against the last second's mean, the pitch's slope, and the pitch."""

_FLOAT, _INT, _BOOL = ctypes.c_float, ctypes.c_int32, ctypes.c_bool
_ENTRY = (
    "_ZN5kaldi27ComputeAndProcessKaldiPitchERKNS_22PitchExtractionOptionsERKNS_19ProcessPitchOptions"
    "ERKNS_10VectorBaseIfEEPNS_6MatrixIfEE"
)
_EXTRACTION: dict[str, tuple[Any, float]] = {
    "sample-frequency": (_FLOAT, 8000),
    "frame-shift": (_FLOAT, 10),
    "frame-length": (_FLOAT, 25),
    "preemphasis-coefficient": (_FLOAT, 0),
    "min-f0": (_FLOAT, 50),
    "max-f0": (_FLOAT, 500),
    "soft-min-f0": (_FLOAT, 10),
    "penalty-factor": (_FLOAT, 0.1),
    "lowpass-cutoff": (_FLOAT, 1000),
    "resample-frequency": (_FLOAT, 4000),
    "delta-pitch": (_FLOAT, 0.01),
    "nccf-ballast": (_FLOAT, 7000),
    "lowpass-filter-width": (_INT, 1),
    "upsample-filter-width": (_INT, 5),
    "max-frames-latency": (_INT, 15),
    "frames-per-chunk": (_INT, 20),
    "simulate-first-pass-online": (_BOOL, True),
    "recompute-frame": (_INT, 500),
    "nccf-ballast-online": (_BOOL, True),
    "snip-edges": (_BOOL, True),
}
"""Kaldi's options in the order of its struct, with our values."""
_PROCESSING: dict[str, tuple[Any, float]] = {
    "pitch-scale": (_FLOAT, 2),
    "pov-scale": (_FLOAT, 2),
    "pov-offset": (_FLOAT, 0),
    "delta-pitch-scale": (_FLOAT, 10),
    "delta-pitch-noise-stddev": (_FLOAT, 0),  # or decoding would differ from run to run
    "normalization-left-context": (_INT, 100),
    "normalization-right-context": (_INT, 0),  # what comes later is not there yet on a live line
    "delta-window": (_INT, 2),
    "delay": (_INT, 0),
    "add-pov-feature": (_BOOL, True),
    "add-normalized-log-pitch": (_BOOL, True),
    "add-delta-pitch": (_BOOL, True),
    "add-raw-log-pitch": (_BOOL, True),
}
_ONLY_IN_TRAINING = ("frames-per-chunk", "simulate-first-pass-online")
"""They make Kaldi find the pitch of a whole utterance as if it arrived in pieces."""


def configuration() -> str:
    """``conf/pitch.conf``."""
    lines: list[str] = []
    for name, (kind, value) in (_EXTRACTION | _PROCESSING).items():
        if name not in _ONLY_IN_TRAINING:
            lines.append(f"--{name}={str(bool(value)).lower() if kind is _BOOL else f'{value:g}'}\n")
    return "".join(lines)


def pitch(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Four numbers for every 10 ms of 8 kHz speech in 16-bit range."""
    library = _library()
    sound = np.ascontiguousarray(samples, dtype=np.float32)
    given = _Vector(sound.ctypes.data, len(sound))
    found = _Matrix()
    if len(sound) >= 2:  # Kaldi ends the process on less
        getattr(library, _ENTRY)(*_options(), ctypes.byref(given), ctypes.byref(found))
    if not found.rows:
        return np.zeros((0, DIMENSION), dtype=np.float32)
    rows = ctypes.cast(found.data, ctypes.POINTER(_FLOAT))
    kept: NDArray[np.float32] = np.ctypeslib.as_array(rows, (found.rows, found.stride))
    kept = kept[:, : found.columns].copy()
    library.free(ctypes.c_void_p(found.data))
    return kept


class _Vector(ctypes.Structure):
    """kaldi::VectorBase<float>."""

    _fields_ = (("data", ctypes.c_void_p), ("dimension", _INT))


class _Matrix(ctypes.Structure):
    """kaldi::Matrix<float>; Kaldi allocates its data."""

    _fields_ = (("data", ctypes.c_void_p), ("columns", _INT), ("rows", _INT), ("stride", _INT))


@cache
def _library() -> Any:
    path = next(Path(need("vosk").__file__).parent.glob("libvosk.*"))
    return ctypes.CDLL(str(path))


@cache
def _options() -> tuple[Any, Any]:
    """References to what Kaldi is told; it only reads them."""
    return _struct(_EXTRACTION), _struct(_PROCESSING)


def _struct(values: dict[str, tuple[Any, float]]) -> Any:
    fields = [(name.replace("-", "_"), kind) for name, (kind, _) in values.items()]
    layout = type("Options", (ctypes.Structure,), {"_fields_": fields})
    return ctypes.byref(layout(*(kind(value).value for kind, value in values.values())))
