"""Words without what tells who speaks: for readers outside of the house's own processes."""

from __future__ import annotations

import re
from functools import cache

from ticketing_bridge.drafting.lexicon import pattern, words
from ticketing_bridge.drafting.numbers import DIGIT


@cache
def _long_number() -> re.Pattern[str]:
    return re.compile(rf"{DIGIT}(?:{DIGIT}|[xX]){{5,}}")


def without_identity(text: str) -> str:
    """Numbers of telephones, papers and banks, plates, names and flats are replaced by what they are.

    >>> without_identity("我叫马文忠电话幺三九九七三六一五零八三单元五零一")
    '我叫〔姓名〕电话〔号码〕〔门牌〕'
    """
    marks = words("privacy")["marks"]
    for what in ("plate", "flat"):
        text = pattern("privacy", what).sub(marks[what], text)
    text = _long_number().sub(marks["number"], text)
    return pattern("privacy", "name").sub(lambda it: it["lead"] + marks["name"], text)
