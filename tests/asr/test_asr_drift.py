"""Live words and the recording's words of the same leg: do the clocks agree?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asr.drift import drift_of
from facts.transcript import Word

SAID = ("我们 小区 的 暖气 一点 都 不热 麻烦 你们 派人 过来 看看 昆仑路 的 路灯 坏了 好几天").split()  # noqa: SIM905


def words(offset_s: float = 0.0, rate: float = 1.0) -> list[Word]:
    return [
        Word(text, offset_s + rate * 5 * index, offset_s + rate * (5 * index + 0.4), 1.0)
        for index, text in enumerate(SAID)
    ]


@given(st.floats(-5, 5), st.floats(-0.005, 0.005))
def test_offset_and_drift_are_found(offset_s: float, slower: float) -> None:
    found = drift_of(words(offset_s, 1 + slower), words())
    assert found is not None
    assert found.words == len(SAID)
    assert abs(found.offset_s - offset_s - slower * 40) < 0.01
    assert abs(found.drift_s - slower * 5 * (len(SAID) - 8)) < 0.01


@given(st.sets(st.integers(0, len(SAID) - 1), max_size=6))
def test_words_that_one_hearing_missed_do_not_matter(missed: set[int]) -> None:
    live = [word for index, word in enumerate(words(0.2)) if index not in missed]
    found = drift_of(live, words())
    assert found is not None
    assert (found.offset_s, found.drift_s) == (0.2, 0.0)


def test_nothing_in_common_says_nothing() -> None:
    assert drift_of([], words()) is None
    assert drift_of(words(), [Word("别的", 0.0, 0.2, 1.0)]) is None
