"""Two matters in one call: where the second one begins, and the call as seen from either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from config.catalogue import CityData
from ticketing_bridge.drafting.lexicon import pattern
from ticketing_bridge.drafting.matters import Heard, hear
from ticketing_bridge.drafting.model import CITIZEN, DraftInput, Said
from ticketing_bridge.drafting.purpose import citizen_says

#: a matter needs this much to stand on its own (scores of the catalogue's words)
_LEAST = 1.3
#: shorter leftovers of a call hold no matter, in characters
_SHORTEST = 8
#: fills what belongs to the other matter, so that places in the text stay; no name goes over it
_BLANK = "，"


@dataclass(frozen=True, slots=True)
class Split:
    """Where the second matter begins."""

    turn: int
    at: int

    def first(self, call: DraftInput) -> DraftInput:
        """Up to the announcement; the agent's later words stay, as they close both matters."""
        return _part(call, lambda number, said: _head(number, said, self.turn, self.at))

    def second(self, call: DraftInput) -> DraftInput:
        """From the announcement on; how the agent answered the phone counts for both."""
        return _part(call, lambda number, said: _rest(number, said, self.turn, self.at))


def split(call: DraftInput, data: CityData) -> Split | None:
    """The two matters of a call: the second is announced and of another kind, or was asked for."""
    two = citizen_says(call, "two")
    for turn, at, asked in _announced(call, two=two):
        parts = Split(turn, at)
        first, second = parts.first(call), parts.second(call)
        if _spoken(first) < _SHORTEST or _spoken(second) < _SHORTEST:
            continue
        if asked or _different(hear(first, data), hear(second, data), announced=two):
            return parts
    return None


def _announced(call: DraftInput, *, two: bool) -> Iterator[tuple[int, int, bool]]:
    """Where the caller goes over to something else; True: on being asked for the second matter."""
    for turn, text in call.citizen():
        question = call.question_before(turn)
        if pattern("flags", "asks_second").search(question):
            yield turn, 0, two
        elif two and pattern("flags", "asks_more").search(question):
            yield turn, 0, False
        for found in pattern("flags", "second").finditer(text):
            yield turn, found.start(), False


def _different(first: Heard, second: Heard, *, announced: bool) -> bool:
    if not first.matters or not second.matters:
        return False
    (one, matter), (two, other) = first.matters[0], second.matters[0]
    return (
        min(one, two) >= _LEAST and matter.title != other.title and (announced or matter.unit != other.unit)
    )


def _spoken(call: DraftInput) -> int:
    return sum(len(text.strip(_BLANK)) for _, text in call.citizen())


def _head(number: int, said: Said, turn: int, at: int) -> str:
    if number == turn:
        return said.text[:at]
    return said.text if number < turn or said.speaker != CITIZEN else ""


def _rest(number: int, said: Said, turn: int, at: int) -> str:
    if number == turn:
        return _BLANK * at + said.text[at:]
    return said.text if number > turn or (number < 2 and said.speaker != CITIZEN) else ""


def _part(call: DraftInput, text_of: Callable[[int, Said], str]) -> DraftInput:
    return replace(call, turns=tuple(replace(it, text=text_of(n, it)) for n, it in enumerate(call.turns)))
