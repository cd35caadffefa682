"""A stretch of time in whole days, hours and minutes: which cells answer it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum

#: Asia/Shanghai has had no other offset since 1991
CHINA = timezone(timedelta(hours=8))


class Level(Enum):
    """How coarse a cell is."""

    MINUTE = timedelta(minutes=1)
    HOUR = timedelta(hours=1)
    DAY = timedelta(days=1)

    def table_of(self, over: bool) -> str:
        """Its table; ``over``: the one of all lines and queues together."""
        return f"rate_{self.name.lower()}" + ("_all" if over else "")

    def begin(self, column: str) -> str:
        """SQL of the beginning of the cell that holds a moment."""
        return f"date_trunc('{self.name.lower()}', {column}, 'Asia/Shanghai')"

    def floor(self, at: datetime) -> datetime:
        """The beginning of the cell that holds this moment."""
        local = at.astimezone(CHINA)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (local - midnight) // self.value * self.value

    def ceil(self, at: datetime) -> datetime:
        """The first beginning that is not before this moment."""
        floor = self.floor(at)
        return floor if floor == at else floor + self.value


@dataclass(frozen=True, slots=True)
class Piece:
    """``[begin, end)`` in whole cells of one level."""

    level: Level
    begin: datetime
    end: datetime


def pieces(begin: datetime, end: datetime, coarsest: Level = Level.DAY) -> list[Piece]:
    """``[begin, end)`` widened to whole minutes, in as few cells as there are, none above the coarsest.

    >>> day = datetime(2026, 3, 1, tzinfo=CHINA)
    >>> [it.level.name for it in pieces(day, day + timedelta(days=400, hours=2, minutes=5))]
    ['DAY', 'HOUR', 'MINUTE']
    >>> [it.level.name for it in pieces(day - timedelta(minutes=90), day + timedelta(days=1))]
    ['MINUTE', 'HOUR', 'DAY']
    """
    begin, end = Level.MINUTE.floor(begin), Level.MINUTE.ceil(end)
    return _pieces(begin, end, tuple(it for it in reversed(Level) if it.value <= coarsest.value))


def _pieces(begin: datetime, end: datetime, levels: tuple[Level, ...]) -> list[Piece]:
    if begin >= end:
        return []
    level, *finer = levels
    first, last = level.ceil(begin), level.floor(end)
    if first >= last:
        return _pieces(begin, end, tuple(finer))
    edges = [] if not finer else [_pieces(begin, first, tuple(finer)), _pieces(last, end, tuple(finer))]
    before, after = edges or ([], [])
    return [*before, Piece(level, first, last), *after]
