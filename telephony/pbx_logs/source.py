"""Where a PBX's own records come from: its files, or what was shipped of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from telephony.pbx_logs.cel import CelLine, parse_cel
from telephony.pbx_logs.files import cel_time, lines_between, oldest_time, queue_log_time
from telephony.pbx_logs.queue_log import QueueLogLine, parse_queue_log

#: what happened is in the files after this time at the latest
SETTLED = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class PbxLogs:
    """Records of a time. They tell everything from ``since`` to ``until`` (None: nothing at all)."""

    cel: list[CelLine]
    queue_log: list[QueueLogLine]
    since: datetime | None
    until: datetime | None


class LogSource(Protocol):
    """One PBX's records."""

    async def read(self, begin: datetime, end: datetime) -> PbxLogs:
        """What it wrote down from ``begin`` to ``end`` (PBX clock); some of before may come too."""


class FileLogs:
    """Files that are here: the local PBX's, or those of a PBX whose log folder is mounted."""

    def __init__(self, cel: Path, queue_log: Path, *, ours: bool = False) -> None:
        self._cel = cel
        self._queue_log = queue_log
        #: our own PBX writes from its first moment on: no file yet means that nothing happened yet
        self._ours = ours

    async def read(self, begin: datetime, end: datetime) -> PbxLogs:
        """See ``LogSource``; rotated and compressed files are read, too."""
        return await asyncio.to_thread(self._read, begin.timestamp(), end.timestamp())

    def _read(self, begin_s: float, end_s: float) -> PbxLogs:
        until = datetime.fromtimestamp(time.time(), UTC) - SETTLED
        cel = parse_cel(lines_between(self._cel, begin_s, end_s, cel_time))
        queue_log = parse_queue_log(lines_between(self._queue_log, begin_s, end_s, queue_log_time))
        oldest = oldest_time(self._cel, cel_time)
        since = None if oldest is None else datetime.fromtimestamp(oldest, UTC)
        if self._ours and since is None:
            since = until
        return PbxLogs(cel, queue_log, since, until)
