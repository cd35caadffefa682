"""What people say to a hotline: hand-written sentences and patterns, and sentences made of them without end.

The files in ``text/`` are YAML. ``slots`` are lists of alternatives, ``patterns`` are lists of sentences;
both may name slots in braces. Slots of numbers and names are made by the functions of this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import yaml

from voice.reading import read_digits, read_number

Rng = np.random.Generator
_SLOT = re.compile(r"\{([a-z_]+)\}")
_DEEPEST = 8
_FREE_FILES = (
    "sentences", "calls", "homes", "streets", "living", "desk", "stories", "answers", "districts", "agents",
    "plain", "mixed",
)  # fmt: skip
_TOLD_FILES = ("homes", "streets", "living", "answers")
_PATTERN_FILES = ("patterns", "everyday")


@cache
def text_file(name: str) -> Mapping[str, Any]:
    """One YAML file of ``text/``, also of a folder there."""
    loaded: Mapping[str, Any] = yaml.safe_load(_place(f"{name}.yaml").read_text("utf-8"))
    return loaded


def text_lines(folder: str) -> Iterator[tuple[str, str]]:
    """The names of a folder's text files with their lines, but for empty ones."""
    for file in sorted(_place(folder).iterdir(), key=lambda it: it.name):
        if file.name.endswith(".txt"):
            yield from ((file.name, line) for line in file.read_text("utf-8").splitlines() if line)


def _place(name: str) -> Traversable:
    return resources.files("asr.demo_model").joinpath(f"text/{name}")


@cache
def slots() -> Mapping[str, tuple[str, ...]]:
    """All slots of all files; a slot written as one line of words counts each word.

    The slot ``told`` is any sentence of those that tell what is wrong.
    """
    found: dict[str, tuple[str, ...]] = {}
    for file in (*_PATTERN_FILES, "people", "places", "matters"):
        for name, value in (text_file(file).get("slots") or {}).items():
            found[name] = tuple(value.split()) if isinstance(value, str) else tuple(map(str, value))
    found["told"] = tuple(
        line for file in _TOLD_FILES for lines in text_file(file).values() for line in lines.splitlines()
    )
    return found


def free_sentences() -> list[str]:
    """The sentences written by hand as they are said."""
    spoken: list[str] = []
    for file in _FREE_FILES:
        for lines in text_file(file).values():
            spoken.extend(lines.splitlines() if isinstance(lines, str) else map(str, lines))
    for lines in text_file("phrases").values():
        spoken.extend(lines.split())
    return spoken + spoken_lines()


@cache
def spoken_lines() -> list[str]:
    """The sentences of all files in ``text/spoken/``, one a line."""
    return [line for _, line in text_lines("spoken")]


def terms() -> list[str]:
    """Words of the trade and of places that the recogniser must know whole."""
    listed = text_file("terms")
    return sorted({word for line in listed.values() for word in str(line).split()})


def sentences(seed: int, count: int, file: str = "patterns") -> Iterator[str]:
    """``count`` sentences from a file of patterns, each group of them as often as its weight says."""
    rng = np.random.default_rng(seed)
    groups = text_file(file)["patterns"]
    weights = np.array([float(group["weight"]) for group in groups])
    chosen = rng.choice(len(groups), size=count, p=weights / weights.sum())
    for index in chosen:
        yield expand(pick(groups[index]["say"], rng), rng)


def expand(pattern: str, rng: Rng, depth: int = 0) -> str:
    """A sentence with every slot filled at random."""
    if depth > _DEEPEST:
        raise ValueError(f"The slots of {pattern!r} name each other in a circle")

    def fill(match: re.Match[str]) -> str:
        maker = _MAKERS.get(match[1])
        return maker(rng) if maker else expand(pick(slots()[match[1]], rng), rng, depth + 1)

    return _SLOT.sub(fill, pattern)


def pick(choices: Sequence[str], rng: Rng) -> str:
    """One of them, each as likely as the others."""
    return str(choices[int(rng.integers(len(choices)))])


def _between(low: int, high: int) -> Callable[[Rng], str]:
    return lambda rng: read_number(int(rng.integers(low, high + 1)))


def _count(low: int, high: int) -> Callable[[Rng], str]:
    """A number before a measure word: 两, not 二."""

    def make(rng: Rng) -> str:
        number = int(rng.integers(low, high + 1))
        return "两" if number == 2 else read_number(number)

    return make


def _digits(rng: Rng, count: int) -> str:
    return read_digits("".join(str(int(digit)) for digit in rng.integers(0, 10, count)))


def _mobile(rng: Rng) -> str:
    return read_digits("1" + str(int(rng.integers(3, 10)))) + _digits(rng, 9)


def _landline(rng: Rng) -> str:
    area = pick(("0979", "0971", "0977", "010", "0519", "", "", ""), rng)
    return read_digits(area + "8") + _digits(rng, 6)


def _year(rng: Rng) -> str:
    year = str(int(rng.integers(2008, 2028)))
    return read_digits(year if rng.random() < 0.5 else year[2:], phone=False)


def _room(rng: Rng) -> str:
    number = int(rng.integers(1, 30)) * 100 + int(rng.integers(1, 9))
    if number > 1000 or rng.random() < 0.7:
        return read_digits(str(number), phone=bool(rng.random() < 0.5))
    return read_number(number)


def _house(rng: Rng) -> str:
    return read_number(int(rng.integers(1, 30) if rng.random() < 0.6 else rng.integers(1, 400)))


def _money(rng: Rng) -> str:
    kind = int(rng.integers(0, 5))
    if kind == 0:
        return read_number(int(rng.integers(1, 100)) * 100) + pick(("元", "块", "块钱", "多块钱"), rng)
    if kind == 1:
        return _count(1, 60)(rng) + "万" + pick(("", "元", "多", "块钱"), rng)
    if kind == 2:
        return f"{_count(1, 50)(rng)}万{pick('一二三四五六七八九', rng)}" + pick(("", "千", "千元"), rng)
    if kind == 3:
        return read_number(int(rng.integers(5, 2000))) + pick(("元", "块", "块钱"), rng)
    return read_number(int(rng.integers(1, 10)) * 1000) + pick(("元", "块", "多"), rng)


def _two_characters(rng: Rng) -> str:
    """A place-like name of two characters, never two the same."""
    characters = slots()["place_characters"]
    first, second = rng.choice(len(characters), size=2, replace=False)
    return characters[int(first)] + characters[int(second)]


def _person(rng: Rng) -> str:
    given = "".join(pick(slots()["given_characters"], rng) for _ in range(1 if rng.random() < 0.3 else 2))
    return pick(slots()["surname"], rng) + given


_MAKERS: Mapping[str, Callable[[Rng], str]] = {
    "few": _count(2, 10),
    "some": _count(2, 40),
    "many": _count(11, 300),
    "small": _between(1, 12),
    "digit": lambda rng: _digits(rng, 1),
    "digits": lambda rng: _digits(rng, int(rng.integers(3, 9))),
    "floor": _between(1, 33),
    "house": _house,
    "room": _room,
    "month": _between(1, 12),
    "day": _between(1, 31),
    "hour": _count(1, 23),
    "minute": lambda rng: pick(("十", "十五", "二十", "三十", "四十", "四十五", "五十", "零五"), rng),
    "temperature": _between(5, 28),
    "kilometre": _between(1, 3000),
    "percent": _between(1, 99),
    "year": _year,
    "mobile": _mobile,
    "landline": _landline,
    "money": _money,
    "two_characters": _two_characters,
    "person": _person,
    "bus": _between(1, 40),
}
