"""What each simulated person saw and did, kept by themselves.

Entries come from the outside Asterisk's own events alone: never from the hotline's ledger, its AMI
or its logs. So they are a witness of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from facts.masking import mask_number


class Saw(StrEnum):
    """What happened at this person's telephone."""

    DIALLED = "dialled"
    #: the other side answered (a citizen hears the PBX answer, an agent answers)
    ANSWERED = "answered"
    RANG = "rang"
    SPEAKS = "speaks"
    SAID = "said"
    PRESSED = "pressed"
    #: began to say something while no agent was there
    LEFT = "left"
    #: this person put the receiver down
    HUNG_UP = "hung_up"
    #: the far side ended the call
    OTHER_HUNG_UP = "other_hung_up"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class DiaryEntry:
    """One line of a diary. ``person`` is ``citizen`` or an agent's id; ``channel`` the telephone's call."""

    at: datetime
    person: str
    channel: str
    saw: Saw
    #: the number shown (agents: the caller's; citizens: the one dialled)
    number: str = ""
    detail: str = ""


class Diary:
    """All persons' entries in order, and on disk as JSON lines with masked numbers."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[DiaryEntry] = []
        self._path = path
        self._out: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._out = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def write(self, entry: DiaryEntry) -> None:
        """Keep one entry."""
        self.entries.append(entry)
        if self._out is not None:
            shown = {
                "at": entry.at.isoformat(timespec="milliseconds"),
                "person": entry.person,
                "channel": entry.channel,
                "saw": entry.saw,
                "number": mask_number(entry.number) if entry.number.lstrip("+").isdigit() else entry.number,
                "detail": entry.detail,
            }
            self._out.write(json.dumps(shown, ensure_ascii=False) + "\n")
            self._out.flush()


@dataclass(frozen=True, slots=True)
class PhoneSide:
    """One telephone's view of one call, folded from its diary. Times are the outside PBX's (UTC)."""

    person: str
    channel: str
    number: str
    #: a citizen dialled, or an agent's telephone rang
    began_at: datetime
    answered_at: datetime | None = None
    speaks_at: datetime | None = None
    #: when a message (or the answer to an open question) was begun
    left_at: datetime | None = None
    ended_at: datetime | None = None
    hung_up: bool = False
    other_hung_up: bool = False


def phone_sides(entries: Iterable[DiaryEntry]) -> list[PhoneSide]:
    """Fold diaries into one view a telephone call, in order of their beginning."""
    sides: dict[str, PhoneSide] = {}
    for entry in entries:
        side = sides.get(entry.channel)
        if side is None:
            side = PhoneSide(entry.person, entry.channel, entry.number, entry.at)
        sides[entry.channel] = _grown(side, entry)
    return sorted(sides.values(), key=lambda side: side.began_at)


def _grown(side: PhoneSide, entry: DiaryEntry) -> PhoneSide:
    if entry.saw in _MOMENTS:
        name = _MOMENTS[entry.saw]
        change: dict[str, Any] = {name: entry.at}
        return side if getattr(side, name) else replace(side, **change)
    match entry.saw:
        case Saw.HUNG_UP if not side.other_hung_up:
            return replace(side, hung_up=True)
        case Saw.OTHER_HUNG_UP if not side.hung_up:
            return replace(side, other_hung_up=True)
        case Saw.ENDED:
            return replace(side, ended_at=entry.at)
        case _:
            return side


#: what happens for the first time, and the field that keeps when
_MOMENTS = {Saw.ANSWERED: "answered_at", Saw.SPEAKS: "speaks_at", Saw.LEFT: "left_at"}


def rings_of(citizen: PhoneSide, agents: Sequence[PhoneSide], number_shown: str) -> list[PhoneSide]:
    """The agents' telephones that rang for this citizen: by the number shown and the time."""
    until = citizen.ended_at or datetime.max.replace(tzinfo=UTC)
    return [
        ring for ring in agents if ring.number == number_shown and citizen.began_at <= ring.began_at <= until
    ]
