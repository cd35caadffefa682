"""Waiting longer after each failure, and never in step with others."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from ``first_s`` to ``most_s``; each wait is drawn from its upper half."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    def next_s(self) -> float:
        """How long to wait now."""
        wait_s = self._next_s
        self._next_s = min(wait_s * 2, self._most_s)
        return wait_s * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It went well: begin anew."""
        self._next_s = self._first_s
