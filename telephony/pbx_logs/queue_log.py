"""Lines of Asterisk's queue_log.

A line: epoch second | Uniqueid | queue | agent | event | up to five values. Whole seconds, so it never
gives a time of its own to a figure. Source: Asterisk's app_queue.c (22.x).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class QueueLogLine:
    """One line."""

    at: datetime
    uniqueid: str
    queue: str
    agent: str
    event: str
    values: tuple[str, ...]

    def value(self, place: int) -> str:
        """A value by its place, empty when there is none."""
        return self.values[place] if place < len(self.values) else ""


def parse_queue_log(lines: Iterable[str]) -> list[QueueLogLine]:
    """Lines of the log; a line that is none becomes one with event ``?`` so that it is noticed."""
    parsed: list[QueueLogLine] = []
    for line in lines:
        parts = line.rstrip("\r\n").split("|")
        if len(parts) < 5 or not (parts[0].isdigit() and parts[0].isascii()):
            parsed.append(QueueLogLine(datetime.fromtimestamp(0, UTC), "?", "", "", "?", (line[:80],)))
            continue
        at = datetime.fromtimestamp(int(parts[0]), UTC)
        parsed.append(QueueLogLine(at, parts[1], parts[2], parts[3], parts[4], tuple(parts[5:])))
    return parsed
