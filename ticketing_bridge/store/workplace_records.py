"""What the agent's desk keeps: work sheets, how drafts fared, marks of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SheetState(StrEnum):
    """What became of a work sheet."""

    OPEN = "open"
    #: a ticket was made of it
    SAVED = "saved"
    #: joined to a ticket that there was
    MERGED = "merged"
    #: no ticket comes of it
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person put into a field; empty text is a person's, too. ``version``: of the sheet, then."""

    value: str
    version: int
    by: str
    #: taken over from the draft as it was
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """What persons have done for one matter of a call. ``version`` counts every change."""

    call: str
    matter: int
    version: int
    typed: Mapping[str, Typed]
    state: SheetState
    login: str
    ticket: str | None
    entry: int | None
    opened_at: datetime
    changed_at: datetime
    saved_at: datetime | None


class Verdict(StrEnum):
    """What the agent made of one field of a draft."""

    KEPT = "kept"
    #: changed a little: the draft was right, its words were not the agent's
    MENDED = "mended"
    CHANGED = "changed"
    #: nothing was drafted, the agent filled it
    FILLED = "filled"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class FieldVerdict:
    """One line of the draft ledger: what became of a drafted field."""

    field: str
    verdict: Verdict
    confidence: float | None
    shown: bool


@dataclass(frozen=True, slots=True)
class SheetVerdicts:
    """The ledger's lines of one matter, under one drafting version."""

    call: str
    matter: int
    rules: str
    login: str
    fields: tuple[FieldVerdict, ...]


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """How one field of one drafting version fared: all of its verdicts, and the newest that were drafted."""

    field: str
    rules: str
    verdicts: Mapping[Verdict, int]
    #: of the newest drafted ones: how many, and how many of them were right
    recent: int
    recent_right: int


@dataclass(frozen=True, slots=True)
class FieldSwitch:
    """A person's decision about a field of a drafting version; the newest counts."""

    field: str
    rules: str
    on: bool
    login: str
    reason: str
    after: int
    at: datetime


class MarkKind(StrEnum):
    """Calls that are no matter for a ticket."""

    SILENT = "silent"
    PRANK = "prank"
    ABUSIVE = "abusive"


@dataclass(frozen=True, slots=True)
class CallMark:
    """That a call is one of these, by whom, and how far the script has gone."""

    call: str
    kind: MarkKind
    login: str
    at: datetime
    warned_at: datetime | None
    ended_at: datetime | None
