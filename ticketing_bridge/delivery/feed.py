"""Calls for other systems: who rings, who answered, who was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from config.delivery import Sends
from facts.call import Call, Outcome
from facts.identity import CallKey
from ticketing_bridge.delivery.mapping.sms import mobile
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.outbox_records import OutboxKind
from ticketing_bridge.store.records import Json

log = structlog.get_logger(__name__)

CALL_CHANNEL = "hotline_call"
#: calls that ended longer ago are history: nobody's screen, nobody's telephone
FRESH: Final = timedelta(minutes=10)
#: endings after which the caller is told that we missed them
MISSED: Final = frozenset(
    {
        Outcome.ABANDONED_QUEUE,
        Outcome.FULL,
        Outcome.JOIN_EMPTY,
        Outcome.LEAVE_EMPTY,
        Outcome.TIMEOUT,
        Outcome.WITHDRAWN,
        Outcome.SYSTEM_ERROR,
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """Something about a call that is told outside, once."""

    kind: OutboxKind
    detail: str
    payload: Json


def told_of(call: Call, sends: frozenset[Sends], now: datetime) -> Sequence[Told]:
    """What of a call, as it stands, other systems want to know."""
    if now - (call.ended_at or call.arrived_at) > FRESH:
        return ()
    told: list[Told] = []
    if Sends.CALL in sends:
        told.append(_event("newCall"))
        if call.answered_at is not None:
            told.append(_event("answer"))
        if call.ended_at is not None:
            told.append(_event("hangup"))
    if Sends.MISSED_CALL in sends and call.outcome in MISSED and mobile(call.caller_number):
        told.append(Told(OutboxKind.MISSED_CALL, "", {}))
    return told


def _event(name: str) -> Told:
    return Told(OutboxKind.CALL, name, {"event": name})


class CallFeed:
    """Puts what other systems want to know of calls into the outbox, as calls change."""

    def __init__(self, database: Database, sends: frozenset[Sends]) -> None:
        self._database, self._sends = database, sends & {Sends.CALL, Sends.MISSED_CALL}

    async def run(self) -> None:
        """Listen until cancelled; at once over when nobody wants to know."""
        if not self._sends:
            return
        async with self._database.listen(CALL_CHANNEL) as notifications:
            async for told in notifications:
                if not told.payload:
                    continue
                try:
                    await self.take(CallKey.parse(told.payload))
                except DatabaseAway as away:
                    # what a screen would have shown is of no use later
                    log.warning("call_not_told", call=told.payload, why=str(away))

    async def take(self, key: CallKey, now: datetime | None = None) -> int:
        """Tell what is to be told of one call; how much of it is new."""
        new = 0
        async with self._database.unit_of_work() as uow:
            call = await uow.calls.get(key)
            for it in told_of(call, self._sends, now or datetime.now().astimezone()) if call else ():
                new += await uow.outbox.add(it.kind, str(key), detail=it.detail, payload=it.payload)
        return new
