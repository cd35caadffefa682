"""Calls as a worse recogniser would print them: characters replaced by homophones, lost, or added."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ticketing_bridge.drafting.model import DraftInput, Said, Span
from ticketing_bridge.drafting.sounds import syllable

#: of the disturbed characters; the rest are added
_REPLACED, _LOST = 0.6, 0.2


@dataclass(frozen=True, slots=True)
class Disturbed:
    """A disturbed call, and where each old character begins in the new text, a turn a tuple."""

    call: DraftInput
    moved: tuple[tuple[int, ...], ...]

    def span(self, old: Span) -> Span:
        """Where the characters of an old span are now."""
        start, end = self.moved[old.turn][old.start], self.moved[old.turn][old.end]
        return Span(old.turn, start, end, self.call.turns[old.turn].text[start:end])


@cache
def _common() -> tuple[str, ...]:
    """The 3755 characters of GB 2312's first level."""
    return tuple(
        bytes((high, low)).decode("gb2312")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
        if (high, low) <= (0xD7, 0xF9)
    )


@cache
def _alike() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for character in _common():
        found[syllable(character)].append(character)
    return {sound: tuple(characters) for sound, characters in found.items()}


def disturb(call: DraftInput, share: float, seed: str = "") -> Disturbed:
    """The call with that share of its characters disturbed; the same for the same seed and call."""
    draw = random.Random(f"{seed}/{call.id}/{share}")
    turns, moved = [], []
    for said in call.turns:
        text, starts = _disturbed(said, share, draw)
        turns.append(replace(said, text=text))
        moved.append(starts)
    return Disturbed(replace(call, turns=tuple(turns)), tuple(moved))


def _disturbed(said: Said, share: float, draw: random.Random) -> tuple[str, tuple[int, ...]]:
    text, starts = "", []
    for character in said.text:
        starts.append(len(text))
        text += "".join(_pieces(character, share, draw))
    return text, (*starts, len(text))


def _pieces(character: str, share: float, draw: random.Random) -> Iterator[str]:
    if draw.random() >= share:
        yield character
        return
    kind = draw.random()
    if kind < _REPLACED:
        others = [it for it in _alike().get(syllable(character), ()) if it != character]
        yield draw.choice(others) if others else character
    elif kind >= _REPLACED + _LOST:
        yield character
        yield draw.choice(_common())
