"""Numbers that this country writes in its own way: house numbers, dates, clock times, sums, plates. Pure.

A rule names a stretch of what was said and how it is written. General grammars write these as 03/05,
3:30p.m. or ¥650, which nobody here reads. Single numerals in set words (一直, 一点, 两个) stay words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from facts.numerals import DIGITS, digits, number

_NINE = "一二三四五六七八九"
_READ = f"[零〇幺{_NINE}]"
_ANY = f"[零〇幺{_NINE}两十百千]"
_TO_99 = f"(?:[二三四五六七八九]?十[{_NINE}]?|[{_NINE}])"
_PART_OF_DAY = "上午|下午|早上|早晨|清早|晚上|中午|凌晨|傍晚|夜里|半夜|今早|今晚|昨晚|明早|明晚|从|到|至"
_AFTER_CLOCK = "半|整|钟|多|左右|一刻|三刻|以前|以后|之前|之后"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_HOUSE = "号楼|号院|号库|号线|号店|号门|号|[栋幢](?!楼)|单元|楼(?![道梯顶上下])|层(?=楼|的|住)|国道|省道"
#: numerals in these are a part of the word
_SET_WORDS = (
    rf"(?<!{_ANY})(?:十万火急|千万|一五一十|三三两两|二百五|九九|"
    r"(?:三八|五一|六一|七一|八一|十一)(?=节|劳动|儿童|建军|建党|妇女|国庆|放假|假期|长假|黄金周|期间|的时候|"
    rf"[东西南北中]?[路街巷]|广场|小区|社区|以后|之前|之后|前|后))(?!{_ANY})"
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters ``first`` to ``end`` of what was said, and how they are written."""

    first: int
    end: int
    written: str


_Writer = Callable[[re.Match[str]], str | None]


def measured(said: str) -> Iterator[Stretch]:
    """Every stretch that a rule writes, an earlier rule first; later ones may lie over it.

    >>> [it.written for it in measured("三号楼二单元五零一室")]
    ['501', '3号楼', '2单元']
    """
    for pattern, write in _RULES:
        for found in pattern.finditer(said):
            written = write(found)
            if written is not None:
                yield Stretch(found.start(), found.end(), written)


def _as_said(found: re.Match[str]) -> str:
    return found[0]


def _plate(found: re.Match[str]) -> str:
    return "".join(str(DIGITS.get(it, it)).upper() for it in found[0])


def _read_out(found: re.Match[str]) -> str | None:
    """A telephone, a card, a room's or a road's number: 幺三九…, 五零一. Counting on (一二三) is none."""
    said = found[0]
    told = len(said) >= 5 or any(it in said for it in "零〇幺")
    return digits(said) if told and set(said) - {"零", "〇"} else None


def _year(found: re.Match[str]) -> str:
    return digits(found[1]) + "年"


def _date(found: re.Match[str]) -> str | None:
    month, day = number(found["month"]), number(found["day"] or "")
    if month is None or not 1 <= month <= 12 or (day or 1) > 31:
        return None
    return f"{month}{found['name']}" + ("" if day is None else f"{day}{found['kind']}")


def _clock(found: re.Match[str]) -> str | None:
    """下午三点半 is 下午3点半. Without anything that tells a time 一点 and 两点 are no clock."""
    hour, minute = number(found["hour"]), found["minute"]
    if (
        hour is None
        or hour > 24
        or not any((found["part"], minute, found["more"], found["until"] is not None))
    ):
        return None
    written = f"{found['part'] or ''}{hour}点"
    if minute:
        told = number(minute.rstrip("分")) or 0
        written += f"{told:02}" if minute.startswith("零") else str(told)
        written += "分" * minute.endswith("分")
    return written + (found["more"] or "")


def _large(found: re.Match[str]) -> str | None:
    """四十一万六 is 41万6: as it is said, and shorter than all its digits."""
    whole, rest = number(found[1]), number(found[3] or "")
    return None if whole is None else f"{whole}{found[2]}" + ("" if rest is None else str(rest))


def _money(found: re.Match[str]) -> str | None:
    """一百二十八块五 is 128块5. 一块 and 两块 alone may be 一块去, 两块地."""
    value = number(found[1])
    if value is None or (len(found[1]) == 1 and not (found[2] or found[3])):
        return None
    return f"{value}块{DIGITS.get(found[2] or '', '')}{found[3] or ''}"


def _house(found: re.Match[str]) -> str | None:
    value = number(found[1])
    return None if value is None else f"{value}{found[2]}"


#: in this order: what an earlier rule took is not looked at by a later one
_RULES: tuple[tuple[re.Pattern[str], _Writer], ...] = tuple(
    (re.compile(pattern), write)
    for pattern, write in (
        (_SET_WORDS, _as_said),
        (rf"[{_PROVINCES}][a-zA-Z](?:{_READ}|[a-zA-Z0-9]){{4,6}}", _plate),
        (rf"({_READ}{{4}}|[零〇{_NINE}]{{2}})年(?=(?:{_TO_99}月)|[份底初末])", _year),
        (rf"{_READ}{{3,}}", _read_out),
        (
            rf"(?<!{_ANY})(?P<month>{_TO_99})(?P<name>月份?)(?:(?P<day>{_TO_99})(?P<kind>[号日]))?(?!子)",
            _date,
        ),
        (
            rf"(?P<part>{_PART_OF_DAY})?(?P<hour>{_TO_99}|两)点(?P<minute>零[{_NINE}]分?|"
            rf"[二三四五]?十[{_NINE}]?分?|[{_NINE}]分(?!之))?(?P<more>{_AFTER_CLOCK})?(?P<until>(?=[到至]))?",
            _clock,
        ),
        (rf"((?:[{_NINE}两]|十(?!万火)){_ANY}*)([万亿])({_ANY}+(?!万))?", _large),
        (rf"({_ANY}+)块([{_NINE}](?!块))?(钱)?", _money),
        (rf"(?<!{_ANY})({_ANY}+)({_HOUSE})", _house),
    )
)
