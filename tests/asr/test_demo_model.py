"""The demo model hears the project's voices; the parts of its builder are right by themselves."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from asr.demo_model import (
    builder,
    extras,
    features,
    kaldi_files,
    language,
    lexicon,
    model_path,
    network,
    progress,
    texts,
    vocabulary,
)
from asr.demo_model.evaluation import distance
from tests.asr.vosk_child import Ear, ear
from voice import g711, pcm
from voice.synthesis import VOICES, synthesise

UNHEARD = (
    "公园西门外面那根电线杆让大货车撞歪了",
    "我家楼上半夜老是有人弹钢琴孩子睡不着觉",
    "请问我的养老金为什么这个月还没有到账",
)


@pytest.fixture(scope="module")
def model() -> Iterator[Ear]:
    with ear() as listening:
        yield listening


def said_by(name: str, text: str) -> pcm.Pcm:
    speech = pcm.join(pcm.silence(0.3), synthesise(text, VOICES[name]), pcm.silence(0.6))
    return g711.alaw_decode(g711.alaw_encode(speech))


@pytest.mark.speech
def test_sentences_that_nobody_trained_with_are_heard(model: Ear) -> None:
    assert not set(UNHEARD) & set(texts.free_sentences())
    for name in VOICES:
        errors = sum(distance(text, model.text(said_by(name, text))) for text in UNHEARD)
        assert errors / sum(map(len, UNHEARD)) <= 0.10, name


@pytest.mark.speech
@pytest.mark.parametrize("name", ["citizen_m1", "citizen_f1", "agent_f1"])
def test_a_telephone_number_is_heard_digit_by_digit(model: Ear, name: str) -> None:
    assert model.text(said_by(name, "我的电话是13907894562")) == "我的电话是幺三九零七八九四五六二"


@pytest.mark.speech
@pytest.mark.parametrize(
    "sound",
    [
        pcm.silence(3.0),
        pcm.tone(450, 3.0),
        g711.alaw_decode(b"\xd5" * 24000),
        (np.random.default_rng(1).standard_normal(24000) * 300).astype(np.int16),
    ],
    ids=["zeros", "ring-back tone", "A-law zeros", "noise"],
)
def test_where_nobody_speaks_no_word_is_heard(model: Ear, sound: pcm.Pcm) -> None:
    assert model.text(sound) == ""


@pytest.mark.speech
def test_words_carry_times_and_confidences_and_come_the_same_again(model: Ear) -> None:
    sound = said_by("citizen_m2", "您好，我要反映一个问题")
    found = model.words(sound)
    assert found == model.words(sound)
    assert "".join(str(word["word"]) for word in found) == "您好我要反映一个问题"
    assert 0.25 <= float(str(found[0]["start"])) <= 0.4
    ends = [float(str(word["end"])) for word in found]
    assert ends == sorted(ends)
    assert ends[-1] <= pcm.duration_s(sound) - 0.4
    assert min(float(str(word["conf"])) for word in found) > 0.5


@pytest.mark.speech
def test_a_grammar_restricts_what_can_be_heard(model: Ear) -> None:
    phrases = ["满意", "不满意", "转人工", "[unk]"]
    for text in phrases[:3]:
        assert model.text(said_by("citizen_f1", text), phrases) == text
    assert "满意" not in model.text(said_by("citizen_f1", "我家的水管漏水了"), phrases)


def test_shipped_files_are_small_and_grammars_are_possible() -> None:
    files = {path.relative_to(model_path()).as_posix(): path for path in model_path().rglob("*")}
    assert "graph/HCLr.fst" in files
    assert "graph/HCLG.fst" not in files, "a static graph would silently switch grammars off"
    assert sum(path.stat().st_size for path in files.values() if path.is_file()) < 9_000_000
    assert "CARD.md" in files


def test_after_every_history_the_probabilities_of_the_language_model_sum_to_one() -> None:
    lines = [line.split() for line in ("我 要 投诉", "我 要 咨询", "我 要 投诉", "你 要 投诉", "我 投诉")]
    known = frozenset({"我", "你", "要", "投诉", "咨询", "路"})
    model = language.estimate(lines, dict.fromkeys(known, 1.0), known)
    for history in model.words:
        total = math.fsum(model.probability(history, word) for word in [*known, language.END])
        assert total == pytest.approx(1.0)
    assert model.probability(("我", "要"), "投诉") > model.probability(("我", "要"), "咨询") > 0
    assert model.probability(("投诉",), "路") > 0


def test_units_and_phones_of_words() -> None:
    words = lexicon.Lexicon({"wo": ("w", "o"), "yi": ("j", "i"), "e": ("o-",)})
    assert words.units[0] == "SIL"
    assert len(words.syllable_units("wo3")) == 2
    assert words.syllable_units("wo3")[0] == words.syllable_units("wo4")[0]
    assert words.syllable_units("wo3")[1] != words.syllable_units("wo4")[1]
    single = lexicon.word_phones(words.syllable_units("e4"))
    assert words.phone_positions()[single[0] - 1] == "singleton"
    assert words.phone_units()[single[0] - 1] == words.syllable_units("e4")[0]
    assert len(words.phone_positions()) == len(words.phone_units()) == words.phone_count


def test_short_gaps_belong_to_the_next_sound_and_long_ones_are_silence() -> None:
    events = [(0, "w"), (1000, "'o"), (2000, "_|"), (2200, "j"), (3000, "i"), (4000, "_:"), (6000, "k")]
    starts = features.spans(events, [1, 2, 3, 4, 5], rate=10_000)
    assert starts == [(0.0, 1), (0.1, 2), (0.2, 3), (0.3, 4), (0.4, 0), (0.6, 5)]
    assert features.spans(events, [1, 2, 3], rate=10_000) is None
    assert list(features.labels([(0.02, 1)], 440)) == [0, 1, 1, 1]


def test_acoustic_model_is_binary_kaldi(tmp_path) -> None:
    layer = network.Layer(np.zeros((2, 200), np.float32), np.zeros(2, np.float32), network.OFFSETS[0])
    kaldi_files.write_acoustic_model(tmp_path / "final.mdl", [0, 1, 1, 1, 1], [layer], np.ones(2, np.float32))
    data = (tmp_path / "final.mdl").read_bytes()
    assert data.startswith(b"\0B<TransitionModel> ")
    assert b"input=Append(Offset(input, -2), Offset(input, -1), input, " in data
    assert data.count(b"<FixedAffineComponent> ") == 1


def test_sentences_are_the_same_for_the_same_seed_and_have_no_open_slot() -> None:
    for file in ("patterns", "everyday"):
        made = list(texts.sentences(5, 400, file))
        assert made == list(texts.sentences(5, 400, file))
        assert not [line for line in made if "{" in line or "None" in line]
    assert len(set(texts.free_sentences())) > 600


@pytest.mark.parametrize(
    ("word", "fit"),
    [
        ("小区", True),
        ("一个", True),
        ("百合", True),
        ("五分", False),
        ("十二度", False),
        ("三月", False),
        ("B超", False),
    ],
)
def test_numbers_stay_out_of_the_table_of_words(word: str, fit: bool) -> None:
    assert vocabulary.acceptable(word) is fit


def test_without_the_extra_the_builder_says_what_to_install(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(extras.BuilderMissing, match="--extra demo-model"):
        builder.build(tmp_path / "model", quick=True)
    assert not (tmp_path / "model").exists()


def test_progress_is_drawn_for_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bars() as tell:
        tell("speech", 5, 10)
        tell("training, epoch 1", 1, 4)
        tell("training, epoch 2", 4, 4)
    assert "epoch 2" in capsys.readouterr().out
