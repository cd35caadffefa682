"""CSV files as offices make them: UTF-8 or GB18030, commas or tabs, columns under one of several names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from facts.errors import HotlineError


class CsvInvalid(HotlineError):
    """A CSV file cannot be read."""

    error_id = "csv-invalid"


#: a column by what it is, and the names under which it is understood; the first one is written in errors
Columns = Mapping[str, tuple[str, ...]]


def read_rows(
    path: Path, columns: Columns, needed: Sequence[str], invalid: type[HotlineError] = CsvInvalid
) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row that is not empty: its line (the header is 1), and its cells by what they are, stripped.

    Columns that the file has not are left out; cells that a row has not are empty.

    Args:
        path: the file.
        columns: what may be in it.
        needed: what must be in it.
        invalid: the error to raise.

    Raises:
        HotlineError: of the class ``invalid``: it is no such file; columns that are missing are named.
    """
    text = file_text(path, invalid)
    # lines end as they did on whichever machine wrote them
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=_delimiter(text))
    try:
        header = [name.strip() for name in next(rows, [])]
        places = _places(header, path, columns, needed, invalid)
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield (
                    rows.line_num,
                    {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()},
                )
    except csv.Error as problem:  # a cell as long as a book: a quote that is opened and never closed
        raise invalid(f"{path} line {rows.line_num}: {problem}", fix="look at its quotes") from None


def file_text(path: Path, invalid: type[HotlineError] = CsvInvalid) -> str:
    """The text of a file in UTF-8 (with or without a mark) or GB18030. Raises ``invalid``."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise invalid(f"{path}: {problem.strerror}", fix="name a CSV file") from None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise invalid(f"{path} is neither UTF-8 nor GB18030 text", fix="export it as CSV")


def _delimiter(text: str) -> str:
    header = text.replace("\r", "\n").partition("\n")[0]
    return "\t" if header.count("\t") > header.count(",") else ","


def _places(
    header: Sequence[str],
    path: Path,
    columns: Columns,
    needed: Sequence[str],
    invalid: type[HotlineError],
) -> dict[str, int]:
    found = {
        name: header.index(given)
        for name, names in columns.items()
        if (given := next((it for it in names if it in header), None)) is not None
    }
    if missing := [columns[name][0] for name in needed if name not in found]:
        there = "、".join(filter(None, header)) or "nothing"
        raise invalid(
            f"{path} has no column {'、'.join(missing)}; it has {there}",
            fix="name the columns as the manual does: " + "、".join(names[0] for names in columns.values()),
        )
    return found
