"""The files of a log with their rotated predecessors, read by time.

A rotated file keeps its inode whatever it is renamed to (``queue_log.1``, ``Master.csv-20261126``), so that
a place in a log is an inode and an offset. Compressed ones (``.gz``) can be read, not followed.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

#: lines are in order of time but for so much (seconds)
_DISORDER_S = 10.0
#: no line is longer
_LONGEST = 65536

#: epoch seconds of a line, None when it has none
TimeOf = Callable[[bytes], float | None]


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a log. ``inode`` names it for as long as it exists; ``changed`` is epoch seconds."""

    path: Path
    inode: int
    size: int
    changed: float

    @property
    def compressed(self) -> bool:
        return self.path.suffix == ".gz"


def segments(log: Path) -> list[Segment]:
    """The log and what it was rotated into, the oldest first. One that vanishes meanwhile is left out."""
    if not log.parent.is_dir():
        return []
    found: list[Segment] = []
    for path in log.parent.iterdir():
        if path.name != log.name and not path.name.startswith((f"{log.name}.", f"{log.name}-")):
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        found.append(Segment(path, status.st_ino, status.st_size, status.st_mtime))
    return sorted(found, key=lambda it: (it.path == log, it.changed))


def lines_between(log: Path, begin_s: float, end_s: float, time_of: TimeOf) -> Iterator[str]:
    """Whole lines of this time (epoch seconds), the oldest file first; some more may come too. Blocks."""
    for segment in segments(log):
        if segment.changed < begin_s - _DISORDER_S:
            continue
        with _opened(segment) as file:
            if not segment.compressed:
                file.seek(_offset_of(file, segment.size, begin_s - _DISORDER_S, time_of))
            yield from _lines_until(file, end_s + _DISORDER_S, time_of)


def oldest_time(log: Path, time_of: TimeOf) -> float | None:
    """When the oldest line that is left was written; None when there is none."""
    for segment in segments(log):
        with _opened(segment) as file:
            for line in file:
                if (at := time_of(line)) is not None:
                    return at
    return None


def queue_log_time(line: bytes) -> float | None:
    """Of a line of queue_log.

    >>> queue_log_time(b"1795726499|city-1.0|main|NONE|ENTERQUEUE||139|1")
    1795726499.0
    """
    return _seconds(line.partition(b"|")[0])


def cel_time(line: bytes) -> float | None:
    """Of a line of our CEL.

    >>> cel_time(b'"ANSWER","1795726497.670124","city-1.0"')
    1795726497.670124
    """
    return _seconds(line.split(b",", 2)[1].strip(b'"')) if line.count(b",") > 1 else None


def _seconds(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _opened(segment: Segment) -> BinaryIO:
    if segment.compressed:
        return gzip.open(segment.path, "rb")  # type: ignore[return-value]
    return segment.path.open("rb")


def _offset_of(file: BinaryIO, size: int, moment_s: float, time_of: TimeOf) -> int:
    """Where a line begins before which everything is older: by halving."""
    low, high = 0, size
    while high - low > _LONGEST:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        at = time_of(file.readline())
        if at is None or at >= moment_s:
            high = middle
        else:
            low = middle
    if low == 0:
        return 0
    file.seek(low)
    file.readline()
    return file.tell()


def _lines_until(file: BinaryIO, end_s: float, time_of: TimeOf) -> Iterator[str]:
    for line in file:
        at = time_of(line)
        if at is not None and at > end_s:
            return
        if line.endswith(b"\n"):
            yield line.decode("utf-8", "replace").rstrip("\r\n")
