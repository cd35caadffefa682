"""``hotline doctor | users | db``: keeping an installation well."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated

import typer

from config.catalogue_store import city_in_force
from facts.errors import HotlineError
from ticketing_bridge import access
from ticketing_bridge.access import role_named
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.desk.auth import hash_password
from ticketing_bridge.doctor import Health, examine
from ticketing_bridge.house import House, open_house, ready_database
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.embedded import EmbeddedPostgres
from ticketing_bridge.store.upgrade import upgrade

_users = typer.Typer(no_args_is_help=True, help="Who may log in to the page.")
_db = typer.Typer(no_args_is_help=True, help="The database.")

MARKS = {Health.GOOD: "[green]✓[/]", Health.WARNING: "[yellow]![/]", Health.BAD: "[red]✗[/]"}
LEAST_PASSWORD = 12


class UserRefused(HotlineError):
    """This user cannot be made or changed."""

    error_id = "user-refused"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_users, name="users")
    app.add_typer(_db, name="db")
    app.command()(doctor)


def doctor(
    production: Annotated[
        bool,
        typer.Option(
            "--production", help="For a system that citizens phone: a warning of the installation refuses."
        ),
    ] = False,
    json_: Json = False,
) -> None:
    """Check everything that serving needs; each line names its fix. Exit code 1 when something is bad."""
    findings = asyncio.run(examine(open_house()))
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            fix = f" — {finding.fix}" if finding.fix else ""
            console.print(f"{MARKS[finding.health]} {finding.check:<9} ", end="")
            console.print(f"{finding.text}{fix}", highlight=False, markup=False)
    refused = {Health.BAD, Health.WARNING} if production else {Health.BAD}
    against = [it.check for it in findings if it.health in refused and not (production and it.daily)]
    if production and not json_:
        verdict = f"not ready for production: {', '.join(against)}" if against else "ready for production"
        console.print(verdict, highlight=False, markup=False)
    raise typer.Exit(1 if against else 0)


def _in_store(work: Callable[[UnitOfWork], Awaitable[None]]) -> None:
    async def run(house: House) -> None:
        async with ready_database(house) as database, database.unit_of_work() as uow:
            await work(uow)

    asyncio.run(run(open_house()))


def _ask_password() -> str:
    """From the terminal, twice; or HOTLINE_PASSWORD for scripts. Raises ``UserRefused`` when it is weak."""
    password = os.environ.get("HOTLINE_PASSWORD")
    if password is None:
        password = getpass.getpass("password: ")
        if getpass.getpass("again: ") != password:
            raise UserRefused("the two passwords differ", fix="type the same one twice")
    if len(password) < LEAST_PASSWORD:
        raise UserRefused(
            f"the password is shorter than {LEAST_PASSWORD} characters", fix="choose a longer one"
        )
    return password


Role = Annotated[str, typer.Option(help="agent, shift_leader, ops, unit, auditor or admin")]
Unit = Annotated[str | None, typer.Option(help="For the role unit: the unit's name in the catalogue.")]


def _unit_of(role: str, unit: str | None) -> str | None:
    """The unit as the catalogue names it, for those of a unit.

    Raises:
        RoleUnknown, UserRefused: see their texts.
    """
    if (role_named(role) is access.Role.UNIT) != (unit is not None):
        raise UserRefused("the role unit names its unit, no other role does", fix="--role unit --unit NAME")
    if unit is None:
        return None
    for known in city_in_force().units:
        if unit == known.name or unit in known.aliases:
            return known.name
    raise UserRefused(f"there is no unit {unit!r}", fix="write it as units.csv of the catalogue does")


@_users.command()
def add(login: str, role: Role = "agent", unit: Unit = None) -> None:
    """Make a user; a password is made up and shown once."""
    unit = _unit_of(role, unit)
    password = secrets.token_urlsafe(12)

    async def work(uow: UnitOfWork) -> None:
        if await uow.users.add(login, hash_password(password), role, unit) is None:
            raise UserRefused(
                f"there is a user {login!r} already", fix="hotline users passwd changes the password"
            )
        await uow.audit.add(actor=operator(), action="user added", subject=login, fields=("role", "unit"))

    _in_store(work)
    console.print(f"login: {login}  password: {password}  (shown once)", highlight=False)


@_users.command("role")
def role_(login: str, role: Role, unit: Unit = None) -> None:
    """Give a user another role; their sessions end."""
    unit = _unit_of(role, unit)

    async def work(uow: UnitOfWork) -> None:
        if not await uow.users.set_role(login, role, unit):
            raise UserRefused(f"there is no user {login!r}", fix="hotline users list")
        await uow.audit.add(actor=operator(), action="role changed", subject=login, fields=("role", "unit"))

    _in_store(work)


@_users.command()
def passwd(login: str) -> None:
    """Change a password (asked for, or HOTLINE_PASSWORD)."""
    password = _ask_password()

    async def work(uow: UnitOfWork) -> None:
        if not await uow.users.set_password(login, hash_password(password)):
            raise UserRefused(f"there is no user {login!r}", fix="hotline users list")
        await uow.audit.add(actor=operator(), action="password changed", subject=login)

    _in_store(work)


@_users.command()
def disable(login: str) -> None:
    """Let a user log in no more."""

    async def work(uow: UnitOfWork) -> None:
        if not await uow.users.disable(login):
            raise UserRefused(f"there is no user {login!r}", fix="hotline users list")
        await uow.audit.add(actor=operator(), action="user disabled", subject=login)

    _in_store(work)


@_users.command("list")
def list_(json_: Json = False) -> None:
    """Everybody who may log in."""

    async def work(uow: UnitOfWork) -> None:
        accounts = await uow.users.list()
        if json_:
            print_json(
                [
                    {"login": it.login, "role": it.role, "unit": it.unit, "disabled": it.disabled}
                    for it in accounts
                ]
            )
            return
        for it in accounts:
            state = " disabled" if it.disabled else ""
            console.print(f"{it.login:<20} {it.role:<14} {it.unit or ''}{state}", highlight=False)

    _in_store(work)


@_db.command("upgrade")
def upgrade_() -> None:
    """Bring the database's schema up to date."""

    async def work(house: House) -> list[str]:
        if house.embedded:
            await EmbeddedPostgres(house.settings.home).start()
        return await asyncio.to_thread(upgrade, house.database_url)

    steps = asyncio.run(work(open_house()))
    console.print("applied: " + ", ".join(steps) if steps else "the schema is current", highlight=False)


@_db.command()
def stop() -> None:
    """Stop the embedded database, when no role needs it any more."""
    house = open_house()
    stopped = house.embedded and asyncio.run(EmbeddedPostgres(house.settings.home).stop())
    console.print("database stopped" if stopped else "no embedded database was running")
