"""A dispatcher with a recorded PBX, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from facts.errors import HotlineError
from telephony.ami.events import CallbackStage
from tests.bridge.conftest import line
from tests.journeys.people import HOTLINE, NOON, a_queue
from ticketing_bridge.journeys.dispatcher import Dispatcher, PbxChannel
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import Callback, CallbackState, FollowUp

__all__ = ["RecordedPbx", "Shift", "line", "until"]


@dataclass(slots=True)
class RecordedPbx:
    """Writes down what it was asked to do."""

    called: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    there: list[PbxChannel] = field(default_factory=list)
    refuses: HotlineError | None = None

    async def call_back(self, callback: Callback) -> None:
        self.called.append(callback.id)
        if self.refuses:
            raise self.refuses

    async def follow_up(self, task: FollowUp) -> None:
        self.asked.append(task.id)

    async def hang_up(self, channel: str) -> None:
        self.ended.append(channel)

    async def channels(self) -> list[PbxChannel]:
        return self.there


@dataclass(slots=True)
class Shift:
    """A dispatcher on a clock of its own."""

    database: Database
    pbx: RecordedPbx = field(default_factory=RecordedPbx)
    now: datetime = NOON
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.database, HOTLINE, "city", self.pbx, now=lambda: self.now)

    def begin_again(self) -> None:
        """Another process leads; it knows nothing but the store."""
        self.dispatcher = Dispatcher(self.database, HOTLINE, "city", self.pbx, now=lambda: self.now)

    async def look(self, later: timedelta = timedelta(0)) -> None:
        self.now += later
        async with self.database.unit_of_work() as uow:
            await uow.queues.put("city", [a_queue(queue.id) for queue in HOTLINE.queues])
        await self.dispatcher.look()

    async def told(self, callback: int, *statuses: str, **more: str) -> None:
        """The dialplan says so."""
        for status in statuses:
            stage = CallbackStage(
                at=self.now, pbx_id="city", channel="Local/main@hotline-callback-1;2",
                callback=callback, status=status, **more,  # type: ignore[arg-type]
            )  # fmt: skip
            self.dispatcher.take(stage)
        await self.dispatcher.look()

    async def state(self, callback: int) -> CallbackState:
        return (await self.row(callback)).state

    async def row(self, callback: int) -> Callback:
        async with self.database.unit_of_work() as uow:
            found = await uow.callbacks.get(callback)
        assert found is not None
        return found


@pytest.fixture
def shift(database: Database) -> Shift:
    return Shift(database)


async def until(seen: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Return when it is seen."""
    async with asyncio.timeout(timeout_s):
        while not seen():
            await asyncio.sleep(0.02)
