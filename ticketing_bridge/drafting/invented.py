"""Names of places and parties that nobody has on a list, made by chance: labelled calls are varied with them.

A model that saw only the names of the labelled calls would learn those names; with ever other ones in their
place it learns what stands round a name and how names are built.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from ticketing_bridge.drafting.lexicon import word_list, words
from ticketing_bridge.drafting.model import DraftInput
from ticketing_bridge.drafting.numbers import NUMERAL

_NUMBERED = re.compile(f"^(?:[东西南北]?{NUMERAL}|第)")
_NUMERALS = "一二三四五六七八九"
#: so many names are taken from the list, others are made of characters
_LISTED = 0.5


class Inventor:
    """Draws names; the same ones for the same seed."""

    def __init__(self, seed: str) -> None:
        self.draw = random.Random(seed)
        self.forms = words("invented")
        self.characters = words("common")["in_names"]

    def place(self, like: str) -> str:
        """Another place where ``like`` was said; of a bare number only the figures change."""
        if _NUMBERED.match(like) and len(like) <= 6:
            return re.sub(f"[{_NUMERALS}]", lambda _: self.draw.choice(_NUMERALS), like)
        return self.some_place()

    def some_place(self) -> str:
        """A place of any form."""
        return self._filled(self.draw.choice(self.forms["places"]))

    def party(self, like: str) -> str:
        """Another company or shop; whoever is no company stays."""
        ending = next((it for it in word_list("parties", "endings") if like.endswith(it)), None)
        return self.stem(2, 3) + ending if ending and len(like) > len(ending) else like

    def _filled(self, form: str) -> str:
        return re.sub(r"<(\w+)>", lambda it: self._part(it[1]), form)

    def _part(self, name: str) -> str:
        made: dict[str, Callable[[], str]] = {
            "stem": lambda: self.stem(1, 3),
            "long": lambda: self.stem(3, 4),
            "n": self._number,
            "room": lambda: "".join(self.draw.choice("一二三四五六零" + _NUMERALS) for _ in range(3)),
        }
        if name in made:
            return made[name]()
        if name in self.forms:
            return self._filled(self.draw.choice(self.forms[name]))
        return self.draw.choice(word_list("places", name))

    def stem(self, least: int, most: int) -> str:
        """What tells one name from another."""
        if self.draw.random() < _LISTED:
            return str(self.draw.choice(self.forms["stems"]))
        return "".join(self.draw.choice(self.characters) for _ in range(self.draw.randint(least, most)))

    def _number(self) -> str:
        tens = self.draw.choice(["", "", "十", "二十", "三十", "十"])
        return tens + self.draw.choice(_NUMERALS)


def varied(
    call: DraftInput, places: list[str], party: str | None, inventor: Inventor
) -> tuple[DraftInput, list[str], str | None]:
    """The call with other places and another party, and what those are now."""
    others = {it: inventor.place(it) for it in places}
    if party and party not in others and not any(party in it or it in party for it in places):
        others[party] = inventor.party(party)
    turns = tuple(replace(it, text="".join(_exchanged(it.text, others))) for it in call.turns)
    said = others.get(party, party) if party else None
    return replace(call, turns=turns), [others[it] for it in places], said


def _exchanged(text: str, others: dict[str, str]) -> Iterator[str]:
    if not others:
        yield text
        return
    longest = "|".join(re.escape(it) for it in sorted(others, key=len, reverse=True))
    at = 0
    for found in re.finditer(longest, text):
        yield text[at : found.start()] + others[found[0]]
        at = found.end()
    yield text[at:]
