"""``hotline catalogue``: the city's own data, from files and to files, in versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from config.catalogue_store import CatalogueStore
from config.city_files import FILES, Problem, check_files, decoded, known_file
from facts.errors import HotlineError
from ticketing_bridge.catalogue.keeper import put_newest_in_place
from ticketing_bridge.catalogue.versions import (
    CatalogueRefused,
    FileChange,
    VersionUnknown,
    changes,
    in_force,
    propose,
    publish,
    restore,
)
from ticketing_bridge.cli.operator import operator
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import with_database
from ticketing_bridge.house import House
from ticketing_bridge.store.database import Database

_catalogue = typer.Typer(no_args_is_help=True, help="Units, places, categories, dispatch, limits: versions.")

Paths = Annotated[list[Path], typer.Argument(help="A folder, or files named " + ", ".join(FILES))]


class CityFileUnknown(HotlineError):
    """This file is none of the city's data."""

    error_id = "city-file-unknown"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_catalogue, name="catalogue")


def _given(paths: list[Path]) -> dict[str, str]:
    """Texts by our names. Raises ``CityFileUnknown`` for what is none of ours or cannot be read."""
    files = [it for path in paths for it in (sorted(path.iterdir()) if path.is_dir() else [path])]
    found: dict[str, str] = {}
    for path in files:
        name = known_file(path)
        if name is None:
            if path in paths:
                raise CityFileUnknown(f"{path} is none of the city's data", fix="name it " + ", ".join(FILES))
            continue
        try:
            text = decoded(path.read_bytes())
        except OSError as problem:
            raise CityFileUnknown(f"{path}: {problem.strerror}", fix="name files that are there") from None
        if text is None:
            raise CityFileUnknown(f"{path} is neither UTF-8 nor GB18030 text", fix="export it as CSV")
        found[name] = text
    if not found:
        raise CityFileUnknown("there is none of the city's data", fix="name files " + ", ".join(FILES))
    return found


@_catalogue.command("import")
def import_(
    paths: Paths,
    note: Annotated[str, typer.Option(help="What is new in it.")] = "",
    json_: Json = False,
) -> None:
    """Put files in force as a new version (UTF-8 or GB18030). Nothing is taken when anything is wrong."""
    given = _given(paths)

    async def work(house: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            before, _ = await in_force(uow)
            _, _, changed = await propose(uow, given)
            try:
                made = await publish(uow, given, operator(), note)
            except CatalogueRefused as refused:
                _tell_problems(refused.problems, as_json=json_)
                raise typer.Exit(1) from None
        await put_newest_in_place(database, CatalogueStore(house.settings.home))
        if json_:
            print_json({"version": made.id if made else before, "changed": _changes_json(changed)})
        elif made is None:
            console.print("nothing changes", highlight=False)
        else:
            _tell_changes(changed)
            console.print(f"version {made.id} is in force", highlight=False)

    with_database(work)


@_catalogue.command()
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Default: what is in force.")] = None,
    json_: Json = False,
) -> None:
    """Is everything right in these files, together with what is in force? Exit code 1 when not."""
    given = _given(paths) if paths else None

    async def work(_house: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            if given is None:
                problems: tuple[Problem, ...] = check_files((await in_force(uow))[1]).problems
                changed: list[FileChange] = []
            else:
                _files, problems, changed = await propose(uow, given)
        if json_:
            print_json({"problems": _problems_json(problems), "changed": _changes_json(changed)})
        elif problems:
            _tell_problems(problems, as_json=False)
        else:
            _tell_changes(changed)
            console.print("all is right", highlight=False)
        if problems:
            raise typer.Exit(1)

    with_database(work)


@_catalogue.command()
def export(
    folder: Path,
    version: Annotated[int | None, typer.Option(help="Default: what is in force.")] = None,
) -> None:
    """Write the files of a version into a folder."""

    async def work(_: House, database: Database) -> Mapping[str, str]:
        async with database.unit_of_work() as uow:
            return await _files(uow, version)

    files = with_database(work)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        # office programs take a CSV file for UTF-8 by its mark only
        (folder / name).write_text(text, encoding="utf-8-sig" if name.endswith(".csv") else "utf-8")
    console.print(f"{len(files)} files written to {folder}", highlight=False)


async def _files(uow: Any, version: int | None) -> Mapping[str, str]:
    if version is None:
        return (await in_force(uow))[1]
    found = await uow.catalogue.get(version)
    if found is None:
        raise VersionUnknown(f"there is no version {version}", fix="hotline catalogue versions")
    files: Mapping[str, str] = found.files
    return files


@_catalogue.command()
def versions(
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30,
    json_: Json = False,
) -> None:
    """All versions, newest first: who, when, why."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = await uow.catalogue.list(limit)
        if json_:
            print_json(
                [
                    {
                        "version": it.id,
                        "at": it.at.isoformat(),
                        "by": it.by,
                        "note": it.note,
                        "restored": it.restored,
                        "in_force": place == 0,
                    }
                    for place, it in enumerate(found)
                ]
            )
            return
        table = Table("version", "when", "who", "what", "")
        for place, it in enumerate(found):
            again = f"version {it.restored} again" if it.restored else ""
            what = " ".join(filter(None, (it.note, again)))
            table.add_row(
                str(it.id), f"{it.at.astimezone():%Y-%m-%d %H:%M}", it.by, what, "" if place else "in force"
            )
        console.print(table)

    with_database(work)


@_catalogue.command()
def diff(
    old: int,
    new: Annotated[int | None, typer.Argument(help="Default: what is in force.")] = None,
    json_: Json = False,
) -> None:
    """What differs between two versions. Exit code 1 when anything does."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = changes(await _files(uow, old), await _files(uow, new))
        if json_:
            print_json(_changes_json(found))
        else:
            _tell_changes(found, whole=True)
        if found:
            raise typer.Exit(1)

    with_database(work)


@_catalogue.command("restore")
def restore_(version: int) -> None:
    """Go back to an earlier version: it is in force again as a new one."""

    async def work(house: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            made = await restore(uow, version, operator())
        await put_newest_in_place(database, CatalogueStore(house.settings.home))
        console.print(f"version {made.id} is in force (the files of {version})", highlight=False)

    with_database(work)


def _problems_json(problems: tuple[Problem, ...]) -> list[dict[str, Any]]:
    return [{"file": it.file, "line": it.line, "problem": it.what} for it in problems]


def _changes_json(changed: list[FileChange]) -> list[dict[str, Any]]:
    return [{"file": it.file, "added": it.added, "removed": it.removed} for it in changed]


def _tell_problems(problems: tuple[Problem, ...], *, as_json: bool) -> None:
    if as_json:
        print_json({"problems": _problems_json(problems)})
        return
    for it in problems:
        console.print(str(it), highlight=False, markup=False)
    console.print(f"{len(problems)} problems; nothing was taken", highlight=False)


def _tell_changes(changed: list[FileChange], *, whole: bool = False) -> None:
    for it in changed:
        console.print(f"{it.file}: {it.added} lines new, {it.removed} gone", highlight=False)
        for line in it.lines if whole else ():
            console.print(line, highlight=False, markup=False)
