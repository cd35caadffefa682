"""Gathers what the witnesses say while the demo runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from config.settings import Settings
from telephony.pbx.paths import PbxPaths
from telephony.pbx_logs.queue_log import QueueLogLine, parse_queue_log
from ticketing_bridge.demo.cdr import CdrLine, citizens_records, parse_cdr
from ticketing_bridge.demo.growing import GrowingFile, RecordingWatch
from ticketing_bridge.demo.helpers import Helpers, helpers_of
from ticketing_bridge.demo.live import LiveListener
from ticketing_bridge.demo.queue_log import by_call

_EVERY_S = 0.25


class Evidence:
    """Follows queue_log, CDR, recordings and live words from its beginning on. An async context manager."""

    def __init__(self, settings: Settings) -> None:
        paths = PbxPaths.of(settings)
        self.queue_log = GrowingFile(paths.queue_log)
        self.cdr = GrowingFile(paths.cdr)
        self.recordings = RecordingWatch(paths.recordings)
        self.live = LiveListener(settings.live_socket)
        #: calls that were over before the demo: nothing more may be written about them
        self.over = {
            line.uniqueid
            for line in parse_queue_log(self.queue_log.earlier())
            if line.event == "HOTLINEENDED"
        }
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.live.__aenter__()
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.live.__aexit__(kind, error, trace)

    async def _follow(self) -> None:
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(_EVERY_S)

    async def finish(self) -> None:
        """The last looks: afterwards nothing more is taken in."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for _ in range(2):
            await asyncio.to_thread(self.look)
            await asyncio.sleep(_EVERY_S)

    def look(self) -> None:
        """Take in what is new."""
        self.queue_log.look()
        self.cdr.look()
        self.recordings.look(set(self.cdr_of_calls()))

    def cdr_of_calls(self) -> dict[str, list[CdrLine]]:
        """Records of calls from the trunk, by Uniqueid."""
        return citizens_records(parse_cdr(self.cdr.lines()))

    def queue_log_of_calls(self) -> dict[str, list[QueueLogLine]]:
        """Lines about calls, by Uniqueid."""
        return by_call(parse_queue_log(self.queue_log.lines()))

    def helpers(self) -> Mapping[str, Helpers]:
        """Whom flows called into callers' rooms, by the caller's Uniqueid."""
        return helpers_of(parse_queue_log(self.queue_log.lines()), parse_cdr(self.cdr.lines()))


def began_since(uniqueid: str, moment: datetime) -> bool:
    """Whether a Uniqueid (``name-epoch.number``) is of a channel made since then; True when unreadable."""
    seconds = uniqueid.rpartition("-")[2].partition(".")[0]
    return not seconds.isdigit() or int(seconds) >= (moment - timedelta(seconds=1)).timestamp()
