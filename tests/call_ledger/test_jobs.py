"""Jobs are done soon, side by side, again when they fail, and by somebody else when their worker dies."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy

from facts.identity import CallKey
from facts.tasks import end_tasks
from ticketing_bridge import jobs
from ticketing_bridge.jobs import AFTER_CALL, Concurrency, run_worker
from ticketing_bridge.store import Database
from ticketing_bridge.store.job_repository import JobOf

#: a worker process of its own whose jobs never end; says so on its output
ENDLESS_WORKER = """
import asyncio, sys
from ticketing_bridge.jobs import run_worker
from ticketing_bridge.store import Database

async def never(call):
    print(call, flush=True)
    await asyncio.sleep(3600)

async def main():
    async with Database(sys.argv[1]) as database:
        jobs = ("draft_call", "transcribe_call", "transcribe_voicemail", "draft_callback")
        await run_worker(database, **dict.fromkeys(jobs, never))

asyncio.run(main())
"""


class Done:
    """Remembers which jobs were done; knows how to be slow and how to fail."""

    def __init__(self, *, failures: int = 0) -> None:
        self.calls: list[tuple[str, str, float]] = []
        self.arrived = asyncio.Event()
        #: recordings are heard
        self.may_transcribe = asyncio.Event()
        self.may_transcribe.set()
        self.transcribing = asyncio.Event()
        self.failures = failures

    async def draft(self, call: CallKey) -> None:
        self.note("draft", call)

    async def transcribe(self, call: CallKey) -> None:
        self.transcribing.set()
        await self.may_transcribe.wait()
        self.note("transcribe", call)

    def note(self, task: str, call: CallKey) -> None:
        self.calls.append((task, str(call), time.monotonic()))
        self.arrived.set()
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not today")

    async def wait(self, count: int, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while len(self.calls) < count:
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def working(database: Database, done: Done, **more: object) -> AsyncIterator[None]:
    worker = asyncio.create_task(
        run_worker(
            database,
            draft_call=done.draft,
            transcribe_call=done.transcribe,
            transcribe_voicemail=done.transcribe,
            draft_callback=done.draft,
            **more,  # type: ignore[arg-type]
        )
    )
    try:
        yield
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def hand_out(database: Database, call: str, *tasks: str) -> None:
    async with database.unit_of_work() as uow:
        for task in tasks or AFTER_CALL:
            await uow.jobs.defer_once(
                [JobOf(task, AFTER_CALL[task], call, {"call": call}, lock=f"call {call}")]
            )


async def statuses(database: Database) -> set[str]:
    async with database.unit_of_work() as uow:
        rows = await uow.connection.execute(sqlalchemy.text("SELECT status::text FROM procrastinate_jobs"))
        return {row[0] for row in rows}


async def test_a_job_begins_as_soon_as_it_is_handed_out_and_drafts_do_not_wait_for_speech(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOOK_S", 90.0)
    done = Done()
    done.may_transcribe.clear()
    async with working(database, done, concurrency=Concurrency(draft=1, speech=1)):
        await hand_out(database, "city:0", "transcribe_call")
        await done.transcribing.wait()
        await hand_out(database, "city:1")
        await done.wait(1, 30.0)
        assert done.calls[0][:2] == ("draft", "city:1")
        done.may_transcribe.set()
        await done.wait(3, 30.0)
    assert "doing" not in await statuses(database)


async def test_a_job_that_fails_is_tried_again(database: Database) -> None:
    done = Done(failures=1)
    async with working(database, done):
        await hand_out(database, "city:1", "draft_call")
        await done.wait(2, 30.0)
        await asyncio.sleep(0.2)
    assert await statuses(database) == {"succeeded"}


async def test_jobs_of_a_killed_worker_are_done_by_another_soon(database: Database, tmp_path: Path) -> None:
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENDLESS_WORKER, database.url, stdout=asyncio.subprocess.PIPE
    )
    assert killed.stdout
    await hand_out(database, "city:1", "draft_call")
    await hand_out(database, "city:2", "transcribe_call")
    async with asyncio.timeout(60):
        await killed.stdout.readline()
        await killed.stdout.readline()
    done = Done()
    async with working(database, done):
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
        began = time.monotonic()
        await done.wait(2, 12.0)
        assert time.monotonic() - began < 9.0
        await asyncio.sleep(0.2)
    assert {it[:2] for it in done.calls} == {("draft", "city:1"), ("transcribe", "city:2")}
    assert await statuses(database) == {"succeeded"}


async def test_a_job_that_kills_its_workers_is_given_up(database: Database) -> None:
    await hand_out(database, "city:1", "draft_call")
    async with database.unit_of_work() as uow:
        for attempt in range(3):
            await uow.connection.execute(sqlalchemy.text("UPDATE procrastinate_jobs SET status = 'doing'"))
            (rescued,) = await uow.jobs.rescue(6.0, 3)
            assert rescued.given_again == (attempt < 2)
        assert await uow.jobs.rescue(6.0, 3) == []
    assert await statuses(database) == {"failed"}


async def test_the_worker_comes_back_with_the_database(database: Database) -> None:
    done = Done()
    alive: list[float] = []
    async with working(database, done, on_alive=lambda: alive.append(time.monotonic())):
        await hand_out(database, "city:1", "draft_call")
        await done.wait(1, 30.0)
        async with database.unit_of_work() as uow:
            await uow.connection.execute(
                sqlalchemy.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        await hand_out(database, "city:2", "draft_call")
        await done.wait(2, 30.0)
    assert alive


async def test_a_task_that_loses_its_cancellation_is_cancelled_again() -> None:
    lost: list[str] = []

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        lost.append("once")
        await asyncio.sleep(60)

    async def broken() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError("at its end")

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(broken())]
    await asyncio.sleep(0)
    await asyncio.wait_for(end_tasks(tasks, 0.05), 5)
    assert lost == ["once"]
    assert all(task.done() for task in tasks)
