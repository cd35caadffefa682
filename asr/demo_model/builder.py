"""Build the demo model: speech, network, graph, and a check that Vosk hears with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asr.demo_model import composed, corpus, graph, kaldi_files, language, network, texts
from asr.demo_model.corpus import Progress, Words
from asr.demo_model.extras import need
from asr.demo_model.lexicon import Lexicon, measured_syllables, write_syllables
from asr.demo_model.names import Kind, Name, said_name, ways, with_names
from asr.manifest import write_manifest
from config.catalogue import load_catalogue
from voice.pinyin import vocabulary, word_counts, words

SPEECH_SEED, LANGUAGE_SEED = 20_250_701, 20_250_702
PATTERN_SHARE, EVERYDAY_SHARE, COMPOSED_SHARE, COMPANY_SHARE, FREE_SHARE = 0.03, 0.02, 0.03, 0.13, 0.79
"""What each kind of text weighs in the language model, whatever its length."""
TABLE_SHARE = 0.1
"""How much of the unigrams comes from the general table of words."""
MOST_NGRAMS = 130_000
"""So many pairs and so many triples of words are kept: about 3.4 MB."""
COMPOSED_OF_A_LINE, TIMES_IN_COMPANY = 60, 2
"""So many sentences are put together from a line of choices, so many phrases from a pair of words."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much speech to make, how large a network to train, and how much text to read."""

    pattern_sentences: int = 5_000
    written_sentences: int = 9_000
    word_strings: int = 8_000
    non_speech: int = 1_200
    text_sentences: int = 40_000
    everyday_sentences: int = 20_000
    size: network.Size = field(default_factory=network.Size)


QUICK = Plan(
    1_000, 1_000, 1_000, 200, 20_000, 10_000, network.Size(width=160, narrow=64, epochs=7, settling_steps=200)
)
FULL = Plan()


def build(out_dir: Path, *, quick: bool = False, progress: Progress | None = None) -> Path:
    """Build a whole model in ``out_dir`` (made or replaced); ``quick`` hears a little less well.

    Needs the extra ``demo-model`` and, besides the graph, about 17 minutes of one core (27 where the
    processor has no 16-bit multiplication), shared by all cores. ``progress.bars`` draws what it is told.
    """
    for package in ("torch", "kaldi_native_fbank", "scipy"):
        need(package)
    tell = progress or _quiet
    plan = QUICK if quick else FULL
    lexicon = Lexicon(measured_syllables())
    with tempfile.TemporaryDirectory(prefix="demo-model-") as scratch:
        work = Path(scratch)
        spoken = corpus.make(
            training_texts(plan),
            lexicon,
            work / "speech",
            seed=SPEECH_SEED,
            workers=_workers(),
            progress=tell,
        )
        layers = network.train(spoken, len(lexicon.units), plan.size, tell)
        made = work / "model"
        kaldi_files.write_acoustic_model(
            made / "am" / "final.mdl",
            lexicon.phone_units(),
            layers,
            network.priors(spoken, len(lexicon.units)),
        )
        kaldi_files.write_configuration(made / "conf")
        write_graph(made / "graph", lexicon, plan, tell)
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        for part in ("am", "conf", "graph"):
            shutil.rmtree(out_dir / part, ignore_errors=True)
        shutil.copytree(made, out_dir, dirs_exist_ok=True)
    write_manifest(out_dir)
    return out_dir


def rebuild_graph(model_dir: Path, *, quick: bool = False, progress: Progress | None = None) -> Path:
    """New words or new sentences for a model that stays as it is otherwise; takes seconds."""
    write_graph(
        model_dir / "graph", Lexicon(measured_syllables()), QUICK if quick else FULL, progress or _quiet
    )
    kaldi_files.write_configuration(model_dir / "conf")
    write_manifest(model_dir)
    return model_dir


def write_graph(directory: Path, lexicon: Lexicon, plan: Plan, progress: Progress) -> None:
    """The language model of all texts over all words of the table, and the graph that carries it."""
    counts = word_counts()
    said: dict[str, tuple[tuple[int, ...], ...]] = {
        word: (units,) for word, units in lexicon.pronounceable(vocabulary()).items()
    }
    progress("language", 0, 2)
    model = language.estimate(
        language_texts(plan), {word: counts[word] for word in said}, TABLE_SHARE, MOST_NGRAMS
    )
    progress("language", 1, 2)
    names = [name for name in shipped_names() if name.said not in said and ways(name.said, lexicon)]
    model = with_names(model, names)
    said |= {name.said: ways(name.said, lexicon) for name in names}
    shutil.rmtree(directory, ignore_errors=True)
    graph.write_graph(directory, said, lexicon.phone_positions(), model)
    kaldi_files.write_word_boundaries(directory / "phones" / "word_boundary.int", lexicon.phone_positions())
    write_syllables(directory, lexicon.syllable_phonemes)
    progress("language", 2, 2)


def shipped_names() -> list[Name]:
    """The places and units of the built-in catalogue, under all their names."""
    city = load_catalogue()
    places = [
        Name(said_name(name), Kind.PLACE) for place in city.places for name in (place.name, *place.aliases)
    ]
    units = [Name(said_name(name), Kind.UNIT) for unit in city.units for name in (unit.name, *unit.aliases)]
    return list(dict.fromkeys(places + units))


def training_texts(plan: Plan) -> list[Words]:
    """What the training voices say: sentences, strings of any words so that all sounds come, and nothing."""
    rng = np.random.default_rng(SPEECH_SEED)
    made = [tuple(words(line)) for line in texts.sentences(SPEECH_SEED, plan.pattern_sentences)]
    written = texts.free_sentences()
    chosen = rng.choice(len(written), size=plan.written_sentences, replace=False)
    made += [tuple(words(written[int(index)])) for index in chosen]
    counts = word_counts()
    common = sorted(counts, key=lambda word: (-counts[word], word))
    often, seldom = common[:6_500], common[6_500:]
    for _ in range(plan.word_strings):
        pools = [often if rng.random() < 0.7 else seldom for _ in range(int(rng.integers(2, 10)))]
        made.append(tuple(pool[int(rng.integers(len(pool)))] for pool in pools))
    made = [line for line in made if line] + [()] * plan.non_speech
    return [made[int(index)] for index in rng.permutation(len(made))]


def language_texts(plan: Plan) -> list[language.Source]:
    """What the language model reads: patterns, everyday wording, what is put together, sentences by hand."""
    kinds = (
        (texts.sentences(LANGUAGE_SEED, plan.text_sentences), PATTERN_SHARE, True),
        (texts.sentences(LANGUAGE_SEED, plan.everyday_sentences, "everyday"), EVERYDAY_SHARE, True),
        (composed.sentences(COMPOSED_OF_A_LINE), COMPOSED_SHARE, True),
        (composed.company(TIMES_IN_COMPANY), COMPANY_SHARE, False),
        (texts.free_sentences(), FREE_SHARE, True),
    )
    return [language.Source([words(line) for line in lines], share, whole) for lines, share, whole in kinds]


def _workers() -> int:
    return max(1, min(4, os.cpu_count() or 1))


def _quiet(doing: str, done: int, total: int) -> None:
    """Tell nobody."""
