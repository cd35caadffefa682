"""``hotline calls … | rate``: the ledger and what is counted from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from facts.call import Call
from facts.errors import HotlineError
from facts.identity import CallKey
from ticketing_bridge.call_ledger.listing import allow_full_numbers, call_json, calls_table, event_json
from ticketing_bridge.call_ledger.rebuild import rebuild as rebuild_calls
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.house import House, open_house, ready_database
from ticketing_bridge.rate.definitions import DEFINITIONS
from ticketing_bridge.rate.service import RateReport, rate_between, today
from ticketing_bridge.roles.telephony import fold_rules
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.database import Database
from ticketing_bridge.words import CallUnknown

LOCAL = ZoneInfo("Asia/Shanghai")

T = TypeVar("T")

_commands = typer.Typer(no_args_is_help=True, help="The call ledger.")

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


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_commands, name="calls")
    app.command()(rate)


def _with_database(work: Callable[[House, Database], Awaitable[T]]) -> T:
    async def run() -> T:
        house = open_house()
        async with ready_database(house) as database:
            return await work(house, database)

    return asyncio.run(run())


def _day(text: str | None, *, after: bool = False) -> datetime | None:
    """Midnight at the beginning of a local day, or at its end."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DayInvalid(f"{text!r} is not a day", fix="write it as 2026-03-12") from None
    return datetime.combine(day + timedelta(days=after), time(), LOCAL)


async def _numbers(uow: UnitOfWork, calls: list[Call], user: str | None, reason: str | None) -> bool:
    """Whether full numbers may be shown: both a user and a reason were given, and are logged."""
    if user is None and reason is None:
        return False
    await allow_full_numbers(uow, calls, user=user or "", reason=reason or "")
    return True


@_commands.command("list")
def list_(
    from_: From = None,
    to: To = None,
    line: LineId = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    user: User = None,
    reason: Reason = None,
    json_: Json = False,
) -> None:
    """The newest calls, numbers masked unless a user and a reason are given."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            calls = await uow.calls.list(from_=_day(from_), to=_day(to, after=True), line=line, limit=limit)
            full = await _numbers(uow, calls, user, reason)
        if json_:
            print_json([call_json(call, full_numbers=full) for call in calls])
        else:
            console.print(calls_table(calls, full_numbers=full))

    _with_database(work)


@_commands.command()
def show(
    key: Annotated[str, typer.Argument(help="PBX:UNIQUEID, as `calls list` prints it.")],
    user: User = None,
    reason: Reason = None,
    json_: Json = False,
) -> None:
    """One call with everything that the PBX said of it."""

    async def work(_: House, database: Database) -> None:
        try:
            call_key = CallKey.parse(key)
        except ValueError as problem:
            raise CallUnknown(str(problem), fix="hotline calls list shows the keys") from None
        async with database.unit_of_work() as uow:
            call = await uow.calls.get(call_key)
            if call is None:
                raise CallUnknown(f"there is no call {key}", fix="hotline calls list shows the calls")
            events = await uow.events.of_call(call_key)
            record = await uow.transcripts.get(call_key, "record")
            draft = await uow.drafts.latest(call_key)
            full = await _numbers(uow, [call], user, reason)
        facts = call_json(call, full_numbers=full)
        if json_:
            print_json(
                {
                    **facts,
                    "events": [event_json(event) for event in events],
                    "transcript": record.transcript.text() if record else None,
                    "draft": draft.content if draft else None,
                }
            )
            return
        for name, value in facts.items():
            console.print(f"{name:<16} {value}", highlight=False, markup=False)
        for event in events:
            console.print(f"{event.at:%H:%M:%S.%f} {event.kind}", highlight=False)
        if record:
            console.print(record.transcript.text(), highlight=False, markup=False)

    _with_database(work)


@_commands.command()
def rebuild(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare, write nothing.")] = False,
    json_: Json = False,
) -> None:
    """Fold every call again from its stored events. Exit code 1 when a row was different."""

    async def work(house: House, database: Database) -> bool:
        rebuilt = await rebuild_calls(database, fold_rules(house), write=not dry_run)
        if json_:
            print_json(asdict(rebuilt))
            return bool(rebuilt.different)
        console.print(f"{rebuilt.calls} calls folded from {rebuilt.events} events")
        for one in rebuilt.different:
            console.print(f"{one.key}: {', '.join(one.fields)} was different", highlight=False, markup=False)
        return bool(rebuilt.different)

    raise typer.Exit(1 if _with_database(work) else 0)


def rate(
    from_: From = None,
    to: To = None,
    line: LineId = None,
    definition: Annotated[list[str] | None, typer.Option(help="Which definition; default: all.")] = None,
    json_: Json = False,
) -> None:
    """The connection rate, never without its definition; today's unless days are given."""

    async def work(_: House, database: Database) -> RateReport:
        names = tuple(definition or ())
        now = datetime.now(LOCAL)
        async with database.unit_of_work() as uow:
            if from_ is None and to is None:
                return await today(uow, now, *(names or DEFINITIONS), line=line)
            begin = _day(from_ or to)
            end = _day(to, after=True) or now
            return await rate_between(uow, begin or now, end, *names, line=line)

    report = _with_database(work)
    if json_:
        print_json(report.to_json())
        return
    table = Table(
        "definition", "rate", "n", "reached", "misses", "unresolved", "formula", header_style="bold"
    )
    for one in report.rates:
        table.add_row(
            one.definition, one.percent_text, str(one.base), str(one.reached), str(one.misses),
            str(one.unresolved), one.formula,
        )  # fmt: skip
    console.print(table)
    as_of = f"{report.as_of.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}" if report.as_of else "never written"
    console.print(
        f"calls from {report.begin.astimezone(LOCAL):%Y-%m-%d %H:%M}; ledger as of {as_of}", highlight=False
    )
