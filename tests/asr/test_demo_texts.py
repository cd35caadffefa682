"""The text of the demo model: one sentence a line, hanzi only, nothing twice, nothing to measure with."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from asr.demo_model import composed, texts

MEASURED = sorted(
    file.name
    for file in resources.files("asr.demo_model").joinpath("text").iterdir()
    if file.name.startswith("unread-")
)


def spoken(text: str) -> str:
    """A sentence without its pauses."""
    return "".join(re.findall(r"[\u4e00-\u9fff]", text))


def test_spoken_sentences_are_hanzi_and_come_once() -> None:
    lines = texts.spoken_lines()
    assert len(lines) > 10_000
    assert [line for line in lines if not re.fullmatch(r"[\u4e00-\u9fff]+", line)] == []
    assert len(set(lines)) == len(lines)
    assert set(lines) < set(texts.free_sentences())


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_measured_with_was_never_read(name: str) -> None:
    read = set(map(spoken, texts.free_sentences() + composed.sentences(60)))
    lines = resources.files("asr.demo_model").joinpath(f"text/{name}").read_text("utf-8").split()
    measured = set(map(spoken, lines))
    assert len(measured) >= 40
    assert not read & measured
