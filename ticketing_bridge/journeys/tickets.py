"""Tickets of the city's system, read from its CSV export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from config.csv_files import read_rows
from facts.errors import HotlineError
from facts.telephone import LAST_DIGITS, national, new_salt, only_digits, phone_digest
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.journey_records import CityTicket

#: column of an export, by what it is: names that are understood
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("工单编号", "工单号", "编号", "number"),
    "matter": ("标题", "事项", "诉求标题", "matter"),
    "status": ("状态", "工单状态", "status"),
    "units": ("承办单位", "办理单位", "units"),
    "phone": ("回拨电话", "联系电话", "来电号码", "phone"),
    "confidential": ("是否保密", "保密", "confidential"),
    "updated_at": ("更新时间", "updated_at"),
    "expected_on": ("预计办结日期", "办理期限", "expected_on"),
    "closed_at": ("办结时间", "closed_at"),
}
#: an export that lacks one of these is refused; without the last one nothing would be confidential
NEEDED = ("number", "matter", "status", "phone", "confidential")
_YES = frozenset({"是", "保密", "1", "true", "yes", "y"})
_NO = frozenset({"", "否", "0", "false", "no", "n"})
_MOMENTS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
)
#: rows in one transaction
BATCH = 500


class TicketFileInvalid(HotlineError):
    """A file of tickets cannot be read."""

    error_id = "ticket-file-invalid"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out; ``line`` counts from 1, the header being the first."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class TicketRow:
    """One good row: the ticket, and the number to phone about it."""

    ticket: CityTicket
    phone: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. ``older``: rows that are older than what is there."""

    rows: int
    written: int
    older: int
    bad: tuple[BadRow, ...]


def read_tickets(path: Path, now: datetime) -> Iterator[TicketRow | BadRow]:
    """Rows of an export in UTF-8 or GB18030, with commas or tabs.

    Raises:
        TicketFileInvalid: it is no such file; columns that are missing are named.
    """
    for line, values in read_rows(path, COLUMNS, NEEDED, TicketFileInvalid):
        try:
            yield _row(values, now)
        except ValueError as wrong:
            yield BadRow(line, str(wrong))


def _row(values: Mapping[str, str], now: datetime) -> TicketRow:
    number, phone = values["number"], national(values["phone"]) or None
    if not only_digits(number):
        raise ValueError(f"工单编号 {number!r} has no digits: nobody can key it")
    if not values["status"]:
        raise ValueError("状态 is empty")
    closed_at = _moment(values, "closed_at")
    salt = new_salt() if phone else None
    ticket = CityTicket(
        number=number,
        digits=only_digits(number),
        matter=values["matter"],
        status="closed" if closed_at else "open",
        status_text=values["status"],
        units=tuple(
            filter(None, (it.strip() for it in values.get("units", "").replace("，", "、").split("、")))
        ),
        expected_on=_day(values),
        updated_at=_moment(values, "updated_at") or closed_at or now,
        phone_last4=phone[-LAST_DIGITS:] if phone else None,
        phone_salt=salt,
        phone_hash=phone_digest(phone, salt) if phone and salt else None,
        confidential=_flag(values),
        closed_at=closed_at,
    )
    return TicketRow(ticket, phone)


def _flag(values: Mapping[str, str]) -> bool:
    given = values["confidential"].lower()
    if given not in _YES | _NO:
        raise ValueError(f"是否保密 {given!r} is neither 是 nor 否")
    return given in _YES


def _moment(values: Mapping[str, str], name: str) -> datetime | None:
    given = values.get(name, "")
    if not given:
        return None
    for form in _MOMENTS:
        try:
            return datetime.strptime(given, form).replace(tzinfo=LOCAL)
        except ValueError:
            continue
    raise ValueError(f"{COLUMNS[name][0]} {given!r} is no time (2026-03-12 09:30)")


def _day(values: Mapping[str, str]) -> date | None:
    moment = _moment(values, "expected_on")
    return moment.date() if moment else None


async def import_tickets(
    database: Database, path: Path, progress: Callable[[int, int], None] | None = None
) -> Imported:
    """Put a file's tickets into the store; a ticket that is there already is replaced, unless it is newer.

    ``progress`` is called with rows done and rows in all.

    Raises:
        TicketFileInvalid: see ``read_tickets``.
        DatabaseAway: rows of whole batches may be written already; do it again.
    """
    now = datetime.now(LOCAL)
    rows = list(read_tickets(path, now))
    bad = tuple(row for row in rows if isinstance(row, BadRow))
    good = list({row.ticket.number: row for row in rows if isinstance(row, TicketRow)}.values())
    written = 0
    for first in range(0, len(good), BATCH):
        batch = good[first : first + BATCH]
        async with database.unit_of_work() as uow:
            written += await uow.tickets.upsert([row.ticket for row in batch])
            await uow.tickets.put_contacts(
                [(row.ticket.number, row.phone) for row in batch if row.phone and row.ticket.closed_at]
            )
        if progress:
            progress(first + len(batch), len(good))
    return Imported(len(rows), written, len(good) - written, bad)
