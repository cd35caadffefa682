"""``hotline api-clients``: which other systems may use the REST API, for what, and until when."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from facts.errors import HotlineError
from ticketing_bridge.access import Role, role_named
from ticketing_bridge.api.clients import Scope, new_token, scopes_named
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import with_database
from ticketing_bridge.house import House
from ticketing_bridge.store.database import Database

_clients = typer.Typer(no_args_is_help=True, help="Clients of the REST API and their tokens.")


class ClientRefused(HotlineError):
    """This client cannot be made or changed."""

    error_id = "api-client-refused"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_clients, name="api-clients")


@_clients.command()
def add(
    name: str,
    role: Annotated[str, typer.Option(help="It acts as somebody of this role: agent, unit, auditor, …")],
    scope: Annotated[list[str], typer.Option(help="What it is for; several times. " + ", ".join(Scope))],
    unit: Annotated[str | None, typer.Option(help="Of a unit: which one.")] = None,
    days: Annotated[int, typer.Option(min=1, max=731, help="It ends after so many days.")] = 180,
    per_minute: Annotated[int, typer.Option(min=1, max=100_000, help="Requests a minute.")] = 600,
    json_: Json = False,
) -> None:
    """Make a client; its token is shown once and kept as a digest only."""
    acts = role_named(role)
    if (acts is Role.UNIT) != (unit is not None):
        raise ClientRefused("a unit's client names its unit, no other does", fix="--role unit --unit NAME")
    scopes = scopes_named(scope)
    token = new_token()
    expires = datetime.now(UTC) + timedelta(days=days)

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            made = await uow.api.add(
                name,
                token,
                role=acts.value,
                unit=unit,
                scopes=[it.value for it in scopes],
                per_minute=per_minute,
                expires_at=expires,
                by=operator(),
            )
            if made is None:
                raise ClientRefused(
                    f"there is a client {name!r} already", fix="revoke it, or take another name"
                )
            await uow.audit.add(
                operator(), "api-client-made", subject=name, fields=(acts.value, *(it.value for it in scopes))
            )
        if json_:
            print_json({"name": name, "token": token, "expires_at": expires.isoformat()})
        else:
            console.print(
                f"token: {token}  (shown once; until {expires:%Y-%m-%d})", highlight=False, soft_wrap=True
            )

    with_database(work)


@_clients.command("list")
def list_(json_: Json = False) -> None:
    """All clients, when they end, and when they were last here."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = await uow.api.clients()
        if json_:
            print_json([asdict(it) for it in found])
            return
        table = Table("name", "role", "unit", "scopes", "per minute", "until", "last here", "")
        now = datetime.now(UTC)
        for it in found:
            state = "revoked" if it.revoked_at else "expired" if it.expires_at <= now else ""
            last = f"{it.used_at.astimezone():%m-%d %H:%M}" if it.used_at else "never"
            until = f"{it.expires_at.astimezone():%Y-%m-%d}"
            scopes = " ".join(it.scopes)
            table.add_row(it.name, it.role, it.unit or "", scopes, str(it.per_minute), until, last, state)
        console.print(table)

    with_database(work)


@_clients.command()
def revoke(name: str) -> None:
    """End a client's token now."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            if not await uow.api.revoke(name):
                raise ClientRefused(f"there is no client {name!r} to revoke", fix="hotline api-clients list")
            await uow.audit.add(operator(), "api-client-revoked", subject=name)

    with_database(work)
