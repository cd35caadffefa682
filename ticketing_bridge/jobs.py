"""Background work: which jobs there are, and the worker that does them (procrastinate on PostgreSQL).

Jobs are handed out by the store in the transaction of the rows they are about. Every job may
run twice: a worker that dies is noticed by its heartbeat and its jobs are given out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException

from facts.errors import HotlineError
from facts.identity import CallKey
from facts.tasks import end_tasks
from ticketing_bridge.call_ledger.rows import AFTER_CALL, AFTER_MESSAGE
from ticketing_bridge.journeys.callbacks import AFTER_CALLBACK
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.delivery_repository import DELIVER_TASK
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.outbox_repository import ROUTE_QUEUE, ROUTE_TASK

log = structlog.get_logger(__name__)

#: does one job of one call; must be safe to run twice
CallJob = Callable[[CallKey], Awaitable[None]]

#: a worker shows that it lives this often (seconds); one that did not for ``STALLED_S`` is dead
HEARTBEAT_S: Final = 2.0
STALLED_S: Final = 6.0
#: how often jobs of dead workers are looked for, and waiting jobs that no NOTIFY told of (seconds)
LOOK_S: Final = 1.0
#: a job whose worker died so often stays failed
MOST_ATTEMPTS: Final = 6
#: a job that failed so often stays failed: after 2, 4, 8 … s, about four hours in all to mend the cause
MOST_TRIES: Final = 14
#: how long running jobs may go on after a stop was asked for (seconds); then they are given back
GRACE_S: Final = 5.0
#: finished jobs are forgotten after this time (hours)
KEEP_HOURS: Final = 72
#: pauses before the worker is started again when the database was away (seconds)
RETRY_S: Final = (0.5, 1.0, 2.0)


#: how often deliveries without a job are looked for (looks), and states are asked for at least (seconds)
REVIVE_LOOKS: Final = 10
ASK_S: Final = 5.0


class Deliveries(Protocol):
    """What leaves the house, and what is asked of other systems."""

    def queues(self) -> Mapping[str, int]:
        """Queue of each connector, and how many of its jobs run at once."""
        ...

    def asked(self) -> Mapping[str, float]:
        """Connectors that are asked for their tickets' states, and how often (seconds)."""
        ...

    async def route(self, entries: Sequence[int]) -> None:
        """Give entries of the outbox to the connectors."""
        ...

    async def deliver(self, number: int) -> None:
        """One attempt of a delivery."""
        ...

    async def ask(self, connector_id: str) -> int:
        """Ask how some tickets stand; how many were asked for."""
        ...

    async def revive(self) -> int:
        """Give jobs to what has lost its own."""
        ...


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many jobs of each queue one worker process does at the same time."""

    draft: int = 2
    speech: int = 1

    def queues(self) -> Mapping[str, int]:
        return {"draft": self.draft, "speech": self.speech}


def job_app(
    database_url: str, jobs: Mapping[str, CallJob], deliveries: Deliveries | None = None
) -> procrastinate.App:
    """The procrastinate app with our tasks: of calls, and of what leaves the house."""
    connections = 6 if deliveries is None else 8 + len(deliveries.queues())
    connector = procrastinate.PsycopgConnector(conninfo=database_url, min_size=1, max_size=connections)
    app = procrastinate.App(connector=connector)
    retry = procrastinate.RetryStrategy(max_attempts=MOST_TRIES, exponential_wait=2)
    for name, queue in (AFTER_CALL | AFTER_MESSAGE | AFTER_CALLBACK).items():
        app.task(name=name, queue=queue, retry=retry)(_task(name, jobs[name]))
    if deliveries is not None:
        app.task(name=ROUTE_TASK, queue=ROUTE_QUEUE, retry=retry)(_given(deliveries.route, "entries"))
        app.task(name=DELIVER_TASK, queue=DELIVER_TASK, retry=retry)(_given(deliveries.deliver, "delivery"))
    return app


def _given(work: Callable[[Any], Awaitable[None]], name: str) -> Callable[..., Awaitable[None]]:
    async def run(**given: Any) -> None:
        await work(given[name])

    return run


def _task(name: str, job: CallJob) -> Callable[[str], Awaitable[None]]:
    async def run(call: str) -> None:
        with structlog.contextvars.bound_contextvars(call=call):
            try:
                await job(CallKey.parse(call))
            except HotlineError as problem:
                # procrastinate tries again, and says nothing of why
                log.warning("job_failed", task=name, error_id=problem.error_id, why=str(problem))
                raise

    return run


async def run_worker(
    database: Database,
    *,
    draft_call: CallJob,
    transcribe_call: CallJob,
    transcribe_voicemail: CallJob,
    draft_callback: CallJob,
    deliveries: Deliveries | None = None,
    concurrency: Concurrency = Concurrency(),
    name: str = "worker",
    on_alive: Callable[[], None] | None = None,
) -> None:
    """Do jobs until cancelled; waits for the database when it is away.

    Cancelled, it takes no more jobs, lets those that run end within ``GRACE_S`` and gives the
    others back. ``on_alive`` is called about once a second while the worker does its duty.
    """
    jobs = {
        "draft_call": draft_call,
        "transcribe_call": transcribe_call,
        "transcribe_voicemail": transcribe_voicemail,
        "draft_callback": draft_callback,
    }
    attempt = 0
    while True:
        began = asyncio.get_running_loop().time()
        try:
            async with job_app(database.url, jobs, deliveries).open_async() as app:
                await _work(app, database, concurrency, name, on_alive, deliveries)
        except (ConnectorException, psycopg.Error, DatabaseAway) as problem:
            log.error("worker_database_away", error=type(problem).__name__)
        if asyncio.get_running_loop().time() - began > 10:
            attempt = 0
        await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
        attempt += 1


async def _work(
    app: procrastinate.App,
    database: Database,
    concurrency: Concurrency,
    name: str,
    on_alive: Callable[[], None] | None,
    deliveries: Deliveries | None,
) -> None:
    """One worker a queue, so that long jobs never keep others waiting. Ends when one of them ends."""
    queues = dict(concurrency.queues())
    if deliveries is not None:
        queues |= {ROUTE_QUEUE: 2, **deliveries.queues()}
    workers = [
        asyncio.create_task(
            app.run_worker_async(
                queues=[queue],
                name=f"{name}-{queue}",
                concurrency=count,
                fetch_job_polling_interval=LOOK_S,
                update_heartbeat_interval=HEARTBEAT_S,
                # rows of dead workers are kept until their jobs have been given out again
                stalled_worker_timeout=600.0,
                shutdown_graceful_timeout=GRACE_S,
                install_signal_handlers=False,
            ),
            name=f"{name}-{queue}",
        )
        for queue, count in queues.items()
    ]
    rescue = asyncio.create_task(_rescue_for_ever(app, database, on_alive, deliveries), name=f"{name}-rescue")
    asking = [
        asyncio.create_task(_ask_for_ever(deliveries, connector, every_s), name=f"{name}-ask-{connector}")
        for connector, every_s in (deliveries.asked() if deliveries else {}).items()
        if deliveries is not None
    ]
    tasks = [*workers, rescue, *asking]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end_tasks(tasks, GRACE_S + LOOK_S)


async def _ask_for_ever(deliveries: Deliveries, connector: str, every_s: float) -> None:
    """Ask one other system how its tickets stand; each has a task of its own: none waits for a slow one."""
    while True:
        if not await deliveries.ask(connector):
            await asyncio.sleep(min(every_s, ASK_S))


async def _rescue_for_ever(
    app: procrastinate.App,
    database: Database,
    on_alive: Callable[[], None] | None,
    deliveries: Deliveries | None,
) -> None:
    """Give jobs of dead workers out again, and to deliveries that lost theirs; forget old ones."""
    looks = 0
    while True:
        if deliveries is not None and looks % REVIVE_LOOKS == 0 and (revived := await deliveries.revive()):
            log.warning("deliveries_revived", count=revived)
        async with database.unit_of_work() as uow:
            for job in await uow.jobs.rescue(STALLED_S, MOST_ATTEMPTS):
                log.warning("job_of_dead_worker", job=job.id, task=job.task, given_again=job.given_again)
        if looks % 3600 == 0:
            await app.job_manager.delete_old_jobs(nb_hours=KEEP_HOURS)
        looks += 1
        if on_alive:
            on_alive()
        await asyncio.sleep(LOOK_S)
