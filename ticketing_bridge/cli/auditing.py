"""``hotline audit``: who looked at what, and the proof that nobody changed the log."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from facts.errors import HotlineError
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import with_database
from ticketing_bridge.house import House
from ticketing_bridge.store.audit_chain import ChainHead
from ticketing_bridge.store.database import Database
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.upkeep import chain_audit, keep_head

_audit = typer.Typer(no_args_is_help=True, help="Who looked at what, and the proof of it.")


class HeadInvalid(HotlineError):
    """A kept head cannot be read."""

    error_id = "head-invalid"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_audit, name="audit")


@_audit.command()
def verify(
    head: Annotated[Path | None, typer.Option(help="A head kept outside: nothing before it was cut.")] = None,
    json_: Json = False,
) -> None:
    """Compute the whole chain again. Exit code 1: a line is changed, deleted, cut, misdated, unchained."""
    kept = _read_head(head) if head else None

    async def work(_: House, database: Database) -> None:
        await chain_audit(database)
        async with database.unit_of_work() as uow:
            report = await uow.audit_chain.verify(kept)
        if json_:
            print_json(asdict(report))
        else:
            for fault, line in report.faults:
                console.print(f"{fault}: line {line}", highlight=False)
            verdict = "NOT as it was written" if report.faults else "as it was written"
            console.print(
                f"{report.lines} lines, {verdict}; head {report.head.digest[:16]}…", highlight=False
            )
        raise typer.Exit(1 if report.faults else 0)

    with_database(work)


@_audit.command()
def head(
    out: Annotated[Path | None, typer.Option(help="Folder, on another machine, that keeps it.")] = None,
    json_: Json = False,
) -> None:
    """Where the chain ends now: keep it outside, and compare with it later (verify --head)."""

    async def work(_: House, database: Database) -> None:
        await chain_audit(database)
        if out is not None:
            console.print(str(await keep_head(database, out, datetime.now(LOCAL))), highlight=False)
            return
        async with database.unit_of_work() as uow:
            found = await uow.audit_chain.head()
        if json_:
            print_json(asdict(found))
        else:
            console.print(f"line {found.position}  {found.digest}", highlight=False)

    with_database(work)


@_audit.command("list")
def list_(
    subject: Annotated[str | None, typer.Option(help="A ticket's number, or a call's key.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    json_: Json = False,
) -> None:
    """Who did what, newest first. This look is a line of it, too."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            entries = await uow.audit.list(subject=subject, limit=limit)
            await uow.audit.add(operator(), "audit-viewed", subject=subject)
        if json_:
            print_json([asdict(it) for it in entries])
            return
        for it in entries:
            words = " ".join(filter(None, (it.action, it.subject, ",".join(it.fields), it.reason)))
            console.print(
                f"{it.at.astimezone(LOCAL):%Y-%m-%d %H:%M:%S} {it.actor:<16} {words}", highlight=False
            )

    with_database(work)


def _read_head(path: Path) -> ChainHead:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return ChainHead(int(kept["position"]), str(kept["digest"]), None)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise HeadInvalid(
            f"{path}: {problem}", fix="name a file that hotline audit head --out made"
        ) from None
