"""Stored events in the order in which they would have been heard, had nothing been missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import structlog

from telephony.ami.events import PbxEvent, event_from_json
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.records import EventRecord

log = structlog.get_logger(__name__)


def readable(record: EventRecord) -> PbxEvent | None:
    """The stored event; None (and a line in the log) when another version wrote it."""
    try:
        return event_from_json(record.payload)
    except ValueError as problem:
        log.error("stored_event_unreadable", kind=record.kind, seq=record.seq, error=str(problem))
        return None


def taken_in_later(record: EventRecord) -> bool:
    """Whether it was stored later than its place: it fills a gap, or settles what a call came to."""
    return record.kind in ("GapFilled", "SelfServiceSettled") or "gap_end" in record.payload


async def heard(
    uow: UnitOfWork, pbx_id: str, *, from_: datetime | None = None, to: datetime | None = None
) -> AsyncIterator[EventRecord]:
    """One PBX's events; what fills a gap comes before the link's return, what settles a call at its end."""
    settled = await uow.gaps.settled(pbx_id, from_)
    async for record in uow.events.stream(pbx_id=pbx_id, from_=from_, to=to):
        if taken_in_later(record):
            continue
        if record.kind == "LinkUp":
            for filling in await uow.gaps.events_of(pbx_id, record.at):
                yield filling
                if found := _settling(filling, settled):
                    yield found
        yield record
        if found := _settling(record, settled):
            yield found


def _settling(record: EventRecord, settled: dict[str, EventRecord]) -> EventRecord | None:
    return settled.get(record.uniqueid) if record.kind == "ChannelHangup" else None
