"""Statements that go to the server together: one way there and back for all of them.

What many people do in the same moment is written so: a statement that waits for the answer of the one before
costs a turn of the event loop each, and SQLAlchemy's way through a statement costs more than the statement.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row
from pydantic_core import to_json
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

Driver = psycopg.AsyncConnection[Any]
Values = Mapping[str, Any]


@asynccontextmanager
async def pipelined(connection: AsyncConnection) -> AsyncIterator[Driver]:
    """The driver's connection, on which nothing is waited for before the end of the block.

    Raises:
        DBAPIError: the first thing that went wrong, as if its statement had been executed alone.
    """
    driver: Driver | None = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    try:
        async with driver.pipeline():
            yield driver
    except psycopg.Error as problem:
        raise DBAPIError.instance(
            None, None, problem, psycopg.Error, hide_parameters=True,
            connection_invalidated=driver.closed, dialect=connection.dialect,
        ) from problem  # fmt: skip


class Answer:
    """What a statement of a batch has found; there once the batch was sent."""

    __slots__ = ("rows",)

    rows: list[dict[str, Any]]

    @property
    def first(self) -> dict[str, Any] | None:
        """The first row."""
        return self.rows[0] if self.rows else None

    @property
    def value(self) -> Any:
        """The first column of the first row; None without any."""
        return next(iter(self.rows[0].values())) if self.rows else None


class Batch:
    """Gathers statements of one transaction and sends them in their order.

    Statements are written for the driver (``%(name)s``); what becomes JSON is given as ``Jsonb``. One that
    writes rows of a kind is sent once for all rows of the batch, in the place of the first of them.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, Values | Sequence[Values], Answer | None]] = []
        self._rows: dict[str, tuple[list[Values], Answer]] = {}

    def do(self, statement: str, values: Values) -> None:
        """Add a statement whose answer nobody reads."""
        self._waiting.append((statement, values, None))

    def ask(self, statement: str, values: Values) -> Answer:
        """Add a statement whose rows are wanted."""
        answer = Answer()
        self._waiting.append((statement, values, answer))
        return answer

    def rows(self, statement: str, rows: Iterable[Values]) -> Answer:
        """Add rows for a statement that reads them from a JSON document, ``%(rows)s``: one for all rows.

        Times and bytes become what PostgreSQL reads them from.

        Returns:
            What the statement found for all rows of the batch, whoever added them.
        """
        if statement not in self._rows:
            self._rows[statement] = [], Answer()
            self._waiting.append((statement, *self._rows[statement]))
        gathered, answer = self._rows[statement]
        gathered.extend(rows)
        return answer

    async def send(self) -> None:
        """Send what has been gathered since the last time.

        Raises:
            DBAPIError: the first thing that went wrong; the transaction is void.
        """
        waiting, self._waiting = self._waiting, []
        self._rows = {}
        asked: list[tuple[Answer, psycopg.AsyncCursor[dict[str, Any]]]] = []
        async with pipelined(self._connection) as driver:
            silent = driver.cursor()
            for statement, given, answer in waiting:
                values = given if isinstance(given, Mapping) else {"rows": _document(given)}
                if answer is None:
                    await silent.execute(statement, values)
                else:
                    cursor = driver.cursor(row_factory=dict_row)
                    await cursor.execute(statement, values)
                    asked.append((answer, cursor))
        for answer, cursor in asked:
            answer.rows = await cursor.fetchall() if cursor.description is not None else []


async def answer_to(connection: AsyncConnection, statement: str, values: Values) -> Answer:
    """What one statement finds, by itself.

    Raises:
        DBAPIError: it went wrong; the transaction is void.
    """
    batch = Batch(connection)
    answer = batch.ask(statement, values)
    await batch.send()
    return answer


def adding(table: str, names: Iterable[str]) -> str:
    """The statement by which ``Batch.rows`` adds rows of these columns to a table."""
    columns = ", ".join(f'"{name}"' for name in names)
    return (
        f"INSERT INTO {table} ({columns}) SELECT {columns} "
        f"FROM jsonb_populate_recordset(NULL::{table}, %(rows)s)"
    )


def _document(rows: Sequence[Values]) -> str:
    return to_json(
        [
            {name: "\\x" + it.hex() if isinstance(it, bytes) else it for name, it in row.items()}
            for row in rows
        ]
    ).decode()
