"""The dispatcher: has the PBX make call-backs and follow-ups when it is their turn.

One for each PBX, in the process that leads it. What is to be dialled is marked in the store before the
PBX is asked, so that nothing is dialled twice whoever dies in between; what is marked and has no channel
is found by asking the PBX for its channels, and is wanted again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self
from zoneinfo import ZoneInfo

import structlog

from config.hotline import Hotline
from facts.errors import HotlineError
from telephony.ami.events import CallbackStage, FollowUpStage, LinkUp, PbxEvent
from ticketing_bridge.journeys.callback_rules import Decision, News, due
from ticketing_bridge.journeys.callbacks import (
    CALLBACK_CHANNEL,
    apply_news,
    midnight,
    standing,
    take_stage,
    want_missed,
)
from ticketing_bridge.journeys.follow_ups import (
    LOST_AFTER,
    after_call,
    dialled,
    due_follow_ups,
    take_follow_up_stage,
)
from ticketing_bridge.journeys.queue_board import FRESH_S
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.journey_records import (
    GIVEN_UP_STATES,
    RUNNING_STATES,
    Callback,
    CallbackState,
    FollowUp,
    FollowUpState,
)

log = structlog.get_logger(__name__)

LOCAL = ZoneInfo("Asia/Shanghai")
LOOK_S = 1.0
MISSED_EVERY = timedelta(seconds=15)
CHANNELS_EVERY = timedelta(seconds=30)
#: a call-back that was placed so lately may have no channel yet
SETTLING = timedelta(seconds=10)
#: a link that has returned: so long its gap may be filled before what is lost is placed anew
FILLING = timedelta(seconds=90)
#: events that wait for a database that is away
MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class PbxChannel:
    """One channel that the PBX has."""

    name: str
    context: str
    number: str


class CallMaker(Protocol):
    """What the PBX does for us. Every method raises ``HotlineError`` when it does not."""

    async def call_back(self, callback: Callback) -> None:
        """Wait in the queue in the caller's stead, then dial."""

    async def follow_up(self, task: FollowUp) -> None:
        """Phone a citizen about a closed ticket."""

    async def hang_up(self, channel: str) -> None:
        """End a channel; one that is gone is no error."""

    async def channels(self) -> Collection[PbxChannel]:
        """All channels that there are."""


class RefusedForGood(HotlineError):
    """The PBX will never take this one."""

    error_id = "call-refused-for-good"


class Dispatcher:
    """Decides once a second, and at once when something changed. An async context manager."""

    def __init__(
        self,
        database: Database,
        hotline: Hotline,
        pbx_id: str,
        maker: CallMaker,
        *,
        leads: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = lambda: datetime.now(LOCAL),
    ) -> None:
        self._database = database
        self._hotline = hotline
        self._pbx_id = pbx_id
        self._maker = maker
        self._leads = leads
        self._now = now
        self._events: deque[CallbackStage | FollowUpStage] = deque(maxlen=MOST_WAITING)
        self._wake = asyncio.Event()
        self._missed_at: datetime | None = None
        self._channels_at: datetime | None = None
        self._up_at: datetime | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._run(), name="dispatcher"),
            asyncio.create_task(self._listen(), name="dispatcher ears"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(DatabaseAway):
            await self._take_events()

    def take(self, event: PbxEvent) -> None:
        """One event of the PBX; never waits."""
        if isinstance(event, CallbackStage | FollowUpStage):
            self._events.append(event)
            self._wake.set()
        elif isinstance(event, LinkUp):
            self._channels_at = None
            self._up_at = self._now()

    def look_again(self) -> None:
        """There may be callers who were missed: they are looked for at once."""
        self._missed_at = None
        self._wake.set()

    async def _listen(self) -> None:
        async with self._database.listen(CALLBACK_CHANNEL) as changes:
            async for _ in changes:
                self._wake.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.look()
            except DatabaseAway as away:
                log.debug("dispatcher waits", why=str(away))
            except Exception:  # one bad row must not end all call-backs
                log.exception("dispatcher failed")
                await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One round: what happened, what is lost, what is owed, what is to be done now."""
        await self._take_events()
        if not self._leads():
            return
        now = self._now()
        if self._missed_at is None or now - self._missed_at >= MISSED_EVERY:
            self._missed_at = now
            async with self._database.unit_of_work() as uow:
                if made := await want_missed(uow, self._hotline, self._pbx_id, now):
                    log.info("missed callers are to be called back", callers=made)
        await self._find_lost(now)
        await self._call_back(now)
        await self._follow_up(now)

    async def _take_events(self) -> None:
        while self._events:
            event = self._events[0]
            async with self._database.unit_of_work() as uow:
                if isinstance(event, CallbackStage):
                    await take_stage(uow, event, self._hotline.callback, self._now())
                else:
                    await take_follow_up_stage(uow, event, self._hotline, self._now())
            self._events.popleft()

    # -- call-backs

    async def _call_back(self, now: datetime) -> None:
        async with self._database.unit_of_work() as uow:
            owed = await uow.callbacks.unfinished(self._pbx_id)
            wanted = any(it.state is CallbackState.WANTED for it in owed)
            known = await standing(uow, self._hotline, self._pbx_id, owed, now, FRESH_S) if wanted else None
        for callback in owed:
            if callback.state in GIVEN_UP_STATES and callback.channel is not None:
                await self._tried(self._maker.hang_up(callback.channel), callback.id)
        if known is None:
            return
        for decision in due(owed, known, self._hotline.callback, now):
            await self._do(decision, now)

    async def _do(self, decision: Decision, now: datetime) -> None:
        policy = self._hotline.callback
        async with self._database.unit_of_work() as uow:
            before = await uow.callbacks.locked(decision.callback.id)
            if before is None or before.state is not decision.callback.state:
                return  # somebody was faster
            after = await apply_news(uow, before.id, decision.news, policy, now)
            if after is not None and decision.reason:
                after = replace(after, reason=decision.reason)
                await uow.callbacks.save(after)
        if after is not None and decision.news is News.PLACED:
            await self._place(after)

    async def _place(self, callback: Callback) -> None:
        """Ask the PBX. When it is not known whether it did, the channels will tell."""
        news = None
        try:
            await self._maker.call_back(callback)
        except RefusedForGood as refused:
            log.error("call-back refused", id=callback.id, why=str(refused))
            news = News.DROPPED
        except HotlineError as problem:
            log.warning("call-back not placed", id=callback.id, why=str(problem))
        if news is not None:
            async with self._database.unit_of_work() as uow:
                await apply_news(uow, callback.id, News.FAILED, self._hotline.callback, self._now())
                await apply_news(uow, callback.id, news, self._hotline.callback, self._now())

    async def _find_lost(self, now: datetime) -> None:
        """Running ones whose channel the PBX does not have are wanted again."""
        if self._channels_at is not None and now - self._channels_at < CHANNELS_EVERY:
            return
        if await self._being_filled(now):
            return
        async with self._database.unit_of_work() as uow:
            owed = await uow.callbacks.unfinished(self._pbx_id)
        settled = [
            it
            for it in owed
            if (it.state in RUNNING_STATES or it.channel is not None) and now - it.updated_at > SETTLING
        ]
        if settled:
            try:
                there = await self._maker.channels()
            except HotlineError as problem:
                log.debug("channels not known", why=str(problem))
                return
            names = {channel.name for channel in there}
            numbers = {channel.number for channel in there if channel.context.startswith("hotline-callback")}
            lost = [it.id for it in settled if it.channel not in names and it.number not in numbers]
            for callback_id in lost:
                async with self._database.unit_of_work() as uow:
                    await apply_news(uow, callback_id, News.GONE, self._hotline.callback, now)
        self._channels_at = now

    async def _being_filled(self, now: datetime) -> bool:
        """What was not heard may say that a citizen was reached: nobody is phoned twice for a lost link."""
        if self._up_at is None or now - self._up_at > FILLING:
            return False
        async with self._database.unit_of_work() as uow:
            gaps = await uow.gaps.ended_since(self._pbx_id, self._up_at - FILLING)
        return any(not gap.filled for gap in gaps if gap.begin is not None)

    # -- follow-ups

    async def _follow_up(self, now: datetime) -> None:
        policy = self._hotline.callback
        async with self._database.unit_of_work() as uow:
            tasks = await uow.follow_ups.open(self._pbx_id)
            if not tasks:
                return
            for task in tasks:
                if task.state is FollowUpState.DIALING and now - (task.dialled_at or now) > LOST_AFTER:
                    await uow.follow_ups.save(after_call(task, {}, policy, now))
            today = await uow.callbacks.dialled_since(midnight(now), [task.number for task in tasks])
        for task in due_follow_ups(tasks, today, self._hotline, now):
            async with self._database.unit_of_work() as uow:
                locked = await uow.follow_ups.locked(task.id)
                if locked is None or locked.state is not FollowUpState.DUE:
                    continue
                await uow.follow_ups.save(dialled(locked, now))
            await self._tried(self._maker.follow_up(task), task.id)

    async def _tried(self, errand: Awaitable[None], subject: int) -> None:
        try:
            await errand
        except HotlineError as problem:
            log.warning("errand not done", subject=subject, why=str(problem))
