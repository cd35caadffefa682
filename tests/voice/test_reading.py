"""Written text as it is read aloud, and the words and syllables made of it."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice import pinyin, reading


@pytest.mark.parametrize("module", [reading, pinyin])
def test_examples_in_docstrings(module) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("12345热线", "幺二三四五热线"),
        ("拨打110", "拨打幺幺零"),
        ("18点", "十八点"),
        ("8:05", "八点零五分"),
        ("9:00-12:00", "九点至十二点"),
        ("2026-03-12", "二零二六年三月十二日"),
        ("13997361508", "幺三九九七三六幺五零八"),
        ("0979-8412360", "零九七九八四幺二三六零"),
        ("138-1234-5678", "幺三八幺二三四五六七八"),
        ("98.5%", "百分之九十八点五"),
        ("3号楼2单元", "三号楼二单元"),
        ("3500元", "三千五百元"),
        ("1.2万元", "一点二万元"),
        ("您好！请讲……", "您好。请讲。"),
        ("☎♥", ""),
    ],
)
def test_reads_as_people_do(written: str, spoken: str) -> None:
    assert reading.read_aloud(written) == spoken


@given(st.text(max_size=40))
def test_any_text_becomes_known_syllables_and_pauses(text: str) -> None:
    for token in pinyin.tokens(text):
        assert token in ("，", "。") or (token[:-1] in pinyin.syllables() and token[-1] in "12345")


@given(st.integers(min_value=0, max_value=10**9))
def test_numbers_have_no_digits_left_and_no_double_zero(number: int) -> None:
    spoken = reading.read_number(number)
    assert spoken
    assert "零零" not in spoken
    assert not any(character.isascii() for character in spoken)


@given(st.text(alphabet="我们小区的电梯坏了三天没人修八一路十二号楼格尔木", max_size=30))
def test_segments_join_to_the_text(text: str) -> None:
    assert "".join(pinyin.segment(text)) == text


def test_names_of_the_city_are_words() -> None:
    assert pinyin.segment("格尔木市昆仑中路") == ["格尔木市", "昆仑中路"]
    assert pinyin.pinyin("银行") == ("yin2", "hang2")
    assert pinyin.pinyin("嗯") == ("en5",)
