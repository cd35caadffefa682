"""Who of many legs is heard live, and who waits: pure.

A talk that is not heard live is heard in its recording after the call. The answer to an open question has no
such second chance: whoever is not heard now is asked again by keys. So a question never waits while a talk is
heard: a talk leaves its place to it, comes back first, and has a gap that the recording fills.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from facts.transcript import Leg


class Seat(Protocol):
    """What of a leg decides its place."""

    @property
    def leg(self) -> Leg: ...

    @property
    def question(self) -> bool:
        """Whether it is the answer to an open question: some seconds, and no recording heals them."""

    @property
    def speaks(self) -> bool:
        """Whether words are being said that are not final yet."""


S = TypeVar("S", bound=Seat)


@dataclass(slots=True)
class Room(Generic[S]):
    """Legs that are heard, and legs that wait: questions before talks, then the longest waiting first."""

    heard: list[S] = field(default_factory=list)
    waiting: list[S] = field(default_factory=list)

    def open(self, leg: S, free: bool) -> S | None:
        """A leg begins. Returns who waits from now on: nobody, the leg itself, or one that made room for it.

        ``free``: whether one more leg can be heard (``has_room``).
        """
        first_in_turn = not self.waiting or (leg.question and not any(it.question for it in self.waiting))
        if free and first_in_turn:
            self.heard.append(leg)
            return None
        aside = self._least_missed() if leg.question else None
        if aside is None:
            self.waiting.append(leg)
            return leg
        self.heard[self.heard.index(aside)] = leg
        self.waiting.insert(0, aside)
        return aside

    def closed(self, leg: S) -> None:
        """A leg has ended, wherever it was."""
        for legs in (self.heard, self.waiting):
            if leg in legs:
                legs.remove(leg)

    def next(self) -> S | None:
        """Who is heard as soon as there is room; it is in ``heard`` afterwards."""
        if not self.waiting:
            return None
        leg = min(self.waiting, key=lambda it: not it.question)
        self.waiting.remove(leg)
        self.heard.append(leg)
        return leg

    def has_room(self, capacity: int, *, late: bool) -> bool:
        """Whether one more can be heard; the first always can.

        ``late``: audio waits too long already.
        """
        return not self.heard or (len(self.heard) < capacity and not late)

    @property
    def questions(self) -> int:
        """Open questions, heard or not."""
        return sum(leg.question for leg in (*self.heard, *self.waiting))

    def _least_missed(self) -> S | None:
        """The talk that can best be left to its recording: an agent's, one that is silent, the youngest."""
        talks = [leg for leg in reversed(self.heard) if not leg.question]
        return min(talks, key=lambda it: (it.leg is Leg.CALLER, it.speaks), default=None)
