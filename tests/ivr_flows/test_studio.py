"""Studio recordings in the place of synthesised prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from config.hotline import load_hotline
from config.settings import load_settings
from ivr_flows import FlowStore
from ivr_flows.prompts import prompt_path, render_prompts
from ivr_flows.said import prompt_uses
from ivr_flows.studio import (
    PromptState,
    RecordingUnusable,
    file_name,
    install_recordings,
    list_prompts,
    strangers,
)
from voice.wav import read_wav

TEXT = "您好。"
USES = {TEXT: ("main",)}


def state(sounds: Path) -> PromptState:
    [sound] = list_prompts(USES, sounds)
    return sound.state


def record(studio: Path, seconds: float = 1.0, rate_hz: int = 44_100, level: float = 0.2) -> Path:
    studio.mkdir(exist_ok=True)
    path = studio / f"{file_name(TEXT)}.wav"
    tone = level * np.sin(2 * np.pi * 400 * np.arange(int(seconds * rate_hz)) / rate_hz)
    soundfile.write(str(path), np.stack([tone, tone], axis=1), rate_hz)
    return path


def test_a_recording_replaces_the_synthesiser_until_it_is_taken_away(tmp_path: Path) -> None:
    studio, sounds = tmp_path / "studio", tmp_path / "sounds"
    assert state(sounds) is PromptState.MISSING
    render_prompts(USES, sounds)
    assert state(sounds) is PromptState.SYNTHESISED

    recording = record(studio)
    assert install_recordings(USES, studio, sounds) == 1
    assert install_recordings(USES, studio, sounds) == 0
    assert state(sounds) is PromptState.RECORDED
    samples = read_wav(prompt_path(TEXT, sounds))
    assert len(samples) == pytest.approx(8000, abs=20)
    assert np.abs(samples).max() == pytest.approx(32767 * 10 ** (-3 / 20), rel=0.05)
    assert render_prompts(USES, sounds) == 0, "a recording is not spoken over"

    record(studio, seconds=2.0)
    assert install_recordings(USES, studio, sounds) == 1
    assert len(read_wav(prompt_path(TEXT, sounds))) == pytest.approx(16000, abs=20)

    recording.unlink()
    assert install_recordings(USES, studio, sounds) == 1
    assert state(sounds) is PromptState.MISSING


@pytest.mark.parametrize("fault", ["text", "silent", "long", "empty"])
def test_what_is_no_recording_is_named(tmp_path: Path, fault: str) -> None:
    studio = tmp_path / "studio"
    path = record(
        studio, seconds=130 if fault == "long" else 1, rate_hz=8000, level=0 if fault == "silent" else 0.2
    )
    if fault == "text":
        path.write_text("不是声音")
    if fault == "empty":
        path.write_bytes(b"")
    with pytest.raises(RecordingUnusable, match=file_name(TEXT)):
        install_recordings(USES, studio, tmp_path / "sounds")


def test_a_recording_of_no_prompt_is_told(tmp_path: Path) -> None:
    stranger = record(tmp_path / "studio").rename(tmp_path / "studio" / "greeting.wav")
    assert strangers(USES, tmp_path / "studio") == [stranger]


def test_everything_that_is_said_is_listed_with_where() -> None:
    uses = prompt_uses(load_hotline(), FlowStore(load_settings().flow_folder))
    assert uses["通话将录音并转写。"] == ["dialplan"]
    assert "waiting" in uses["正在为您接通话务员，请稍候。"]
    assert "survey" in uses["谢谢您的评价，再见。"]
    assert not any("{" in text for text in uses)
