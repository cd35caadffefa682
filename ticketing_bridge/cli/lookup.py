"""``hotline knowledge | phonebook``: what agents look up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from config.catalogue_store import city_in_force
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import day, with_database
from ticketing_bridge.house import House
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.knowledge.csv_import import (
    FileRead,
    keep_knowledge,
    keep_phones,
    read_knowledge,
    read_phones,
)
from ticketing_bridge.knowledge.entries import standing, typed_question
from ticketing_bridge.knowledge.phone_book import find_numbers, phone_book
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.knowledge_records import KnowledgeEntry, PhoneReport

_knowledge = typer.Typer(no_args_is_help=True, help="The knowledge base that agents answer with.")
_phonebook = typer.Typer(no_args_is_help=True, help="The units' phone book, and numbers found dead.")

#: problems shown to a person; all of them are in --json
_SHOWN = 10

Owner = Annotated[str | None, typer.Option("--owner", help="Who keeps entries that name nobody.")]
DayOption = Annotated[str | None, typer.Option("--day", help="YYYY-MM-DD; default: today.")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_knowledge, name="knowledge")
    app.add_typer(_phonebook, name="phonebook")


def _today() -> date:
    return datetime.now(LOCAL).date()


def _tell(done: FileRead, what: str, *, as_json: bool) -> None:
    """What became of a file; exit code 1 when rows were left out."""
    if as_json:
        print_json(asdict(done))
    else:
        console.print(f"{done.written} {what} written", highlight=False)
        for bad in done.left_out[:_SHOWN]:
            console.print(f"line {bad.line}: {bad.problem}", highlight=False, markup=False)
        if len(done.left_out) > _SHOWN:
            console.print(f"… and {len(done.left_out) - _SHOWN} more rows left out", highlight=False)
    if done.left_out:
        raise typer.Exit(1)


@_knowledge.command("import")
def import_knowledge(file: Path, owner: Owner = None, json_: Json = False) -> None:
    """Entries from a CSV file (问题, 答复 …; UTF-8 or GB18030); a question that is there is changed."""
    rows = [*read_knowledge(file, owner or operator(), _today())]

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            done = await keep_knowledge(uow, rows, operator())
            await uow.audit.add(operator(), "knowledge-imported", reason=f"{done.written} entries")
        _tell(done, "entries", as_json=json_)

    with_database(work)


@_knowledge.command("find")
def find_knowledge(question: str, json_: Json = False) -> None:
    """What agents find for a question. Exit code 1 when nothing is found."""
    asked = typed_question(question)

    async def work(_: House, database: Database) -> None:
        found: list[KnowledgeEntry] = []
        async with database.unit_of_work() as uow:
            for query in (asked.every, asked.some) if asked else ():
                found = found or await uow.knowledge.find(query, today=None)
        today = _today()
        if json_:
            print_json([{**asdict(it), "standing": standing(it.text, today)} for it in found])
        for it in () if json_ else found:
            console.print(f"{it.id}  {standing(it.text, today)}  {it.text.question}", highlight=False)
        if not found:
            raise typer.Exit(1)

    with_database(work)


@_knowledge.command("gaps")
def list_gaps(json_: Json = False) -> None:
    """Questions that found no answer, the most asked first."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            gaps = await uow.knowledge.gaps()
        if json_:
            print_json([asdict(it) for it in gaps])
            return
        table = Table("id", "question", "times", "last asked", "by")
        for it in gaps:
            table.add_row(
                str(it.id),
                it.question,
                str(it.times),
                f"{it.last_at.astimezone(LOCAL):%m-%d %H:%M}",
                it.asked_by,
            )
        console.print(table)

    with_database(work)


@_phonebook.command("import")
def import_phones(file: Path, json_: Json = False) -> None:
    """Numbers from a CSV file (单位, 电话 …; UTF-8 or GB18030); one that is there is replaced."""
    rows = [*read_phones(file)]

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            done = await keep_phones(uow, rows, operator())
            await uow.audit.add(operator(), "phone-book-imported", reason=f"{done.written} numbers")
        _tell(done, "numbers", as_json=json_)

    with_database(work)


@_phonebook.command("find")
def find_phone(words: str, json_: Json = False) -> None:
    """The numbers that fit what somebody says, the best first. Exit code 1 when none does."""
    city = city_in_force()

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            entries = await uow.phones.all()
        book = phone_book(
            entries,
            aliases={it.name: it.aliases for it in city.units},
            duties={it.name: it.keywords for it in city.units},
        )
        found = find_numbers(book, [words])
        if json_:
            print_json([asdict(it) for it in found])
        for it in () if json_ else found:
            text = it.entry.text
            closed = "  (closed)" if text.closed else ""
            console.print(f"{text.number}  {text.unit} {text.office}{closed}", highlight=False)
        if not found:
            raise typer.Exit(1)

    with_database(work)


@_phonebook.command("dead")
def dead_numbers(day_: DayOption = None, json_: Json = False) -> None:
    """One day's list of numbers found dead, and what is still open of before: for the night's check.

    Exit code 1 when there is any that nobody has seen to.
    """
    begin = day(day_) or day(_today().isoformat())
    assert begin is not None

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = await uow.phones.reports(from_=begin, to=begin + timedelta(days=1))
            before = await uow.phones.reports(to=begin, open_only=True)
        if json_:
            print_json({"day": f"{begin:%Y-%m-%d}", "found": _rows(found), "open_before": _rows(before)})
        else:
            table = Table("at", "unit", "office", "number", "kind", "found by", "settled")
            for it in (*found, *before):
                at = f"{it.at.astimezone(LOCAL):%m-%d %H:%M}"
                table.add_row(at, it.unit, it.office, it.number, it.kind, it.found_by, it.settlement or "—")
            console.print(table)
        if any(it.settled_at is None for it in (*found, *before)):
            raise typer.Exit(1)

    with_database(work)


def _rows(reports: Iterable[PhoneReport]) -> list[dict[str, object]]:
    return [asdict(it) for it in reports]
