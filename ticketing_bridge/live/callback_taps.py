"""Call-backs are heard live like other calls: what is said there belongs to the call that they are made for.

The citizen's telephone and the agent's are tapped once the citizen has heard that the call is recorded and
transcribed; Asterisk ends a tap with its channel.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog

from facts.audio import LegTap, TapRequest
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg
from telephony.ami.events import CallbackStage, LinkLost, PbxEvent
from ticketing_bridge.live.taps import Listener
from ticketing_bridge.store.database import Database

log = structlog.get_logger(__name__)


class CallbackTaps:
    """Starts the taps of call-backs. An async context manager; ``take`` never waits."""

    def __init__(
        self, tap: LegTap, listener: Listener, database: Database, pbx_now: Callable[[], datetime]
    ) -> None:
        self._tap = tap
        self._listener = listener
        self._database = database
        self._pbx_now = pbx_now
        #: call-back → the agent's telephone
        self._agents: dict[int, CallbackStage] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def take(self, event: PbxEvent) -> None:
        """One event of the PBX."""
        match event:
            case CallbackStage(status="agent"):
                self._agents[event.callback] = event
            case CallbackStage(status="reached") if event.file:
                legs = [(Leg.CALLER, event)]
                if agent := self._agents.get(event.callback):
                    legs.append((Leg.AGENT, agent))
                task = asyncio.create_task(self._hear(event.callback, legs), name="callback taps")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case CallbackStage(status="done" | "left"):
                self._agents.pop(event.callback, None)
            case LinkLost():
                self._agents.clear()

    async def _hear(self, callback: int, legs: list[tuple[Leg, CallbackStage]]) -> None:
        try:
            async with self._database.unit_of_work() as uow:
                owed = await uow.callbacks.get(callback)
        except HotlineError as away:
            log.warning("call-back not heard live", callback=callback, why=str(away))
            return
        if owed is None or owed.call is None:
            return
        offset_s = max(0.0, (self._pbx_now() - owed.arrived_at).total_seconds())
        call = CallKey.parse(owed.call)
        await asyncio.gather(*(self._start(call, leg, it, offset_s) for leg, it in legs))

    async def _start(self, call: CallKey, leg: Leg, stage: CallbackStage, offset_s: float) -> None:
        request = TapRequest(call, leg, stage.channel, stage.uniqueid, str(uuid.uuid4()), offset_s)
        try:
            await self._listener.expect(request)
            await self._tap.start(request)
        except HotlineError as problem:
            log.warning("leg of a call-back not heard live", call=str(call), leg=leg.value, why=str(problem))
