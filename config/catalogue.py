"""The city's own catalogue: units with their duties, place names, matters. Read once, checked."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from config.hotline import DEFAULTS, Fact
from facts.errors import HotlineError

Made = TypeVar("Made")


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
class CityData:
    """The whole catalogue, immutable."""

    units: tuple[Unit, ...]
    places: tuple[PlaceName, ...]
    matters: tuple[Matter, ...]


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
    known = {unit.name for unit in units}
    problems += [
        f"matters.yaml: {it.title}: there is no unit {it.unit} in units.csv"
        for it in matters
        if it.unit not in known
    ]
    problems += _twice("units.csv", [it.name for it in units])
    problems += _twice("gazetteer.csv", [it.name for it in places])
    if problems:
        raise CatalogueInvalid(f"{folder}: " + "; ".join(problems), fix="correct the named lines")
    return CityData(tuple(units), tuple(places), tuple(matters))


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _unit(row: dict[str, str]) -> Unit:
    return Unit(row["unit"], _parts(row["aliases"]), _parts(row["duties"]), _parts(row["keywords"]))


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
