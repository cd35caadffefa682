"""Queries about logs that were shipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.numbers import numbers_in, text_with_numbers, text_with_tokens, tokens_in
from ticketing_bridge.store.pbx_log_tables import pbx_log_file, pbx_log_line

#: of which log the lines begin with a time without a point
QUEUE_LOG = "queue_log"

_ADD = text("""
INSERT INTO pbx_log_line (pbx_id, kind, file, place, at, line, sealed)
SELECT :pbx_id, :kind, :file, place, at, line, :sealed
FROM unnest(CAST(:place AS bigint[]), CAST(:at AS timestamptz[]), CAST(:line AS text[]))
     AS given (place, at, line)
ON CONFLICT DO NOTHING
""")


def split_line(kind: str, line: str) -> tuple[str, str]:
    """A line's time, which looks like a number, and the rest; of CEL the time has a point."""
    at = line.find("|") if kind == QUEUE_LOG else 0
    return line[: max(at, 0)], line[max(at, 0) :]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: where it begins in its file, and its own time."""

    place: int
    at: datetime
    line: str


class PbxLogRepository:
    """Lines of CEL and queue_log of PBXs that are elsewhere. Numbers in them are kept as tokens."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    async def have(self, pbx_id: str) -> dict[str, dict[str, int]]:
        """Kind → file → bytes that are here."""
        column = pbx_log_file.c
        query = select(column.kind, column.file, column.have).where(
            column.pbx_id == pbx_id, column.file != ""
        )
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for kind, file, have in await self._connection.execute(query):
            found[kind][file] = have
        return found

    async def add(
        self, pbx_id: str, kind: str, file: str, lines: Sequence[LogLine], have: int, now: datetime
    ) -> None:
        """Keep lines; ``have`` bytes of this file are here then. The same lines again change nothing."""
        if lines:
            told = [split_line(kind, line.line) for line in lines]
            tokens = await self._numbers.tokens(it for _, said in told for it in numbers_in(said))
            await self._connection.execute(
                _ADD,
                {
                    "pbx_id": pbx_id,
                    "kind": kind,
                    "file": file,
                    "place": [line.place for line in lines],
                    "at": [line.at for line in lines],
                    "line": [begin + text_with_tokens(said, tokens) for begin, said in told],
                    "sealed": self._numbers.seals,
                },
            )
        await self._mark(pbx_id, kind, file, have, now)

    async def read_to_the_end(self, pbx_id: str, kind: str, as_of: datetime) -> None:
        """All that this log held at that time (the PBX machine's clock) is here."""
        await self._mark(pbx_id, kind, "", 0, as_of)

    async def _mark(self, pbx_id: str, kind: str, file: str, have: int, as_of: datetime) -> None:
        statement = insert(pbx_log_file).values(pbx_id=pbx_id, kind=kind, file=file, have=have, as_of=as_of)
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["pbx_id", "kind", "file"],
                set_={
                    "have": func.greatest(pbx_log_file.c.have, statement.excluded.have),
                    "as_of": func.greatest(pbx_log_file.c.as_of, statement.excluded.as_of),
                },
            )
        )

    async def between(self, pbx_id: str, kind: str, begin: datetime, end: datetime) -> list[str]:
        """Lines of this time, in the order in which they were written."""
        column = pbx_log_line.c
        query = (
            select(column.line)
            .where(column.pbx_id == pbx_id, column.kind == kind, column.at >= begin, column.at <= end)
            .order_by(column.at, column.file, column.place)
        )
        lines = [*(await self._connection.execute(query)).scalars()]
        numbers = await self._numbers.opened(it for line in lines for it in tokens_in(line))
        return [text_with_numbers(line, numbers) for line in lines]

    async def reach(self, pbx_id: str, kind: str) -> tuple[datetime | None, datetime | None]:
        """The oldest line's time, and up to when everything is here."""
        oldest = select(func.min(pbx_log_line.c.at)).where(
            pbx_log_line.c.pbx_id == pbx_id, pbx_log_line.c.kind == kind
        )
        read = select(pbx_log_file.c.as_of).where(
            pbx_log_file.c.pbx_id == pbx_id, pbx_log_file.c.kind == kind, pbx_log_file.c.file == ""
        )
        return (
            (await self._connection.execute(oldest)).scalar(),
            (await self._connection.execute(read)).scalar(),
        )
