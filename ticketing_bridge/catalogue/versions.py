"""Versions of the city's data: made of files, compared, gone back to."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from config.city_files import LIMITS, MATTERS, TABLES, Problem, check_files
from config.hotline import DEFAULTS
from facts.errors import HotlineError
from ticketing_bridge.store.catalogue_repository import CATALOGUE_CHANNEL, CatalogueVersion
from ticketing_bridge.store.database import UnitOfWork

#: files of the built-in catalogue
BUILT_IN: Final = ("units.csv", "gazetteer.csv", MATTERS)


class CatalogueRefused(HotlineError):
    """The city's data is not taken: everything that is wrong in it is named."""

    error_id = "catalogue-refused"
    exit_code = 1

    def __init__(self, problems: Sequence[Problem]) -> None:
        more = f" … and {len(problems) - 3} more" if len(problems) > 3 else ""
        super().__init__("; ".join(map(str, problems[:3])) + more, fix="correct the named lines")
        self.problems = tuple(problems)


class CatalogueChanged(HotlineError):
    """Somebody else has put another version in force meanwhile."""

    error_id = "catalogue-changed"
    exit_code = 1


class VersionUnknown(HotlineError):
    """There is no such version of the city's data."""

    error_id = "catalogue-version-unknown"


@dataclass(frozen=True, slots=True)
class FileChange:
    """What changes in one file; ``lines`` as ``diff -u`` shows them."""

    file: str
    added: int
    removed: int
    lines: tuple[str, ...]


async def in_force(uow: UnitOfWork) -> tuple[int | None, Mapping[str, str]]:
    """The version in force and its files; None: the built-in ones."""
    newest = await uow.catalogue.newest()
    return (newest.id, newest.files) if newest else (None, built_in())


def built_in() -> dict[str, str]:
    """The files that come with the hotline."""
    folder = DEFAULTS / "catalogue"
    files = {name: (folder / name).read_text(encoding="utf-8") for name in BUILT_IN}
    return files | {LIMITS: (DEFAULTS / LIMITS).read_text(encoding="utf-8")}


async def propose(
    uow: UnitOfWork, given: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Problem, ...], list[FileChange]]:
    """What would be in force with these files in place of theirs: the files, what is wrong, what changes."""
    _, before = await in_force(uow)
    checked = check_files({**before, **given})
    # what nobody has touched stays letter by letter as it is
    files = {**before, **{name: checked.files.get(name, "") for name in given if name in checked.files}}
    return files, checked.problems, changes(before, files)


async def publish(
    uow: UnitOfWork, given: Mapping[str, str], by: str, note: str, *, base: int | str | None = "any"
) -> CatalogueVersion | None:
    """Put these files in force, with those of the version in force that are not among them.

    Args:
        base: the version that was seen (None: the built-in one); any: whichever is in force.

    Returns:
        The new version; None when nothing changes.

    Raises:
        CatalogueRefused: naming everything that is wrong; nothing is taken.
        CatalogueChanged: ``base`` is not in force any more.
    """
    await uow.catalogue.alone()
    number, _ = await in_force(uow)
    if base not in ("any", number):
        raise CatalogueChanged(fix="look at the new version, then do it again")
    files, problems, changed = await propose(uow, given)
    if problems:
        raise CatalogueRefused(problems)
    return await _added(uow, files, by, note) if changed else None


async def restore(uow: UnitOfWork, version: int, by: str) -> CatalogueVersion:
    """Go back: the files of an earlier version are in force again, as a new version.

    Raises:
        VersionUnknown: there is none.
        CatalogueRefused: by today's rules something in it is wrong.
    """
    await uow.catalogue.alone()
    earlier = await uow.catalogue.get(version)
    if earlier is None:
        raise VersionUnknown(f"there is no version {version}", fix="hotline catalogue versions")
    if problems := check_files(earlier.files).problems:
        raise CatalogueRefused(problems)
    return await _added(uow, earlier.files, by, earlier.note, restored=version)


async def _added(
    uow: UnitOfWork, files: Mapping[str, str], by: str, note: str, restored: int | None = None
) -> CatalogueVersion:
    whole = json.dumps(dict(sorted(files.items())), ensure_ascii=False).encode()
    made = await uow.catalogue.add(files, hashlib.sha256(whole).hexdigest(), by, note, restored)
    action = "catalogue-restored" if restored else "catalogue-published"
    await uow.audit.add(by, action, subject=str(made.id), fields=sorted(files), reason=note or None)
    await uow.notify(CATALOGUE_CHANNEL, str(made.id))
    return made


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[FileChange]:
    """What differs, file by file."""
    found = []
    for name in dict.fromkeys((*TABLES, MATTERS, LIMITS, *before, *after)):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            lines = [*difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")][2:]
            found.append(
                FileChange(
                    name,
                    sum(line.startswith("+") for line in lines),
                    sum(line.startswith("-") for line in lines),
                    tuple(lines),
                )
            )
    return found
