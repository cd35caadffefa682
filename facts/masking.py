"""Telephone numbers for eyes that need not know them."""

from __future__ import annotations

import re


def mask_number(number: str | None) -> str:
    """Hide the middle of a telephone number; a withheld number is 未显示.

    >>> mask_number("13997361508")
    '139****1508'
    >>> mask_number("8412345")
    '84***45'
    >>> mask_number(None)
    '未显示'
    """
    if not number:
        return "未显示"
    if len(number) >= 11:
        return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
    if len(number) >= 5:
        return f"{number[:2]}{'*' * (len(number) - 4)}{number[-2:]}"
    return "*" * len(number)


def mask_digits(text: str) -> str:
    """Hide every run of seven or more digits in a text."""
    return re.sub(r"\d{7,}", lambda run: mask_number(run.group()), text)
