"""Events kept on disk while the database is away: JSON lines, fsynced, bounded, given back in order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from facts.errors import HotlineError
from ticketing_bridge.store.records import EventRecord
from ticketing_bridge.store.sealing import SealBroken, Vault

log = structlog.get_logger(__name__)

#: about 400,000 events: a busy city's day
MOST_BYTES = 256_000_000


class SpoolUnwritable(HotlineError):
    """The spool for PBX events cannot be written."""

    error_id = "spool-unwritable"


@dataclass(frozen=True, slots=True)
class SpoolState:
    """For metrics: how much waits, since when, how much did not fit."""

    events: int
    bytes: int
    oldest: datetime | None
    lost: int

    def age_s(self, now: datetime) -> float:
        """Seconds since the oldest waiting event was received; 0 when nothing waits."""
        return (now - self.oldest).total_seconds() if self.oldest else 0.0


class EventSpool:
    """One PBX's spool: ``FOLDER/PBX.jsonl``. For one process (the PBX's leader) at a time.

    Blocking: call it in a thread. What was taken out is gone only with ``clear``; a crash in
    between gives it again, which the database does not mind. With the installation's key (``vault``)
    every line is sealed: an event has people's numbers.
    """

    def __init__(
        self, folder: Path, pbx_id: str, vault: Vault | None = None, *, most_bytes: int = MOST_BYTES
    ) -> None:
        self._vault = vault
        self._path = folder / f"{pbx_id}.jsonl"
        self._most = most_bytes
        self._lost = 0
        self._events = 0
        self._oldest: datetime | None = None
        for record in self.waiting():
            self._events += 1
            self._oldest = self._oldest or record.received_at

    @property
    def empty(self) -> bool:
        return self._events == 0

    @property
    def state(self) -> SpoolState:
        size = self._path.stat().st_size if self._path.exists() else 0
        return SpoolState(self._events, size, self._oldest, self._lost)

    def append(self, records: Sequence[EventRecord]) -> None:
        """Keep events, on disk when this returns. What does not fit is counted and said.

        Raises:
            SpoolUnwritable: the disk is full or not ours.
        """
        lines = b"".join(self._line(it) + b"\n" for it in records)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._write(handle, lines, records)
            finally:
                os.close(handle)
        except OSError as problem:
            self._lost += len(records)
            raise SpoolUnwritable(
                f"{self._path}: {problem.strerror}", fix="free disk space in the home folder (HOTLINE_HOME)"
            ) from None

    def _write(self, handle: int, lines: bytes, records: Sequence[EventRecord]) -> None:
        end = os.lseek(handle, 0, os.SEEK_END)
        if end + len(lines) > self._most:
            self._lost += len(records)
            log.error("spool_full", events=len(records), lost=self._lost, fix="bring the database back")
            return
        if end and os.pread(handle, 1, end - 1) != b"\n":
            os.write(handle, b"\n")  # a line that a crash cut off
        try:
            written = os.write(handle, lines)
            if written != len(lines):
                raise OSError(28, "No space left on device")
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, end)
            raise
        self._events += len(records)
        if records and self._oldest is None:
            self._oldest = records[0].received_at

    def waiting(self) -> Iterator[EventRecord]:
        """Events in the order in which they were kept; broken lines are skipped."""
        if not self._path.exists():
            return
        with open(self._path, "rb") as file:
            yield from (record for line in file if (record := self._record(line)))

    def _line(self, record: EventRecord) -> bytes:
        plain = json.dumps(_to_json(record), ensure_ascii=False).encode()
        return self._vault.seal_line(plain) if self._vault else plain

    def _record(self, line: bytes) -> EventRecord | None:
        if self._vault is None or line.startswith(b"{"):  # kept by a version that did not seal
            return _from_line(line)
        try:
            return _from_line(self._vault.open_line(line.strip()))
        except SealBroken:
            return None

    def clear(self) -> None:
        """All of it is in the database."""
        if self._path.exists():
            with open(self._path, "r+b") as file:
                file.truncate(0)
                os.fsync(file.fileno())
        self._events, self._oldest = 0, None


def _to_json(record: EventRecord) -> dict[str, Any]:
    return {
        "pbx_id": record.pbx_id,
        "digest": record.digest.hex(),
        "ordinal": record.ordinal,
        "at": record.at.isoformat(),
        "received_at": record.received_at.isoformat(),
        "kind": record.kind,
        "uniqueid": record.uniqueid,
        "linkedid": record.linkedid,
        "call": record.call,
        "payload": dict(record.payload),
    }


def _from_line(line: bytes) -> EventRecord | None:
    try:
        stored = json.loads(line)
        return EventRecord(
            **{
                **stored,
                "digest": bytes.fromhex(stored["digest"]),
                "at": datetime.fromisoformat(stored["at"]),
                "received_at": datetime.fromisoformat(stored["received_at"]).astimezone(UTC),
            }
        )
    except (ValueError, KeyError, TypeError):
        return None
