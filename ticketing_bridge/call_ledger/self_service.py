"""Whether self-service has held: the same number has not rung again within half an hour of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from facts.call import Call, CallFlag, Outcome
from facts.identity import CallKey
from telephony.ami.events import PbxEvent, SelfServiceSettled
from telephony.call_fold import CallTracker, FoldRules, fold_call
from ticketing_bridge.call_ledger.backfill import AROUND, LATE, LiveCalls, event_record
from ticketing_bridge.call_ledger.hearing import heard, readable
from ticketing_bridge.call_ledger.rows import write_calls
from ticketing_bridge.store.database import Database, UnitOfWork

log = structlog.get_logger(__name__)

#: source: the hotline's own rules (docs/outcomes.md)
AGAIN_WITHIN: Final = timedelta(minutes=30)


class SelfService:
    """Settles provisional calls of one PBX: final, or undone because the number rang again.

    What was found is an event of the call, stored as any other, so that a rebuild gives the same rows.
    """

    def __init__(
        self, database: Database, pbx_id: str, rules: FoldRules, live: LiveCalls | None = None
    ) -> None:
        self._database = database
        self._pbx_id = pbx_id
        self._rules = rules
        self._live = live

    async def settle(self, now: datetime) -> list[CallKey]:
        """Settle what can be settled; returns the calls. ``now``: the PBX's clock, about."""
        async with self._database.unit_of_work() as uow:
            waiting = [
                call
                for call in await uow.calls.list(pbx_id=self._pbx_id, outcome=Outcome.SELF_SERVICE)
                if CallFlag.PROVISIONAL in call.flags
            ]
            found = [event for call in waiting if (event := await self._found(uow, call, now))]
            if not found:
                return []
            known: dict[CallKey, list[PbxEvent]] = {}
            for event in found:
                key = CallKey(self._pbx_id, event.uniqueid)
                await uow.events.add_batch([event_record(event, key, datetime.now(UTC))])
                call = next(it for it in waiting if it.key == key)
                known[key] = [*await self._events(uow, call), event]
            mine = [key for key in known if not (self._live and self._live.knows(key))]
            await write_calls(uow, self._folded(known, mine))
        if self._live is not None:
            self._live.adopt(known)
        log.info("self_service_settled", calls=len(known), undone=sum(not it.held for it in found))
        return [*known]

    async def _found(self, uow: UnitOfWork, call: Call, now: datetime) -> SelfServiceSettled | None:
        """What is known by now; None: the number may still ring again."""
        if call.ended_at is None:
            return None
        until = call.ended_at + AGAIN_WITHIN
        again = await uow.calls.first_of_number(call.caller_number, call.ended_at, until)
        if again is None and now < until:
            return None
        return SelfServiceSettled(
            at=again or until,
            pbx_id=self._pbx_id,
            uniqueid=call.key.uniqueid,
            linkedid=call.linkedid,
            channel=call.channel,
            held=again is None,
        )

    async def _events(self, uow: UnitOfWork, call: Call) -> list[PbxEvent]:
        tracker = CallTracker(self._pbx_id, self._rules, forgets=False)
        ended = call.ended_at or call.arrived_at
        async for record in heard(uow, self._pbx_id, from_=call.arrived_at - AROUND, to=ended + LATE):
            if event := readable(record):
                tracker.take(event)
        return tracker.events(call.key)

    def _folded(self, known: Mapping[CallKey, Sequence[PbxEvent]], keys: Sequence[CallKey]) -> list[Call]:
        return [call for key in keys if (call := fold_call(key, known[key], self._rules))]
