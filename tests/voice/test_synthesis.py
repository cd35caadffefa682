"""Speaking: the same sound every time, in every thread, and never the caller's end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from voice import pcm
from voice.espeak import EspeakError, speak
from voice.pinyin import syllables, tokens
from voice.resample import resample
from voice.synthesis import VOICES, Voice, speak_to_wav, synthesise, synthesise_many
from voice.wav import WavError, read_wav, write_wav

GREETING = "您好，这里是12345热线。请讲！"


def test_same_text_and_voice_sound_the_same_in_any_thread_and_process() -> None:
    voice = VOICES["citizen_f1"]
    wanted = synthesise(GREETING, voice)
    with ThreadPoolExecutor(4) as pool:
        spoken = list(pool.map(lambda _: synthesise(GREETING, voice), range(4)))
    spoken += synthesise_many([("再见", voice), (GREETING, voice)])[1:]
    for samples in spoken:
        np.testing.assert_array_equal(samples, wanted)


@pytest.mark.parametrize("name", VOICES)
def test_every_named_voice_speaks_at_telephone_rate(name: str) -> None:
    spoken = synthesise(GREETING, VOICES[name])
    assert 2.0 < pcm.duration_s(spoken) < 7.0
    assert -40 < pcm.level_dbfs(spoken) < -6


def test_text_without_words_is_silence() -> None:
    assert pcm.level_dbfs(synthesise("☎", VOICES["prompt"])) == float("-inf")
    assert [len(samples) for samples in synthesise_many([("", VOICES["prompt"])])] == [800]


def test_a_stop_pauses_longer_than_a_comma() -> None:
    lengths = [len(synthesise(f"您好{mark}请讲", VOICES["prompt"])) for mark in ("", "，", "。")]
    assert lengths == sorted(lengths)
    assert lengths[2] - lengths[1] > 0.1 * pcm.TELEPHONE_RATE


def test_no_syllable_is_spelled_in_english() -> None:
    spoken = speak([f"{syllable}4" for syllable in sorted(syllables())], Voice())
    assert not [name for _, name in spoken.phonemes if name.startswith("(")]


def test_a_crash_of_the_library_names_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice.synthesis._in_child", lambda items, timeout_s: [])
    with pytest.raises(EspeakError, match="您好"):
        synthesise_many([("您好", VOICES["prompt"])])


def test_spoken_once_and_kept(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = speak_to_wav("您好", tmp_path / "a.wav", cache_dir=tmp_path / "cache")
    monkeypatch.setattr("voice.synthesis.synthesise_many", lambda items: pytest.fail("spoken twice"))
    second = speak_to_wav("您好！", tmp_path / "deep" / "b.wav", cache_dir=tmp_path / "cache")
    assert first.read_bytes() == second.read_bytes()
    np.testing.assert_array_equal(read_wav(first), synthesise("您好", VOICES["prompt"]))


def test_a_wav_of_another_rate_is_refused(tmp_path) -> None:
    write_wav(tmp_path / "wide.wav", pcm.silence(0.1, 16000), 16000)
    with pytest.raises(WavError, match="16000 Hz"):
        read_wav(tmp_path / "wide.wav")


def test_resampling_keeps_time() -> None:
    click = pcm.silence(1.0, 16000)
    click[8000:8160] = 8000
    assert abs(int(np.argmax(np.abs(resample(click, 16000, 8000)))) - 4040) < 60


@pytest.mark.parametrize("arguments", [{"variant": "../x"}, {"rate_wpm": 5}, {"pitch": 100}])
def test_impossible_voices_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(arguments.values())))):
        Voice(**arguments)  # type: ignore[arg-type]


def test_pcm_bytes_come_back() -> None:
    samples = pcm.tone(450, 0.1)
    np.testing.assert_array_equal(pcm.from_bytes(pcm.to_bytes(samples) + b"x"), samples)
    assert len(tokens("")) == 0
