"""Words that lie in the clear, from before there were keys of calls: found, and sealed where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, func, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store import tables
from ticketing_bridge.store.seals import (
    WordSeals,
    draft_place,
    live_place,
    sheet_place,
    transcript_place,
)
from ticketing_bridge.store.workplace_tables import work_sheet

Row = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """One table: which columns are what was said, and where a row of it stands."""

    table: Table
    #: empty once the row is sealed
    columns: tuple[str, ...]
    said: Callable[[Row], Mapping[str, Any]]
    of: Callable[[Row], str]


_PLACES = (
    _Place(
        tables.transcript,
        ("content",),
        lambda row: row["content"],
        lambda row: transcript_place(row["call"], row["kind"], row["model"]),
    ),
    _Place(
        tables.draft,
        ("content",),
        lambda row: row["content"],
        lambda row: draft_place(row["call"], row["version"]),
    ),
    _Place(
        tables.live_segment,
        ("text", "words"),
        lambda row: {"text": row["text"], "words": row["words"]},
        lambda row: live_place(row["call"], row["leg"], row["stream"], row["segment"]),
    ),
    _Place(
        work_sheet,
        ("typed",),
        lambda row: row["typed"],
        lambda row: sheet_place(row["call"], row["matter"]),
    ),
)


class ClearRepository:
    """What is not sealed of the words of calls."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals) -> None:
        self._connection = connection
        self._seals = seals

    async def count(self) -> int:
        """How many rows have words in the clear."""
        counts = [select(func.count()).where(it.table.c.sealed.is_(None)).scalar_subquery() for it in _PLACES]
        return sum(map(int, (await self._connection.execute(select(*counts))).one()))

    async def seal_some(self, limit: int) -> int:
        """Seal so many rows of each table, without those that somebody changes now; returns how many."""
        return sum([await self._seal(it, limit) for it in _PLACES])

    async def _seal(self, place: _Place, limit: int) -> int:
        query = select(place.table).where(place.table.c.sealed.is_(None)).limit(limit)
        rows = (await self._connection.execute(query.with_for_update(skip_locked=True))).mappings().all()
        keys: list[Column[Any]] = [*place.table.primary_key.columns]
        for row in rows:
            _, sealed = await self._seals.closed(row["call"], place.said(row), place.of(row))
            if sealed is None:
                return 0
            emptied = {name: null() for name in place.columns}
            here = [key == row[key.name] for key in keys]
            await self._connection.execute(place.table.update().where(*here).values(sealed=sealed, **emptied))
        return len(rows)
