"""Prompts are rendered once, whole, and again when they are broken or their text changes."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest

import facts.prompts
from ivr_flows.hold_music import hold_music
from ivr_flows.prompts import PromptsNotRendered, prompt_path, render_hold_music, render_prompts
from voice.wav import read_wav

TEXTS = ["您好，请稍候。", "现在是下班时间。", "您好，请稍候。", " "]


def test_each_text_is_spoken_once(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    assert render_prompts(TEXTS, tmp_path, lambda done, total: steps.append((done, total))) == 2
    assert steps[-1] == (2, 2)
    lengths = [len(read_wav(prompt_path(text, tmp_path))) / 8000 for text in TEXTS[:2]]
    assert all(0.5 < seconds < 5 for seconds in lengths)
    assert render_prompts(TEXTS, tmp_path) == 0


def test_a_broken_file_is_made_again(tmp_path: Path) -> None:
    render_prompts(TEXTS[:1], tmp_path)
    path = prompt_path(TEXTS[0], tmp_path)
    whole = path.read_bytes()
    for broken in (b"", whole[:44], b"not a sound"):
        path.write_bytes(broken)
        assert render_prompts(TEXTS[:1], tmp_path) == 1
        assert path.read_bytes() == whole


def test_waiting_callers_hear_the_words_of_now_and_quiet_music(tmp_path: Path) -> None:
    assert render_hold_music(["请稍候。"], tmp_path)
    assert not render_hold_music(["请稍候。"], tmp_path)
    (before,) = (tmp_path / "moh" / "waiting").iterdir()
    assert render_hold_music(["话务员马上就来。"], tmp_path)
    (after,) = (tmp_path / "moh" / "waiting").iterdir()
    assert before != after
    music = read_wav(tmp_path / "moh" / "hold" / "music.wav")
    assert np.abs(music).max() < 0.1 * 32767 < np.abs(read_wav(after)).max()
    assert len(hold_music(2.0)) == 16000


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "hotline").write_text("a file")
    with pytest.raises(PromptsNotRendered, match=str(tmp_path)):
        render_prompts(TEXTS, tmp_path)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(facts.prompts).failed == 0
