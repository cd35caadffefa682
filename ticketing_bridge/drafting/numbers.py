"""Chinese numerals as a recogniser prints them."""

from __future__ import annotations

import re

from facts.numerals import DIGITS, digits, number

__all__ = ["DIGIT", "NUMERAL", "digits", "number", "with_figures"]

#: characters of a number, for regular expressions
NUMERAL = "[零〇一幺二两三四五六七八九十百千0-9]"
DIGIT = "[零〇一幺二两三四五六七八九0-9]"

#: after these a numeral names something: 一号楼, 一月; after the others 一 and 两 are words: 一点都, 一次
_NAMING = "号楼|号院|号|栋|幢|单元|楼|层|室|月|国道|省道|县道"
_COUNTING = "岁|元|块钱|块|天|个月|个人|个|人|名|盏|次|户|米|公里|年|日|度|分钟|小时|点|辆|亩|万|平米"
_MEASURED = re.compile(
    rf"(?<!{NUMERAL})(?<!第)(?!一点.{{1,4}}[都也][没不])({NUMERAL}{{1,10}})(?=({_NAMING}|{_COUNTING}))"
)
_ROOM = re.compile(rf"(?<=单元)({DIGIT}{{3,4}})(?!{NUMERAL})")
_HOURS = ("凌晨", "早上", "上午", "中午", "下午", "傍晚", "晚上", "夜里", "半夜")
#: 七八个, 十四五度: about so many
_ABOUT = re.compile("十?(?:一二|二三|两三|三四|三五|四五|五六|六七|七八|八九)十?$")
_PLATE = re.compile(rf"([青藏甘川新陕宁豫鲁京沪渝])([a-zA-Z])((?:{DIGIT}|[a-zA-Z]){{4,6}})")


def with_figures(text: str) -> str:
    """Figures for numerals before a measure word, plates in capitals: for titles and contents only.

    >>> with_figures("十一号院四号楼"), with_figures("青h五幺八二三"), with_figures("一直一下")
    ('11号院4号楼', '青H51823', '一直一下')
    >>> with_figures("一点都不热"), with_figures("七八个人等了两天"), with_figures("三单元五零一")
    ('一点都不热', '七八个人等了两天', '3单元501')
    """
    text = _PLATE.sub(
        lambda it: it[1] + it[2].upper() + "".join(str(DIGITS.get(c, c)).upper() for c in it[3]), text
    )

    def figure(found: re.Match[str]) -> str:
        value = number(found[1])
        said, before = found[1], found.string[: found.start()]
        naming = re.fullmatch(_NAMING, found[2]) or (found[2] == "点" and before.endswith(_HOURS))
        about = _ABOUT.match(said) and found[2] in {"月", *_COUNTING.split("|")}
        if said.endswith("千万") and not said[:-2]:  # 千万不要
            return found[1]
        word = about or (not naming and said in {"一", "两", "零"})
        return found[1] if value is None or word else str(value)

    text = _ROOM.sub(lambda it: digits(it[1]), text)
    return _MEASURED.sub(figure, text)
