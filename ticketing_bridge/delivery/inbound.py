"""Matters that reach the city by other ways: portals, letters, grids, the counter; from files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from config.csv_files import read_rows
from facts.errors import HotlineError
from ticketing_bridge.access import Person
from ticketing_bridge.call_ledger.listing import LOCAL
from ticketing_bridge.store.database import Database
from ticketing_bridge.tickets import Caller, NewTicket, Texts, TicketExists, TicketService

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "channel": ("渠道", "来源", "诉求渠道", "channel"),
    "reference": ("来件编号", "来信编号", "编号", "reference"),
    "purpose": ("目的分类", "诉求目的", "purpose"),
    "appeal": ("诉求分类", "事项分类", "appeal"),
    "title": ("标题", "诉求标题", "title"),
    "content": ("内容", "诉求内容", "content"),
    "confidential": ("是否保密", "保密", "confidential"),
    "anonymous": ("是否匿名", "匿名", "anonymous"),
    "name": ("姓名", "诉求人", "name"),
    "phone": ("联系电话", "来电号码", "phone"),
    "callback_phone": ("回拨电话", "callback_phone"),
    "place": ("地点", "事发地点", "place"),
    "when": ("发生时间", "事发时间", "when"),
    "demand": ("期望", "具体诉求", "demand"),
    "received_at": ("受理时间", "收件时间", "received_at"),
}
#: a file that lacks one of these is refused: without the last one nothing would be confidential
NEEDED: Final = ("channel", "reference", "purpose", "appeal", "title", "content", "confidential")
_YES = frozenset({"是", "保密", "匿名", "1", "true", "yes", "y"})
_NO = frozenset({"", "否", "0", "false", "no", "n"})
_MOMENTS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
)
_PHONE = re.compile(r"\+?[0-9]{3,20}")
_LONGEST: Final = {"title": 200, "content": 8000, "demand": 4000, "reference": 100}


class ContactFileInvalid(HotlineError):
    """A file of contacts cannot be read."""

    error_id = "contact-file-invalid"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that was not taken; ``line`` counts from 1, the header being the first."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A good row: the ticket that it becomes, and when the matter came."""

    line: int
    new: NewTicket
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactsTaken:
    """What became of a file. ``known``: rows whose reference is a ticket already."""

    rows: int
    taken: tuple[str, ...]
    known: int
    left_out: tuple[LeftOut, ...]


def source_of(channel: str, reference: str) -> str:
    """By what it is known that a matter of another channel became a ticket, whichever way it came."""
    return f"channel:{channel}:{reference}"


def read_contacts(path: Path, channels: Sequence[str], now: datetime) -> Iterator[Contact | LeftOut]:
    """Rows of a file in UTF-8 or GB18030, with commas or tabs.

    Raises:
        ContactFileInvalid: it is no such file; columns that are missing are named.
    """
    for line, row in read_rows(path, COLUMNS, NEEDED, ContactFileInvalid):
        try:
            yield Contact(line, _new(row, channels), _moment(row.get("received_at", ""), now))
        except ValueError as wrong:
            yield LeftOut(line, str(wrong))


def _new(row: Mapping[str, str], channels: Sequence[str]) -> NewTicket:
    for name in NEEDED[:-1]:
        if not row[name]:
            raise ValueError(f"{COLUMNS[name][0]} is empty")
    for name, most in _LONGEST.items():
        if len(row.get(name, "")) > most:
            raise ValueError(f"{COLUMNS[name][0]} is longer than {most} letters")
    if channels and row["channel"] not in channels:
        raise ValueError(f"渠道 {row['channel']!r} is none of {'、'.join(channels)}")
    return NewTicket(
        channel=row["channel"],
        purpose=row["purpose"],
        appeal=row["appeal"],
        texts=Texts(
            title=row["title"],
            content=row["content"],
            places=tuple(filter(None, (row.get("place", ""),))),
            when=row.get("when", ""),
            demand=row.get("demand", ""),
        ),
        caller=Caller(row.get("name") or None, _phone(row, "phone"), _phone(row, "callback_phone")),
        source=source_of(row["channel"], row["reference"]),
        confidential=_flag(row, "confidential"),
        anonymous=_flag(row, "anonymous"),
    )


def _flag(row: Mapping[str, str], name: str) -> bool:
    given = row.get(name, "").lower()
    if given not in _YES | _NO:
        raise ValueError(f"{COLUMNS[name][0]} {given!r} is neither 是 nor 否")
    return given in _YES


def _phone(row: Mapping[str, str], name: str) -> str | None:
    given = re.sub(r"[ \-()（）]", "", row.get(name, ""))
    if given and not _PHONE.fullmatch(given):
        raise ValueError(f"{COLUMNS[name][0]} is no telephone number")
    return given or None


def _moment(given: str, now: datetime) -> datetime:
    if not given:
        return now
    for form in _MOMENTS:
        try:
            moment = datetime.strptime(given, form).replace(tzinfo=LOCAL)
        except ValueError:
            continue
        if moment.year < 1971:
            raise ValueError(f"受理时间 {given!r} is no time of ours")
        if moment > now:
            raise ValueError(f"受理时间 {given!r} has not come yet")
        return moment
    raise ValueError(f"受理时间 {given!r} is no time (2026-03-12 09:30)")


async def take_contacts(
    database: Database,
    service: TicketService,
    person: Person,
    rows: Sequence[Contact | LeftOut],
    progress: Callable[[int, int], None] | None = None,
) -> ContactsTaken:
    """Make tickets of a file's good rows; a reference that is a ticket already is left as it is.

    Each row is a transaction: what was taken before a fault stays, and the file can be taken again.
    """
    taken: list[str] = []
    known = 0
    left_out = [row for row in rows if isinstance(row, LeftOut)]
    good = [row for row in rows if isinstance(row, Contact)]
    for done, row in enumerate(good, 1):
        try:
            async with database.unit_of_work() as uow:
                taken.append((await service.create(uow, person, row.new, row.at)).number)
        except TicketExists:
            known += 1
        except HotlineError as refused:
            left_out.append(LeftOut(row.line, str(refused)))
        if progress:
            progress(done, len(good))
    return ContactsTaken(len(rows), tuple(taken), known, tuple(left_out))
