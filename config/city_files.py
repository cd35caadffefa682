"""The city's data as files: read from what offices have, checked as a whole, written in one way.

Each kind of file is known by its name. All problems are found at once, each with its file and line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from config.catalogue import Matter
from config.strict_yaml import load_strict
from config.tickets import TicketRules

#: names of a column, the one that we write first
Names = tuple[str, ...]
#: several values in one cell: how we write them, and how others do
SEPARATOR: Final = ";"
_OTHERS: Final = "；|\n"


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of CSV file. ``several``: columns whose cells hold a list."""

    what: str
    columns: Mapping[str, Names]
    needed: tuple[str, ...]
    several: tuple[str, ...] = ()


TABLES: Final[Mapping[str, Table]] = {
    "units.csv": Table(
        "units",
        {
            "unit": ("单位", "单位名称", "承办单位"),
            "aliases": ("别名", "简称", "俗称"),
            "duties": ("职责", "业务"),
            "keywords": ("关键词", "关键字"),
            "parent": ("上级单位", "上级"),
            "closed": ("停用", "已撤销"),
            "successor": ("承接单位",),
        },
        ("unit", "aliases", "duties", "keywords"),
        ("aliases", "duties", "keywords"),
    ),
    "gazetteer.csv": Table(
        "places",
        {
            "name": ("名称", "地名"),
            "kind": ("类型", "类别"),
            "aliases": ("别名", "俗称"),
            "parent": ("上级", "所属"),
            "sure": ("确认", "已核对"),
        },
        ("name", "kind", "aliases", "parent", "sure"),
        ("aliases",),
    ),
    "appeals.csv": Table(
        "appeals",
        {
            "code": ("编码", "代码"),
            "parent": ("上级编码", "上级"),
            "name": ("名称", "诉求分类"),
            "keywords": ("关键词", "关键字"),
            "unit": ("默认单位", "承办单位"),
            "level": ("时限等级", "时限"),
        },
        ("code", "parent", "name"),
        ("keywords",),
    ),
    "dispatch.csv": Table(
        "dispatch",
        {
            "code": ("编码", "代码"),
            "parent": ("上级编码", "上级"),
            "name": ("事项", "名称"),
            "unit": ("主办单位", "承办单位"),
            "joint": ("协办单位",),
            "area": ("区域", "乡镇", "辖区"),
        },
        ("code", "parent", "name", "unit"),
        ("joint",),
    ),
}
MATTERS, LIMITS = "matters.yaml", "tickets.yaml"
FILES: Final = (*TABLES, MATTERS, LIMITS)
#: levels of each tree at most
DEEPEST: Final = {"appeals.csv": 5, "dispatch.csv": 3}
_YES, _NO = frozenset({"是", "y", "yes", "1", "true"}), frozenset({"", "否", "n", "no", "0", "false"})

Row = dict[str, str]


#: what can be wrong, for the command line; the page has its own words for each
WORDS: Final[Mapping[str, str]] = {
    "unknown_file": "is none of {name}",
    "no_column": "column {name} is missing; it has {other}",
    "cells": "{name} cells where the header has {other}",
    "not_csv": "is not CSV: {name}",
    "not_yaml": "is not YAML: {name}",
    "not_a_list": "is not a list of matters",
    "wrong_value": "{name}: {other}",
    "yes_no": "{name}: {other!r} is neither 是 (y) nor 否 (n)",
    "no_unit": "{name}: there is no unit {other} in units.csv",
    "closed_unit": "{name}: {other} is closed: name its successor",
    "no_level": "{name}: there is no level {other}",
    "no_parent": "{name}: there is no {other} above it",
    "round": "{name}: stands above itself",
    "no_successor": "{name} is closed and has no open successor",
    "empty": "{name} is empty",
    "deep": "{name}: level {other}, which is too deep",
    "nobody": "{name}: nobody handles it",
    "twice": "{name} is there twice, first in line {other}",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file; ``line`` counts from 1, None: the whole file. ``kind`` is of ``WORDS``."""

    file: str
    line: int | None
    kind: str
    name: str = ""
    other: str = ""

    @property
    def what(self) -> str:
        """In words."""
        return WORDS[self.kind].format(name=self.name, other=self.other)

    def __str__(self) -> str:
        return f"{self.file}{f' line {self.line}' if self.line else ''}: {self.what}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A set of files as we write them, with everything that is wrong in it."""

    files: Mapping[str, str]
    problems: tuple[Problem, ...]


def decoded(raw: bytes) -> str | None:
    """UTF-8, with or without a mark, or GB18030; None when it is neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    return None


def known_file(path: Path) -> str | None:
    """Which of our files a path is, by its name."""
    return next((name for name in FILES if path.name.lower() == name), None)


def check_files(given: Mapping[str, str]) -> Checked:
    """Read a whole set of files, as texts by name."""
    problems: list[Problem] = []
    rows: dict[str, list[tuple[int, Row]]] = {}
    written: dict[str, str] = {}
    for name, text in given.items():
        if name in TABLES:
            rows[name] = list(_rows(name, text, problems))
            written[name] = _as_csv(TABLES[name], [row for _, row in rows[name]])
        elif name not in FILES:
            problems.append(Problem(name, None, "unknown_file", ", ".join(FILES)))
        else:
            written[name] = text.replace("\r\n", "\n")
    matters = list(_matters(given.get(MATTERS), problems))
    levels = _levels(given.get(LIMITS), problems)
    _check_whole(rows, matters, levels, problems)
    order = {name: place for place, name in enumerate(FILES)}
    problems.sort(key=lambda it: (order.get(it.file, 99), it.line or 0))
    return Checked(written, tuple(problems))


def _rows(name: str, text: str, problems: list[Problem]) -> Iterator[tuple[int, Row]]:
    table = TABLES[name]
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter="\t" if head.count("\t") > head.count(",") else ",")
    try:
        header = [cell.strip().lstrip("\ufeff") for cell in next(reader, [])]
        places = {
            column: header.index(found)
            for column, names in table.columns.items()
            if (found := next((it for it in (column, *names) if it in header), None)) is not None
        }
        missing = [it for it in table.needed if it not in places]
        if missing:
            wanted = ", ".join(f"{it} ({table.columns[it][0]})" for it in missing)
            there = ", ".join(filter(None, header)) or "nothing"
            problems.append(Problem(name, 1, "no_column", wanted, there))
            return
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                problems.append(Problem(name, reader.line_num, "cells", str(len(cells)), str(len(header))))
                continue
            yield reader.line_num, {column: cells[at].strip() for column, at in places.items()}
    except csv.Error as wrong:
        problems.append(Problem(name, reader.line_num, "not_csv", str(wrong)))


def parts(cell: str, *, sentences: bool = False) -> tuple[str, ...]:
    """The values of a cell that holds several; 、 parts words where nothing else does, but no sentences."""
    for other in _OTHERS:
        cell = cell.replace(other, SEPARATOR)
    if SEPARATOR not in cell and not sentences:
        cell = cell.replace("、", SEPARATOR)
    return tuple(part.strip() for part in cell.split(SEPARATOR) if part.strip())


def yes(cell: str) -> bool | None:
    """是 or 否; None when it is neither."""
    return True if cell.lower() in _YES else False if cell.lower() in _NO else None


def _as_csv(table: Table, rows: Sequence[Row]) -> str:
    """The file as we write it: UTF-8, our names, commas. Columns that nobody has filled are left out."""
    used = [it for it in table.columns if it in table.needed or any(row.get(it) for row in rows)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(used)
    for row in rows:
        writer.writerow(
            SEPARATOR.join(parts(row.get(it, ""), sentences=it == "duties"))
            if it in table.several
            else row.get(it, "")
            for it in used
        )
    return out.getvalue()


def _matters(text: str | None, problems: list[Problem]) -> Iterator[tuple[int, Matter]]:
    content = _yaml(MATTERS, text, problems)
    if content is not None and not isinstance(content, list):
        problems.append(Problem(MATTERS, None, "not_a_list"))
        return
    for number, item in enumerate(content or [], 1):
        try:
            yield number, Matter.model_validate(item)
        except ValidationError as found:
            problems += [
                Problem(MATTERS, None, "wrong_value", f"{number}.{_place(it)}", str(it["msg"]))
                for it in found.errors()
            ]


def _levels(text: str | None, problems: list[Problem]) -> frozenset[str] | None:
    content = _yaml(LIMITS, text, problems)
    if content is None:
        return None
    try:
        return frozenset(it.id for it in TicketRules.model_validate(content).levels)
    except ValidationError as found:
        problems += [
            Problem(LIMITS, None, "wrong_value", _place(it) or "file", str(it["msg"]))
            for it in found.errors()
        ]
        return None


def _place(found: Any) -> str:
    return ".".join(map(str, found["loc"]))


def _yaml(name: str, text: str | None, problems: list[Problem]) -> Any:
    if text is None:
        return None
    try:
        return load_strict(text)
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else None
        problems.append(Problem(name, line, "not_yaml", str(wrong.problem)))
    except yaml.YAMLError as wrong:
        problems.append(Problem(name, None, "not_yaml", " ".join(str(wrong).split())))
    return None


def _check_whole(
    rows: Mapping[str, list[tuple[int, Row]]],
    matters: Sequence[tuple[int, Matter]],
    levels: frozenset[str] | None,
    problems: list[Problem],
) -> None:
    """What holds between lines and between files."""
    units = rows.get("units.csv", [])
    closed = {row["unit"] for _, row in units if yes(row.get("closed", ""))}
    known = {row["unit"] for _, row in units}
    _check_units(units, known, closed, problems)
    _twice("gazetteer.csv", "name", rows.get("gazetteer.csv", []), problems)
    problems += [
        Problem("gazetteer.csv", line, "yes_no", "sure", row["sure"])
        for line, row in rows.get("gazetteer.csv", [])
        if yes(row["sure"]) is None
    ]
    for file in DEEPEST:
        _check_tree(file, rows.get(file, []), problems)
    for file, line, name, unit in _named_units(rows, matters):
        if unit not in known:
            problems.append(Problem(file, line, "no_unit", name, unit))
        elif unit in closed:
            problems.append(Problem(file, line, "closed_unit", name, unit))
    problems += [
        Problem("appeals.csv", line, "no_level", row["name"], row["level"])
        for line, row in rows.get("appeals.csv", [])
        if levels is not None and row.get("level") and row["level"] not in levels
    ]


def _named_units(
    rows: Mapping[str, list[tuple[int, Row]]], matters: Sequence[tuple[int, Matter]]
) -> Iterator[tuple[str, int | None, str, str]]:
    """Every unit that another file names: file, line, of what, and the unit."""
    for file in DEEPEST:
        for line, row in rows.get(file, []):
            for unit in (row.get("unit", ""), *parts(row.get("joint", ""))):
                if unit:
                    yield file, line, row["name"], unit
    for _, matter in matters:
        yield MATTERS, None, matter.title, matter.unit


def _check_units(
    units: Sequence[tuple[int, Row]], known: set[str], closed: set[str], problems: list[Problem]
) -> None:
    file = "units.csv"
    _twice(file, "unit", units, problems)
    above = {row["unit"]: row.get("parent", "") for _, row in units}
    for line, row in units:
        name, parent, successor = row["unit"], row.get("parent", ""), row.get("successor", "")
        shut = yes(row.get("closed", ""))
        if parent and parent not in known:
            problems.append(Problem(file, line, "no_parent", name, parent))
        if _goes_round(name, above):
            problems.append(Problem(file, line, "round", name))
        if shut is None:
            problems.append(Problem(file, line, "yes_no", f"{name}: closed", row["closed"]))
        if shut and (successor not in known or successor in closed):
            problems.append(Problem(file, line, "no_successor", name))


def _check_tree(file: str, rows: Sequence[tuple[int, Row]], problems: list[Problem]) -> None:
    """Codes are there once, parents exist, nothing goes round, nothing is too deep; leaves have a unit."""
    _twice(file, "code", rows, problems)
    above = {row["code"]: row["parent"] for _, row in rows}
    parents = set(above.values())
    for line, row in rows:
        code, parent = row["code"], row["parent"]
        if not row["name"]:
            problems.append(Problem(file, line, "empty", f"{code}: name"))
        if parent and parent not in above:
            problems.append(Problem(file, line, "no_parent", code, parent))
        elif _goes_round(code, above):
            problems.append(Problem(file, line, "round", code))
        elif (deep := _depth(code, above)) > DEEPEST[file]:
            problems.append(Problem(file, line, "deep", code, str(deep)))
        if file == "dispatch.csv" and code not in parents and not row["unit"]:
            problems.append(Problem(file, line, "nobody", code))


def _twice(file: str, column: str, rows: Sequence[tuple[int, Row]], problems: list[Problem]) -> None:
    first: dict[str, int] = {}
    for line, row in rows:
        name = row[column]
        if not name:
            problems.append(Problem(file, line, "empty", column))
        elif name in first:
            problems.append(Problem(file, line, "twice", name, str(first[name])))
        else:
            first[name] = line


def _goes_round(name: str, above: Mapping[str, str]) -> bool:
    seen, place = {name}, above.get(name, "")
    while place and place not in seen:
        seen.add(place)
        place = above.get(place, "")
    return bool(place) and place == name


def _depth(name: str, above: Mapping[str, str]) -> int:
    deep, place, seen = 1, above.get(name, ""), {name}
    while place and place not in seen:
        seen.add(place)
        deep, place = deep + 1, above.get(place, "")
    return deep
