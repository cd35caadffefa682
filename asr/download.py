"""Fetching a large file over HTTP: nothing is fetched twice, and it is checked before anybody uses it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facts.errors import HotlineError

#: bytes fetched so far, and in all (None: the server does not say)
OnBytes = Callable[[int, int | None], None]

PIECE_BYTES = 1 << 18
#: a server that says nothing for this long is gone (seconds)
SILENT_S = 30.0
#: connections that end early are taken up again so often, after pauses (seconds)
PAUSES_S = (0.5, 1.0, 2.0, 4.0)
#: no file of ours is longer
LONGEST_BYTES = 20 << 30


class DownloadFailed(HotlineError):
    """The file could not be fetched."""

    error_id = "download-failed"
    exit_code = 1


class ChecksumWrong(HotlineError):
    """What was fetched is not what was asked for."""

    error_id = "checksum-wrong"
    exit_code = 1


class DiskFull(HotlineError):
    """There is no room for the file."""

    error_id = "disk-full"
    exit_code = 1


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that is not there as a whole yet, and where it comes from."""

    file: Path
    url: str

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.is_file() else 0

    @property
    def _note(self) -> Path:
        return self.file.with_name(f"{self.file.name}.json")

    def tag(self) -> str | None:
        """The server's name for the content of what is here already; None: begin anew."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return note.get("tag") if isinstance(note, dict) and note.get("url") == self.url else None

    def begin(self, tag: str | None) -> None:
        self.file.unlink(missing_ok=True)
        self._note.write_text(json.dumps({"url": self.url, "tag": tag}), encoding="utf-8")

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def fetch(url: str, file: Path, *, sha256: str, on_bytes: OnBytes | None = None) -> None:
    """Fetch ``url`` into ``file``, which appears when its checksum is right. Blocks.

    What an earlier attempt has left is taken up where it ended, if the server allows.

    Raises:
        DownloadFailed: no server, no such file, or connections that end again and again.
        ChecksumWrong: another file than was asked for; what was fetched is removed.
        DiskFull: no room; what was fetched stays for the next attempt.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DownloadFailed(f"{url} is no address on the web", fix="name one with https://")
    file.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(file.with_name(f"{file.name}.part"), url)
    with _alone(part):
        _fetch_all(part, on_bytes or (lambda done, whole: None))
        with part.file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != sha256.lower():
            part.forget()
            raise ChecksumWrong(
                f"{url} has the SHA-256 {found}, not {sha256}",
                fix="do not use it; compare both with the maker's",
            )
        part.file.rename(file)
        part.forget()


@contextlib.contextmanager
def _alone(part: _Part) -> Iterator[None]:
    """Two that fetch the same file would write over each other."""
    with part.file.with_name(f"{part.file.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadFailed(
                f"{part.url} is being fetched by another process", fix="wait for it"
            ) from None
        yield


def _fetch_all(part: _Part, on_bytes: OnBytes) -> None:
    attempt = 0
    while True:
        before = part.size
        try:
            _fetch_on(part, on_bytes)
            return
        except urllib.error.HTTPError as problem:
            if problem.code < 500:
                raise DownloadFailed(
                    f"{part.url}: the server says {problem.code} {problem.reason}", fix="check the address"
                ) from None
            reason = f"the server says {problem.code}"
        except OSError as problem:
            if problem.errno == errno.ENOSPC:
                raise _disk_full(part.file.parent, part.size, None) from None
            reason = str(getattr(problem, "reason", problem))
        except http.client.HTTPException as problem:
            reason = str(problem) or type(problem).__name__
        attempt = 0 if part.size > before else attempt + 1
        if attempt >= len(PAUSES_S):
            raise DownloadFailed(
                f"{part.url}: {reason}; {part.size / 1e6:.1f} MB are here",
                fix="try again: it goes on where it ended",
            )
        time.sleep(PAUSES_S[attempt])


def _fetch_on(part: _Part, on_bytes: OnBytes) -> None:
    """One connection, from where the part ends."""
    have, tag = part.size, part.tag()
    asked = urllib.request.Request(part.url, headers={"User-Agent": "hotline", "Accept-Encoding": "identity"})
    if have and tag:
        asked.add_header("Range", f"bytes={have}-")
        asked.add_header("If-Range", tag)
    try:
        answer = urllib.request.urlopen(asked, timeout=SILENT_S)
    except urllib.error.HTTPError as problem:
        if problem.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if problem.headers.get("Content-Range", "").rpartition("/")[2] == str(
                have
            ):  # all of it was here already
                return
            part.forget()
            raise http.client.HTTPException("the file has changed") from None
        raise
    with answer:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT or not _goes_on_at(answer, have):
            have = 0
            part.begin(answer.headers.get("ETag") or answer.headers.get("Last-Modified"))
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length else None
        _check_room(part.file.parent, have, whole)
        _take(part, answer, have, whole, on_bytes)


def _goes_on_at(answer: Any, have: int) -> bool:
    given = str(answer.headers.get("Content-Range", ""))
    return given.startswith(f"bytes {have}-")


def _take(part: _Part, answer: Any, have: int, whole: int | None, on_bytes: OnBytes) -> None:
    with part.file.open("ab" if have else "wb") as out:
        on_bytes(have, whole)
        while piece := answer.read(PIECE_BYTES):
            out.write(piece)
            have += len(piece)
            if have > LONGEST_BYTES:
                raise DownloadFailed(f"{part.url} does not end", fix="check the address")
            on_bytes(have, whole)
        out.flush()
        os.fsync(out.fileno())
    if whole is not None and have < whole:
        raise http.client.HTTPException("the connection ended early")


def _check_room(folder: Path, have: int, whole: int | None) -> None:
    if whole is not None and shutil.disk_usage(folder).free < whole - have:
        raise _disk_full(folder, have, whole)


def _disk_full(folder: Path, have: int, whole: int | None) -> DiskFull:
    of = f" of {whole / 1e6:.0f} MB" if whole else ""
    return DiskFull(
        f"the disk of {folder} is full after {have / 1e6:.0f} MB{of}",
        fix="make room and try again: it goes on",
    )
