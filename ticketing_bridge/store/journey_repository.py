"""How callers went through flows, counted by the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_CALLS = text(
    """
    SELECT count(*) FROM call
    WHERE arrived_at >= :from_ AND arrived_at < :to_
      AND steps @> jsonb_build_array(jsonb_build_object('flow', CAST(:flow AS text)))
    """
)
_WAYS = text(
    """
    WITH step AS (
        SELECT call.key, it.at, it.value ->> 'flow' AS flow, it.value ->> 'node' AS node
        FROM call, jsonb_array_elements(call.steps) WITH ORDINALITY AS it(value, at)
        WHERE call.arrived_at >= :from_ AND call.arrived_at < :to_
          AND call.steps @> jsonb_build_array(jsonb_build_object('flow', CAST(:flow AS text)))
    ), way AS (
        SELECT flow, node,
               lead(flow) OVER journey AS next_flow, lead(node) OVER journey AS next_node
        FROM step WINDOW journey AS (PARTITION BY key ORDER BY at)
    )
    SELECT node, count(*),
           CASE WHEN next_flow = flow THEN next_node ELSE coalesce('flow:' || next_flow, '') END AS after
    FROM way WHERE flow = :flow GROUP BY node, after
    """
)


class JourneyRepository:
    """Counts of ways; reads only."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def calls(self, flow: str, from_: datetime, to: datetime) -> int:
        """Calls that arrived in ``[from_, to)`` and were in the flow."""
        found = await self._connection.execute(_CALLS, {"flow": flow, "from_": from_, "to_": to})
        return int(found.scalar_one())

    async def ways(self, flow: str, from_: datetime, to: datetime) -> list[tuple[str, str, int]]:
        """(node, what came next, how often): a node of the same flow, ``flow:`` and another, or ""."""
        rows = await self._connection.execute(_WAYS, {"flow": flow, "from_": from_, "to_": to})
        return [(str(node), str(after), int(count)) for node, count, after in rows]
