"""The demo model hears the project's voices; the parts of its builder are right by themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from asr.demo_model import (
    augment,
    builder,
    composed,
    extras,
    features,
    kaldi_files,
    lexicon,
    model_path,
    network,
    pitch,
    progress,
    speakers,
    texts,
    vocabulary,
)
from asr.demo_model.evaluation import distance
from ivr_flows.hold_music import hold_music
from tests.asr.vosk_child import Ear, ear
from voice import g711, pcm
from voice.espeak import speak
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


def both(one: pcm.Pcm, other: pcm.Pcm) -> pcm.Pcm:
    return one // 2 + other // 2


@pytest.mark.speech
def test_sentences_that_nobody_trained_with_are_heard(model: Ear) -> None:
    assert not set(UNHEARD) & set(texts.free_sentences())
    for number, name in enumerate(VOICES):
        told = UNHEARD[number % 3 :: 3]  # every sentence, in a third of the voices
        errors = sum(distance(text, model.text(said_by(name, text))) for text in told)
        assert errors / sum(map(len, told)) <= 0.10, name


@pytest.mark.speech
@pytest.mark.parametrize("name", ["citizen_m1", "citizen_f1", "agent_f1"])
def test_a_telephone_number_is_heard_digit_by_digit(model: Ear, name: str) -> None:
    assert model.text(said_by(name, "我的电话是13907894562")) == "我的电话是幺三九零七八九四五六二"


@pytest.mark.speech
@pytest.mark.parametrize("line", [augment.Line(loss=0.03), augment.Line(peak_dbfs=-26.0)])
def test_a_bad_line_does_not_cost_the_words(model: Ear, line: augment.Line) -> None:
    for name in ("citizen_f2", "citizen_m3", "agent_f2"):
        speech = pcm.join(pcm.silence(0.3), synthesise(UNHEARD[2], VOICES[name]), pcm.silence(0.6))
        heard = model.text(augment.over_the_line(speech.astype(float), line, np.random.default_rng(3)))
        assert distance(UNHEARD[2], heard) <= 2, (name, heard)


@pytest.mark.speech
@pytest.mark.parametrize(
    "sound",
    [
        pcm.silence(3.0),
        pcm.join(*[pcm.tone(450, 1.0), pcm.silence(4.0)] * 2),
        both(pcm.tone(350, 4.0), pcm.tone(440, 4.0)),
        pcm.join(*[both(pcm.tone(770, 0.2), pcm.tone(1336, 0.2)), pcm.silence(0.2)] * 8),
        hold_music(12.0),
        g711.alaw_decode(b"\xd5" * 24000),
        (np.random.default_rng(1).standard_normal(24000) * 300).astype(np.int16),
        (np.random.default_rng(2).standard_normal(24000) * 8000).astype(np.int16),
    ],
    ids=["zeros", "ring-back", "dial tone", "keys", "music", "A-law zeros", "weak noise", "loud noise"],
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
    assert sum(path.stat().st_size for path in files.values() if path.is_file()) < 8_000_000
    assert "CARD.md" in files


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


def test_in_fast_speech_every_sound_lasts_a_step_of_the_decoder() -> None:
    fast = [(0.100, 1), (0.110, 2), (0.120, 3), (0.300, 0)]
    for phase in range(3):
        assert set(features.labels(fast, 4000)[phase::3]) == {0, 1, 2, 3}
    calm = [(0.100, 1), (0.200, 2), (0.300, 0)]
    assert np.flatnonzero(np.diff(features.labels(calm, 4000))).tolist() == [8, 18, 28]


def test_acoustic_model_is_binary_kaldi(tmp_path) -> None:
    def layer(inputs: int, offsets: tuple[int, ...], **kind: bool) -> network.Layer:
        weights = np.zeros((2, inputs * len(offsets)), np.float32)
        return network.Layer(weights, np.zeros(2, np.float32), offsets, **kind)

    layers = [layer(40, (-2, -1, 0)), layer(2, (-3, 0), rectified=False), layer(2, (0, 3), bypass=True)]
    kaldi_files.write_acoustic_model(tmp_path / "final.mdl", [0, 1, 1, 1, 1], layers, np.ones(2, np.float32))
    data = (tmp_path / "final.mdl").read_bytes()
    assert data.startswith(b"\0B<TransitionModel> ")
    assert b"input=Append(Offset(input, -2), Offset(input, -1), input)" in data
    assert b"component=sum3 input=Sum(Scale(0.66, relu1), relu3)" in data
    assert data.count(b"<FixedAffineComponent> ") == 3


def test_weights_are_kept_in_two_bytes_each_to_within_a_step() -> None:
    weights = np.linspace(-1.5, 2.5, 24, dtype=np.float32).reshape(4, 6)
    layer = network.Layer(weights, np.zeros(4, np.float32), (0,))
    data = kaldi_files._affine(layer)
    at = data.index(b"CM2 ") + 4
    least, span = np.frombuffer(data, "<f4", 2, at)
    assert np.frombuffer(data, "<i4", 2, at + 8).tolist() == [4, 6]
    steps = np.frombuffer(data, "<u2", 24, at + 16).reshape(4, 6)
    assert np.abs(least + span * steps / 65535 - weights).max() < 1e-4


@pytest.mark.parametrize("hertz", [90.0, 220.0, 330.0])
def test_the_pitch_of_a_voice_is_heard_as_vosk_hears_it(model: Ear, hertz: float) -> None:
    at = np.arange(8000) / 8000
    voice = sum(np.sin(2 * np.pi * hertz * n * at) / n for n in range(1, 8)) * 5000
    found = model.pitch(voice)
    assert found.shape[1] == pitch.DIMENSION
    assert np.exp(np.median(found[:, 3])) == pytest.approx(hertz, rel=0.02)
    assert np.abs(found[20:, 1]).max() < 0.1, "a level voice has no tone"
    assert len(model.pitch(np.zeros(1))) == 0


def test_vosk_is_told_of_the_pitch_what_the_training_was() -> None:
    conf = (model_path() / "conf" / "pitch.conf").read_text("ascii")
    assert conf == pitch.configuration()
    assert "--delta-pitch-noise-stddev=0\n" in conf, "decoding would differ from run to run"
    assert "simulate" not in conf


def test_sentences_are_put_together_from_choices_the_same_every_time() -> None:
    made = composed.sentences(8) + composed.company(1)
    assert made[:900] == composed.sentences(8)[:900]
    assert not [text for text in made if set(text) & set("[]{}|")]
    rng = np.random.default_rng(3)
    assert {composed.chosen("[水|电]停了[|又停了]", rng) for _ in range(40)} == {
        "水停了", "电停了", "水停了又停了", "电停了又停了",
    }  # fmt: skip


def test_lost_packets_are_silent_or_the_one_before_again() -> None:
    sound = np.repeat(np.arange(1.0, 101.0), augment.FRAME)
    for concealment in augment.CONCEALMENTS:
        line = augment.Line(codec="linear", peak_dbfs=0.0, loss=0.2, concealment=concealment)
        heard = augment.over_the_line(sound, line, np.random.default_rng(4))
        whole = augment.over_the_line(
            sound, augment.Line(codec="linear", peak_dbfs=0.0), np.random.default_rng(4)
        )
        packets, sent = heard[:: augment.FRAME], whole[:: augment.FRAME]
        lost = np.flatnonzero(packets != sent)
        assert 8 <= len(lost) <= 35
        share = {"zeros": 0.0, "repeat": 1.0, "fade": 0.6}[concealment]
        assert all(abs(packets[at] - share * packets[at - 1]) <= 1 for at in lost)


def test_invented_voices_say_the_same_sounds_and_held_out_voices_never_train(tmp_path) -> None:
    assert not set(speakers.HELD_OUT_VARIANTS) & set(speakers.TRAINING_VARIANTS)
    stage = speakers.Stage(tmp_path / "stage")
    said, sounds = ["nin2", "hao3"], set()
    for seed in range(12):
        spoken = speak(said, stage.enter(np.random.default_rng(seed)), stage.data)
        names = tuple(
            lexicon.phoneme_name(name) for _, name in spoken.phonemes if not lexicon.is_silence(name)
        )
        assert names == ("n", "i", "n", "X", "Au")
        sounds.add(spoken.samples.tobytes())
    assert len(sounds) == 12


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
