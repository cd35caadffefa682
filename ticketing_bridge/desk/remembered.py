"""What this process has done once and need not do again, the newest of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Remembered:
    """A set of at most ``most`` things; the oldest is forgotten first."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._things: OrderedDict[Hashable, None] = OrderedDict()

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._things

    def add(self, thing: Hashable) -> None:
        """Remember it, as the newest."""
        self._things[thing] = None
        self._things.move_to_end(thing)
        while len(self._things) > self._most:
            self._things.popitem(last=False)
