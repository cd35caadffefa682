"""Vosk in a process of its own: its library and kaldifst's (wetext) cannot be loaded into one.

Both carry OpenFst; whichever comes second waits for ever in its own loading.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.demo_model import model_path
from asr.demo_model.evaluation import listen
from asr.demo_model.pitch import pitch
from voice.pcm import Pcm, to_bytes


@cache
def _model() -> Any:
    import vosk

    vosk.SetLogLevel(-1)
    return vosk.Model(str(model_path()))


def _text(sound: Pcm, grammar: Sequence[str] | None) -> str:
    return listen(_model(), sound, grammar)


def _words(sound: Pcm) -> list[dict[str, Any]]:
    import vosk

    recogniser = vosk.KaldiRecognizer(_model(), 8000)
    recogniser.SetWords(True)
    recogniser.AcceptWaveform(to_bytes(sound))
    return list(json.loads(recogniser.FinalResult())["result"])


@dataclass(frozen=True, slots=True)
class Ear:
    """The demo model, listening."""

    pool: ProcessPoolExecutor

    def text(self, sound: Pcm, grammar: Sequence[str] | None = None) -> str:
        """The words without spaces."""
        return self.pool.submit(_text, sound, grammar).result(60)

    def words(self, sound: Pcm) -> list[dict[str, Any]]:
        """Words with start, end (seconds) and conf."""
        return self.pool.submit(_words, sound).result(60)

    def pitch(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """What the library that Vosk brings tells of a voice's pitch."""
        return self.pool.submit(pitch, samples).result(60)


@contextmanager
def ear() -> Iterator[Ear]:
    """One child process for as long as the block runs."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Ear(pool)
