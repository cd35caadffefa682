"""Keys that a text speaks of: what is offered must be there."""

from __future__ import annotations

import re

_KEYS = dict(zip("零一二三四五六七八九〇0123456789", "01234567890" + "0123456789", strict=True))
_KEYS |= {"井号": "#", "#": "#", "星号": "*", "米字": "*", "*": "*"}
_OFFER = re.compile(r"(?:请按|按下|按)(" + "|".join(map(re.escape, _KEYS)) + r")(?![下次个0-9])")
_RANGE = re.compile(r"按([一二三四五六七八九0-9])(?:到|至)([一二三四五六七八九0-9])")


def announced_keys(text: str) -> set[str]:
    """The keys of a text.

    >>> sorted(announced_keys("大气请按一，水请按2，结束请按井号键。按一到三打分。"))
    ['#', '1', '2', '3']
    >>> announced_keys("请按一下喇叭")
    set()
    """
    keys = {_KEYS[found] for found in _OFFER.findall(text)}
    for first, last in _RANGE.findall(text):
        keys |= {str(key) for key in range(int(_KEYS[first]), int(_KEYS[last]) + 1)}
    return keys
