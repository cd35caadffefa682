"""Jobs handed to procrastinate in the transaction of the rows they are about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.records import Json

#: procrastinate's own function; the last field is when the job may start
_DEFER = text("""
SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[ROW(
    CAST(:queue AS varchar), CAST(:task AS varchar), CAST(:priority AS integer), CAST(:lock AS text),
    NULL::text, CAST(:args AS jsonb), now() + CAST(:delay AS interval)
)::procrastinate_job_to_defer_v1]))
""")

_CLAIM = text("""
INSERT INTO job_given (subject, task, job_id) VALUES (:subject, :task, 0) ON CONFLICT DO NOTHING
""")
_NAME = text("UPDATE job_given SET job_id = :job WHERE subject = :subject AND task = :task")
_WAITING = text("""
SELECT queue_name, count(*) AS waiting FROM procrastinate_jobs
WHERE status IN ('todo', 'doing') GROUP BY queue_name
""")

#: jobs whose worker showed no life for a while, or is not registered any more, each once
_STALLED = text("""
SELECT job.id, job.task_name, job.queue_name, job.attempts
FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing'
  AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :stalled_s))
FOR UPDATE OF job SKIP LOCKED
""")
_AGAIN = text("SELECT procrastinate_retry_job_v2(:job, now(), NULL, NULL, NULL)")
_FAILED = text("SELECT procrastinate_finish_job_v1(:job, 'failed', false)")
#: procrastinate tells workers of new jobs only; the same words for one that is given again
_TELL = text("""
SELECT pg_notify('procrastinate_queue_v1#' || :queue,
                 json_build_object('type', 'job_inserted', 'job_id', CAST(:job AS bigint))::text)
""")


@dataclass(frozen=True, slots=True)
class Rescued:
    """A job of a dead worker; ``given_again`` False: it had died too often and stays failed."""

    id: int
    task: str
    given_again: bool


class JobRepository:
    """Gives jobs out; they exist exactly when the transaction commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def defer(
        self,
        task: str,
        args: Json,
        *,
        queue: str,
        lock: str | None = None,
        scheduled_in: timedelta | None = None,
        priority: int = 0,
    ) -> int:
        """Hand out a job; returns its id. Jobs with the same ``lock`` never run at the same time."""
        values: dict[str, Any] = {
            "queue": queue,
            "task": task,
            "priority": priority,
            "lock": lock,
            "args": json.dumps(dict(args), ensure_ascii=False),
            "delay": scheduled_in,
        }
        job: int = (await self._connection.execute(_DEFER, values)).scalar_one()
        return job

    async def defer_once(
        self,
        task: str,
        subject: str,
        args: Json,
        *,
        queue: str,
        lock: str | None = None,
        scheduled_in: timedelta | None = None,
    ) -> int | None:
        """Hand out a job once for ever for this task and subject; None when it was given out before."""
        claimed = await self._connection.execute(_CLAIM, {"subject": subject, "task": task})
        if not claimed.rowcount:
            return None
        job = await self.defer(task, args, queue=queue, lock=lock, scheduled_in=scheduled_in)
        await self._connection.execute(_NAME, {"subject": subject, "task": task, "job": job})
        return job

    async def rescue(self, stalled_s: float, most_attempts: int) -> list[Rescued]:
        """Give jobs of workers without a sign of life out again; safe from any number of places at once."""
        rows = (await self._connection.execute(_STALLED, {"stalled_s": stalled_s})).all()
        found = [Rescued(row.id, row.task_name, row.attempts + 1 < most_attempts) for row in rows]
        for job, row in zip(found, rows, strict=True):
            await self._connection.execute(_AGAIN if job.given_again else _FAILED, {"job": job.id})
            if job.given_again:
                await self._connection.execute(_TELL, {"queue": row.queue_name, "job": job.id})
        return found

    async def unfinished(self) -> dict[str, int]:
        """Jobs that wait or run, by queue."""
        rows = await self._connection.execute(_WAITING)
        return {row.queue_name: row.waiting for row in rows}
