"""What the city calls its places and units, as transcripts need it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from asr.text.display import KeptNames
from asr.text.vocabulary import Vocabulary
from config.catalogue import CityData


def kept_names(city: CityData) -> KeptNames:
    """Names of places that keep their numerals: 八一路 is no 81路."""
    return KeptNames.of(name for place in city.places for name in (place.name, *place.aliases))


@dataclass(frozen=True, slots=True)
class CityNames:
    """Names that keep their numerals, and names that are suggested for what sounds like them."""

    kept: KeptNames
    vocabulary: Vocabulary

    @classmethod
    def of(cls, city: CityData) -> CityNames:
        """From the gazetteer, the units, and the words of their duties."""
        places = [name for place in city.places for name in (place.name, *place.aliases)]
        units = [name for unit in city.units for name in (unit.name, *unit.aliases, *unit.keywords)]
        return cls(kept_names(city), Vocabulary.of([*places, *units]))
