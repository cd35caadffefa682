"""Many recordings at once, by as many processes as are wanted; one that cannot be heard stops no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.files import Hearing, Progress, Sides, Transcriber
from asr.models import ModelInvalid
from facts.errors import HotlineError

OnProgress = Callable[[int, float, float], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one recording: a hearing, or the problem."""

    path: Path
    took_s: float
    hearing: Hearing | None = None
    problem: HotlineError | None = None


async def hear_all(
    paths: Sequence[Path],
    on_heard: Callable[[Heard], None],
    *,
    model: Path | None = None,
    sides: Sides = Sides.CALLER_AGENT,
    jobs: int = 1,
    progress: OnProgress | None = None,
) -> None:
    """Hear recordings in ``jobs`` processes, each with its own model in memory.

    Args:
        on_heard: gets every recording's outcome, in the order of ``paths``.
        progress: gets a recording's place in ``paths``, its share, 0…1, and the seconds heard of it.

    Raises:
        ModelInvalid: no recording can be heard with this model.
    """
    if not paths:
        return
    waiting = iter(enumerate(paths))
    in_order = _InOrder(on_heard)
    workers = [
        asyncio.create_task(_work(waiting, in_order, model=model, sides=sides, progress=progress))
        for _ in range(min(jobs, len(paths)))
    ]
    try:
        done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        for worker in done:
            worker.result()
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)  # their processes end with them


async def _work(
    waiting: Iterator[tuple[int, Path]],
    in_order: _InOrder,
    *,
    model: Path | None,
    sides: Sides,
    progress: OnProgress | None,
) -> None:
    async with Transcriber(model) as transcriber:
        for number, path in waiting:
            report = None if progress is None else _for_file(progress, number)
            began = time.monotonic()
            try:
                hearing = await transcriber.file(path, sides=sides, progress=report)
            except ModelInvalid:
                raise
            except HotlineError as problem:
                in_order.add(number, Heard(path, time.monotonic() - began, problem=problem))
            else:
                in_order.add(number, Heard(path, time.monotonic() - began, hearing))


def _for_file(progress: OnProgress, number: int) -> Progress:
    return lambda share, heard_s: progress(number, share, heard_s)


class _InOrder:
    """Holds outcomes back until all before them are there."""

    def __init__(self, on_heard: Callable[[Heard], None]) -> None:
        self._on_heard = on_heard
        self._held: dict[int, Heard] = {}
        self._next = 0

    def add(self, number: int, heard: Heard) -> None:
        self._held[number] = heard
        while self._next in self._held:
            self._on_heard(self._held.pop(self._next))
            self._next += 1
