"""The link to one PBX: kept up for ever, its events in order, its gaps marked.

The stream (``messages``) carries the PBX's events as they came, and our own marks:
``HotlineLinkUp``, ``HotlineSnapshotBegin`` … ``HotlineSnapshotEnd`` after every (re)connect,
``HotlineLinkLost`` when events begin to be missing. All carry the PBX's clock in ``Timestamp``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from facts.errors import HotlineError
from facts.tasks import end_task
from telephony.ami.actions import (
    Action,
    ActionResult,
    AmiActionRefused,
    AmiError,
    AmiLoginRefused,
    AmiNoAnswer,
    AmiUnreachable,
)
from telephony.ami.clock import ClockWatch
from telephony.ami.codec import AmiMessage
from telephony.ami.connection import AmiAddress, AmiConnection, WireCounts
from telephony.backoff import Backoff

__all__ = ["AmiAddress", "AmiLink", "LinkState", "LinkStatus", "LinkTimes"]

_log = structlog.get_logger(__name__)


class LinkState(StrEnum):
    """Where the link is; anything but ``UP`` means that nothing is heard of the PBX."""

    CONNECTING = "connecting"
    UP = "up"
    #: nobody there, or no answer
    UNREACHABLE = "unreachable"
    #: user, secret or address are not allowed in
    REFUSED = "refused"
    #: it was up, and is not now
    LOST = "lost"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The state and, when something is wrong, the error that names the fix."""

    state: LinkState
    error: HotlineError | None = None


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """All in seconds. A half-open link is noticed within ``silence_s + 2 × ping_s``."""

    login_s: float = 5.0
    ping_s: float = 3.0
    silence_s: float = 8.0
    snapshot_s: float = 15.0
    #: how long to wait for FullyBooted before the snapshot is taken all the same
    boot_s: float = 10.0
    backoff_first_s: float = 0.5
    #: knocking at a closed door costs nothing, and what happens before it opens goes unheard
    backoff_most_s: float = 5.0
    #: a refused login is not tried sooner than this, and at last this often
    refused_first_s: float = 5.0
    refused_most_s: float = 30.0


class AmiLink:
    """Keeps one AMI user logged in at one PBX.

    ``follow=True``: events are queued for ``messages`` and snapshots are taken.
    ``follow=False``: only actions are sent (an originator); what comes unasked is dropped, or told to
    ``on_event`` at once, which must not block.
    ``wanted``: only events of these names are in the stream, besides our own marks; None: all.
    ``on_state`` is called in the event loop at every change and must not block.
    """

    def __init__(
        self,
        address: AmiAddress,
        *,
        on_state: Callable[[LinkStatus], None] | None = None,
        follow: bool = True,
        times: LinkTimes | None = None,
        max_queued: int = 100_000,
        wanted: frozenset[bytes] | None = None,
        on_event: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        self.address = address
        self.clock = ClockWatch()
        self.counts = WireCounts()
        self.status = LinkStatus(LinkState.CONNECTING)
        self._on_state = on_state
        self._follow = follow
        self._times = times or LinkTimes()
        self._max_queued = max_queued
        self._wanted = wanted
        self._on_event = on_event
        self._queue: deque[AmiMessage] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._up = asyncio.Event()
        self._booted = asyncio.Event()
        self._connection: AmiConnection | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._snapshots = itertools.count(1)
        self._log = _log.bind(pbx=address.pbx_id, ami=str(address))
        self._warned_no_time = False
        self._clock_off = False
        self._marked_up = False

    # -- life ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._supervisor = asyncio.create_task(self._supervise(), name=f"ami {self.address}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the link for good: nothing reconnects, ``messages`` ends after what is queued."""
        await end_task(self._supervisor)
        self._change(LinkStatus(LinkState.CLOSED))
        self._arrived.set()

    async def wait_up(self, timeout_s: float) -> None:
        """Return when the link is up (and its snapshot is in the stream).

        Raises:
            AmiError: it is not up in time; the reason that the last try gave.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise self.status.error or AmiNoAnswer(
                f"{self.address} is not up after {timeout_s:g} s"
            ) from None

    @property
    def queued(self) -> int:
        """Messages that nobody has taken yet."""
        return len(self._queue)

    # -- the stream ---------------------------------------------------------------------

    async def messages(self) -> AsyncIterator[AmiMessage]:
        """Every message in order; ends when the link is closed. For one consumer."""
        while batch := await self.next_batch(1):
            yield batch[0]

    async def next_batch(self, limit: int = 1000) -> list[AmiMessage]:
        """All that is queued, at least one and at most ``limit``; empty only after ``close``."""
        while not self._queue:
            if self.status.state is LinkState.CLOSED:
                return []
            self._arrived.clear()
            await self._arrived.wait()
        batch = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        self._taken.set()
        return batch

    async def action(self, action: Action, timeout_s: float = 5.0) -> ActionResult:
        """Send an action once and await its answer.

        Raises:
            AmiUnreachable: the link is down, or went down before the answer (then it is
                unknown whether the PBX did it; it is never sent again).
            AmiNoAnswer: no answer within ``timeout_s``.
            AmiActionRefused: the PBX says no.
        """
        if self._connection is None:
            raise self.status.error or AmiUnreachable(f"{self.address} is not connected")
        return await self._connection.action(action, timeout_s)

    def _received(self, message: AmiMessage) -> None:
        """The one callback: stamp, count, enqueue."""
        headers = message.headers
        if headers.get("Event") == "FullyBooted":
            self._booted.set()
        if not self._follow:
            if self._on_event is not None:
                self._on_event(headers)
            return
        stamp = headers.get("Timestamp")
        if stamp is not None:
            with contextlib.suppress(ValueError):
                self.clock.event(message.received_at.timestamp(), float(stamp))
        else:
            timed = {**headers, "Timestamp": self.clock.pbx_now(message.received_at.timestamp())}
            self._warn_no_time(timed)
            message = AmiMessage(timed, message.received_at)
        self._put(message)

    def _warn_no_time(self, headers: dict[str, str]) -> None:
        untimed = "ActionID" in headers or headers.get("Event") == "FullyBooted"
        if untimed or self._warned_no_time:
            return
        self._warned_no_time = True
        self._log.error(
            "ami.events_without_time", fix="set timestampevents=yes in [general] of the PBX's manager.conf"
        )

    def _put(self, message: AmiMessage) -> None:
        if len(self._queue) >= self._max_queued and self._connection is not None:
            self._log.error("ami.backlog", queued=len(self._queue))
            self._connection.close()
            return
        self._queue.append(message)
        self._arrived.set()

    def _mark(self, event: str, at: float | None = None, **fields: str) -> None:
        """A mark of our own in the stream, on the PBX's clock."""
        if not self._follow:
            return
        now = datetime.now(UTC)
        stamp = self.clock.pbx_now(now.timestamp() if at is None else at)
        self._queue.append(AmiMessage({"Event": event, "Timestamp": stamp, **fields}, now))
        self._arrived.set()

    # -- the supervisor -----------------------------------------------------------------

    async def _supervise(self) -> None:
        backoff = Backoff(self._times.backoff_first_s, self._times.backoff_most_s)
        refused = Backoff(self._times.refused_first_s, self._times.refused_most_s)
        try:
            while True:
                wait_s = await self._one_connection(backoff, refused)
                await asyncio.sleep(wait_s)
                while len(self._queue) > self._max_queued // 2:
                    self._taken.clear()
                    await self._taken.wait()
        finally:
            self._mark_lost("closed")

    async def _one_connection(self, backoff: Backoff, refused: Backoff) -> float:
        """From connecting to its loss; returns how long to wait before the next."""
        began = time.monotonic()
        connection = AmiConnection(self.address, self._received, self.counts, self._wanted)
        self._booted.clear()
        try:
            await self._login(connection)
            self._connection = connection
            await self._serve(connection)
        except AmiLoginRefused as error:
            self._change(LinkStatus(LinkState.REFUSED, error))
            return refused.next_s()
        except AmiError as error:
            was_up = self.status.state is LinkState.UP or self.status.state is LinkState.LOST
            self._mark_lost(error.error_id, connection)
            self._change(LinkStatus(LinkState.LOST if was_up else LinkState.UNREACHABLE, error))
        except Exception as error:  # noqa: BLE001 - a bug in one connection must not end the link
            self._log.exception("ami.bug")
            self._mark_lost("bug", connection)
            self._change(LinkStatus(LinkState.LOST, AmiError(f"{self.address}: {type(error).__name__}")))
        finally:
            self._connection = None
            self._up.clear()
            connection.close()
        refused.reset()
        if time.monotonic() - began > self._times.silence_s:
            backoff.reset()
        return backoff.next_s()

    async def _login(self, connection: AmiConnection) -> None:
        if not await connection.open(self._times.login_s):
            raise AmiLoginRefused(
                f"the PBX at {self.address.host}:{self.address.port} refused the AMI login of "
                f"{self.address.user!r}",
                fix=f"[{self.address.user}] in its manager.conf must have the secret kept in "
                "HOME/secrets.json, and its permit lines our address",
            )

    async def _serve(self, connection: AmiConnection) -> None:
        self.clock.reset()
        await self._ping(connection)
        watchdog = asyncio.create_task(self._watch(connection), name=f"ami watchdog {self.address}")
        try:
            if self._follow:
                self._marked_up = True
                self._mark("HotlineLinkUp", Asterisk=connection.protocol_version)
                await self._snapshot(connection)
            self._change(LinkStatus(LinkState.UP))
            self._up.set()
            await watchdog
        finally:
            watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError, AmiError):
                await watchdog

    async def _ping(self, connection: AmiConnection) -> None:
        sent = time.time()
        result = await connection.action(Action("Ping"), self._times.ping_s)
        with contextlib.suppress(ValueError):
            self.clock.answered(sent, time.time(), float(result.headers.get("Timestamp", "")))
        clock_off = abs(self.clock.offset_s) > 1.0
        if clock_off and not self._clock_off:
            offset_s = round(self.clock.offset_s, 3)
            self._log.error("ami.clock_off", offset_s=offset_s, fix="have both machines keep time by NTP")
        self._clock_off = clock_off

    async def _watch(self, connection: AmiConnection) -> None:
        """Ping now and then; raise when nothing at all has come back for too long.

        Raises:
            AmiUnreachable: the connection is closed.
            AmiNoAnswer: it is half open.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._times.ping_s):
                    await connection.closed.wait()
                raise AmiUnreachable(f"{self.address} closed the connection")
            with contextlib.suppress(AmiNoAnswer):
                await self._ping(connection)
            silent_s = time.monotonic() - connection.last_received
            if silent_s > self._times.silence_s:
                raise AmiNoAnswer(
                    f"{self.address} has been silent for {silent_s:.0f} s: the link is half open"
                )

    async def _snapshot(self, connection: AmiConnection) -> None:
        """What the PBX has now, into the stream; a refusal leaves it incomplete, not the link down."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._times.boot_s):
                await self._booted.wait()
        if not self._booted.is_set():
            self._log.warning("ami.not_booted", fix="the AMI user needs read=system, or the PBX is starting")
        number = str(next(self._snapshots))
        self._mark("HotlineSnapshotBegin", Number=number)
        channels, complete = 0, "no"
        try:
            result = await connection.action(Action("CoreShowChannels"), self._times.snapshot_s, stream=True)
            channels = sum(item.get("Event") == "CoreShowChannel" for item in result.items)
            await connection.action(Action("QueueStatus"), self._times.snapshot_s, stream=True)
            complete = "yes"
        except AmiActionRefused as refused:
            self._log.error(
                "ami.snapshot_refused", why=str(refused), fix="the AMI user needs write=reporting"
            )
        finally:
            self._mark("HotlineSnapshotEnd", Number=number, Complete=complete, Channels=str(channels))

    def _mark_lost(self, reason: str, connection: AmiConnection | None = None) -> None:
        if self._marked_up:
            silent_s = time.monotonic() - connection.last_received if connection else 0.0
            self._mark("HotlineLinkLost", at=time.time() - silent_s, Reason=reason)
            self._marked_up = False

    def _change(self, status: LinkStatus) -> None:
        before, self.status = self.status, status
        if before.state is status.state and _id(before) == _id(status):
            return
        say = self._log.info if status.error is None else self._log.error
        say("ami.link", state=status.state.value, before=before.state.value, error=str(status.error or ""))
        if self._on_state is not None:
            try:
                self._on_state(status)
            except Exception:  # noqa: BLE001 - whoever looks on must not end the link
                self._log.exception("ami.on_state")


def _id(status: LinkStatus) -> str:
    return status.error.error_id if status.error else ""
