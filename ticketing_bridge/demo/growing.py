"""Files that others write while the demo runs: what was read once must still be there at the end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

_EARLIER_BYTES = 4_000_000


@dataclass(slots=True)
class GrowingFile:
    """An append-only file, read from where it ended when the demo began.

    ``look`` takes in what is new. A line that later reads differently, or is gone, was tampered with.
    """

    path: Path
    _start: int = field(init=False)
    _kept: bytes = field(default=b"", init=False)
    #: what was wrong, with the text as it was first read
    damage: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._start = self.path.stat().st_size if self.path.exists() else 0

    def earlier(self) -> list[str]:
        """Lines from before the demo (the last few megabytes)."""
        if not self._start:
            return []
        with self.path.open("rb") as file:
            first = max(0, self._start - _EARLIER_BYTES)
            file.seek(first)
            return file.read(self._start - first).decode("utf-8", "replace").splitlines()

    def look(self) -> None:
        """Read on; note what changed behind us."""
        now = self._now()
        if not now.startswith(self._kept):
            self.damage.append(_first_difference(self._kept, now))
            # go on with what is there: later changes are found too
        self._kept = now

    def lines(self) -> list[str]:
        """All whole lines since the demo began, as they were at the last look."""
        text = self._kept.decode("utf-8", "replace")
        return text.split("\n")[:-1]

    def _now(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self._start)
                return file.read()
        except FileNotFoundError:
            return b""


def _first_difference(before: bytes, now: bytes) -> str:
    then = before.decode("utf-8", "replace").split("\n")
    there = now.decode("utf-8", "replace").split("\n")
    for number, line in enumerate(then):
        if number >= len(there) or (there[number] != line and number < len(then) - 1):
            return line
    return then[-1]


@dataclass(slots=True)
class RecordingWatch:
    """Digests of recordings, taken as soon as their call is over."""

    folder: Path
    digests: dict[str, str] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)

    def look(self, ended: set[str]) -> None:
        """Take digests of recordings of ended calls: whole files that did not grow since the last look."""
        for name in ended:
            for path in self.files(name):
                if path.name in self.digests or not path.exists():
                    continue
                size = path.stat().st_size
                if self._sizes.get(path.name) == size and is_whole(path):
                    self.digests[path.name] = digest_of(path)
                self._sizes[path.name] = size

    def files(self, name: str) -> tuple[Path, Path, Path]:
        """The mixed recording, the caller's leg, and what the caller heard."""
        return (
            self.folder / f"{name}.wav",
            self.folder / f"{name}-rx.wav",
            self.folder / f"{name}-tx.wav",
        )


def is_whole(path: Path) -> bool:
    """Whether a WAV file's own header speaks of as many bytes as there are: its writer has closed it."""
    with path.open("rb") as file:
        head = file.read(8)
    told = int.from_bytes(head[4:8], "little") + 8
    return head[:4] == b"RIFF" and 0 <= path.stat().st_size - told <= 1


def digest_of(path: Path) -> str:
    """SHA-256 of a file, empty when it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
