"""The city as the desk needs it: its catalogue, and the names derived from it. Read once, when wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from config.catalogue import CityData
from ticketing_bridge.transcripts.city import CityNames


@dataclass(frozen=True, slots=True)
class City:
    """One reading of the city's data."""

    data: CityData
    names: CityNames
    #: names of units as tickets carry them
    units: tuple[str, ...]
    #: units that are no more, with who has taken over
    closed: Mapping[str, str]
    #: what people call each unit, and the words of its duties
    aliases: Mapping[str, tuple[str, ...]]
    duties: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, data: CityData) -> Self:
        """Takes a moment: not for the event loop."""
        return cls(
            data=data,
            names=CityNames.of(data),
            units=tuple(unit.name for unit in data.units),
            closed={it: heir for it in data.closed if (heir := data.open_unit(it))},
            aliases={unit.name: unit.aliases for unit in data.units},
            duties={unit.name: unit.keywords for unit in data.units},
        )
