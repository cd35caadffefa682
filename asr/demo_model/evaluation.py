"""How well a model hears: character error rates by voice, on sentences nobody trained with.

``python -m asr.demo_model.evaluation DIR`` prints the figures of the model's card; with ``--sentences FILE``
those of the sentences of a file, one a line. Where a line has a name and a tab before its sentence, the names
heard right are counted, too.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from asr.demo_model import augment, model_path, nonspeech, texts
from asr.demo_model.extras import need
from asr.demo_model.speakers import HELD_OUT_VARIANTS
from voice.pcm import Pcm, duration_s, join, silence, to_bytes
from voice.reading import read_aloud
from voice.synthesis import synthesise_many
from voice.voices import VOICES, Voice

UNHEARD_SEED = 7
FREAK = "travis"
"""A held-out voice with distorted formants, counted by itself."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the sentences are said and what the line does to them; ``rates_wpm`` take turns."""

    rates_wpm: tuple[int, ...] = (155, 190, 225)
    snr_db: tuple[float, float] = (20.0, 40.0)
    peak_dbfs: float = -6.0
    loss: float = 0.0
    concealment: str = "zeros"
    codec: str = "alaw"


@dataclass(frozen=True, slots=True)
class Heard:
    """Who said what, what was heard, and how long the decoder took for it."""

    voice: str
    said: str
    heard: str
    name: str = ""
    sound_s: float = 0.0
    decoding_s: float = 0.0

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


def load(model_dir: Path) -> object:
    """The model for ``listen``, without Vosk's chatter."""
    vosk = need("vosk")
    vosk.SetLogLevel(-1)
    return vosk.Model(str(model_dir))


def measure(
    model: object,
    sentences: Sequence[str],
    voices: Mapping[str, Voice],
    conditions: Conditions = Conditions(),
    *,
    seed: int = UNHEARD_SEED,
) -> list[Heard]:
    """Every sentence said by every voice over a line with a little noise."""
    rng = np.random.default_rng(seed)
    rates = conditions.rates_wpm
    items = [
        (name, sentence, replace(voice, rate_wpm=rates[(first + second) % len(rates)]))
        for first, sentence in enumerate(sentences)
        for second, (name, voice) in enumerate(voices.items())
    ]
    spoken = [(sentence.partition("\t")[2] or sentence, voice) for _, sentence, voice in items]
    speeches = synthesise_many(spoken, timeout_s=1800)
    results: list[Heard] = []
    for (voice, sentence, _), speech in zip(items, speeches, strict=True):
        line = augment.Line(
            peak_dbfs=conditions.peak_dbfs,
            snr_db=float(rng.uniform(*conditions.snr_db)),
            codec=conditions.codec,
            loss=conditions.loss,
            concealment=conditions.concealment,
        )
        sound = augment.over_the_line(join(silence(0.3), speech, silence(0.4)).astype(np.float64), line, rng)
        started = time.thread_time()
        heard = listen(model, sound)
        spent = time.thread_time() - started
        name, tab, text = sentence.partition("\t")
        said, wanted = (_hanzi(text), _hanzi(name)) if tab else (_hanzi(sentence), "")
        results.append(Heard(voice, said, heard, wanted, duration_s(sound), spent))
    return results


def held_out_voices() -> dict[str, Voice]:
    """One voice of each variant that was never trained with."""
    return {variant: Voice(variant) for variant in HELD_OUT_VARIANTS}


def voices_called(group: str) -> dict[str, Voice]:
    """The voices of a group: ``held-out``, ``named`` (those of ``voice.VOICES``) or ``all``."""
    held_out, named = held_out_voices(), dict(VOICES)
    return {"held-out": held_out, "named": named, "all": held_out | named}[group]


def figures(results: Sequence[Heard]) -> dict[str, object]:
    """Error rates of all voices, of all but the freak, and of each; and the decoder's share of time."""
    voices = dict.fromkeys(found.voice for found in results)
    named = [found for found in results if found.name]
    return {
        "error_rate": error_rate(results),
        "error_rate_without_freak": error_rate(found for found in results if found.voice != FREAK),
        "sentences_right": sum(not found.errors for found in results) / max(1, len(results)),
        "names_right": sum(found.name in found.heard for found in named) / len(named) if named else None,
        "by_voice": {
            voice: error_rate(found for found in results if found.voice == voice) for voice in voices
        },
        "real_time_factor": sum(found.decoding_s for found in results)
        / max(1e-9, sum(found.sound_s for found in results)),
    }


def false_words(model: object, *, count: int = 300, seed: int = UNHEARD_SEED) -> dict[str, object]:
    """In how many sounds without words some are heard, and which."""
    sounds = (nonspeech.non_speech(np.random.default_rng([seed, number])) for number in range(count))
    heard = [text for text in (listen(model, sound) for sound in sounds) if text]
    return {"sounds": count, "with_words": len(heard), "words": heard}


LINES: Mapping[str, Conditions] = {
    "A-law, 20-40 dB": Conditions(),
    "3 % packets lost, zeros": Conditions(loss=0.03),
    "3 % packets lost, repeated": Conditions(loss=0.03, concealment="repeat"),
    "20 dB softer": Conditions(peak_dbfs=-26.0),
    "120 and 260 words a minute": Conditions(rates_wpm=(120, 260)),
    "10-15 dB": Conditions(snr_db=(10.0, 15.0)),
}


def report(model_dir: Path, *, sentences: int = 40) -> dict[str, object]:
    """The figures of the card: error rates by kind of sentence, voices and line, and words out of nothing."""
    model = load(model_dir)
    kinds = {
        "pattern": list(dict.fromkeys(texts.sentences(UNHEARD_SEED, sentences))),
        "free": [str(line) for line in texts.text_file("unheard")["sentences"]][:sentences],
    }
    return {
        "clean": {
            f"{kind}, {group}": figures(measure(model, lines, voices_called(group)))
            for kind, lines in kinds.items()
            for group in ("named", "held-out")
        },
        "lines": {
            name: figures(measure(model, kinds["pattern"], held_out_voices(), line))
            for name, line in LINES.items()
        },
        "non_speech": false_words(model),
    }


def _hanzi(text: str) -> str:
    """What is to be heard of a text: its characters as read aloud, without pauses."""
    return "".join(character for character in read_aloud(text) if "\u4e00" <= character <= "\u9fff")


def _printed(title: str, rows: Mapping[str, Mapping[str, object]]) -> Table:
    table = Table(title=title)
    for column in ("", "characters wrong", "without travis", "sentences right", "names right", "by voice"):
        table.add_column(column)
    for name, row in rows.items():
        voices = row["by_voice"]
        assert isinstance(voices, dict)
        table.add_row(
            name,
            f"{row['error_rate']:.2%}",
            f"{row['error_rate_without_freak']:.2%}",
            f"{row['sentences_right']:.0%}",
            "" if row["names_right"] is None else f"{row['names_right']:.1%}",
            " ".join(f"{voice} {rate:.1%}" for voice, rate in voices.items()),
        )
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How well a demo model hears.")
    parser.add_argument("model", type=Path, nargs="?", default=model_path())
    parser.add_argument("--sentences", type=Path, help="a file of sentences, one a line")
    parser.add_argument("--voices", choices=("held-out", "named", "all"), default="held-out")
    parser.add_argument("--rates", default="155,190,225", help="words a minute, in turn")
    parser.add_argument("--snr", default="20,40", help="least and most noise distance in dB")
    parser.add_argument("--loss", type=float, default=0.0, help="per cent of packets lost")
    parser.add_argument("--concealment", choices=augment.CONCEALMENTS, default="zeros")
    parser.add_argument("--gain", type=float, default=0.0, help="dB, beside the usual peak of -6 dBFS")
    parser.add_argument("--errors", action="store_true", help="what was misheard, too")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Print the figures, as tables or as JSON."""
    asked, console = _arguments(), Console(soft_wrap=True)
    if asked.sentences is None:
        found = report(asked.model)
        tables = [_printed(title, found[title]) for title in ("clean", "lines")]  # type: ignore[arg-type]
        silent = found["non_speech"]
        last = f"without speech: {silent}"
    else:
        low, high = map(float, asked.snr.split(","))
        line = Conditions(
            rates_wpm=tuple(map(int, asked.rates.split(","))),
            snr_db=(low, high),
            peak_dbfs=-6.0 + asked.gain,
            loss=asked.loss / 100,
            concealment=asked.concealment,
        )
        lines = [text for text in asked.sentences.read_text("utf-8").splitlines() if text.strip()]
        results = measure(load(asked.model), lines, voices_called(asked.voices), line)
        wrong = [asdict(result) for result in results if result.errors]
        found = figures(results) | ({"wrong": wrong} if asked.errors else {})
        tables = [_printed(asked.sentences.name, {asked.voices: found})]
        last = (
            "\n".join(f"{row['voice']}: {row['said']} → {row['heard']}" for row in wrong)
            if asked.errors
            else ""
        )
    if asked.json:
        console.print_json(json.dumps(found, ensure_ascii=False))
        return
    for table in tables:
        console.print(table)
    console.print(last, highlight=False)


if __name__ == "__main__":
    main()
