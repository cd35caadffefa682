"""Numbers in digits, with the way back to what was said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.text.numbers import write_numbers


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("我的电话是幺三九七四六三幺五零八请记一下", "我的电话是13974631508请记一下"),
        ("零九七九八四一二三四五", "09798412345"),
        ("八一路二十三号三单元六零二室", "八一路23号三单元602室"),
        ("一共五十万元", "一共50万元"),
        ("百分之九十八的人", "98%的人"),
        ("昨天下午三点半", "昨天下午三点半"),
        ("一直一点都不热", "一直一点都不热"),
        ("十万火急", "十万火急"),
        ("三点五公里", "三点五公里"),
        ("", ""),
    ],
)
def test_numbers_are_written_and_words_are_left_alone(said: str, written: str) -> None:
    assert write_numbers(said).text == written


pieces = st.sampled_from(
    ["幺三九七四六三幺五零八", "二十三号楼", "一直", "我家在", "百分之五十", "三点半", "wi fi", "的"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, max_size=6).map("".join))
def test_every_place_leads_back_to_what_was_said(said: str) -> None:
    written = write_numbers(said)
    assert written.said_span(0, len(written.text)) == (0, len(said))
    for item in written.replacements:
        assert written.said_span(item.written_first, item.written_end) == (item.first, item.end)
        assert written.said_span(item.written_first + 1, item.written_end) == (item.first, item.end)
    for place, character in enumerate(written.text):
        first, end = written.said_span(place, place + 1)
        assert (
            said[first:end] == character or (end - first > 1 and character.isdigit()) or character in "%号."
        )
