"""Dispatch rules that verdicts propose, and what they would have prevented. Pure.

An upheld objection, or a consultation's verdict, says that a matter belonged to another unit. Its words,
as the city's catalogue knows them, make a rule; replaying the rule over what was dispatched before shows
which returns it would have prevented, and which right dispatches it would have turned wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.catalogue import CityData

#: words of a rule at most: more make it fit only the ticket that it came from
MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Past:
    """What became of a ticket: to whom it went first, to whom it belonged, and its words."""

    number: str
    appeal: str
    words: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A matter of this class with all of these words is ``unit``'s."""

    words: tuple[str, ...]
    appeal: str
    unit: str

    def fits(self, past: Past) -> bool:
        """Whether it would have spoken."""
        return past.appeal == self.appeal and all(word in past.words for word in self.words)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a rule would have done. Numbers of tickets."""

    #: returned once, and right at once with the rule
    prevented: tuple[str, ...]
    #: right at once, and wrong with the rule
    spoiled: tuple[str, ...]
    #: the rule says what was done anyway
    confirmed: int


def words_for(data: CityData, text: str, unit: str) -> tuple[str, ...]:
    """The catalogue's words that a text has and that tell its matter, the longest first.

    Words of matters of the unit that it belongs to are preferred; empty when the catalogue knows none.
    """
    own = [it for it in data.matters if it.unit == unit]
    for matters in (own, data.matters):
        heard = {
            part for it in matters for word in it.words if _all_in(word, text) for part in word.split("+")
        }
        if heard:
            return tuple(sorted(_apart(heard), key=lambda it: (-len(it), it))[:MOST_WORDS])
    return ()


def _all_in(word: str, text: str) -> bool:
    return all(part in text for part in word.split("+"))


def _apart(words: Iterable[str]) -> set[str]:
    """Without those that are part of another one."""
    known = set(words)
    return {it for it in known if not any(it != other and it in other for other in known)}


def replay_rule(rule: Rule, history: Sequence[Past]) -> Replay:
    """What the rule would have done to these tickets."""
    fitting = [it for it in history if rule.fits(it)]
    return Replay(
        tuple(it.number for it in fitting if it.first != it.last == rule.unit),
        tuple(it.number for it in fitting if it.first == it.last != rule.unit),
        sum(it.first == it.last == rule.unit for it in fitting),
    )
