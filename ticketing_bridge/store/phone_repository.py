"""Queries about the units' phone book and the numbers that were found dead."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.knowledge_records import (
    FoundBy,
    PhoneEntry,
    PhoneFault,
    PhoneReport,
    PhoneText,
)
from ticketing_bridge.store.knowledge_tables import phone_entry, phone_report

_TEXT = tuple(PhoneText.__dataclass_fields__)
_REPORT = tuple(PhoneReport.__dataclass_fields__)


class PhoneRepository:
    """Numbers, and what was found wrong with them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, entry: PhoneText, login: str) -> int:
        """Keep a number by unit, office and number: a new one, or the same one changed. Returns its id."""
        values = {**_values(entry), "version": 1, "changed_by": login}
        insertion = insert(phone_entry).values(values)
        changed = {**values, "version": phone_entry.c.version + 1, "changed_at": func.now()}
        kept = insertion.on_conflict_do_update(index_elements=["unit", "office", "number"], set_=changed)
        return int((await self._connection.execute(kept.returning(phone_entry.c.id))).scalar_one())

    async def change(self, entry_id: int, seen: int, entry: PhoneText, login: str) -> bool:
        """Save over version ``seen``; False when somebody else has saved since (or it is not there)."""
        table = phone_entry
        values = {**_values(entry), "version": seen + 1, "changed_by": login, "changed_at": func.now()}
        change = table.update().where(table.c.id == entry_id, table.c.version == seen).values(values)
        return (await self._connection.execute(change.returning(table.c.id))).first() is not None

    async def all(self) -> list[PhoneEntry]:
        """The whole phone book: some hundred numbers."""
        return await self._entries(_query().order_by(phone_entry.c.unit, phone_entry.c.office))

    async def get(self, entry_id: int) -> PhoneEntry | None:
        """One number."""
        return next(iter(await self._entries(_query().where(phone_entry.c.id == entry_id))), None)

    async def _entries(self, query: Any) -> list[PhoneEntry]:
        return [_entry(row) for row in (await self._connection.execute(query)).mappings()]

    async def was_told(self, entry_id: int) -> None:
        """The number was given to a citizen."""
        table = phone_entry
        await self._connection.execute(
            table.update().where(table.c.id == entry_id).values(told=table.c.told + 1)
        )

    async def report(
        self,
        entry: PhoneEntry,
        kind: PhoneFault,
        found_by: FoundBy,
        login: str,
        *,
        call: str | None = None,
        note: str = "",
    ) -> int:
        """Somebody found the number dead, unanswered or another's. Returns the report's id."""
        values = {
            "entry": entry.id,
            "number": entry.text.number,
            "kind": kind,
            "found_by": found_by,
            "login": login,
            "call": call,
            "note": note,
        }
        made = phone_report.insert().values(values).returning(phone_report.c.id)
        return int((await self._connection.execute(made)).scalar_one())

    async def reports(
        self, *, from_: datetime | None = None, to: datetime | None = None, open_only: bool = False
    ) -> list[PhoneReport]:
        """Reports of a time, the newest first."""
        table = phone_report.c
        columns = [
            (phone_entry.c if name in {"unit", "office"} else table)[name].label(name) for name in _REPORT
        ]
        query = select(*columns).join_from(phone_report, phone_entry, phone_entry.c.id == table.entry)
        if from_ is not None:
            query = query.where(table.at >= from_)
        if to is not None:
            query = query.where(table.at < to)
        if open_only:
            query = query.where(table.settled_at.is_(None))
        rows = await self._connection.execute(query.order_by(table.at.desc(), table.id.desc()).limit(1000))
        return [
            PhoneReport(**{**row, "kind": PhoneFault(row["kind"]), "found_by": FoundBy(row["found_by"])})
            for row in rows.mappings()
        ]

    async def settle(self, entry_id: int, login: str, settlement: str) -> int:
        """All open reports of a number are seen to; how many there were."""
        table = phone_report
        values = {"settled_at": func.now(), "settled_by": login, "settlement": settlement}
        change = table.update().where(table.c.entry == entry_id, table.c.settled_at.is_(None))
        settled = await self._connection.execute(change.values(values).returning(table.c.id))
        return len(settled.all())


def _query() -> Any:
    dead = (
        select(func.count())
        .where(phone_report.c.entry == phone_entry.c.id, phone_report.c.settled_at.is_(None))
        .scalar_subquery()
    )
    return select(phone_entry, dead.label("dead"))


def _values(entry: PhoneText) -> dict[str, Any]:
    return {**asdict(entry), "duties": [*entry.duties]}


def _entry(row: RowMapping) -> PhoneEntry:
    values = {name: row[name] for name in _TEXT}
    text = PhoneText(**{**values, "duties": tuple(values["duties"])})
    return PhoneEntry(
        row["id"], row["version"], text, row["told"], row["dead"], row["changed_by"], row["changed_at"]
    )
