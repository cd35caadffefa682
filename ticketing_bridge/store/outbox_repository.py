"""Queries about the outbox: what must be told outside, in the transaction of what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.batch import Answer, Batch
from ticketing_bridge.store.job_repository import JobRepository
from ticketing_bridge.store.outbox_records import OutboxEntry, OutboxKind
from ticketing_bridge.store.outbox_tables import outbox
from ticketing_bridge.store.records import Json

#: the job that gives entries to the connectors that want them, and its queue
ROUTE_TASK = "route_outbox"
ROUTE_QUEUE = "outbox"

#: entries that no job stands for any more
_LOST = text(f"""
WITH under_way AS (
  SELECT jsonb_array_elements(args -> 'entries')::bigint AS entry FROM procrastinate_jobs
  WHERE task_name = '{ROUTE_TASK}' AND status IN ('todo', 'doing')
)
SELECT id FROM outbox WHERE routed_at IS NULL AND at < now() - make_interval(secs => :late_s)
  AND id NOT IN (SELECT entry FROM under_way)
ORDER BY at LIMIT 500
""")


#: entries with the job that routes them, in one statement; none for what was handed in before
_HAND_IN = f"""
WITH told AS (
  INSERT INTO outbox (kind, subject, revision, key, payload)
  SELECT kind, subject, revision, key, payload FROM jsonb_populate_recordset(NULL::outbox, %(rows)s)
  ON CONFLICT DO NOTHING RETURNING id
)
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
    '{ROUTE_QUEUE}', '{ROUTE_TASK}', 0, NULL::text, NULL::text,
    jsonb_build_object('entries', jsonb_agg(told.id ORDER BY told.id)), now()
)::procrastinate_job_to_defer_v1]) FROM told HAVING count(*) > 0
"""


class OutboxRepository:
    """Entries exist exactly when the transaction of their subject commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._jobs = JobRepository(connection)

    async def add(
        self,
        kind: OutboxKind,
        subject: str,
        *,
        revision: int = 0,
        detail: str = "",
        payload: Json | None = None,
    ) -> bool:
        """Have something told outside; False when this very thing was handed in before.

        What is told is read from the subject when it is sent, so that a ticket which has become
        confidential meanwhile stays in the house: ``payload`` is for what stands nowhere else, and
        carries nothing personal but the duty telephone (``mobile``) that a warning is for.

        Args:
            subject: number of a ticket, or key of a call.
            revision: which state of the subject; a ticket is created outside once, whatever its revision.
            detail: what tells apart several of one kind and revision (``answered`` of a call).
        """
        batch = Batch(self._connection)
        made = self.put(batch, kind, subject, revision=revision, detail=detail, payload=payload)
        await batch.send()
        return bool(made.rows)

    def put(
        self,
        batch: Batch,
        kind: OutboxKind,
        subject: str,
        *,
        revision: int = 0,
        detail: str = "",
        payload: Json | None = None,
    ) -> Answer:
        """The same together with what it is about."""
        parts = [kind.value, subject, detail]
        if kind is not OutboxKind.TICKET and revision:
            parts.append(str(revision))
        values = {
            "kind": kind.value,
            "subject": subject,
            "revision": revision,
            "key": ":".join(filter(None, parts)),
            "payload": dict(payload or {}),
        }
        return batch.rows(_HAND_IN, [values])

    async def revive(self, late_s: float) -> int:
        """Give a job to entries that have lost theirs; how many."""
        entries = (await self._connection.execute(_LOST, {"late_s": late_s})).scalars().all()
        if entries:
            await self._jobs.defer(ROUTE_TASK, {"entries": [*entries]}, queue=ROUTE_QUEUE)
        return len(entries)

    async def get(self, entry: int, *, lock: bool = False) -> OutboxEntry | None:
        """An entry; ``lock`` keeps others from routing it in this transaction."""
        query = select(outbox).where(outbox.c.id == entry)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).mappings().first()
        return _entry(row) if row else None

    async def routed(self, entry: int) -> None:
        """It has been given to every connector that wants it."""
        await self._connection.execute(
            outbox.update().where(outbox.c.id == entry).values(routed_at=func.now())
        )

    async def of(self, subject: str) -> list[OutboxEntry]:
        """All entries about a ticket or call, oldest first."""
        found = await self._connection.execute(
            select(outbox).where(outbox.c.subject == subject).order_by(outbox.c.id)
        )
        return [_entry(row) for row in found.mappings()]


def _entry(row: Mapping[Any, Any]) -> OutboxEntry:
    return OutboxEntry(**{**row, "kind": OutboxKind(row["kind"])})
