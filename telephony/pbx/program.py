"""An Asterisk program: how it is run, what version it is, how safe that version is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from facts.errors import HotlineError


class AsteriskMissing(HotlineError):
    """There is no Asterisk on this machine."""

    error_id = "asterisk-missing"


@dataclass(frozen=True, slots=True)
class AsteriskVersion:
    """Release numbers of a ``core show version`` or ``asterisk -V`` line."""

    major: int
    minor: int
    patch: int
    text: str

    @classmethod
    def parse(cls, output: str) -> AsteriskVersion | None:
        """Read the version, None when the text has none.

        >>> AsteriskVersion.parse("Asterisk 22.10.1+dfsg+~cs6.17 built by nobody").number
        '22.10.1'
        >>> AsteriskVersion.parse("Asterisk certified-20.7-cert9").number
        '20.7.0'
        """
        found = re.search(r"Asterisk (?:certified[-/])?(\d+)\.(\d+)(?:\.(\d+))?\S*", output)
        if not found:
            return None
        major, minor, patch = (int(part or 0) for part in found.groups())
        return cls(major, minor, patch, found.group())

    @property
    def number(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def certified(self) -> bool:
        return "certified" in self.text


@dataclass(frozen=True, slots=True)
class AsteriskProgram:
    """How to run one Asterisk, and where what it needs lies."""

    #: program and loader, before Asterisk's own arguments
    argv: tuple[str, ...]
    version: AsteriskVersion
    #: ``system`` or the unpacked folder
    origin: str
    #: module folder when it is not the built-in one
    modules: Path | None = None
    #: folder with ``core-en_US.xml``: the option tables of the modules
    documentation: Path | None = None
