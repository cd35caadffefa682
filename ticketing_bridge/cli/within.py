"""What commands about calls share: the installation's database, days, keys, who may see numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta
from typing import Annotated, TypeVar

import typer

from facts.errors import HotlineError
from facts.identity import CallKey
from ticketing_bridge.call_ledger.listing import LOCAL
from ticketing_bridge.house import House, open_house, ready_database
from ticketing_bridge.store.database import Database
from ticketing_bridge.words import CallUnknown

T = TypeVar("T")

User = Annotated[str | None, typer.Option("--user", help="Who wants full numbers: a login of the page.")]
Reason = Annotated[
    str | None, typer.Option("--reason", help="Why full numbers are needed; kept in the audit log.")
]
From = Annotated[str | None, typer.Option("--from", help="First day (YYYY-MM-DD), Asia/Shanghai.")]
To = Annotated[str | None, typer.Option("--to", help="Last day (YYYY-MM-DD), Asia/Shanghai.")]
LineId = Annotated[str | None, typer.Option("--line", help="Only this line.")]


class DayInvalid(HotlineError):
    """A day cannot be read."""

    error_id = "day-invalid"


def with_database(work: Callable[[House, Database], Awaitable[T]]) -> T:
    """Run work on the installation's database."""

    async def run() -> T:
        house = open_house()
        async with ready_database(house) as database:
            return await work(house, database)

    return asyncio.run(run())


def day(text: str | None, *, after: bool = False) -> datetime | None:
    """Midnight at the beginning of a local day, or at its end. Raises ``DayInvalid``."""
    if text is None:
        return None
    try:
        given = date.fromisoformat(text)
    except ValueError:
        raise DayInvalid(f"{text!r} is not a day", fix="write it as 2026-03-12") from None
    return datetime.combine(given + timedelta(days=after), time(), LOCAL)


def call_key(text: str) -> CallKey:
    """A call's key as it was typed. Raises ``CallUnknown`` when it is none."""
    try:
        return CallKey.parse(text)
    except ValueError as problem:
        raise CallUnknown(str(problem), fix="hotline calls list shows the keys") from None
