"""Queries about knowledge entries and about questions without an answer."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import REAL, ColumnElement, RowMapping, and_, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.knowledge_records import EntryText, KnowledgeEntry, KnowledgeGap
from ticketing_bridge.store.knowledge_tables import knowledge_entry, knowledge_gap, knowledge_version

_TEXT = tuple(EntryText.__dataclass_fields__)
#: how much keys count by their weights D, C, B, A
_RANK = cast([0.05, 0.2, 0.6, 1.0], ARRAY(REAL))


class KnowledgeRepository:
    """Entries, their versions, and open questions."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, entry: EntryText, vector: str, login: str) -> int:
        """Make an entry; returns its id."""
        values = {**_values(entry), "version": 1, "keys": cast(vector, TSVECTOR), "changed_by": login}
        made = knowledge_entry.insert().values(values).returning(knowledge_entry.c.id)
        entry_id = int((await self._connection.execute(made)).scalar_one())
        await self._keep_version(entry_id, 1, entry, login)
        return entry_id

    async def change(self, entry_id: int, seen: int, entry: EntryText, vector: str, login: str) -> bool:
        """Save over version ``seen``; False when somebody else has saved since (or it is not there)."""
        table = knowledge_entry
        values = {
            **_values(entry),
            "version": seen + 1,
            "keys": cast(vector, TSVECTOR),
            "changed_by": login,
            "changed_at": func.now(),
        }
        change = table.update().where(table.c.id == entry_id, table.c.version == seen).values(values)
        if (await self._connection.execute(change.returning(table.c.id))).first() is None:
            return False
        await self._keep_version(entry_id, seen + 1, entry, login)
        return True

    async def _keep_version(self, entry_id: int, version: int, entry: EntryText, login: str) -> None:
        values = {**_values(entry), "entry": entry_id, "version": version, "changed_by": login}
        await self._connection.execute(knowledge_version.insert().values(values))

    async def get(self, entry_id: int) -> KnowledgeEntry | None:
        """The entry as it stands."""
        return next(iter(await self._entries(knowledge_entry.c.id == entry_id, limit=1)), None)

    async def of_question(self, question: str) -> KnowledgeEntry | None:
        """The entry that has exactly this question, withdrawn ones left out."""
        table = knowledge_entry.c
        same = and_(table.question == question, table.withdrawn.is_(False))
        return next(iter(await self._entries(same, limit=1)), None)

    async def versions(self, entry_id: int) -> list[tuple[int, str, Any]]:
        """(version, by whom, when), the newest first."""
        table = knowledge_version
        query = select(table.c.version, table.c.changed_by, table.c.changed_at)
        rows = await self._connection.execute(
            query.where(table.c.entry == entry_id).order_by(table.c.version.desc()).limit(50)
        )
        return [(int(version), str(by), at) for version, by, at in rows]

    async def due(self, today: date, limit: int = 200) -> list[KnowledgeEntry]:
        """Entries that somebody must look at: review due or expired, the oldest first."""
        table = knowledge_entry.c
        late = or_(table.review_on < today, table.expires_on <= today)
        return await self._entries(and_(table.withdrawn.is_(False), late), order=table.review_on, limit=limit)

    async def newest(self, limit: int = 50) -> list[KnowledgeEntry]:
        """What was changed last."""
        return await self._entries(
            knowledge_entry.c.id > 0, order=knowledge_entry.c.changed_at.desc(), limit=limit
        )

    async def find(self, query: str, *, today: date | None, limit: int = 20) -> list[KnowledgeEntry]:
        """Entries by the places of the keys of a ``tsquery``, the best first.

        Args:
            query: as PostgreSQL writes it.
            today: leaves out what may not be given on that day; None gives all.
            limit: how many.
        """
        table = knowledge_entry
        wanted = cast(query, TSQUERY)
        conditions: list[ColumnElement[bool]] = [table.c["keys"].op("@@")(wanted)]
        if today is not None:
            conditions += [
                table.c.withdrawn.is_(False),
                or_(table.c.expires_on.is_(None), table.c.expires_on > today),
            ]
        rank = func.ts_rank(_RANK, table.c["keys"], wanted, 1)
        return await self._entries(and_(*conditions), order=(rank.desc(), table.c.used.desc()), limit=limit)

    async def _entries(
        self, condition: ColumnElement[bool], *, order: Any = None, limit: int
    ) -> list[KnowledgeEntry]:
        columns = [it for it in knowledge_entry.columns if it.name != "keys"]
        query = select(*columns).where(condition).limit(limit)
        if order is not None:
            query = query.order_by(*(order if isinstance(order, tuple) else (order,)))
        return [_entry(row) for row in (await self._connection.execute(query)).mappings()]

    async def was_used(self, entry_id: int) -> None:
        """A citizen was answered with it."""
        table = knowledge_entry
        change = table.update().where(table.c.id == entry_id).values(used=table.c.used + 1)
        await self._connection.execute(change)

    async def add_gap(self, normal: str, question: str, login: str, call: str | None) -> int:
        """Nothing was found for this question; the same one counts up. Returns its id."""
        table = knowledge_gap
        values = {"normal": normal, "question": question, "times": 1, "call": call, "asked_by": login}
        insertion = insert(table).values(values)
        counted = insertion.on_conflict_do_update(
            index_elements=["normal"],
            index_where=table.c.settled_at.is_(None),
            set_={"times": table.c.times + 1, "last_at": func.now(), "call": insertion.excluded.call},
        )
        return int((await self._connection.execute(counted.returning(table.c.id))).scalar_one())

    async def gaps(self, limit: int = 200) -> list[KnowledgeGap]:
        """Open questions, the most asked first."""
        table = knowledge_gap.c
        columns = (getattr(table, name) for name in KnowledgeGap.__dataclass_fields__)
        query = select(*columns).where(table.settled_at.is_(None))
        newest = query.order_by(table.times.desc(), table.last_at.desc()).limit(limit)
        return [KnowledgeGap(**row) for row in (await self._connection.execute(newest)).mappings()]

    async def settle_gap(self, gap_id: int, login: str, entry: int | None) -> bool:
        """The question has an answer now (``entry``), or needs none; False when it was settled."""
        table = knowledge_gap
        open_one = table.update().where(table.c.id == gap_id, table.c.settled_at.is_(None))
        values = {"settled_at": func.now(), "settled_by": login, "entry": entry}
        changed = await self._connection.execute(open_one.values(values).returning(table.c.id))
        return changed.first() is not None


def _values(entry: EntryText) -> dict[str, Any]:
    return {**asdict(entry), "also_asked": [*entry.also_asked]}


def _entry(row: RowMapping) -> KnowledgeEntry:
    values = {name: row[name] for name in _TEXT}
    text = EntryText(**{**values, "also_asked": tuple(values["also_asked"])})
    return KnowledgeEntry(row["id"], row["version"], text, row["used"], row["changed_by"], row["changed_at"])
