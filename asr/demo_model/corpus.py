"""The training speech: sentences spoken, changed, cut into frames and labelled, in throw-away processes.

A chunk of utterances is made by a process of its own, because the synthesiser's library may crash; a chunk
whose process died is tried again in halves, so that at most the one utterance that kills it is lost.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.demo_model import augment, features
from asr.demo_model.extras import need
from asr.demo_model.lexicon import SILENCE, Lexicon
from asr.demo_model.nonspeech import interlude, non_speech
from asr.demo_model.speakers import Stage
from voice.espeak import ESPEAK_RATE, EspeakError, speak
from voice.pinyin import pinyin
from voice.reading import COMMA
from voice.resample import resample

CHUNK = 100
Words = tuple[str, ...]
Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All frames of all utterances on end; utterance i is ``starts[i]`` to ``starts[i + 1]``.

    ``calm`` says of each utterance that no invented voice spoke it.
    """

    features: NDArray[np.float16]
    labels: NDArray[np.int16]
    starts: NDArray[np.int64]
    calm: NDArray[np.bool_]

    @property
    def hours(self) -> float:
        """How much speech it is."""
        return len(self.labels) / 360_000


def utterance(
    words: Words, lexicon: Lexicon, rng: np.random.Generator, stage: Stage
) -> tuple[features.Features, features.Labels, bool] | None:
    """One utterance, () being non-speech, and whether it is calm; None when the synthesiser erred."""
    if not words:
        samples = non_speech(rng)
        silent = np.full(features.frame_count(len(samples)), SILENCE, dtype=np.int16)
        return features.heard(samples), silent, True
    tokens: list[str] = []
    for word in words:
        tokens.extend(pinyin(word))
        if rng.random() < 0.06:
            tokens.append(COMMA)
    try:
        spoken = speak(tokens, stage.enter(rng), stage.data)
    except EspeakError:
        return None
    rate = ESPEAK_RATE * (float(rng.uniform(0.84, 1.2)) if rng.random() < 0.5 else 1.0)
    units = [unit for token in tokens if token != COMMA for unit in lexicon.syllable_units(token)]
    starts = features.spans(spoken.phonemes, units, rate)
    if starts is None:
        return None
    line = augment.random_line(rng)
    speech = augment.coloured(resample(spoken.samples, rate, augment.RATE).astype(np.float64), rng)
    before = _before(rng) * float(np.abs(speech).max(initial=1.0))
    samples = augment.over_the_line(np.concatenate([before, speech]), line, rng)
    lead_s = round(line.lead_s * augment.RATE) / augment.RATE + len(before) / augment.RATE
    shifted = [(at + lead_s, unit) for at, unit in starts]
    return features.heard(samples), features.labels(shifted, len(samples)), not stage.invented


def _before(rng: np.random.Generator) -> augment.Sound:
    """What was to hear just before the words: mostly nothing, else a tone or music and a pause."""
    if rng.random() >= 0.08:
        return np.zeros(0)
    pause = np.zeros(int(rng.uniform(0.05, 0.6) * augment.RATE))
    return np.concatenate([interlude(rng) * rng.uniform(0.1, 1.0), pause])


def make(
    sentences: Sequence[Words], lexicon: Lexicon, work: Path, *, seed: int, workers: int, progress: Progress
) -> Corpus:
    """Speak all sentences with ``workers`` processes; chunks are kept in ``work`` until all is joined."""
    work.mkdir(parents=True, exist_ok=True)
    for package in ("scipy.signal", "kaldi_native_fbank"):
        need(package)  # here, or every process would load them anew
    waiting = [range(at, min(at + CHUNK, len(sentences))) for at in range(0, len(sentences), CHUNK)][::-1]
    running: list[tuple[ForkProcess, range]] = []
    finished: list[range] = []
    context = multiprocessing.get_context("fork")
    while waiting or running:
        while waiting and len(running) < workers:
            part = waiting.pop()
            task = context.Process(
                target=_make_chunk, args=(sentences, part, lexicon, _file(work, part), seed)
            )
            task.start()
            running.append((task, part))
        time.sleep(0.02)
        for task, part in [pair for pair in running if not pair[0].is_alive()]:
            task.join()
            running.remove((task, part))
            if task.exitcode == 0:
                finished.append(part)
                progress("speech", sum(map(len, finished)), len(sentences))
            elif len(part) > 1:
                middle = part.start + len(part) // 2
                waiting += [range(middle, part.stop), range(part.start, middle)]
    return _joined([_file(work, part) for part in sorted(finished, key=lambda part: part.start)])


def _make_chunk(sentences: Sequence[Words], part: range, lexicon: Lexicon, file: Path, seed: int) -> None:
    stage = Stage(file.with_suffix(".voice"))
    made = [
        utterance(sentences[index], lexicon, np.random.default_rng([seed, index]), stage) for index in part
    ]
    kept = [found for found in made if found is not None and len(found[0]) == len(found[1]) > 0]
    np.savez(
        file,
        features=np.concatenate([frames for frames, *_ in kept]).astype(np.float16),
        labels=np.concatenate([answer for _, answer, _ in kept]),
        lengths=np.array([len(answer) for _, answer, _ in kept], dtype=np.int64),
        calm=np.array([calm for *_, calm in kept], dtype=np.bool_),
    )


def _file(work: Path, part: range) -> Path:
    return work / f"{part.start:06d}-{part.stop:06d}.npz"


def _joined(files: Sequence[Path]) -> Corpus:
    chunks = [np.load(file) for file in files]
    lengths = np.concatenate([chunk["lengths"] for chunk in chunks])
    return Corpus(
        features=np.concatenate([chunk["features"] for chunk in chunks]),
        labels=np.concatenate([chunk["labels"] for chunk in chunks]),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        calm=np.concatenate([chunk["calm"] for chunk in chunks]),
    )
