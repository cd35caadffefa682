"""``hotline retention``: how long things are kept, what was purged, what is held, and erasure."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from config.tickets import DataClass
from facts.errors import HotlineError
from facts.telephone import national
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import with_database
from ticketing_bridge.house import House
from ticketing_bridge.retention import erase as erase_person
from ticketing_bridge.retention import purge as purge_all
from ticketing_bridge.store.database import Database
from ticketing_bridge.tickets import TicketOffice, open_office
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.sealed import person_subject

_retention = typer.Typer(no_args_is_help=True, help="How long things are kept.")

Reason = Annotated[str, typer.Option(help="Why; it goes on record.")]
Phone = Annotated[str | None, typer.Option(help="A person, by their telephone number.")]


class HoldUnknown(HotlineError):
    """There is no such hold, or nothing to hold."""

    error_id = "hold-unknown"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_retention, name="retention")


def _office(house: House) -> TicketOffice:
    return open_office(house.settings, house.hotline)


@_retention.command()
def show(json_: Json = False) -> None:
    """The city's times, and the last purges. Exit code 1 while a data class has no time."""

    async def work(house: House, database: Database) -> None:
        kept = _office(house).rules.retention
        async with database.unit_of_work() as uow:
            runs = await uow.keeping.runs()
        times = {it.value: kept.get(it) for it in DataClass}
        if json_:
            print_json({"days": times, "purges": [asdict(it) for it in runs]})
        else:
            for name, days in times.items():
                console.print(
                    f"{name:<16} {f'{days} days' if days else 'NOT SET: kept for ever'}", highlight=False
                )
            for it in runs[:10]:
                at = f"{it.at.astimezone(LOCAL):%Y-%m-%d %H:%M}"
                console.print(f"{at} {it.data_class}: {it.purged} purged, {it.held} held", highlight=False)
        raise typer.Exit(0 if all(times.values()) else 1)

    with_database(work)


@_retention.command()
def purge(json_: Json = False) -> None:
    """Purge now what is older than the city's times (the worker does it by itself)."""

    async def work(house: House, database: Database) -> None:
        folders = {site.id: site.recordings for site in house.sites}
        done = await purge_all(database, _office(house), folders, operator(), datetime.now(LOCAL))
        if json_:
            print_json([asdict(it) for it in done])
            return
        for it in done:
            console.print(f"{it.data_class}: {it.purged} purged, {it.held} held", highlight=False)
        if not done:
            console.print("nothing: no time is set (tickets.yaml, retention)")

    with_database(work)


@_retention.command()
def hold(
    reason: Reason,
    subject: Annotated[str | None, typer.Argument(help="A ticket's number or a call's key.")] = None,
    phone: Phone = None,
) -> None:
    """Keep a ticket, a call or a person from being purged or erased."""

    async def work(house: House, database: Database) -> None:
        held = subject
        if phone is not None:
            held = person_subject(_office(house).vault.lookup("phone", national(phone)))
        if not held:
            raise HoldUnknown("nothing to hold", fix="name a ticket, a call, or --phone")
        async with database.unit_of_work() as uow:
            if phone is None and not await uow.keeping.is_there(held):
                raise HoldUnknown(f"there is no ticket or call {held!r}", fix="check its number")
            made = await uow.keeping.hold(held, reason, operator())
            await uow.audit.add(operator(), "held", subject=held[:40], reason=reason)
        console.print(f"hold {made}", highlight=False)

    with_database(work)


@_retention.command()
def release(hold_id: int) -> None:
    """End a hold."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            if not await uow.keeping.release(hold_id, operator()):
                raise HoldUnknown(f"there is no hold {hold_id} that lasts", fix="hotline retention holds")
            await uow.audit.add(operator(), "released", subject=str(hold_id))

    with_database(work)


@_retention.command()
def holds(json_: Json = False) -> None:
    """What is held now."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = await uow.keeping.holds()
        if json_:
            print_json([asdict(it) for it in found])
            return
        for it in found:
            console.print(f"{it.id} {it.subject[:40]} {it.by} {it.reason}", highlight=False, markup=False)

    with_database(work)


@_retention.command()
def erase(phone: Annotated[str, typer.Option(help="Whose: their telephone number.")], reason: Reason) -> None:
    """Erase a person from tickets and calls, for ever: keys are destroyed, words and recordings removed."""

    async def work(house: House, database: Database) -> None:
        folders = {site.id: site.recordings for site in house.sites}
        done = await erase_person(database, house.vault, phone, operator(), reason, folders)
        console.print(f"erased from {done.tickets} tickets and {done.calls} calls", highlight=False)
        if done.elsewhere:
            there = ", ".join(done.elsewhere)
            console.print(f"to be called back at another number in {there}: erase that, too", highlight=False)

    with_database(work)
