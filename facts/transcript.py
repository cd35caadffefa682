"""Words that were heard, with their times: what ``asr`` gives and everybody reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Leg(StrEnum):
    """Whose mouth: the caller's, or the agent's side of the call."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word. ``start_s`` and ``end_s`` count from the call's arrival (or the file's start)."""

    text: str
    start_s: float
    end_s: float
    #: 0…1 as the recogniser says it
    confidence: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said in one go. ``text`` has no spaces between Chinese characters."""

    leg: Leg
    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of one leg that was not heard (a recogniser died, audio was lost)."""

    leg: Leg
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """All turns of a call in order of their start, overlaps kept."""

    turns: tuple[Turn, ...]
    #: name and version of the model that heard it
    model: str
    gaps: tuple[Gap, ...] = ()
    #: why there are no turns, where there are none: ``silence`` or ``no speech``
    reason: str = ""

    def text(self, leg: Leg | None = None) -> str:
        """The words of one leg (or both), a line a turn."""
        return "\n".join(turn.text for turn in self.turns if leg is None or turn.leg is leg)


@dataclass(frozen=True, slots=True)
class LiveText:
    """A partial or final text of one leg, while the call is on. Partials are never stored."""

    call: str
    leg: Leg
    #: counts segments of this leg; partials of a segment carry the number its final will have
    segment: int
    final: bool
    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()
    #: which tap of the leg heard it; ``segment`` counts within it
    stream: str = ""
    #: there is a voice whose words are still to come; without text, and told of answers to questions only
    unheard: bool = False
