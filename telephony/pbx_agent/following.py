"""Reading on in a log and its rotated predecessors, from wherever the receiver stopped. Blocks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from telephony.pbx_logs.files import Segment, segments

#: a chunk ends with the last whole line in so many bytes; no line is longer
CHUNK_BYTES = 256 * 1024
_HEAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one file. ``file`` names it whatever it is called by now."""

    file: str
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """Where the next chunk of this file begins."""
        return self.offset + len(self.data)


def file_id(segment: Segment) -> str | None:
    """Inode and first bytes: a file that was copied and cut down keeps its inode, not its beginning.

    None while the first line is not written yet.
    """
    with segment.path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES and b"\n" not in head:
        return None
    first_line, _, _ = head.partition(b"\n")
    return f"{segment.inode}-{zlib.crc32(first_line):08x}"


def chunks(log: Path, known: Mapping[str, int], *, most: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """What the receiver does not have yet, the oldest file first. ``known``: file → bytes that it has."""
    for segment in segments(log):
        if segment.compressed:
            continue
        try:
            name = file_id(segment)
            if name is not None and segment.size > known.get(name, 0):
                yield from _of_file(segment.path, name, known.get(name, 0), most)
        except FileNotFoundError:
            continue  # rotated away meanwhile: it is found under its new name the next time


def _of_file(path: Path, name: str, offset: int, most: int) -> Iterator[Chunk]:
    with path.open("rb") as file:
        file.seek(offset)
        while data := file.read(most):
            whole = data[: data.rfind(b"\n") + 1]
            if not whole:
                return
            yield Chunk(name, offset, whole)
            offset += len(whole)
            file.seek(offset)
