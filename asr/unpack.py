"""Unpacking a model's zip file without harm: nothing outside of its folder, no links, no flood."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from facts.errors import HotlineError

MOST_FILES = 2000
#: models shrink to a third at best; what grows more than this is an attack
MOST_GROWTH = 30
PIECE_BYTES = 1 << 20
_ENCRYPTED = 0x1


class ArchiveRefused(HotlineError):
    """The zip file is damaged, or made to do harm."""

    error_id = "archive-refused"
    exit_code = 1


def unpack(archive: Path, folder: Path, *, on_bytes: Callable[[int, int], None] | None = None) -> Path:
    """Unpack into an empty ``folder``; returns the folder in it that holds the files. Blocks.

    Raises:
        ArchiveRefused: nothing of it may be used.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked(archive, opened.infolist())
            whole = sum(member.file_size for member in members)
            if whole > shutil.disk_usage(folder).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
            done = 0
            for member in members:
                done += _write(opened, member, folder / member.filename)
                if on_bytes is not None:
                    on_bytes(done, whole)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as problem:
        raise ArchiveRefused(f"{archive.name}: {problem}", fix="fetch it again") from None
    inner = list(folder.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else folder


def _checked(archive: Path, members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The files among them, each harmless."""
    files = [member for member in members if not member.is_dir()]
    wrong = next((why for why in map(_wrong, files) if why), None)
    whole = sum(member.file_size for member in files)
    if wrong is None and len(files) > MOST_FILES:
        wrong = f"{len(files)} files"
    if wrong is None and whole > MOST_GROWTH * archive.stat().st_size:
        wrong = f"it would grow to {whole / 1e6:.0f} MB"
    if wrong is None and len({member.filename for member in files}) < len(files):
        wrong = "a file comes twice"
    if wrong is not None:
        raise ArchiveRefused(
            f"{archive.name} is no model: {wrong}", fix="do not use it; get it from its maker"
        )
    return files


def _wrong(member: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(member.filename)
    mode = member.external_attr >> 16
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
        return f"{member.filename!r} leads out of its folder"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return f"{member.filename!r} is a link or a device"
    if member.flag_bits & _ENCRYPTED:
        return f"{member.filename!r} is encrypted"
    return None


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path) -> int:
    """Never more than the archive has declared."""
    place.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with opened.open(member) as source, place.open("xb") as out:
        while piece := source.read(min(PIECE_BYTES, left + 1)):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename} is longer than it says")
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return member.file_size - left
