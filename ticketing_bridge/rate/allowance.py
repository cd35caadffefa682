"""How many further misses a target still allows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor


@dataclass(frozen=True, slots=True)
class Allowance:
    """Misses still allowed; negative: so many too many.

    ``now``: the next so many calls may all be missed before the rate falls below the target (negative: so
    many calls must be answered without a miss before it is back there).
    ``today``: further misses allowed by the day's end, at the volume that is expected; None: not known.
    """

    now: int
    today: int | None
    #: calls that are expected until the day's end
    expected: int | None


def allowance(reached: int, base: int, target_percent: float, expected: int | None = None) -> Allowance:
    """What the target allows after ``reached`` of ``base``.

    >>> allowance(490, 499, 98).now, allowance(490, 500, 98).now, allowance(490, 501, 98).now
    (1, 0, -50)
    >>> allowance(490, 499, 98, expected=500)
    Allowance(now=1, today=10, expected=500)
    """
    target = Fraction(str(target_percent)) / 100
    spare = reached - target * base
    if spare >= 0:
        now = int(spare / target)
    elif target < 1:
        now = -ceil(-spare / (1 - target))
    else:
        now = reached - base
    today = None
    if expected is not None:
        today = floor((1 - target) * (base + expected)) - (base - reached)
    return Allowance(now, today, expected)
