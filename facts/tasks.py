"""Background tasks and their owners: whoever starts one ends it."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def end_task(task: asyncio.Task[None] | None) -> None:
    """Cancel a task and wait until it is over; None is a task that was never started.

    Raises:
        Exception: what the task failed with, when it failed by itself.
    """
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
