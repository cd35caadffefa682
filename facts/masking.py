"""Telephone numbers for eyes that need not know them."""

from __future__ import annotations

import re


def mask_number(number: str | None) -> str:
    """Hide the middle of a telephone number; a withheld number is 未显示, an erased one (``""``) 已清除.

    >>> mask_number("13997361508")
    '139****1508'
    >>> mask_number("8412345")
    '84***45'
    >>> mask_number(None)
    '未显示'
    >>> mask_number("")
    '已清除'
    """
    if not number:
        return "未显示" if number is None else "已清除"
    if len(number) >= 11:
        return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
    if len(number) >= 5:
        return f"{number[:2]}{'*' * (len(number) - 4)}{number[-2:]}"
    return "*" * len(number)


def mask_digits(text: str) -> str:
    """Hide every run of seven or more digits in a text."""
    return re.sub(r"\d{7,}", lambda run: mask_number(run.group()), text)


#: a citizen's telephone, mobile or fixed with its area code; a ticket's number or a call's id is none
_PHONE = re.compile(
    r"(?<![0-9.])(?:\+?86|0086)?(?:1[3-9][0-9]{9}|0[1-9][0-9]{1,2}-?[2-8][0-9]{6,7})(?![0-9.])"
)


def mask_phones(text: str) -> str:
    """Hide the middle of every citizen's telephone number in what somebody has typed.

    >>> mask_phones("找13997361508的工单202611270001")
    '找139****1508的工单202611270001'
    """
    return _PHONE.sub(lambda found: mask_number(found.group()), text)


_DIGIT = "[零〇幺一二两三四五六七八九0-9０-９]"
#: seven or more digits in a row, as a recogniser writes them: a telephone, an identity card, a bank card;
#: or a mobile number in groups, as people write it
_SPOKEN_NUMBER = re.compile(
    rf"{_DIGIT}{{7,}}|(?<![0-9０-９])[1１幺一]{_DIGIT}{{2}}(?:[ 　—－-]{_DIGIT}{{4}}){{2}}"
)


def mask_spoken(text: str) -> str:
    """Hide the middle of every long number that was said; the length stays, so that spans still fit.

    >>> mask_spoken("我电话幺三九九七三六一五零八")
    '我电话幺三九****一五零八'
    >>> mask_spoken("139-0979-1234")
    '139******1234'
    """

    def masked(run: re.Match[str]) -> str:
        said = run.group()
        head, tail = (3, 4) if len(said) >= 11 else (2, 2)
        return said[:head] + "*" * (len(said) - head - tail) + said[-tail:]

    return _SPOKEN_NUMBER.sub(masked, text)
