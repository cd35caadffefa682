"""Percentages as they are printed: two decimals, half up, from unrounded numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def percent_of(part: int, whole: int) -> Decimal | None:
    """Two decimals, half up; None for 0 ÷ 0.

    >>> percent_of(1, 800), percent_of(0, 0)
    (Decimal('0.13'), None)
    """
    if whole == 0:
        return None
    return (Decimal(100 * part) / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_UP)
