"""Numbers in digits, as this country writes them; words that only look like numbers stay words."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.text.numbers import write_numbers


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("我的电话是幺三九七四六三幺五零八请记一下", "我的电话是13974631508请记一下"),
        ("零九七九八四一二三四五", "09798412345"),
        ("电话八四幺二三四五", "电话8412345"),
        ("八一路二十三号三单元六零二室", "八一路23号3单元602室"),
        ("三号楼二单元五零一室", "3号楼2单元501室"),
        ("十一号院四号楼一单元三楼东户", "11号院4号楼1单元3楼东户"),
        ("幺零九国道", "109国道"),
        ("青h五幺八二三的出租车", "青H51823的出租车"),
        ("二零二六年三月十二号", "2026年3月12号"),
        ("从今年一月一号起", "从今年1月1号起"),
        ("昨天下午三点半", "昨天下午3点半"),
        ("上午十点二十分", "上午10点20分"),
        ("早上八点零五分", "早上8点05分"),
        ("八点一刻", "8点一刻"),
        ("五点到八点", "5点到8点"),
        ("一共五十万元", "一共50万元"),
        ("四十一万六", "41万6"),
        ("两万六两万六", "2万62万6"),
        ("一百二十八块五", "128块5"),
        ("六百五十元", "650元"),
        ("百分之九十八的人", "98%的人"),
        ("百分之三点五", "3.5%"),
        ("三点五公里", "3.5公里"),
        ("二十四小时", "24小时"),
        ("一直一点都不热", "一直一点都不热"),
        ("有一点问题一些人一块去了", "有一点问题一些人一块去了"),
        ("八一中路万一堵了千万别去", "八一中路万一堵了千万别去"),
        ("六一儿童节", "六一儿童节"),
        ("五六月飘毛毛", "五六月飘毛毛"),
        ("等了三五天", "等了三五天"),
        ("七八个月", "七八个月"),
        ("三室两厅一层灰", "三室两厅一层灰"),
        ("十万火急", "十万火急"),
        ("", ""),
    ],
)
def test_numbers_are_written_and_words_are_left_alone(said: str, written: str) -> None:
    assert write_numbers(said).text == written


def test_names_with_numerals_are_kept_as_the_city_writes_them() -> None:
    said = "二十一世纪花园二十一号楼"
    assert write_numbers(said).text == "21世纪花园21号楼"
    assert write_numbers(said, kept=[(0, 7)]).text == "二十一世纪花园21号楼"


pieces = st.sampled_from(
    [
        "幺三九七四六三幺五零八",
        "二十三号楼",
        "一直",
        "我家在",
        "百分之五十",
        "三点半",
        "wi fi",
        "的",
        "两万六",
    ]
)


@settings(max_examples=60)
@given(st.lists(pieces, max_size=6).map("".join))
def test_what_is_not_a_number_is_untouched(said: str) -> None:
    written = write_numbers(said)
    place = shown = 0
    for item in written.replacements:
        assert said[place : item.first] == written.text[shown : item.written_first]
        place, shown = item.end, item.written_end
    assert said[place:] == written.text[shown:]


def test_a_process_with_the_recogniser_is_refused_and_does_not_hang() -> None:
    code = (
        "import sys, types; sys.modules['vosk'] = types.ModuleType('vosk')\n"
        "from asr.text.numbers import write_numbers, NumbersUnavailable\n"
        "try: write_numbers('一共二十三个人')\n"
        "except NumbersUnavailable as refused: print(refused.error_id)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.strip() == "numbers-unavailable"
