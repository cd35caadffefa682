"""What the carrier counted: calls that it refused never came to the PBX, and only it can say how many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from config.csv_files import Columns, read_rows
from facts.errors import HotlineError
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.rate_records import CarrierCount

COLUMNS: Columns = {
    "day": ("日期", "day", "date"),
    "number": ("号码", "被叫号码", "number"),
    "offered": ("呼入量", "呼叫次数", "offered"),
    "refused": ("拒绝量", "未送达", "溢出量", "refused"),
}
NEEDED = ("day", "number", "offered", "refused")


class CarrierFileInvalid(HotlineError):
    """A file of the carrier's counts cannot be read."""

    error_id = "carrier-file-invalid"


@dataclass(frozen=True, slots=True)
class CarrierImported:
    """What became of a file; nothing is written when a row is wrong. ``bad``: (line, problem)."""

    rows: int
    bad: tuple[tuple[int, str], ...]


def read_carrier(path: Path) -> tuple[list[CarrierCount], list[tuple[int, str]]]:
    """Counts of a file (CSV, UTF-8 or GB18030), and rows that say nothing sensible.

    Raises:
        CarrierFileInvalid: it is no such file; columns that are missing are named.
    """
    good: dict[tuple[date, str], CarrierCount] = {}
    bad = []
    for line, row in read_rows(path, COLUMNS, NEEDED, CarrierFileInvalid):
        try:
            one = _count(row, path.name)
            if (one.day, one.number) in good:
                raise ValueError(f"{one.day} {one.number} is there twice")
        except ValueError as wrong:
            bad.append((line, str(wrong)))
        else:
            good[one.day, one.number] = one
    return [*good.values()], bad


def _count(row: dict[str, str], source: str) -> CarrierCount:
    day = date.fromisoformat(row["day"].replace("/", "-"))
    offered, refused = (int(row[name].replace(",", "") or 0) for name in ("offered", "refused"))
    if not row["number"].lstrip("+").isdecimal():
        raise ValueError(f"号码 {row['number']!r} is no number")
    if not 0 <= refused <= offered:
        raise ValueError(f"拒绝量 {refused} of 呼入量 {offered}")
    return CarrierCount(day, row["number"], offered, refused, source)


async def import_carrier(database: Database, path: Path, who: str) -> CarrierImported:
    """Put a file's counts into the store, over those of the same day and number; all rows, or none.

    Raises:
        CarrierFileInvalid: see ``read_carrier``.
    """
    good, bad = read_carrier(path)
    if not bad:
        async with database.unit_of_work() as uow:
            await uow.rate_books.put_carrier(good)
            await uow.audit.add(who, "carrier-counts-imported", reason=f"{path.name}: {len(good)}")
    return CarrierImported(len(good) + len(bad), tuple(bad))
