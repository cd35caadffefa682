"""Call-backs are heard live like other calls: what is said there belongs to the call that they are made for.

The citizen's telephone and the agent's are tapped once the citizen has heard that the call is recorded and
transcribed; Asterisk ends a tap with its channel.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from facts.audio import LegTap
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg
from telephony.ami.events import CallbackStage, LinkLost, PbxEvent
from ticketing_bridge.live.taps import Listener, Taps, WantedTap
from ticketing_bridge.store.database import Database

log = structlog.get_logger(__name__)


class CallbackTaps(Taps):
    """Starts the taps of call-backs; ``take`` never waits."""

    def __init__(
        self, tap: LegTap, listener: Listener, database: Database, pbx_now: Callable[[], datetime]
    ) -> None:
        super().__init__(tap, listener, pbx_now)
        self._database = database
        #: call-back → the agent's telephone
        self._agents: dict[int, CallbackStage] = {}

    def take(self, event: PbxEvent) -> None:
        """One event of the PBX."""
        match event:
            case CallbackStage(status="agent"):
                self._agents[event.callback] = event
            case CallbackStage(status="reached") if event.file:
                legs = [(Leg.CALLER, event)]
                if agent := self._agents.get(event.callback):
                    legs.append((Leg.AGENT, agent))
                self._tasks.start(self._begin(event.callback, legs))
            case CallbackStage(status="done" | "left"):
                self._agents.pop(event.callback, None)
            case LinkLost():
                self._agents.clear()

    async def _begin(self, callback: int, legs: list[tuple[Leg, CallbackStage]]) -> None:
        try:
            async with self._database.unit_of_work() as uow:
                owed = await uow.callbacks.get(callback)
        except HotlineError as away:
            log.warning("call-back not heard live", callback=callback, why=str(away))
            return
        if owed is None or owed.call is None:
            return
        call = CallKey.parse(owed.call)
        for leg, stage in legs:
            self._start(WantedTap(call, leg, stage.channel, stage.uniqueid), owed.arrived_at)
