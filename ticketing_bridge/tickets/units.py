"""Handling units: their names, what people call them, who stands above them. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from config.catalogue import CityData


@dataclass(frozen=True, slots=True)
class UnitDirectory:
    """The city's units. ``called`` are their names and other names, each with whose it is."""

    names: tuple[str, ...]
    called: Mapping[str, str]
    superiors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: units that are no more, each with who has taken over from it; None: nobody
    closed: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, data: CityData, superiors: Mapping[str, tuple[str, ...]]) -> UnitDirectory:
        """The catalogue's units; above them their parents, and further superiors of the ticket rules."""
        called = {other: unit.name for unit in data.units for other in (unit.name, *unit.aliases)}
        above = {
            unit.name: tuple(dict.fromkeys((*filter(None, [unit.parent]), *superiors.get(unit.name, ()))))
            for unit in data.units
        }
        closed = {name: data.open_unit(name) for name in data.closed}
        return cls(tuple(unit.name for unit in data.units), called, above, closed)

    def named(self, name: str) -> str | None:
        """The unit of this name or other name."""
        return self.called.get(name.strip())

    def named_in(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Units that these texts speak of, by any of their names, or by that of one they have taken over.

        Blanks and line ends within a name, and letters in full width, are no other name.
        """
        whole = "\0".join(_plain(it) for it in texts)
        known = [*self.called.items(), *self.closed.items()]
        return tuple(
            dict.fromkeys(unit for name, unit in known if unit and len(name) > 1 and _plain(name) in whole)
        )

    def above(self, unit: str) -> tuple[str, ...]:
        """All superiors, the nearest first; a circle ends where it began."""
        found: dict[str, None] = {}
        waiting = [*self.superiors.get(unit, ())]
        while waiting:
            above = waiting.pop(0)
            if above != unit and above not in found:
                found[above] = None
                waiting += self.superiors.get(above, ())
        return tuple(found)

    def barred_by(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Units that must not receive what these texts say: those named, and their superiors."""
        named = self.named_in(texts)
        return tuple(dict.fromkeys((*named, *(it for unit in named for it in self.above(unit)))))


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())
