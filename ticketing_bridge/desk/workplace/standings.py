"""How the calls at open workplaces stand: one look at the database for all pages, at most one a second."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from facts.call_control import CallControl, ControlRefused, DeskCall
from facts.identity import CallKey

#: how old what is shown may be (seconds)
FRESH_S: Final = 1.0


class Standings:
    """What pages that are open show of their calls between caller, agent and third party."""

    def __init__(self, control: CallControl) -> None:
        self._control = control
        self._looked_at: Counter[CallKey] = Counter()
        self._known: Mapping[CallKey, DeskCall] = {}
        self._asked: frozenset[CallKey] = frozenset()
        self._read_at = 0.0
        self._changed_at = 0.0
        self._reading = asyncio.Lock()

    @contextmanager
    def looked_at(self, call: CallKey) -> Iterator[None]:
        """Have this call among those that are read together, for as long as the block lasts."""
        self._looked_at[call] += 1
        try:
            yield
        finally:
            self._looked_at[call] -= 1
            self._looked_at += Counter()

    def changed(self) -> None:
        """Somebody has seen a newer standing than what is known here: it is read again when next wanted."""
        self._changed_at = time.monotonic()

    async def lately(self, call: CallKey) -> DeskCall | None:
        """How it stood within the last second; None: with no agent, or nobody knows.

        Raises:
            DatabaseAway: it could not be read.
        """
        async with self._reading:
            now = time.monotonic()
            if call not in self._asked or self._read_at < max(now - FRESH_S, self._changed_at):
                asked = frozenset((*self._looked_at, call))
                try:
                    self._known = await self._control.standings(asked)
                except ControlRefused:
                    self._known = {}
                self._asked, self._read_at = asked, now
        return self._known.get(call)
