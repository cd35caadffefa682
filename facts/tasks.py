"""Background tasks and their owners: whoever starts one ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any


class Tasks:
    """Short tasks of one owner, who does not wait for them; ``failed`` is told what one failed with."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin one."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def end(self) -> None:
        """Cancel all, and wait until they are over."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self._failed(problem)


async def end_task(task: asyncio.Task[None] | None) -> None:
    """Cancel a task and wait until it is over; None is a task that was never started.

    Raises:
        Exception: what the task failed with, when it failed by itself.
    """
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def end_tasks(tasks: Iterable[asyncio.Task[Any]], patience_s: float) -> None:
    """Cancel tasks until all are over, whatever they fail with.

    A cancellation can be lost: before Python 3.12 ``asyncio.wait_for`` swallows one that comes as its task
    is done, and libraries wait by it. Who has not ended within ``patience_s`` is cancelled again.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        over, left = await asyncio.wait(left, timeout=patience_s)
        for task in over:
            if not task.cancelled():
                task.exception()  # looked at, so that nobody is told that nobody looked
