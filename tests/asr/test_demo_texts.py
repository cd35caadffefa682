"""The text of the demo model: one sentence a line, hanzi only, nothing twice, nothing to measure with."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from asr.demo_model import texts

MEASURED = sorted(
    file.name
    for file in resources.files("asr.demo_model").joinpath("text").iterdir()
    if file.name.startswith("unread-")
)


def test_spoken_sentences_are_hanzi_and_come_once() -> None:
    lines = texts.spoken_lines()
    assert len(lines) > 10_000
    assert [line for line in lines if not re.fullmatch(r"[\u4e00-\u9fff]+", line)] == []
    assert len(set(lines)) == len(lines)
    assert set(lines) < set(texts.free_sentences())


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_measured_with_was_never_read(name: str) -> None:
    read = set(texts.free_sentences())
    measured = resources.files("asr.demo_model").joinpath(f"text/{name}").read_text("utf-8").split()
    assert len(measured) >= 40
    assert not read & set(measured)
