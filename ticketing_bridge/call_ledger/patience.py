"""Waiting for the database, but not for the driver's own patience with a frozen one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Patience:
    """Steps that must end in time. One that does not is cancelled and left to end by itself."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        #: so that none is forgotten before its end
        self._steps: set[asyncio.Task[Any]] = set()

    async def wait_for(self, step: Coroutine[None, None, T], timeout_s: float | None = None) -> T:
        """The step's result.

        Raises:
            TimeoutError: it took longer than ``timeout_s``, or than all steps may.
        """
        task = asyncio.create_task(step, name="ledger-step")
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout_s or self._timeout_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            task.add_done_callback(_look_at)
            raise TimeoutError
        return task.result()


def _look_at(step: asyncio.Task[Any]) -> None:
    """The end of a step that was given up: nothing more to do with it."""
    if not step.cancelled():
        step.exception()
