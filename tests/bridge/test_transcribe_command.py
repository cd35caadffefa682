"""``hotline transcribe`` and ``hotline models``, as people and scripts use them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asr.installed import ModelUnknown
from asr.manifest import write_manifest
from asr.models import ModelInvalid, default_model
from tests.asr.speech import AGENT, HEATING, STREET, said_in_order, was_heard
from tests.processes import has_ended
from ticketing_bridge.cli.app import make_app
from voice.wav import write_wav

pytestmark = pytest.mark.speech


def command(home: Path, *words: str | Path) -> subprocess.Popen[str]:
    """Start ``hotline`` with its own home, and with Ctrl-C as a terminal has it: ``nohup`` ignores it."""
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from ticketing_bridge.cli import main; main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOTLINE_HOME": str(home), "COLUMNS": "200"},
    )


def run(home: Path, *words: str | Path) -> tuple[int, str, str]:
    process = command(home, *words)
    out, err = process.communicate(timeout=240)
    assert process.returncode is not None
    return process.returncode, out, err


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two good ones, one that is none, a note, and a folder in the folder."""
    folder = tmp_path / "calls"
    (folder / "older").mkdir(parents=True)
    write_wav(folder / "b.wav", said_in_order(0.3, STREET, 0.4))
    soundfile.write(folder / "b.mp3", said_in_order(0.3, HEATING, 0.4) / 32768, 8000)
    left, right = said_in_order(0.3, HEATING, 3.0), said_in_order(3.5, AGENT, 0.3, voice="agent_f1")
    length = min(len(left), len(right))
    both = np.stack((left[:length], right[:length]), axis=1) / 32768
    soundfile.write(folder / "older" / "stereo.flac", both, 8000)
    (folder / "bad.wav").write_text("no sound")
    (folder / "note.txt").write_text("a note")
    return folder


def test_a_folder_becomes_documents_and_a_bad_file_stops_no_other(recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, told = run(
        tmp_path,
        "transcribe",
        recordings,
        tmp_path / "gone.wav",
        "--out",
        out,
        "--jobs",
        "2",
        "--format",
        "srt",
    )
    assert code == 1
    assert said == ""
    assert f"skipped, no known kind of recording: {recordings}/note.txt" in told
    assert "bad.wav: no kind of recording" in told
    assert "gone.wav: there is no such recording" in told
    assert "5 recordings" in told
    assert "× real time" in told
    assert "2 could not be heard" in told
    documents = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*.srt")}
    assert set(documents) == {"b.mp3.srt", "b.wav.srt", "older/stereo.srt"}, "two that would share a name"
    assert was_heard(documents["b.wav.srt"], STREET)
    assert documents["older/stereo.srt"].index("市民：") < documents["older/stereo.srt"].index("话务员：")


def test_for_scripts_everything_is_one_object(recordings: Path, tmp_path: Path) -> None:
    code, said, _ = run(
        tmp_path,
        "transcribe",
        recordings / "older",
        recordings / "bad.wav",
        "--legs",
        "agent-caller",
        "--json",
    )
    assert code == 1
    told = json.loads(said)
    assert told["failed"] == 1
    good, bad = told["recordings"]
    assert {turn["leg"]: was_heard(turn["text"], AGENT) for turn in good["transcript"]["turns"]} == {
        "caller": True,
        "agent": False,
    }
    assert bad["error_id"] == "recording-invalid"
    assert told["sound_s"] == pytest.approx(good["duration_s"], abs=0.1)


def test_interrupted_it_ends_with_its_processes(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", said_in_order(*([HEATING, 0.3] * 120)))
    process = command(tmp_path, "transcribe", tmp_path / "long.wav", tmp_path / "long.wav", "--jobs", "2")
    children: list[int] = []
    for _ in range(600):
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        children = [int(child) for child in listed]
        if len(children) == 2:
            break
        time.sleep(0.1)
    assert len(children) == 2
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert all(has_ended(child) for child in children)


def test_models_are_listed_checked_and_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOTLINE_HOME", str(tmp_path))
    mine = tmp_path / "models" / "my-model"
    shutil.copytree(default_model(), mine)
    (mine / "CARD.md").unlink(missing_ok=True)
    write_manifest(mine)

    def models(*words: str) -> Any:
        make_app(["models"])(["models", *words, "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    listed = models("list")
    assert [model["name"] for model in listed["installed"]] == ["my-model"]
    assert listed["live"]["path"] == str(default_model())
    assert "vosk-model-small-cn-0.22" in [model["name"] for model in listed["known"]]
    checked = models("check", "my-model", "--hear")
    assert checked["checksums"] is True
    assert was_heard(checked["trial"]["heard"], checked["trial"]["said"])
    assert 0 < checked["trial"]["cpu_per_s"] < 5
    (mine / "graph" / "Gr.fst").write_bytes(b"other")
    with pytest.raises(ModelInvalid, match=r"graph/Gr\.fst altered.*SHA256SUMS"):
        models("check", str(mine))
    with pytest.raises(ModelUnknown, match="--sha256"):
        models("get", "vosk-model-cn-0.22")
