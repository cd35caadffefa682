"""The word lists of drafting: YAML files beside the code, read once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, wraps
from importlib.resources import files
from typing import Any, TypeVar, cast

import yaml

from config.catalogue import CityData

#: catalogues of which something is remembered
_KEPT = 4


@cache
def words(file: str) -> dict[str, Any]:
    """One file of word lists."""
    text = (files("ticketing_bridge.drafting") / "data" / f"{file}.yaml").read_text(encoding="utf-8")
    return cast("dict[str, Any]", yaml.safe_load(text))


@cache
def word_list(file: str, name: str) -> tuple[str, ...]:
    """One list, longest word first."""
    return tuple(sorted(map(str, words(file)[name]), key=lambda it: (-len(it), it)))


def any_of(options: Iterable[str]) -> str:
    """A regular expression for one of the words, longest first."""
    return "(?:" + "|".join(re.escape(it) for it in sorted(options, key=lambda it: (-len(it), it))) + ")"


@cache
def pattern(file: str, name: str) -> re.Pattern[str]:
    """One list of regular expressions as one expression."""
    return re.compile("|".join(f"(?:{it})" for it in words(file)[name]))


def because(key: str) -> str:
    """The reason that an agent reads beside a field."""
    return str(words("reasons")[key])


Made = TypeVar("Made")


def once_a_city(make: Callable[[CityData], Made]) -> Callable[[CityData], Made]:
    """Remember what was made of a catalogue, by its identity: to hash a whole catalogue takes too long."""
    kept: list[tuple[CityData, Made]] = []

    @wraps(make)
    def remembered(data: CityData) -> Made:
        for known, made in kept:
            if known is data:
                return made
        made = make(data)
        kept.append((data, made))
        del kept[:-_KEPT]
        return made

    return remembered
