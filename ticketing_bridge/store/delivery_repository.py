"""Queries about deliveries: entries of the outbox on their way to a connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.job_repository import JobRepository
from ticketing_bridge.store.outbox_records import (
    Attempt,
    AttemptResult,
    Delivery,
    DeliveryState,
    OutboxEntry,
    OutboxKind,
    StatusHeard,
)
from ticketing_bridge.store.outbox_tables import delivery, delivery_attempt, delivery_status, webhook_message

DELIVER_TASK = "deliver"
_OPEN = (DeliveryState.WAITING.value, DeliveryState.SENDING.value)

#: deliveries that are due and that no job stands for: their job was lost with its worker too often
_LOST = text("""
SELECT id, connector FROM delivery
WHERE state IN ('waiting', 'sending') AND due_at < now() - make_interval(secs => :late_s)
  AND NOT EXISTS (
    SELECT FROM procrastinate_jobs job
    WHERE job.task_name = 'deliver' AND job.status IN ('todo', 'doing')
      AND job.lock = 'delivery ' || delivery.id
  )
ORDER BY due_at LIMIT 500
""")


#: what a state means after which nothing more is expected
LAST = frozenset({"replied", "returned", "ended"})
#: states after which something may come all the same are asked for this seldom at least …
RARER = timedelta(minutes=10)
#: … and for this long after their last change
ASKED_FOR = timedelta(days=60)

_TO_ASK = text("""
UPDATE delivery SET asked_at = now(), ask_at = CASE
    WHEN NOT (coalesce(remote_meaning = ANY(:last), false) OR coalesce(remote_status = '404', false))
    THEN now() + CAST(:older AS interval)
    WHEN updated_at > now() - CAST(:asked_for AS interval)
    THEN now() + greatest(:older, :rarer, (now() - updated_at) / 4)
  END
WHERE id IN (
  SELECT id FROM delivery WHERE connector = :connector AND ask_at <= now()
    AND state = 'delivered' AND kind = 'ticket'
  ORDER BY ask_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
) RETURNING *
""")

#: connectors that have deliveries at all, by leaps through the index, and how many of each were given up
_DEAD = text("""
WITH RECURSIVE known (connector) AS (
  (SELECT connector FROM delivery ORDER BY connector LIMIT 1)
  UNION ALL
  SELECT (SELECT connector FROM delivery WHERE connector > known.connector ORDER BY connector LIMIT 1)
  FROM known WHERE known.connector IS NOT NULL
)
SELECT known.connector, coalesce(dead.count, 0) AS count FROM known
LEFT JOIN (SELECT connector, count(*) FROM delivery WHERE state = 'dead' GROUP BY connector) dead
  USING (connector)
WHERE known.connector IS NOT NULL
""")


def queue_of(connector: str) -> str:
    """The queue of a connector's deliveries: each has its own, so that a slow one keeps nobody waiting."""
    return f"deliver-{connector}"


class DeliveryRepository:
    """Deliveries, their attempts, and what the other side said."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._jobs = JobRepository(connection)

    async def add(self, entry: OutboxEntry, connector: str, *, as_ticket: bool = False) -> int | None:
        """Put an entry on its way to a connector; None when it is on its way already.

        ``as_ticket``: a change by which a ticket comes to this connector for the first time.
        """
        insertion = insert(delivery).values(
            outbox=entry.id,
            connector=connector,
            kind=OutboxKind.TICKET.value if as_ticket else entry.kind.value,
            subject=entry.subject,
            revision=entry.revision,
            key=f"{OutboxKind.TICKET.value}:{entry.subject}" if as_ticket else entry.key,
            state=DeliveryState.WAITING.value,
        )
        made = await self._connection.execute(insertion.on_conflict_do_nothing().returning(delivery.c.id))
        number: int | None = made.scalar()
        if number is not None:
            await self._job(number, connector, timedelta())
        return number

    async def _job(self, number: int, connector: str, pause: timedelta) -> None:
        await self._jobs.defer(
            DELIVER_TASK,
            {"delivery": number},
            queue=queue_of(connector),
            lock=f"delivery {number}",
            scheduled_in=pause or None,
        )

    async def get(self, number: int, *, lock: bool = False) -> Delivery | None:
        """One delivery; ``lock`` keeps others from changing it in this transaction."""
        query = select(delivery).where(delivery.c.id == number)
        return await self._first(query.with_for_update() if lock else query)

    async def ticket_at(self, subject: str, connector: str) -> Delivery | None:
        """The delivery that made this ticket there."""
        return await self._first(
            select(delivery).where(
                delivery.c.subject == subject,
                delivery.c.connector == connector,
                delivery.c.kind == OutboxKind.TICKET.value,
            )
        )

    async def by_remote(self, connector: str, remote_id: str) -> Delivery | None:
        """The ticket that the other side knows by this id; locked."""
        return await self._first(
            select(delivery)
            .where(
                delivery.c.connector == connector,
                delivery.c.remote_id == remote_id,
                delivery.c.kind == OutboxKind.TICKET.value,
            )
            .with_for_update()
        )

    async def by_key(self, connector: str, key: str) -> Delivery | None:
        """The delivery of our key; locked."""
        return await self._first(
            select(delivery).where(delivery.c.connector == connector, delivery.c.key == key).with_for_update()
        )

    async def _first(self, query: Any) -> Delivery | None:
        row = (await self._connection.execute(query)).mappings().first()
        return _delivery(row) if row else None

    async def overtaken(self, it: Delivery) -> bool:
        """Whether a later change of the same ticket is on its way, or there."""
        query = select(delivery.c.id).where(
            delivery.c.connector == it.connector,
            delivery.c.subject == it.subject,
            delivery.c.kind == it.kind.value,
            delivery.c.revision > it.revision,
            delivery.c.state.in_((*_OPEN, DeliveryState.DELIVERED.value)),
        )
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def changed_since(self, entry: OutboxEntry, connector: str, revision: int) -> bool:
        """Whether another change of this revision or a later one has been put on its way there."""
        query = select(delivery.c.id).where(
            delivery.c.connector == connector,
            delivery.c.subject == entry.subject,
            delivery.c.kind == OutboxKind.UPDATE.value,
            delivery.c.revision >= revision,
            delivery.c.outbox != entry.id,
        )
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def begin(self, number: int, at: datetime) -> int:
        """Write down that an attempt begins, before it does; its number."""
        attempt: int = (
            await self._connection.execute(
                delivery.update()
                .where(delivery.c.id == number)
                .values(
                    state=DeliveryState.SENDING.value,
                    attempts=delivery.c.attempts + 1,
                    tries=delivery.c.tries + 1,
                    attempt_at=at,
                    first_attempt_at=func.coalesce(delivery.c.first_attempt_at, at),
                    updated_at=func.now(),
                )
                .returning(delivery.c.attempts)
            )
        ).scalar_one()
        await self._connection.execute(
            delivery_attempt.insert().values(delivery=number, attempt=attempt, at=at)
        )
        return attempt

    async def end(
        self,
        it: Delivery,
        attempt: int,
        result: AttemptResult,
        state: DeliveryState,
        *,
        pause: timedelta = timedelta(),
        counts: bool = True,
        reason: str | None = None,
        detail: str | None = None,
        remote_id: str | None = None,
    ) -> bool:
        """Write down what an attempt came to; False when a later attempt has begun meanwhile."""
        values: dict[str, Any] = {
            "state": state.value,
            "due_at": func.now() + pause,
            "reason": reason,
            "detail": detail,
            "updated_at": func.now(),
        }
        if not counts:
            values["tries"] = func.greatest(delivery.c.tries - 1, 0)
        if state is DeliveryState.DELIVERED:
            values |= {"remote_id": remote_id, "delivered_at": func.now()}
            if it.kind is OutboxKind.TICKET:
                values["ask_at"] = func.now()
        changed = await self._connection.execute(
            delivery.update()
            .where(delivery.c.id == it.id, delivery.c.attempts == attempt, delivery.c.state == "sending")
            .values(values)
        )
        await self._connection.execute(
            delivery_attempt.update()
            .where(delivery_attempt.c.delivery == it.id, delivery_attempt.c.attempt == attempt)
            .values(ended_at=func.now(), result=result.value, detail=detail)
        )
        if changed.rowcount and state is DeliveryState.WAITING:
            await self._job(it.id, it.connector, pause)
        return bool(changed.rowcount)

    async def decide(
        self,
        it: Delivery,
        state: DeliveryState,
        *,
        reason: str | None,
        detail: str | None = None,
        by: str | None = None,
    ) -> None:
        """Set a state without an attempt: withheld, overtaken, given up, to be sent again."""
        values: dict[str, Any] = {
            "state": state.value, "reason": reason, "detail": detail, "done_by": by, "updated_at": func.now(),
        }  # fmt: skip
        if state is DeliveryState.WAITING:
            values |= {"tries": 0, "due_at": func.now()}
        await self._connection.execute(delivery.update().where(delivery.c.id == it.id).values(values))
        if state is DeliveryState.WAITING:
            await self._job(it.id, it.connector, timedelta())

    async def again(self, it: Delivery, pause: timedelta) -> None:
        """Have its job come back later, without an attempt."""
        await self._connection.execute(
            delivery.update().where(delivery.c.id == it.id).values(due_at=func.now() + pause)
        )
        await self._job(it.id, it.connector, pause)

    async def revive(self, late_s: float) -> int:
        """Give jobs to deliveries that have lost theirs; how many."""
        rows = (await self._connection.execute(_LOST, {"late_s": late_s})).all()
        for row in rows:
            await self._job(row.id, row.connector, timedelta())
        return len(rows)

    async def newest(
        self,
        *,
        states: Sequence[DeliveryState] | None = None,
        connector: str | None = None,
        subject: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Newest first; ``before`` is an id to page on from."""
        query = select(delivery).order_by(delivery.c.id.desc()).limit(limit)
        if states is not None:
            query = query.where(delivery.c.state.in_([it.value for it in states]))
        if connector is not None:
            query = query.where(delivery.c.connector == connector)
        if subject is not None:
            query = query.where(delivery.c.subject == subject)
        if before is not None:
            query = query.where(delivery.c.id < before)
        return [_delivery(row) for row in (await self._connection.execute(query)).mappings()]

    async def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """How many stand where, by connector and state."""
        query = select(delivery.c.connector, delivery.c.state, func.count()).group_by(
            delivery.c.connector, delivery.c.state
        )
        rows = (await self._connection.execute(query)).all()
        return {(connector, DeliveryState(state)): count for connector, state, count in rows}

    async def dead(self) -> dict[str, int]:
        """How many each connector has given up, 0 included where it has others."""
        return {row[0]: row[1] for row in await self._connection.execute(_DEAD)}

    async def attempts_of(self, number: int) -> list[Attempt]:
        """All attempts, oldest first."""
        query = select(delivery_attempt).where(delivery_attempt.c.delivery == number)
        rows = (await self._connection.execute(query.order_by(delivery_attempt.c.attempt))).mappings()
        return [
            Attempt(
                row["attempt"],
                row["at"],
                row["ended_at"],
                AttemptResult(row["result"]) if row["result"] else None,
                row["detail"],
            )
            for row in rows
        ]

    async def to_ask(self, connector: str, older: timedelta, limit: int) -> list[Delivery]:
        """Delivered tickets whose state is to be asked for now.

        They count as asked from now on, so that no two workers ask for one. What is over there may be opened
        again: it is asked for ever more rarely, a quarter of the time since its last change later, and after
        ``ASKED_FOR`` not any more.
        """
        values = {
            "connector": connector,
            "older": older,
            "limit": limit,
            "last": [*LAST],
            "rarer": RARER,
            "asked_for": ASKED_FOR,
        }
        return [_delivery(row) for row in (await self._connection.execute(_TO_ASK, values)).mappings()]

    async def heard(
        self,
        number: int,
        remote_status: str,
        meaning: str | None,
        note: str | None,
        applied: str,
        *,
        remote_id: str | None = None,
    ) -> None:
        """Keep what the other side says of its state, and what it did here."""
        later = func.now() + RARER
        # sooner also where nothing was to be asked any more
        soon = later if meaning in LAST else func.least(delivery.c.ask_at, later)
        values = {
            "remote_status": remote_status,
            "remote_meaning": meaning,
            "updated_at": func.now(),
            "ask_at": soon,
        }
        if remote_id is not None:
            values["remote_id"] = remote_id
        await self._connection.execute(delivery.update().where(delivery.c.id == number).values(values))
        await self._connection.execute(
            delivery_status.insert().values(
                delivery=number, remote_status=remote_status, meaning=meaning, note=note, applied=applied
            )
        )

    async def statuses_of(self, number: int) -> list[StatusHeard]:
        """All that was heard, oldest first."""
        query = select(delivery_status).where(delivery_status.c.delivery == number)
        rows = (await self._connection.execute(query.order_by(delivery_status.c.id))).mappings()
        return [
            StatusHeard(row["at"], row["remote_status"], row["meaning"], row["note"], row["applied"])
            for row in rows
        ]

    async def take_message(self, connector: str, message: str, *, forget: timedelta) -> bool:
        """Whether a webhook's message is new; it is remembered, and those older than ``forget`` are not."""
        await self._connection.execute(
            webhook_message.delete().where(webhook_message.c.at < func.now() - forget)
        )
        insertion = insert(webhook_message).values(connector=connector, message=message)
        made = await self._connection.execute(
            insertion.on_conflict_do_nothing().returning(webhook_message.c.message)
        )
        return made.scalar() is not None


def _delivery(row: Mapping[Any, Any]) -> Delivery:
    return Delivery(**{**row, "kind": OutboxKind(row["kind"]), "state": DeliveryState(row["state"])})
