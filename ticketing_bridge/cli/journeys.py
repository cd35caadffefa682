"""``hotline import | callbacks | followup | notice``: what callers are told, promised and asked."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from config.delivery import load_delivery
from facts.errors import HotlineError
from facts.masking import mask_number
from ticketing_bridge.access import Person, Role
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.cli.within import From, To, day, with_database
from ticketing_bridge.delivery.inbound import read_contacts, take_contacts
from ticketing_bridge.house import House
from ticketing_bridge.journeys.callback_rules import hindrance
from ticketing_bridge.journeys.callbacks import standing
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.journeys.follow_ups import HUMAN, ROBOT, figures, make_tasks
from ticketing_bridge.journeys.hour_notice import check_notice, switch_off, switch_on
from ticketing_bridge.journeys.queue_board import FRESH_S
from ticketing_bridge.journeys.tickets import import_tickets
from ticketing_bridge.rate.carrier import import_carrier
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.journey_records import Callback, CallbackState, FollowUp, HourNotice
from ticketing_bridge.tickets import TicketService, open_office

_import = typer.Typer(no_args_is_help=True, help="Bring in what other systems have.")
_callbacks = typer.Typer(no_args_is_help=True, help="Call-backs that are owed, or were.")
_followup = typer.Typer(no_args_is_help=True, help="Asking citizens about closed tickets.")
_notice = typer.Typer(no_args_is_help=True, help="The notice of the hour.")

#: problems shown to a person; all of them are in --json
_SHOWN = 10


class EndInvalid(HotlineError):
    """The end of a notice cannot be read."""

    error_id = "end-invalid"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_import, name="import")
    app.add_typer(_callbacks, name="callbacks")
    app.add_typer(_followup, name="followup")
    app.add_typer(_notice, name="notice")
    for group in (_import, _callbacks):
        # without a callback typer makes a single command the whole group
        group.callback()(lambda: None)


@_import.command()
def tickets(file: Path, json_: Json = False) -> None:
    """Tickets of the city's system, for progress queries and follow-ups (CSV, UTF-8 or GB18030).

    Exit code 1 when rows had to be left out.
    """

    async def work(_: House, database: Database) -> None:
        with Progress(console=errors, transient=True) as shown:
            task = shown.add_task(file.name, total=None)
            done = await import_tickets(
                database, file, lambda count, total: shown.update(task, completed=count, total=total)
            )
        if json_:
            print_json(asdict(done))
        else:
            console.print(f"{done.written} tickets written, {done.older} were newer here", highlight=False)
            for bad in done.bad[:_SHOWN]:
                console.print(f"line {bad.line}: {bad.problem}", highlight=False, markup=False)
            if len(done.bad) > _SHOWN:
                console.print(f"… and {len(done.bad) - _SHOWN} more rows left out", highlight=False)
        if done.bad:
            raise typer.Exit(1)

    with_database(work)


@_import.command()
def contacts(file: Path, json_: Json = False) -> None:
    """Matters of other channels (portals, letters, grids, the counter) become tickets (CSV).

    UTF-8 or GB18030; a reference that is a ticket already is left alone. Exit code 1 when rows were left out.
    """

    async def work(house: House, database: Database) -> None:
        service = TicketService(open_office(house.settings, house.hotline))
        channels = load_delivery(house.settings.hotline_config).inbound
        rows = list(read_contacts(file, channels, datetime.now(LOCAL)))
        with Progress(console=errors, transient=True) as shown:
            task = shown.add_task(file.name, total=len(rows))
            person = Person(operator(), Role.ADMIN)
            done = await take_contacts(
                database, service, person, rows, lambda count, _: shown.update(task, completed=count)
            )
        if json_:
            print_json(asdict(done))
        else:
            console.print(f"{len(done.taken)} tickets taken, {done.known} were here before", highlight=False)
            for bad in done.left_out[:_SHOWN]:
                console.print(f"line {bad.line}: {bad.problem}", highlight=False, markup=False)
            if len(done.left_out) > _SHOWN:
                console.print(f"… and {len(done.left_out) - _SHOWN} more rows left out", highlight=False)
        if done.left_out:
            raise typer.Exit(1)

    with_database(work)


@_import.command()
def carrier(file: Path, json_: Json = False) -> None:
    """What the carrier counted, calls that it refused before the PBX among it (日期, 号码, 呼入量, 拒绝量).

    Exit code 1 when a row is wrong: nothing is written then.
    """

    async def work(_: House, database: Database) -> None:
        done = await import_carrier(database, file, operator())
        if json_:
            print_json(asdict(done))
        else:
            console.print(f"{0 if done.bad else done.rows} rows written", highlight=False)
            for line, problem in done.bad[:_SHOWN]:
                console.print(f"line {line}: {problem}", highlight=False, markup=False)
        if done.bad:
            raise typer.Exit(1)

    with_database(work)


@_callbacks.command("list")
def list_callbacks(
    all_: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 200,
    json_: Json = False,
) -> None:
    """Who is owed a call-back, why it is not made now, and who is for a person to call. Numbers masked."""

    async def work(house: House, database: Database) -> None:
        now = datetime.now(LOCAL)
        hotline = house.hotline
        async with database.unit_of_work() as uow:
            found = await uow.callbacks.newest(states=None if all_ else _OPEN, limit=limit)
            known = await standing(uow, hotline, house.site().id, found, now, FRESH_S)
        rows = [
            _callback_json(
                it,
                hindrance(it, known, hotline.callback, now) if it.state is CallbackState.WANTED else None,
            )
            for it in found
        ]
        if json_:
            print_json(rows)
            return
        table = Table("id", "kind", "number", "line", "arrived", "state", "due", "attempts", "why")
        for row, it in zip(rows, found, strict=True):
            table.add_row(
                str(it.id),
                it.kind.value,
                row["number"],
                it.line,
                _clock(it.arrived_at),
                it.state.value,
                _clock(it.due_at),
                str(it.attempts),
                row["waits_for"] or it.reason or "",
            )
        console.print(table)

    with_database(work)


_OPEN = [state for state in CallbackState if state in (
    CallbackState.WANTED, CallbackState.PLACED, CallbackState.AGENT, CallbackState.DIALING,
    CallbackState.BY_PERSON,
)]  # fmt: skip


def _callback_json(callback: Callback, waits_for: str | None) -> dict[str, Any]:
    shown = asdict(callback) | {"number": mask_number(callback.number), "waits_for": waits_for}
    del shown["channel"]
    return {name: _plain(value) for name, value in shown.items()}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _clock(moment: datetime) -> str:
    return moment.astimezone(LOCAL).strftime("%m-%d %H:%M")


@_followup.command()
def start(
    from_: Annotated[str, typer.Option("--from", help="Tickets closed from this day on (YYYY-MM-DD).")],
    to: To = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 1000,
    json_: Json = False,
) -> None:
    """Have closed tickets followed up: the robot phones; confidential ones are listed for a person."""

    async def work(house: House, database: Database) -> None:
        begin = day(from_)
        assert begin is not None
        async with database.unit_of_work() as uow:
            robot, person = await make_tasks(
                uow, house.hotline, house.site().id, begin, day(to, after=True), limit, datetime.now(LOCAL)
            )
            await uow.audit.add(operator(), "follow-ups-started", reason=f"{robot}+{person}")
        if json_:
            print_json({"robot": robot, "person": person})
        else:
            console.print(f"{robot} for the robot, {person} for a person", highlight=False)

    with_database(work)


@_followup.command("list")
def list_follow_ups(
    from_: From = None,
    to: To = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 200,
    json_: Json = False,
) -> None:
    """Tasks and what came of them; robot's and people's results apart. Numbers masked."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            tasks = await uow.follow_ups.newest(from_=day(from_), to=day(to, after=True), limit=limit)
            answers = await uow.follow_ups.answers([task.id for task in tasks])
        sums = {by: asdict(figures(tasks, answers, by)) for by in (ROBOT, HUMAN)}
        said: dict[int, dict[str, dict[str, str]]] = {}
        for it in answers:
            said.setdefault(it.task, {}).setdefault(it.asked_by, {})[it.question] = it.answer
        rows = [_task_json(task) | {"answers": said.get(task.id, {})} for task in tasks]
        if json_:
            print_json({"figures": sums, "tasks": rows})
            return
        table = Table("id", "ticket", "number", "state", "attempts", "robot", "person")
        for row in rows:
            by_whom = [" ".join(row["answers"].get(by, {}).values()) for by in (ROBOT, HUMAN)]
            table.add_row(
                *(str(row[name]) for name in ("id", "ticket", "number", "state", "attempts")), *by_whom
            )
        console.print(table)
        for by, values in sums.items():
            console.print(f"{by}: " + ", ".join(f"{name} {value}" for name, value in values.items()))

    with_database(work)


def _task_json(task: FollowUp) -> dict[str, Any]:
    return {
        name: _plain(value) for name, value in (asdict(task) | {"number": mask_number(task.number)}).items()
    }


@_notice.command()
def on(
    text: str,
    until: Annotated[str, typer.Option(help="When it ends: HH:MM, or YYYY-MM-DD HH:MM.")],
    line: Annotated[list[str] | None, typer.Option(help="Only on this line; may be given again.")] = None,
    json_: Json = False,
) -> None:
    """Tell every caller something instead of the greeting, at once, until it ends."""

    async def work(house: House, database: Database) -> None:
        now = datetime.now(LOCAL)
        end = _end(until, now)
        took_ms = await asyncio.to_thread(check_notice, house.hotline, text, line or (), end, now)
        async with database.unit_of_work() as uow:
            made = await switch_on(uow, text, line or (), end, operator())
        if json_:
            print_json(_notice_json(made) | {"ms": took_ms})
        else:
            console.print(f"on until {_clock(made.until)}, {took_ms / 1000:.1f} s long", highlight=False)

    with_database(work)


@_notice.command()
def off(json_: Json = False) -> None:
    """End every notice that is on."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            ended = await switch_off(uow, operator())
        if json_:
            print_json({"ended": ended})
        else:
            console.print(f"{ended} ended", highlight=False)

    with_database(work)


@_notice.command()
def show(json_: Json = False) -> None:
    """What callers are told now."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = await uow.notices.current()
        if json_:
            print_json([_notice_json(it) for it in found])
            return
        for it in found:
            lines = ", ".join(it.lines) or "all lines"
            console.print(f"{lines}, until {_clock(it.until)}: {it.text}", highlight=False, markup=False)
        if not found:
            console.print("no notice is on")

    with_database(work)


def _notice_json(notice: HourNotice) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(notice).items()}


def _end(text: str, now: datetime) -> datetime:
    """The end as it was typed; a time alone is the next such time."""
    try:
        if len(text) <= 5:
            end = datetime.combine(now.date(), time.fromisoformat(text), LOCAL)
            return end if end > now else end + timedelta(days=1)
        return datetime.fromisoformat(text).replace(tzinfo=LOCAL)
    except ValueError:
        raise EndInvalid(f"{text!r} is no time", fix="write it as 18:00 or 2026-03-12 18:00") from None
