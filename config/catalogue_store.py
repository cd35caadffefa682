"""The catalogue in force on this machine: the version that was put in place last, else the built-in one.

Versions lie in folders of their own under ``HOME/catalogue``; ``current`` points to one and is turned in one
step, so that who reads sees the whole of one version. A change is seen at the next look, without a restart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from config.catalogue import CityData, load_catalogue
from config.settings import load_settings

POINTER = "current"


class CatalogueStore:
    """Reads the catalogue again only when another version is in place."""

    def __init__(self, home: Path) -> None:
        self._base = home / "catalogue"
        self._read: tuple[Path | None, CityData] | None = None

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
        """The catalogue in force. Raises ``CatalogueInvalid``."""
        folder = self.folder
        if self._read is None or self._read[0] != folder:
            self._read = folder, load_catalogue(folder)
        return self._read[1]

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
