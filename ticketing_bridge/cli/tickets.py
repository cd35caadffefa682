"""``hotline tickets``: our own tickets at the command line; every look is on record like one at the page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from facts.errors import HotlineError
from ticketing_bridge.access import Person, Role
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import From, To, day, with_database
from ticketing_bridge.desk.casework.draw import draw_states
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.house import House
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.tickets import State, open_office
from ticketing_bridge.tickets.figures import Figures, Period, by_unit, figures, zone
from ticketing_bridge.tickets.life import from_json, replay
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.reading import TicketReader
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.views import TicketView

_tickets = typer.Typer(no_args_is_help=True, help="Our own tickets.")

MOST = 1_000_000


class TicketStateUnknown(HotlineError):
    """There is no such state."""

    error_id = "ticket-state-unknown"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_tickets, name="tickets")


def _person() -> Person:
    """The command line shows what a unit would read, whoever types: identities are for the page."""
    return Person(operator(), Role.AUDITOR)


def _row(view: TicketView) -> dict[str, Any]:
    ticket = view.ticket
    return {
        "number": ticket.number,
        "version": ticket.version,
        "state": ticket.state.value,
        "purpose": ticket.purpose,
        "appeal": ticket.appeal,
        "title": "（保密）" if ticket.confidential else view.texts.title,
        "confidential": ticket.confidential,
        "units": ticket.units,
        "received_at": ticket.received_at,
        "due_at": ticket.limit.due_at if ticket.limit else None,
        "closed_at": ticket.closed_at,
    }


@_tickets.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only in this state: " + ", ".join(State) + ".")] = None,
    unit: Annotated[str | None, typer.Option(help="Only of this unit.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    json_: Json = False,
) -> None:
    """Tickets, newest first. Who called is never listed; of confidential ones not even the title."""
    if state is not None and state not in set(State):
        raise TicketStateUnknown(f"there is no state {state!r}", fix="one of " + ", ".join(State))

    async def work(house: House, database: Database) -> None:
        office = open_office(house.settings, house.hotline)
        wanted = TicketFilter(
            states=(state,) if state else (), unit=unit and (office.units.named(unit) or unit)
        )
        async with database.unit_of_work() as uow:
            views = await TicketReader(office).find(uow, _person(), wanted, limit)
        rows = [_row(view) for view in views]
        if json_:
            print_json(rows)
            return
        table = Table("number", "state", "title", "units", "due")
        for row in rows:
            end = f"{row['due_at'].astimezone(LOCAL):%m-%d %H:%M}" if row["due_at"] else ""
            label = case_words().states[State(row["state"])].text
            table.add_row(row["number"], label, row["title"], "、".join(row["units"]), end)
        console.print(table)

    with_database(work)


@_tickets.command()
def show(number: str, json_: Json = False) -> None:
    """One ticket with its history, as somebody sees it who must not know who called."""

    async def work(house: House, database: Database) -> None:
        office = open_office(house.settings, house.hotline)
        async with database.unit_of_work() as uow:
            view = await TicketReader(office).read(uow, number, _person())
        words = case_words()
        history = [
            {"at": it.at, "act": it.act.value, "by": it.by, "unit": it.unit, "texts": it.texts}
            for it in view.history
        ]
        if json_:
            print_json(_row(view) | {"content": view.texts.content, "history": history})
            return
        console.print(
            f"{number}  {words.states[view.ticket.state].text}  {view.texts.title}", highlight=False
        )
        console.print(view.texts.content, highlight=False, markup=False)
        for it in view.history:
            said = " ".join(str(text) for text in it.texts.values() if text)
            line = f"{it.at.astimezone(LOCAL):%m-%d %H:%M} {words.acts[it.act]} {it.unit or it.by} {said}"
            console.print(line, highlight=False, markup=False)

    with_database(work)


@_tickets.command()
def draw(
    out: Annotated[Path | None, typer.Option(help="Where to; default: standard output.")] = None,
) -> None:
    """The table of states as a picture (SVG): the ways, and what each state does with each act."""
    picture = draw_states()
    if out is None:
        typer.echo(picture)
        return
    out.write_text(picture + "\n", encoding="utf-8")
    console.print(str(out), highlight=False)


@_tickets.command("replay")
def replay_(json_: Json = False) -> None:
    """Make every ticket anew from its history. Exit code 1 when one is not as it is kept."""

    async def work(house: House, database: Database) -> None:
        office = open_office(house.settings, house.hotline)
        differing, checked = [], 0
        async with database.unit_of_work() as uow:
            sealer = Sealer(uow, office.vault)
            for row in await uow.desk_tickets.find(TicketFilter(), MOST):
                history = [await sealer.entry(it) for it in await uow.desk_tickets.history(row.number)]
                checked += 1
                if replay(history) != await sealer.ticket(row):
                    differing.append(row.number)
        if json_:
            print_json({"checked": checked, "differing": differing})
        else:
            console.print(f"{checked} tickets, {len(differing)} not as their history says", highlight=False)
            for number in differing:
                console.print(number, highlight=False)
        raise typer.Exit(1 if differing else 0)

    with_database(work)


@_tickets.command("figures")
def figures_(from_: From = None, to: To = None, json_: Json = False) -> None:
    """办结率, 按时办结率, 响应率, 解决率, 满意率 … of a period (default: this month), with their parts."""

    async def work(house: House, database: Database) -> None:
        office = open_office(house.settings, house.hotline)
        now = datetime.now(LOCAL)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        begin = day(from_) or midnight.replace(day=1)
        end = day(to, after=True) or midnight + timedelta(days=1)
        period = Period(begin, end, min(end, now))
        async with database.unit_of_work() as uow:
            rows = await uow.desk_tickets.touching(begin, end, MOST)
        known = [from_json(row.body, {}) for row in rows]
        whole = figures(known, period, office.city_rules)
        units = by_unit(known, period, office.city_rules)
        if json_:
            zones = office.rules.zones
            print_json(
                {
                    "from": begin,
                    "to": end,
                    "cutoff": period.cutoff,
                    "all": _figures_json(whole),
                    "units": {
                        unit: _figures_json(it) | {"zone": zone(it, zones)} for unit, it in units.items()
                    },
                }
            )
            return
        table = Table("unit", "main", "joint", *whole.ratios)
        for unit, it in [*units.items(), ("合计", whole)]:
            table.add_row(unit, str(it.dispatched), str(it.joint), *map(str, it.ratios.values()))
        console.print(table)

    with_database(work)


def _figures_json(found: Figures) -> dict[str, Any]:
    ratios = {
        name: {
            "part": it.part,
            "whole": it.whole,
            "percent": None if it.percent is None else float(it.percent),
        }
        for name, it in found.ratios.items()
    }
    return {**{name: value for name, value in asdict(found).items() if name != "ratios"}, "ratios": ratios}
