"""How well a model hears: character error rates by voice, on sentences nobody trained with."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.demo_model import augment, texts
from asr.demo_model.extras import need
from voice.pcm import Pcm, duration_s, join, silence, to_bytes
from voice.reading import read_aloud
from voice.synthesis import synthesise_many
from voice.voices import VOICES, Voice

UNHEARD_SEED = 7
RATES_WPM = (155, 190, 225)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said, what was heard, and how long the decoder took for it."""

    said: str
    heard: str
    sound_s: float
    decoding_s: float

    @property
    def errors(self) -> int:
        """Characters inserted, left out or mistaken."""
        return distance(self.said, self.heard)


def distance(said: str, heard: str) -> int:
    """The fewest insertions, deletions and substitutions of characters that turn one text into the other.

    >>> distance("路灯不亮", "路灯都不量")
    2
    """
    row = list(range(len(heard) + 1))
    for place, wanted in enumerate(said, start=1):
        diagonal, row[0] = row[0], place
        for column, got in enumerate(heard, start=1):
            best = min(row[column] + 1, row[column - 1] + 1, diagonal + (wanted != got))
            diagonal, row[column] = row[column], best
    return row[-1]


def error_rate(results: Iterable[Heard]) -> float:
    """Errors over the characters that were said."""
    listed = list(results)
    return sum(result.errors for result in listed) / max(1, sum(len(result.said) for result in listed))


def listen(model: object, samples: Pcm, grammar: Sequence[str] | None = None) -> str:
    """The words Vosk hears in 8 kHz sound, without the spaces between them."""
    vosk = need("vosk")
    phrases = () if grammar is None else (json.dumps(list(grammar), ensure_ascii=False),)
    recogniser = vosk.KaldiRecognizer(model, 8000, *phrases)
    found = []
    data = to_bytes(samples)
    for at in range(0, len(data), 3200):
        if recogniser.AcceptWaveform(data[at : at + 3200]):
            found.append(json.loads(recogniser.Result())["text"])
    found.append(json.loads(recogniser.FinalResult())["text"])
    return "".join(found).replace(" ", "")


def measure(
    model_dir: Path, sentences: Sequence[str], voices: Sequence[Voice], *, seed: int = UNHEARD_SEED
) -> list[Heard]:
    """Every sentence said by every voice over a line with a little noise."""
    vosk = need("vosk")
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(model_dir))
    rng = np.random.default_rng(seed)
    results: list[Heard] = []
    items = [(sentence, voice) for sentence in sentences for voice in voices]
    for (sentence, _), speech in zip(items, synthesise_many(items, timeout_s=600), strict=True):
        line = augment.Line(0.0, 0.0, -6.0, float(rng.uniform(20, 40)), alaw=True)
        sound = augment.over_the_line(join(silence(0.3), speech, silence(0.4)).astype(np.float64), line, rng)
        started = time.thread_time()
        heard = listen(model, sound)
        said = "".join(character for character in read_aloud(sentence) if character not in "，。")
        results.append(Heard(said, heard, duration_s(sound), time.thread_time() - started))
    return results


def held_out_voices() -> list[Voice]:
    """One voice of each variant that was never trained with, at three speeds in turn."""
    return [Voice(variant, RATES_WPM[index % 3]) for index, variant in enumerate(augment.HELD_OUT_VARIANTS)]


def report(model_dir: Path, *, sentences: int = 40) -> dict[str, object]:
    """The figures of the card: error rates by kind of sentence and voice, and the decoder's share of time."""
    pattern = list(dict.fromkeys(texts.sentences(UNHEARD_SEED, sentences)))
    free = [str(line) for line in texts.text_file("unheard")["sentences"]][:sentences]
    figures: dict[str, object] = {}
    spent = sound = 0.0
    for kind, lines in (("pattern", pattern), ("free", free)):
        for group, voices in (("held_out", held_out_voices()), ("named", list(VOICES.values()))):
            results = measure(model_dir, lines, voices)
            figures[f"{kind}_{group}"] = error_rate(results)
            names = augment.HELD_OUT_VARIANTS if group == "held_out" else tuple(VOICES)
            figures[f"{kind}_{group}_by_voice"] = {
                name: error_rate(results[index :: len(voices)]) for index, name in enumerate(names)
            }
            spent += sum(result.decoding_s for result in results)
            sound += sum(result.sound_s for result in results)
    figures["real_time_factor"] = spent / sound
    return figures
