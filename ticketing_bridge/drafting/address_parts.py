"""What addresses are made of: the city's names, endings of names, numbers of houses, what stands behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from config.catalogue import CityData
from ticketing_bridge.drafting.lexicon import any_of, once_a_city, word_list, words
from ticketing_bridge.drafting.numbers import DIGIT, NUMERAL

#: longest name before an ending, in characters
LONGEST = {"mall": 4, "road": 5, "estate": 6, "village": 4, "facility": 6}
SHORTEST = {"mall": 2, "road": 1, "estate": 2, "village": 1, "facility": 1}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an address: ``kind`` is road, estate, village, facility, known, city, number, tail."""

    start: int
    end: int
    kind: str
    sure: float


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """The city's place names as one expression, longest first."""

    names: re.Pattern[str]
    kinds: dict[str, str]
    city: frozenset[str]


@once_a_city
def gazetteer(data: CityData) -> Gazetteer:
    """Built once a catalogue."""
    kinds = {name: place.kind for place in data.places for name in (place.name, *place.aliases)}
    tops = {place.parent for place in data.places}
    city = {
        name
        for place in data.places
        if place.kind == "district" and (place.name in tops or len(place.name) <= 2)
        for name in (place.name, *place.aliases)
        if place.name.endswith("市") or len(name) <= 2
    }
    return Gazetteer(re.compile(any_of(kinds) if kinds else r"(?!)"), kinds, frozenset(city))


def place_words(name: str) -> tuple[str, ...]:
    return word_list("places", name)


@cache
def endings() -> tuple[tuple[re.Pattern[str], str], ...]:
    kinds = [
        (re.compile(any_of(place_words(kind))), kind) for kind in ("road", "village", "estate", "facility")
    ]
    mall = re.compile(f"{any_of(place_words('mall'))}(?={any_of(place_words('inside_after'))})")
    return (*kinds, (mall, "mall"))


@cache
def house_numbers() -> re.Pattern[str]:
    strong = any_of(place_words("unit_strong"))
    return re.compile(rf"{NUMERAL}{{1,6}}(?!号楼下|号门口){strong}")


@cache
def chain_numbers() -> re.Pattern[str]:
    units = any_of((*place_words("unit_strong"), *place_words("unit_chain")))
    return re.compile(
        rf"[东西南北]?(?!{DIGIT}{{3,4}}楼[上下]){NUMERAL}{{1,8}}(?:号(?=楼下|门口)|(?!号楼下|号门口){units})|{any_of(place_words('side'))}|[a-z]座|[a-z]区"
    )


ROOM = re.compile(rf"{DIGIT}{{3,4}}(?!{NUMERAL}|[个块元人年月天点])(?:室|号)?")
STOREY = re.compile(rf"{NUMERAL}{{1,3}}(?:楼|层)")
ORDINAL = re.compile("[省市州县]?第[一二三四五六七八九十]$")
TWICE = re.compile(r"(.{2,8})(?=\1)")
NUMERALS = "一二三四五六七八九十两几零"
BOUNDARY_BEFORE = re.compile(NUMERAL)


@cache
def tails() -> re.Pattern[str]:
    return re.compile(any_of(place_words("tail")))


@cache
def crossings() -> re.Pattern[str]:
    filler = any_of(place_words("crossing_filler"))
    return re.compile(f"{filler}?{any_of(place_words('crossing'))}")


@cache
def short_name() -> re.Pattern[str]:
    w = words("places")
    return re.compile(f"{w['short_names']}(?={any_of(w['short_after'])}|$)")


@cache
def shops() -> re.Pattern[str]:
    endings = any_of(word_list("parties", "endings"))
    return re.compile(f"{endings}(?={any_of(place_words('shop_after'))})")


@cache
def lead_in() -> re.Pattern[str]:
    return re.compile(f"{any_of(place_words('says_place'))}+")


@cache
def answer_ends() -> re.Pattern[str]:
    return re.compile("|".join((any_of(place_words("hard")), any_of(place_words("answer_ends")))))


@cache
def no_name() -> re.Pattern[str]:
    return re.compile(any_of(place_words("no_name")))
