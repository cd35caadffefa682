"""Whether two tickets are about the same place and matter: offered, never merged by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from asr.text.searching import normal

#: how much place, matter and unit weigh; and what must come together before a ticket is offered
_PLACE: Final = 0.5
_MATTER: Final = 0.35
_SAME_CLASS: Final = 0.15
LEAST_ALIKE: Final = 0.55
#: the place alone must fit so well: the same matter at another place is another ticket
LEAST_PLACE: Final = 0.5


@dataclass(frozen=True, slots=True)
class MatterText:
    """What is compared of a matter: its place, its words, its class."""

    place: str
    words: str
    appeal: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Comparable:
    """A matter made ready to be compared with many others."""

    place: frozenset[str]
    words: frozenset[str]
    appeal: str
    unit: str

    @classmethod
    def of(cls, matter: MatterText) -> Self:
        """By pairs of neighbouring characters."""
        return cls(_pairs(matter.place), _pairs(matter.words), matter.appeal, matter.unit)


def alike(one: Comparable, other: Comparable) -> float:
    """0 … 1. Without a place on either side two matters are never alike."""
    place = _overlap(one.place, other.place)
    if place < LEAST_PLACE:
        return 0.0
    matter = _overlap(one.words, other.words)
    same_class = _same(one.appeal, other.appeal) or _same(one.unit, other.unit)
    return _PLACE * place + _MATTER * min(1.0, 2 * matter) + _SAME_CLASS * same_class


def most_alike(
    matter: MatterText, others: Iterable[tuple[str, Comparable]], most: int = 3
) -> list[tuple[str, float]]:
    """Ids of those that are alike enough, the likest first."""
    wanted = Comparable.of(matter)
    found = [(id_, alike(wanted, other)) for id_, other in others]
    found = [(id_, value) for id_, value in found if value >= LEAST_ALIKE]
    return sorted(found, key=lambda it: -it[1])[:most]


def _same(one: str, other: str) -> bool:
    return bool(one) and one == other


def _pairs(text: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(normal(text))))


def _overlap(pairs: frozenset[str], others: frozenset[str]) -> float:
    """Shared pairs of characters, as part of the shorter text's."""
    shorter = min(len(pairs), len(others))
    return len(pairs & others) / shorter if shorter else 0.0
