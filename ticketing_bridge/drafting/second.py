"""Two matters in one call: where the second one begins, and the call as seen from either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from config.catalogue import CityData
from ticketing_bridge.drafting.lexicon import pattern
from ticketing_bridge.drafting.matters import Heard, hear
from ticketing_bridge.drafting.model import CITIZEN, DraftInput, Said

#: a matter needs this much to stand on its own (scores of the catalogue's words)
_LEAST = 1.3
#: shorter leftovers of a call hold no matter, in characters
_SHORTEST = 8
#: fills what belongs to the other matter, so that places in the text stay; no name goes over it
_BLANK = "，"


def split(call: DraftInput, data: CityData) -> tuple[DraftInput, DraftInput] | None:
    """The call's two matters, when the caller announces a second one that is of another kind."""
    for turn, at in _announced(call):
        first, second = _before(call, turn, at), _after(call, turn, at)
        if _spoken(first) < _SHORTEST or _spoken(second) < _SHORTEST:
            continue
        if _different(hear(first, data), hear(second, data)):
            return first, second
    return None


def _announced(call: DraftInput) -> Iterator[tuple[int, int]]:
    for turn, text in call.citizen():
        for found in pattern("flags", "second").finditer(text):
            yield turn, found.start()


def _different(first: Heard, second: Heard) -> bool:
    if not first.matters or not second.matters:
        return False
    (one, matter), (two, other) = first.matters[0], second.matters[0]
    return min(one, two) >= _LEAST and matter.title != other.title and matter.unit != other.unit


def _spoken(call: DraftInput) -> int:
    return sum(len(text.strip(_BLANK)) for _, text in call.citizen())


def _before(call: DraftInput, turn: int, at: int) -> DraftInput:
    """Up to the announcement; the agent's later words stay, as they close both matters."""
    return _part(call, lambda n, said: _head(n, said, turn, at))


def _after(call: DraftInput, turn: int, at: int) -> DraftInput:
    def part(number: int, said: Said) -> str:
        if number == turn:
            return _BLANK * at + said.text[at:]
        # how the agent answered the phone counts for both
        return said.text if number > turn or (number < 2 and said.speaker != CITIZEN) else ""

    return _part(call, part)


def _head(number: int, said: Said, turn: int, at: int) -> str:
    if number == turn:
        return said.text[:at]
    return said.text if number < turn or said.speaker != CITIZEN else ""


def _part(call: DraftInput, text_of: Callable[[int, Said], str]) -> DraftInput:
    return replace(call, turns=tuple(replace(it, text=text_of(n, it)) for n, it in enumerate(call.turns)))
