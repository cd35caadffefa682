"""Jobs handed to procrastinate in the transaction of the rows they are about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.records import Json

#: procrastinate's own function
_DEFER = text("""
SELECT (procrastinate_defer_jobs_v1(ARRAY[ROW(
    CAST(:queue AS varchar), CAST(:task AS varchar), CAST(:priority AS integer), CAST(:lock AS text),
    NULL::text, CAST(:args AS jsonb), now() + CAST(:delay AS interval)
)::procrastinate_job_to_defer_v1]))[1]
""")

#: claims and jobs in one statement; ``job_id`` is not known when a claim is written, and nobody reads it
_DEFER_ONCE = text("""
WITH wanted AS (
  SELECT * FROM unnest(CAST(:tasks AS text[]), CAST(:queues AS text[]), CAST(:subjects AS text[]),
                       CAST(:args AS text[]), CAST(:locks AS text[]))
    WITH ORDINALITY AS it (task, queue, subject, args, lock, place)
),
claimed AS (
  INSERT INTO job_given (subject, task, job_id) SELECT subject, task, 0 FROM wanted
  ON CONFLICT DO NOTHING RETURNING subject, task
)
SELECT procrastinate_defer_jobs_v1(array_agg(ROW(
    wanted.queue, wanted.task, 0, wanted.lock, NULL::text, wanted.args::jsonb, now()
)::procrastinate_job_to_defer_v1 ORDER BY wanted.place))
FROM wanted JOIN claimed USING (subject, task) HAVING count(*) > 0
""")
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
class JobOf:
    """A job about a subject. Jobs with the same ``lock`` never run at the same time."""

    task: str
    queue: str
    subject: str
    args: Json
    lock: str | None = None


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
        values = {
            "queue": queue,
            "task": task,
            "priority": priority,
            "lock": lock,
            "args": json.dumps(dict(args), ensure_ascii=False),
            "delay": scheduled_in,
        }
        return int((await self._connection.execute(_DEFER, values)).scalar_one())

    async def defer_once(self, jobs: Sequence[JobOf]) -> None:
        """Hand out jobs, each once for ever for its task and subject."""
        if not jobs:
            return
        values = {
            "tasks": [job.task for job in jobs],
            "queues": [job.queue for job in jobs],
            "subjects": [job.subject for job in jobs],
            "args": [json.dumps(dict(job.args), ensure_ascii=False) for job in jobs],
            "locks": [job.lock for job in jobs],
        }
        await self._connection.execute(_DEFER_ONCE, values)

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
