"""The city's own catalogue: units with their duties, place names, matters. Read once, checked."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from config.hotline import DEFAULTS, Fact
from facts.errors import HotlineError

Made = TypeVar("Made")
#: how a unit that is no more is marked
_CLOSED = frozenset({"是", "y", "yes", "1", "true"})


class CatalogueInvalid(HotlineError):
    """The city's catalogue is wrong."""

    error_id = "catalogue-invalid"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that handles matters (承办单位). ``aliases`` are what people call it."""

    name: str
    aliases: tuple[str, ...]
    duties: tuple[str, ...]
    keywords: tuple[str, ...]
    #: the unit above it; "" for none
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Appeal:
    """A class of the category tree (诉求分类). ``unit`` and ``level`` are what its matters usually have."""

    code: str
    parent: str
    name: str
    keywords: tuple[str, ...] = ()
    unit: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class DispatchItem:
    """An item of the dispatch catalogue (派单目录); ``area``: only for matters of this township."""

    code: str
    parent: str
    name: str
    unit: str = ""
    joint: tuple[str, ...] = ()
    area: str = ""


@dataclass(frozen=True, slots=True)
class PlaceName:
    """A place of the gazetteer."""

    name: str
    kind: str
    aliases: tuple[str, ...]
    parent: str
    sure: bool


class Matter(Fact):
    """A kind of matter: how it is named on a ticket, the words that tell it, its class and its usual unit.

    ``words`` count once each; ``a+b`` wants both in the same text. ``lean`` is the purpose that
    it usually has when the caller does not say one.
    """

    title: str
    words: tuple[str, ...]
    appeal: str
    unit: str
    lean: str | None = None


@dataclass(frozen=True, slots=True)
class AdoptedRule:
    """What an upheld objection taught: with all of these words, a matter of this class is ``unit``'s."""

    words: tuple[str, ...]
    appeal: str
    unit: str


@dataclass(frozen=True, slots=True)
class CityData:
    """The whole catalogue, immutable."""

    units: tuple[Unit, ...]
    places: tuple[PlaceName, ...]
    matters: tuple[Matter, ...]
    appeals: tuple[Appeal, ...] = ()
    dispatch: tuple[DispatchItem, ...] = ()
    #: units that are no more, with who has taken over
    closed: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)
    #: newest first
    adopted: tuple[AdoptedRule, ...] = ()

    def open_unit(self, name: str) -> str | None:
        """The unit, or who has taken over from it; None when it is closed and nobody has."""
        seen: set[str] = set()
        while name in self.closed and name not in seen:
            seen.add(name)
            name = self.closed[name]
        return name if name and name not in self.closed else None

    def handler(self, item: str, area: str = "") -> DispatchItem | None:
        """Who handles an item of the dispatch catalogue: in this area, else everywhere."""
        named = [it for it in self.dispatch if it.name == item and it.unit]
        return next((it for it in named if area and it.area == area), None) or next(
            (it for it in named if not it.area), None
        )


def load_catalogue(folder: Path | None = None) -> CityData:
    """Read ``units.csv``, ``gazetteer.csv`` and ``matters.yaml`` of a folder, or the built-in ones.

    Raises:
        CatalogueInvalid: listing every wrong row with its file and line.
    """
    folder = folder or DEFAULTS / "catalogue"
    problems: list[str] = []
    units = _table(folder / "units.csv", ("unit", "aliases", "duties", "keywords"), _unit, problems)
    places = _table(folder / "gazetteer.csv", ("name", "kind", "aliases", "parent", "sure"), _place, problems)
    matters = _matters(folder / "matters.yaml", problems)
    known = {unit.name for unit, closed, _ in units if not closed}
    problems += [
        f"matters.yaml: {it.title}: there is no unit {it.unit} in units.csv"
        for it in matters
        if it.unit not in known
    ]
    problems += _twice("units.csv", [it.name for it, _, _ in units])
    problems += _twice("gazetteer.csv", [it.name for it in places])
    if problems:
        raise CatalogueInvalid(f"{folder}: " + "; ".join(problems), fix="correct the named lines")
    appeals = tuple(_optional(folder / "appeals.csv", ("code", "parent", "name"), _appeal, problems))
    dispatch = tuple(_optional(folder / "dispatch.csv", ("code", "parent", "name", "unit"), _item, problems))
    if problems:
        raise CatalogueInvalid(f"{folder}: " + "; ".join(problems), fix="correct the named lines")
    return CityData(
        tuple(unit for unit, closed, _ in units if not closed),
        tuple(places),
        (*matters, *_matters_of(appeals, {it.title for it in matters})),
        appeals,
        dispatch,
        {unit.name: successor for unit, closed, successor in units if closed},
    )


def _matters_of(appeals: Sequence[Appeal], known: set[str]) -> Iterable[Matter]:
    """Classes of the tree that say by which words they are known and whose they are."""
    names = {it.code: it for it in appeals}
    for appeal in appeals:
        if appeal.keywords and appeal.unit and appeal.name not in known:
            top, seen = appeal, set[str]()
            while top.parent in names and top.code not in seen:  # a circle ends where it began
                seen.add(top.code)
                top = names[top.parent]
            yield Matter(title=appeal.name, words=appeal.keywords, appeal=top.name, unit=appeal.unit)


def _appeal(row: dict[str, str]) -> Appeal:
    return Appeal(
        row["code"], row["parent"], row["name"], _parts(row.get("keywords", "")), row.get("unit", ""),
        row.get("level", ""),
    )  # fmt: skip


def _item(row: dict[str, str]) -> DispatchItem:
    joint = _parts(row.get("joint", ""))
    return DispatchItem(row["code"], row["parent"], row["name"], row["unit"], joint, row.get("area", ""))


def _optional(
    path: Path, columns: tuple[str, ...], make: Callable[[dict[str, str]], Made], problems: list[str]
) -> list[Made]:
    return _table(path, columns, make, problems) if path.exists() else []


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _unit(row: dict[str, str]) -> tuple[Unit, bool, str]:
    """A unit, whether it is closed, and who has taken over."""
    unit = Unit(
        row["unit"],
        _parts(row["aliases"]),
        _parts(row["duties"]),
        _parts(row["keywords"]),
        row.get("parent", ""),
    )
    return unit, row.get("closed", "").lower() in _CLOSED, row.get("successor", "")


def _place(row: dict[str, str]) -> PlaceName:
    return PlaceName(row["name"], row["kind"], _parts(row["aliases"]), row["parent"], row["sure"] == "y")


def _twice(file: str, names: list[str]) -> list[str]:
    return [f"{file}: {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]


def _table(
    path: Path, columns: tuple[str, ...], make: Callable[[dict[str, str]], Made], problems: list[str]
) -> list[Made]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [it for it in columns if it not in (rows.fieldnames or ())]
            if missing:
                problems.append(f"{path.name}: column {', '.join(missing)} is missing")
                return []
            return list(_rows(rows, path.name, columns, make, problems))
    except FileNotFoundError:
        problems.append(f"{path.name} is missing")
    except UnicodeDecodeError:
        problems.append(f"{path.name} is not UTF-8: save it as UTF-8")
    return []


def _rows(
    rows: csv.DictReader[str],
    file: str,
    columns: tuple[str, ...],
    make: Callable[[dict[str, str]], Made],
    problems: list[str],
) -> Iterable[Made]:
    for row in rows:
        if any(row.get(it) is None for it in columns) or None in row:
            problems.append(f"{file} line {rows.line_num}: not {len(columns)} columns")
        elif not row[columns[0]].strip():
            problems.append(f"{file} line {rows.line_num}: {columns[0]} is empty")
        else:
            yield make({name: text.strip() for name, text in row.items()})


def _matters(path: Path, problems: list[str]) -> list[Matter]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{path.name} is missing")
        return []
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        problems.append(f"{path.name}: {' '.join(str(problem).split())}")
        return []
    matters = []
    for number, item in enumerate(content if isinstance(content, list) else [], 1):
        try:
            matters.append(Matter.model_validate(item))
        except ValidationError as found:
            problems += [
                f"{path.name} matter {number}: {'.'.join(map(str, it['loc']))}: {it['msg']}"
                for it in found.errors()
            ]
    return matters
