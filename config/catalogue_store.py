"""The catalogue in force on this machine: the version that was put in place last, else the built-in one.

Versions lie in folders of their own under ``HOME/catalogue``; ``current`` points to one and is turned in one
step, so that who reads sees the whole of one version. A change is seen at the next look, without a restart.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from config.catalogue import AdoptedRule, CityData, load_catalogue
from config.settings import load_settings

POINTER = "current"
#: dispatch rules that the city adopted, beside the versions
ADOPTED = "adopted.json"


class CatalogueStore:
    """Reads the catalogue again only when another version is in place."""

    def __init__(self, home: Path) -> None:
        self._base = home / "catalogue"
        self._read: tuple[tuple[Path | None, str], CityData] | None = None

    @property
    def folder(self) -> Path | None:
        """The folder of the version in place; None: the built-in one."""
        try:
            return self._base / os.readlink(self._base / POINTER)
        except OSError:
            return None

    @property
    def version(self) -> str:
        """The name of the version in place; "": the built-in one."""
        folder = self.folder
        return folder.name if folder else ""

    def current(self) -> CityData:
        """The catalogue in force, with the adopted rules. Raises ``CatalogueInvalid``."""
        folder, rules = self.folder, self._rules()
        if self._read is None or self._read[0] != (folder, rules):
            adopted = tuple(
                AdoptedRule(tuple(it["words"]), it["appeal"], it["unit"]) for it in json.loads(rules or "[]")
            )
            self._read = (folder, rules), replace(load_catalogue(folder), adopted=adopted)
        return self._read[1]

    def _rules(self) -> str:
        try:
            return (self._base / ADOPTED).read_text(encoding="utf-8")
        except OSError:
            return ""

    def put_rules_in_place(self, rules: Sequence[AdoptedRule]) -> bool:
        """Write the adopted rules; whether they are others than before."""
        text = json.dumps([asdict(it) for it in rules], ensure_ascii=False)
        if text == (self._rules() or "[]"):
            return False
        self._base.mkdir(parents=True, exist_ok=True)
        part = self._base / f".{ADOPTED}.{os.getpid()}"
        part.write_text(text, encoding="utf-8")
        part.replace(self._base / ADOPTED)
        return True

    def put_in_place(self, name: str, files: Mapping[str, str]) -> None:
        """Write a version and point to it."""
        folder = self._base / name
        if not folder.exists():
            part = self._base / f".{name}.{os.getpid()}"
            part.mkdir(parents=True, exist_ok=True)
            for file, text in files.items():
                (part / file).write_text(text, encoding="utf-8")
            try:
                part.rename(folder)
            except OSError:  # another process has written the same one in this moment
                for file in files:
                    (part / file).unlink(missing_ok=True)
                part.rmdir()
        pointer = self._base / f".{POINTER}.{os.getpid()}"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(name)
        pointer.replace(self._base / POINTER)


def city_in_force() -> CityData:
    """The catalogue in force in the installation that a command is typed in. Raises ``CatalogueInvalid``."""
    return CatalogueStore(load_settings().home).current()
