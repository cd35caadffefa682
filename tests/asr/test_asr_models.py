"""A model that does not work is found before a call needs it, and the error says what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.models import ModelInvalid, check_model, model_facts

pytestmark = pytest.mark.speech


def test_the_built_in_model_works_and_has_a_name(model: Path) -> None:
    facts = check_model(model)
    assert facts.rate_hz == 8000
    assert facts.is_small
    assert "@" in facts.id


def test_no_folder_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="HOTLINE_MODEL"):
        check_model(tmp_path / "nowhere")
    (tmp_path / "file.zip").write_bytes(b"PK")
    with pytest.raises(ModelInvalid, match="unpack"):
        check_model(tmp_path / "file.zip")


def test_the_folder_around_the_model_is_recognised(model: Path, tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    os.symlink(model, tmp_path / "unpacked" / "small")
    with pytest.raises(ModelInvalid, match=r"did you mean .*small"):
        check_model(tmp_path / "unpacked")


@pytest.mark.parametrize("name", ["am/final.mdl", "conf/mfcc.conf", "conf/model.conf"])
def test_a_missing_file_is_named(name: str, broken_model: Callable[[], Path]) -> None:
    path = broken_model()
    (path / name).unlink()
    with pytest.raises(ModelInvalid, match=name):
        check_model(path)


def test_a_download_cut_short_is_found(broken_model: Callable[[], Path]) -> None:
    path = broken_model()
    file = path / "am" / "final.mdl"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ModelInvalid, match="unpack the model again"):
        check_model(path)


@pytest.mark.parametrize(
    ("name", "content", "end"),
    [("graph/disambig_tid.int", "", "SIGSEGV"), ("conf/model.conf", "--frames-per-chunk=0", "SIGABRT")],
)
def test_what_would_end_the_process_does_not_end_this_one(
    name: str, content: str, end: str, broken_model: Callable[[], Path]
) -> None:
    path = broken_model()
    whole = (path / name).read_text()
    (path / name).write_text(f"{whole}\n{content}\n" if content else whole[: len(whole) // 2])
    with pytest.raises(ModelInvalid, match=end):
        check_model(path)


def test_silence_phones_are_asked_for(broken_model: Callable[[], Path]) -> None:
    path = broken_model()
    conf = path / "conf" / "model.conf"
    lines = [line for line in conf.read_text().splitlines() if "silence-phones" not in line]
    conf.write_text("\n".join([*lines, "--endpoint.silence-phones=1:1"]) + "\n")
    with pytest.raises(ModelInvalid, match="silence-phones repeats"):
        check_model(path)
    conf.write_text("\n".join(lines) + "\n")
    with pytest.raises(ModelInvalid, match="silence-phones is empty"):
        check_model(path)


def test_an_unknown_option_is_reported_in_the_recognisers_own_words(
    broken_model: Callable[[], Path],
) -> None:
    path = broken_model()
    with (path / "conf" / "mfcc.conf").open("a") as conf:
        conf.write("\n--no-such-option=1\n")
    with pytest.raises(ModelInvalid, match="Vosk could not use the model"):
        check_model(path)


def test_the_version_changes_with_any_file(broken_model: Callable[[], Path]) -> None:
    path = broken_model()
    before = model_facts(path).version
    with (path / "graph" / "words.txt").open("a") as words:
        words.write("新词 999999\n")
    assert model_facts(path).version != before
