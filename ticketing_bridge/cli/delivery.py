"""``hotline delivery``: what left the house, what could not, and the secrets of connectors."""

from __future__ import annotations

import getpass
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from config.connector_secrets import keep_connector_secret, load_connector_secrets, made_secret
from config.delivery import load_delivery
from facts.errors import HotlineError
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import with_database
from ticketing_bridge.delivery.by_hand import DeliveryUnknown, drop, resend
from ticketing_bridge.delivery.service import secret_name
from ticketing_bridge.house import House, open_house
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.outbox_records import Delivery, DeliveryState

_delivery = typer.Typer(no_args_is_help=True, help="What is told to other systems, and what could not be.")


class StateUnknown(HotlineError):
    """There is no such state of a delivery."""

    error_id = "delivery-state-unknown"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_delivery, name="delivery")


def _states(given: str | None) -> list[DeliveryState] | None:
    try:
        return [DeliveryState(it) for it in given.split(",")] if given else None
    except ValueError:
        raise StateUnknown(f"{given!r} is no state", fix="one of " + ", ".join(DeliveryState)) from None


@_delivery.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only these, by comma: dead, waiting, …")] = None,
    connector: Annotated[str | None, typer.Option(help="Only of this connector.")] = None,
    ticket: Annotated[str | None, typer.Option(help="Only about this ticket or call.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    json_: Json = False,
) -> None:
    """Deliveries, newest first. Exit code 1 when dead ones are among them."""
    wanted = _states(state)

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = await uow.deliveries.newest(
                states=wanted, connector=connector, subject=ticket, limit=limit
            )
        if json_:
            print_json([delivery_json(it) for it in found])
        else:
            table = Table("id", "connector", "kind", "subject", "state", "tries", "due", "there as", "why")
            for it in found:
                why = " ".join(filter(None, (it.reason, it.detail)))
                due = f"{it.due_at.astimezone():%m-%d %H:%M:%S}" if it.state is DeliveryState.WAITING else ""
                table.add_row(
                    str(it.id), it.connector, it.kind.value, it.subject, it.state.value, str(it.tries), due,
                    it.remote_id or "", why,
                )  # fmt: skip
            console.print(table)
        if any(it.state is DeliveryState.DEAD for it in found):
            raise typer.Exit(1)

    with_database(work)


def delivery_json(it: Delivery) -> dict[str, Any]:
    """A delivery as scripts and the API see it."""
    shown = asdict(it)
    del shown["outbox"], shown["key"]
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in shown.items()
    }


@_delivery.command()
def show(number: int, json_: Json = False) -> None:
    """One delivery with its attempts, and what the other side said."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            it = await uow.deliveries.get(number)
            if it is None:
                raise DeliveryUnknown(f"there is no delivery {number}", fix="hotline delivery list")
            attempts = await uow.deliveries.attempts_of(number)
            heard = await uow.deliveries.statuses_of(number)
        facts = delivery_json(it) | {
            "tries_made": [_plain(asdict(one)) for one in attempts],
            "heard": [_plain(asdict(one)) for one in heard],
        }
        if json_:
            print_json(facts)
            return
        for name, value in facts.items():
            console.print(f"{name:<18} {value}", highlight=False, markup=False)

    with_database(work)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: it.isoformat() if isinstance(it, datetime) else it for name, it in values.items()}


@_delivery.command("resend")
def resend_(
    numbers: Annotated[list[int] | None, typer.Argument(help="Ids of deliveries.")] = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="All that were given up.")] = False,
    connector: Annotated[str | None, typer.Option(help="With --all-dead: only of this connector.")] = None,
    json_: Json = False,
) -> None:
    """Send again what was given up or withheld; each is searched for first, under the rules of now."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            chosen = list(numbers or [])
            if all_dead:
                dead = await uow.deliveries.newest(
                    states=[DeliveryState.DEAD], connector=connector, limit=10_000
                )
                chosen += [it.id for it in dead]
            for number in chosen:
                await resend(uow, number, operator())
        if json_:
            print_json({"sent_again": chosen})
        else:
            console.print(f"{len(chosen)} to be sent again", highlight=False)

    with_database(work)


@_delivery.command("drop")
def drop_(number: int) -> None:
    """Give one up: people have seen to it otherwise."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            await drop(uow, number, operator())

    with_database(work)


@_delivery.command()
def secret(
    name: str,
    make: Annotated[bool, typer.Option("--make", help="Make one and show it once (webhooks).")] = False,
) -> None:
    """Set a connector's secret: asked for, or from standard input; kept in a file for its owner alone."""
    home = open_house().settings.home
    if make:
        value = made_secret()
    else:
        value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    keep_connector_secret(home, name, value)
    console.print(f"{name}: {value}  (shown once)" if make else f"{name} is set", highlight=False)


@_delivery.command()
def check(json_: Json = False) -> None:
    """Is the configuration right, and is every secret set? Exit code 1 when not."""
    house = open_house()
    config = load_delivery(house.settings.hotline_config)
    kept = load_connector_secrets(house.settings.home)
    rows: list[dict[str, Any]] = [
        {
            "connector": it.id,
            "kind": it.kind,
            "public": it.public,
            "sends": [one.value for one in it.sends],
            "secret": name,
            "secret_set": name is None or name in kept,
        }
        for it in config.connectors
        for name in (secret_name(it),)
    ]
    if json_:
        print_json(rows)
    else:
        table = Table("connector", "kind", "public", "sends", "secret")
        for row in rows:
            known = f"{row['secret']} {'✓' if row['secret_set'] else 'MISSING: hotline delivery secret'}"
            table.add_row(row["connector"], row["kind"], str(row["public"]), ", ".join(row["sends"]), known)
        console.print(table)
    raise typer.Exit(0 if all(row["secret_set"] for row in rows) else 1)
