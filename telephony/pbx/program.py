"""An Asterisk program: how it is run, what version it is, how safe that version is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from facts.errors import HotlineError

_CERTIFIED = re.compile(r"Asterisk certified[-/](\d+)\.(\d+)-cert(\d+)\S*")
_PLAIN = re.compile(r"Asterisk (\d+)\.(\d+)(?:\.(\d+))?\S*")

#: security releases of 2026-06-25 (announced that day by the Asterisk team, 20 advisories): the first safe
#: release of each branch; a branch that is not here gets no fixes any more
_SAFE_FROM = {20: (20, 20, 1), 22: (22, 10, 1), 23: (23, 4, 1)}
_CERTIFIED_SAFE_FROM = {(20, 7): 11, (22, 8): 3}
#: releases in which a tapped channel cannot be bridged (asterisk/asterisk#2134)
_TAPS_BROKEN = frozenset({(22, 11, 0)})


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
    #: number after ``-cert`` of a certified release
    cert: int | None = None

    @classmethod
    def parse(cls, output: str) -> AsteriskVersion | None:
        """Read the version, None when the text has none.

        >>> AsteriskVersion.parse("Asterisk 22.10.1+dfsg+~cs6.17 built by nobody").number
        '22.10.1'
        >>> AsteriskVersion.parse("Asterisk certified-20.7-cert9").number
        '20.7-cert9'
        """
        if found := _CERTIFIED.search(output):
            major, minor, cert = map(int, found.groups())
            return cls(major, minor, 0, found.group(), cert)
        if found := _PLAIN.search(output):
            major, minor, patch = (int(part or 0) for part in found.groups())
            return cls(major, minor, patch, found.group())
        return None

    @property
    def number(self) -> str:
        if self.cert is not None:
            return f"{self.major}.{self.minor}-cert{self.cert}"
        return f"{self.major}.{self.minor}.{self.patch}"


class Safety(StrEnum):
    """What is known about a version."""

    SAFE = "safe"
    #: older than the security releases of 2026-06-25
    OUTDATED = "outdated"
    #: the branch gets no security fixes any more
    UNSUPPORTED = "unsupported"
    #: safe, but live listening fails on it
    TAPS_BROKEN = "taps_broken"


@dataclass(frozen=True, slots=True)
class SecurityState:
    """The verdict on one version, and what to do."""

    safety: Safety
    fix: str = ""


def security_state(version: AsteriskVersion) -> SecurityState:
    """How a version stands to the security releases of 2026-06-25 and to known faults.

    >>> security_state(AsteriskVersion.parse("Asterisk 22.10.1")).safety.value
    'safe'
    >>> security_state(AsteriskVersion.parse("Asterisk 20.6.0~dfsg")).fix
    'update to 20.20.1 or later'
    """
    if version.cert is not None:
        return _certified_state(version, version.cert)
    numbers = (version.major, version.minor, version.patch)
    first = _SAFE_FROM.get(version.major)
    if first is None and version.major < max(_SAFE_FROM):
        return SecurityState(Safety.UNSUPPORTED, "change to 22.10.1 (long-term support)")
    if first is not None and numbers < first:
        return SecurityState(Safety.OUTDATED, f"update to {'.'.join(map(str, first))} or later")
    if numbers in _TAPS_BROKEN:
        return SecurityState(Safety.TAPS_BROKEN, "use 22.10.1: live listening fails on this release")
    return SecurityState(Safety.SAFE)


def _certified_state(version: AsteriskVersion, cert: int) -> SecurityState:
    needed = _CERTIFIED_SAFE_FROM.get((version.major, version.minor))
    if needed is None:
        return SecurityState(Safety.UNSUPPORTED, "change to certified 22.8-cert3 or later")
    if cert < needed:
        fix = f"update to certified {version.major}.{version.minor}-cert{needed} or later"
        return SecurityState(Safety.OUTDATED, fix)
    return SecurityState(Safety.SAFE)


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
