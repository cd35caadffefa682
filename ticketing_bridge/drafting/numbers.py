"""Chinese numerals as a recogniser prints them."""

from __future__ import annotations

import re

from facts.numerals import DIGITS, digits, number

__all__ = ["DIGIT", "NUMERAL", "digits", "number", "with_figures"]

#: characters of a number, for regular expressions
NUMERAL = "[零〇一幺二两三四五六七八九十百千0-9]"
DIGIT = "[零〇一幺二两三四五六七八九0-9]"

_MEASURED = re.compile(
    rf"({NUMERAL}{{1,6}})(?=号楼|号院|号|栋|幢|单元|楼|层|室|岁|元|块钱|块|天|个月|个人|个|人|名|盏|次|户|米|公里|年|月|日|度|分钟|小时|点)"
)
_PLATE = re.compile(rf"([青藏甘川新陕宁豫鲁京沪渝])([a-zA-Z])((?:{DIGIT}|[a-zA-Z]){{4,6}})")


def with_figures(text: str) -> str:
    """Figures for numerals before a measure word, plates in capitals: for titles and contents only.

    >>> with_figures("十一号院四号楼"), with_figures("青h五幺八二三"), with_figures("一直一下")
    ('11号院4号楼', '青H51823', '一直一下')
    """
    text = _PLATE.sub(
        lambda it: it[1] + it[2].upper() + "".join(str(DIGITS.get(c, c)).upper() for c in it[3]), text
    )

    def figure(found: re.Match[str]) -> str:
        value = number(found[1])
        plain = found[1] in {"一", "两"} and found.string[found.end() : found.end() + 1] == "个"
        return found[1] if value is None or plain else str(value)

    return _MEASURED.sub(figure, text)
