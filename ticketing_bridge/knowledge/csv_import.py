"""Phone book and knowledge base from the files that offices have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from config.csv_files import read_rows
from facts.errors import HotlineError
from ticketing_bridge.knowledge.entries import checked, entry_vector
from ticketing_bridge.knowledge.phone_book import checked_number
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.knowledge_records import EntryText, PhoneText

Made = TypeVar("Made", PhoneText, EntryText)

PHONE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "unit": ("单位", "单位名称", "承办单位", "unit"),
    "office": ("科室", "窗口", "部门", "office"),
    "number": ("电话", "电话号码", "办公电话", "联系电话", "number"),
    "duties": ("职责", "业务", "关键词", "duties"),
    "hours": ("办公时间", "服务时间", "hours"),
    "address": ("地址", "办公地址", "address"),
    "note": ("备注", "note"),
    "closed": ("已撤销", "停用", "closed"),
    "successor": ("承接单位", "successor"),
    "checked_on": ("核对日期", "checked_on"),
}
KNOWLEDGE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "question": ("问题", "标题", "标准问", "question"),
    "answer": ("答复", "答案", "答复口径", "answer"),
    "also_asked": ("其他问法", "相似问", "also_asked"),
    "appeal": ("诉求分类", "分类", "appeal"),
    "unit": ("单位", "来源单位", "unit"),
    "basis": ("依据", "政策依据", "basis"),
    "owner": ("负责人", "维护人", "owner"),
    "review_on": ("复审日期", "review_on"),
    "expires_on": ("失效日期", "expires_on"),
}
_YES = frozenset({"是", "1", "true", "yes", "y", "已撤销", "停用"})
_NO = frozenset({"", "否", "0", "false", "no", "n"})
_SEVERAL = re.compile(r"[;；、|\n]+")
#: an entry whose file names no day is looked at again after this time
REVIEW_AFTER = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that was not taken; ``line`` counts from 1, the header being the first."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class FileRead:
    """What a file gave."""

    written: int
    left_out: tuple[LeftOut, ...]


def read_phones(path: Path) -> Iterator[PhoneText | LeftOut]:
    """Rows of a phone book. Raises ``CsvInvalid`` when columns are missing."""
    rows = read_rows(path, PHONE_COLUMNS, ("unit", "number"))
    return _each(rows, _phone)


def read_knowledge(path: Path, owner: str, today: date) -> Iterator[EntryText | LeftOut]:
    """Rows of a knowledge base; ``owner`` keeps those that name nobody. Raises ``CsvInvalid``."""
    rows = read_rows(path, KNOWLEDGE_COLUMNS, ("question", "answer"))
    return _each(rows, lambda values: _entry(values, owner, today))


def _each(
    rows: Iterable[tuple[int, dict[str, str]]], make: Callable[[dict[str, str]], Made]
) -> Iterator[Made | LeftOut]:
    for line, values in rows:
        try:
            yield make(values)
        except (ValueError, HotlineError) as wrong:
            yield LeftOut(line, str(wrong))


def _phone(values: dict[str, str]) -> PhoneText:
    closed = values.get("closed", "").lower()
    if closed not in _YES | _NO:
        raise ValueError(f"已撤销 {closed!r} is neither 是 nor 否")
    return checked_number(
        PhoneText(
            unit=values["unit"],
            number=values["number"],
            office=values.get("office", ""),
            duties=several(values.get("duties", "")),
            hours=values.get("hours", ""),
            address=values.get("address", ""),
            note=values.get("note", ""),
            closed=closed in _YES,
            successor=values.get("successor", ""),
            checked_on=day_of(values.get("checked_on", "")),
        )
    )


def _entry(values: dict[str, str], owner: str, today: date) -> EntryText:
    return checked(
        EntryText(
            question=values["question"],
            answer=values["answer"],
            owner=values.get("owner") or owner,
            review_on=day_of(values.get("review_on", "")) or today + REVIEW_AFTER,
            also_asked=several(values.get("also_asked", "")),
            appeal=values.get("appeal", ""),
            unit=values.get("unit", ""),
            basis=values.get("basis", ""),
            expires_on=day_of(values.get("expires_on", "")),
        )
    )


def several(text: str) -> tuple[str, ...]:
    """Parts of a cell, parted by ; 、 | or lines."""
    return tuple(filter(None, (part.strip() for part in _SEVERAL.split(text))))


def day_of(text: str) -> date | None:
    """A day (2026-03-12, 2026/3/12); None for an empty cell. Raises ``ValueError``."""
    if not text.strip():
        return None
    try:
        return datetime.strptime(text.strip().replace("/", "-").replace(".", "-"), "%Y-%m-%d").date()
    except ValueError:
        raise ValueError(f"{text!r} is no day (2026-03-12)") from None


async def keep_phones(uow: UnitOfWork, rows: Iterable[PhoneText | LeftOut], login: str) -> FileRead:
    """Put numbers into the phone book; one that is there already is replaced."""
    left_out, written = [], 0
    for row in rows:
        if isinstance(row, LeftOut):
            left_out.append(row)
        else:
            await uow.phones.put(row, login)
            written += 1
    return FileRead(written, tuple(left_out))


async def keep_knowledge(uow: UnitOfWork, rows: Iterable[EntryText | LeftOut], login: str) -> FileRead:
    """Add entries; a question that is there already is changed, not doubled."""
    left_out, written = [], 0
    for row in rows:
        if isinstance(row, LeftOut):
            left_out.append(row)
            continue
        known = await uow.knowledge.of_question(row.question)
        if known is None:
            await uow.knowledge.add(row, entry_vector(row), login)
        else:
            await uow.knowledge.change(known.id, known.version, row, entry_vector(row), login)
        written += 1
    return FileRead(written, tuple(left_out))
