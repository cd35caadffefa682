"""Which legs must be heard now, and seeing to it that they are.

Both legs of every call that is with an agent and may be recorded are tapped; again for
every further agent, and again when the speech role comes back.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import structlog

from facts.audio import LegTap, TapRequest
from facts.call import Call, CallState
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.tasks import Tasks
from facts.transcript import Leg

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """The speech role, as telephony sees it."""

    async def expect(self, request: TapRequest) -> None:
        """Return when the stream may come; raises ``HotlineError`` when nobody listens."""


@dataclass(frozen=True, slots=True)
class WantedTap:
    """One leg to be heard: the channel that speaks."""

    call: CallKey
    leg: Leg
    channel: str
    uniqueid: str


def wanted_taps(call: Call) -> frozenset[WantedTap]:
    """The legs of this call that must be heard now. No notice, no hearing.

    The caller's leg is heard while at least one agent is with the caller.
    """
    if call.state is not CallState.TALKING or call.recording is None:
        return frozenset()
    agents = {
        WantedTap(call.key, Leg.AGENT, leg.channel, leg.uniqueid)
        for leg in call.agent_legs
        if leg.left_at is None
    }
    if not agents:
        return frozenset()
    return frozenset(agents | {WantedTap(call.key, Leg.CALLER, call.channel, call.key.uniqueid)})


class Taps:
    """Starts and stops taps in tasks of their own, and ends with them. An async context manager."""

    def __init__(self, tap: LegTap, listener: Listener, pbx_now: Callable[[], datetime]) -> None:
        self._tap = tap
        self._listener = listener
        self._pbx_now = pbx_now
        self._tasks = Tasks(_failed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.end()

    def _start(self, tap: WantedTap, arrived_at: datetime) -> str:
        """Have a leg of a call heard that arrived then; returns the stream's id."""
        stream = str(uuid.uuid4())
        offset_s = max(0.0, (self._pbx_now() - arrived_at).total_seconds())
        request = TapRequest(tap.call, tap.leg, tap.channel, tap.uniqueid, stream, offset_s)
        self._tasks.start(self._hear(request))
        return stream

    async def _hear(self, request: TapRequest) -> None:
        try:
            await self._listener.expect(request)
            await self._tap.start(request)
        except HotlineError as problem:
            # Nobody listens, or the channel has gone: the recording is heard after the call.
            log.warning("leg not heard live", call=str(request.call), leg=request.leg.value, why=str(problem))


def _failed(problem: BaseException) -> None:
    log.error("tap failed", why=str(problem), kind=type(problem).__name__)


class TapKeeper(Taps):
    """Keeps the wanted taps running; every method is called in its loop."""

    def __init__(self, tap: LegTap, listener: Listener, pbx_now: Callable[[], datetime]) -> None:
        super().__init__(tap, listener, pbx_now)
        self._calls: dict[CallKey, Call] = {}
        #: calls that are not to be heard now
        self._paused: set[CallKey] = set()
        self._streams: dict[WantedTap, str] = {}

    def on_call(self, call: Call) -> None:
        """A call changed: start and stop what its new state wants."""
        wanted = wanted_taps(call)
        if call.state is CallState.ENDED:
            self._paused.discard(call.key)
        if wanted:
            self._calls[call.key] = call
        else:
            self._calls.pop(call.key, None)
        if call.key in self._paused:
            wanted = frozenset()
        running = {tap for tap in self._streams if tap.call == call.key}
        for tap in wanted - running:
            self._streams[tap] = self._start(tap, call.arrived_at)
        for tap in running - wanted:
            self._tasks.start(self._tap.stop(self._streams.pop(tap)))

    def pause(self, key: CallKey, *, paused: bool) -> None:
        """Hear nothing of a call (numbers of papers are said), or hear it again."""
        (self._paused.add if paused else self._paused.discard)(key)
        if call := self._calls.get(key):
            self.on_call(call)

    def listen_again(self) -> None:
        """The speech role is back: whatever it heard before is gone, so every leg is tapped anew."""
        for stream in self._streams.values():
            self._tasks.start(self._tap.stop(stream))
        self._streams.clear()
        for call in list(self._calls.values()):
            self.on_call(call)
