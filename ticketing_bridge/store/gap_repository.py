"""Queries about times in which a PBX was not heard, and what was found out about them since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.call import Call
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.number_rows import CallRows, EventRows
from ticketing_bridge.store.records import EventRecord


@dataclass(frozen=True, slots=True)
class Gap:
    """From the last that was heard of a PBX to the link's return. ``begin`` None: never heard before."""

    pbx_id: str
    begin: datetime | None
    end: datetime
    filled: bool


_GAPS = text("""
SELECT up.at AS end,
       EXISTS (SELECT FROM call_event filled
               WHERE filled.pbx_id = up.pbx_id AND filled.kind = 'GapFilled' AND filled.at = up.at) AS filled,
       (SELECT lost.at FROM call_event lost
        WHERE lost.pbx_id = up.pbx_id AND lost.kind = 'LinkLost' AND lost.seq < up.seq
          AND NOT EXISTS (SELECT FROM call_event between_
                          WHERE between_.pbx_id = up.pbx_id AND between_.kind = 'LinkUp'
                            AND between_.seq > lost.seq AND between_.seq < up.seq)
        ORDER BY lost.seq DESC LIMIT 1) AS lost_at,
       (SELECT max(near.at) FROM (
            SELECT heard.at FROM call_event heard
            WHERE heard.pbx_id = up.pbx_id AND heard.seq < up.seq
              AND heard.kind NOT IN ('LinkUp', 'LinkLost', 'GapFilled')
              AND heard.payload ->> 'gap_end' IS NULL
            ORDER BY heard.seq DESC LIMIT 200) near) AS heard_at
FROM call_event up
WHERE up.pbx_id = :pbx_id AND up.kind = 'LinkUp' AND up.at >= :since
ORDER BY up.seq
""")

_UNFILLED = text("""
SELECT up.pbx_id, count(*) FROM call_event up
WHERE up.kind = 'LinkUp' AND up.at >= :since
  AND NOT EXISTS (SELECT FROM call_event filled
                  WHERE filled.pbx_id = up.pbx_id AND filled.kind = 'GapFilled' AND filled.at = up.at)
  AND EXISTS (SELECT FROM call_event earlier
              WHERE earlier.pbx_id = up.pbx_id AND earlier.seq < up.seq
                AND earlier.kind IN ('LinkUp', 'LinkLost'))
GROUP BY up.pbx_id
""")

_OF_GAP = text("""
SELECT * FROM call_event
WHERE pbx_id = :pbx_id AND payload ->> 'gap_end' = :end
ORDER BY at, seq
""")

_FILLED = text("""
SELECT * FROM call_event
WHERE pbx_id = :pbx_id AND kind = 'GapFilled' AND at = :end
""")

_ON_IN = text("""
SELECT * FROM call
WHERE pbx_id = :pbx_id AND arrived_at <= :end AND arrived_at >= :oldest
  AND (ended_at IS NULL OR ended_at >= :begin)
""")


class GapRepository:
    """Gaps of the event stream."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._events = EventRows(numbers)
        self._calls = CallRows(numbers)

    async def ended_since(self, pbx_id: str, since: datetime) -> list[Gap]:
        """Gaps that ended since then, the oldest first."""
        rows = await self._connection.execute(_GAPS, {"pbx_id": pbx_id, "since": since})
        return [Gap(pbx_id, row.lost_at or row.heard_at, row.end, row.filled) for row in rows]

    async def unfilled(self, since: datetime) -> dict[str, int]:
        """By PBX: gaps that ended since then and are not filled. Cheap: it reads marks of links alone."""
        rows = await self._connection.execute(_UNFILLED, {"since": since})
        return {row[0]: row[1] for row in rows}

    async def events_of(self, pbx_id: str, end: datetime) -> list[EventRecord]:
        """The mark that this gap is filled, then what fills it, in order; nothing when it is not."""
        marks = (await self._connection.execute(_FILLED, {"pbx_id": pbx_id, "end": end})).mappings().all()
        if not marks:
            return []
        rows = await self._connection.execute(_OF_GAP, {"pbx_id": pbx_id, "end": end.isoformat()})
        return await self._events.records((*marks, *rows.mappings()))

    async def channels_before(self, pbx_id: str, moment: datetime) -> bool:
        """Whether this PBX had calls before then."""
        query = text(
            "SELECT EXISTS (SELECT FROM call_event"
            " WHERE pbx_id = :pbx_id AND at < :moment AND uniqueid <> '')"
        )
        found = await self._connection.execute(query, {"pbx_id": pbx_id, "moment": moment})
        return bool(found.scalar_one())

    async def settled(self, pbx_id: str, since: datetime | None) -> dict[str, EventRecord]:
        """By the caller's Uniqueid: whether self-service has held."""
        query = "SELECT * FROM call_event WHERE pbx_id = :pbx_id AND kind = 'SelfServiceSettled'"
        if since is not None:
            query += " AND at >= :since"
        bounds = {"pbx_id": pbx_id} | ({"since": since} if since else {})
        rows = (await self._connection.execute(text(query), bounds)).mappings()
        return {record.uniqueid: record for record in await self._events.records(rows)}

    async def calls_on(self, pbx_id: str, begin: datetime, end: datetime, oldest: datetime) -> list[Call]:
        """Calls that were on at some time from ``begin`` to ``end``, none that arrived before ``oldest``."""
        bounds = {"pbx_id": pbx_id, "begin": begin, "end": end, "oldest": oldest}
        rows = (await self._connection.execute(_ON_IN, bounds)).mappings()
        return await self._calls.calls(rows)
