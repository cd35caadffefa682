"""What many ask in the same moment is done for all of them together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Gathering(Generic[Asked, Told]):
    """Answers many at once, each of whom waits for an own answer: ``told = await gathering(asked)``.

    Nobody waits for company: who comes while nothing is under way is served at once. Who comes while
    something is goes with the next turn, in the order of coming. Who gives up does not disturb the others.
    An async context manager: at its end it waits for what is under way.

    Args:
        do: makes the answers to what was asked, in its order; an exception among them is raised where it
            was asked for. What it raises itself is raised for everybody of this turn.
        most: so many go together.
        turns: so many turns are under way at the same time.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Asked]], Awaitable[Sequence[Told | Exception]]],
        *,
        most: int,
        turns: int = 1,
    ) -> None:
        self._do = do
        self._most = most
        self._turns = turns
        self._waiting: deque[tuple[Asked, asyncio.Future[Told]]] = deque()
        self._working: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._working:
            await asyncio.wait(self._working)

    async def __call__(self, asked: Asked) -> Told:
        """The answer to this; raises what was answered with."""
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, told))
        if len(self._working) < self._turns:
            working = asyncio.create_task(self._work(), name="gathering")
            self._working.add(working)
            working.add_done_callback(self._working.discard)
        return await told

    async def _work(self) -> None:
        while self._waiting:
            turn = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            turn = [(asked, told) for asked, told in turn if not told.done()]
            if turn:
                await self._answer(turn)

    async def _answer(self, turn: Sequence[tuple[Asked, asyncio.Future[Told]]]) -> None:
        try:
            answers: Sequence[Told | Exception] = await self._do([asked for asked, _ in turn])
        except Exception as problem:  # noqa: BLE001 - it is theirs who asked, and raised there
            answers = [problem] * len(turn)
        except BaseException:  # the loop is being closed
            for _, told in turn:
                told.cancel()
            raise
        for (_, told), answer in zip(turn, answers, strict=True):
            if told.done():
                continue
            if isinstance(answer, Exception):
                told.set_exception(answer)
            else:
                told.set_result(answer)
