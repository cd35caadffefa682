"""Which numbers a caller may have us dial: those of citizens in this country, nothing that costs or harms."""

from __future__ import annotations

import re

from config.hotline import Hotline
from facts.telephone import national

#: mobile; fixed with its area code; fixed of this city (7 or 8 digits, none that begin with 1, 9 or 0)
_CITIZENS = re.compile(r"1[3-9]\d{9}|0[1-9]\d{1,2}[2-8]\d{6,7}|[2-8]\d{6,7}", re.ASCII)


def number_to_call(number: str, hotline: Hotline) -> str | None:
    """The number as it is dialled; None when it may not be: no citizen's, or one of our own.

    >>> from config.hotline import load_hotline
    >>> [number_to_call(it, load_hotline()) for it in ("+8613909790001", "0979-8412345", "12345", "16812345")]
    ['13909790001', '09798412345', None, None]
    """
    plain = national(number)
    ours = {it for line in hotline.lines for it in line.numbers}
    ours |= {service.number for service in hotline.emergency}
    return plain if _CITIZENS.fullmatch(plain) and plain not in ours else None
