"""Call-backs in the store: promised, missed, withdrawn, and what the PBX says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from config.hotline import Hotline
from config.outbound import Callback as Policy
from facts.call import Outcome
from facts.identity import CallKey
from telephony.ami.events import CallbackStage
from ticketing_bridge.journeys.callback_rules import News, Standing, follow, spacing
from ticketing_bridge.journeys.citizen_numbers import number_to_call
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.journey_records import (
    FINAL_STATES,
    RUNNING_STATES,
    Callback,
    CallbackKind,
    CallbackState,
    NewCallback,
)

log = structlog.get_logger(__name__)

#: NOTIFY channel of call-backs that changed
CALLBACK_CHANNEL: Final = "hotline_callback"
#: answers of a flow by which a caller asks to stay unknown to all but a person
SENSITIVE_ANSWERS: Final = ("要求保密", "匿名")
#: endings after which a caller is called back, unless it was too short to be meant
MISSED: Final = tuple(
    outcome.value
    for outcome in (
        Outcome.ABANDONED_QUEUE,
        Outcome.FULL,
        Outcome.JOIN_EMPTY,
        Outcome.LEAVE_EMPTY,
        Outcome.TIMEOUT,
        Outcome.WITHDRAWN,
        Outcome.CLOSED,
        Outcome.SYSTEM_ERROR,
    )
)
#: endings after which nobody is owed anything
REACHED: Final = (Outcome.ANSWERED.value, Outcome.TRANSFERRED_EMERGENCY.value)
#: a caller who was missed longer ago is not called back any more
MISSED_WITHIN = timedelta(hours=24)
#: so long a citizen hears that the call-back is promised: phoned before that, the telephone would be busy
GOODBYE = timedelta(seconds=8)
#: the job of a call that was called back, and its queue
DRAFT_AFTER_CALLBACK: Final = "draft_callback"
AFTER_CALLBACK: Final = {DRAFT_AFTER_CALLBACK: "draft"}
#: what we were told of the PBX's channel: placeholder, or the half that dials
_TOLD = {news.value: news for news in News}


async def promise(
    uow: UnitOfWork, hotline: Hotline, call: CallKey, number: str, line: str, queue: str, now: datetime
) -> bool:
    """Keep a caller's place and call back when it is their turn; False when the number may not be called.

    Asked again, the promise stands, with the earliest arrival.
    """
    plain = number_to_call(number, hotline)
    if plain is None or hotline.queue(queue) is None:
        return False
    dialled = await uow.callbacks.dialled_since(midnight(now), [plain])
    if dialled[plain] >= hotline.callback.daily_per_number:
        return False
    known = await uow.calls.get(call)
    arrived_at = known.arrived_at if known else now
    found = hotline.line(line)
    new = NewCallback(
        pbx_id=call.pbx_id,
        kind=CallbackKind.QUEUE,
        number=plain,
        line=line,
        queue=queue,
        arrived_at=arrived_at,
        due_at=now + GOODBYE,
        call=str(call),
        priority=found.priority.value if found else "normal",
    )
    if await uow.callbacks.add(new) is None:
        owed = await uow.callbacks.open_for(plain)
        if owed is not None and owed.state is CallbackState.WANTED:
            await uow.callbacks.save(replace(owed, due_at=min(owed.due_at, now + GOODBYE)))
    await uow.notify(CALLBACK_CHANNEL, str(call))
    return True


async def rang_first(uow: UnitOfWork, hotline: Hotline, number: str | None, now: datetime) -> bool:
    """Whether this caller is owed a call-back; it is withdrawn then, and the caller is put first."""
    plain = number_to_call(number, hotline) if number else None
    if plain is None:
        return False
    owed = await uow.callbacks.open_for(plain)
    if owed is None:
        return False
    changed = follow(owed, News.RANG_FIRST, hotline.callback, now)
    if changed is not None:
        await uow.callbacks.save(changed)
        await uow.notify(CALLBACK_CHANNEL, str(owed.id))
    return True


async def want_missed(uow: UnitOfWork, hotline: Hotline, pbx_id: str, now: datetime) -> int:
    """Everybody who was missed and not reached since gets a call-back; returns how many were new."""
    made = 0
    for key in await uow.callbacks.missed(pbx_id, now - MISSED_WITHIN, MISSED, REACHED):
        call = await uow.calls.get(CallKey.parse(key))
        number = number_to_call(call.caller_number, hotline) if call and call.caller_number else None
        line = hotline.line(call.line) if call else None
        if call is None or number is None or line is None:
            continue
        new = NewCallback(
            pbx_id=pbx_id,
            kind=CallbackKind.MISSED,
            number=number,
            line=line.id,
            queue=call.queue_legs[-1].queue if call.queue_legs else line.queue,
            arrived_at=call.arrived_at,
            due_at=(call.ended_at or now) + spacing(hotline.callback, 0),
            call=key,
            priority=line.priority.value,
        )
        made += await uow.callbacks.add(new) is not None
    return made


async def standing(
    uow: UnitOfWork, hotline: Hotline, pbx_id: str, owed: Iterable[Callback], now: datetime, fresh_s: float
) -> Standing:
    """What is known of those that are wanted, at the moment of deciding."""
    wanted = [it for it in owed if it.state is CallbackState.WANTED]
    states = await uow.queues.of_pbx(pbx_id, not_older_s=fresh_s)
    return Standing(
        {queue.id: states[queue.id] for queue in hotline.queues if queue.id in states},
        await uow.callbacks.dialled_since(midnight(now), [it.number for it in wanted]),
        await uow.callbacks.sensitive(wanted, SENSITIVE_ANSWERS),
        await uow.callbacks.on_the_line(wanted),
    )


def midnight(now: datetime) -> datetime:
    """The beginning of the city's day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


async def apply_news(
    uow: UnitOfWork,
    callback_id: int,
    news: News,
    policy: Policy,
    now: datetime,
    stage: CallbackStage | None = None,
) -> Callback | None:
    """Let news happen to a call-back, once; returns what it is now, None when there is no such one.

    The same news a second time changes nothing.
    """
    owed = await uow.callbacks.locked(callback_id)
    if owed is None:
        return None
    changed = follow(owed, news, policy, now)
    after = _channel_of(changed or owed, news, stage)
    if after != owed:
        await uow.callbacks.save(after)
        await uow.notify(CALLBACK_CHANNEL, str(callback_id))
    if changed is not None:
        log.info(
            "callback", id=callback_id, news=news.value, before=owed.state.value, after=after.state.value
        )
        await _write_attempt(uow, owed, news, stage, now)
    return after


def _channel_of(callback: Callback, news: News, stage: CallbackStage | None) -> Callback:
    """Which channel of the PBX is the placeholder's, as long as it is there."""
    if news is News.QUEUED and stage is not None and stage.channel:
        return replace(callback, channel=stage.channel)
    if news in (News.LEFT, News.GONE):
        return replace(callback, channel=None)
    return callback


async def _write_attempt(
    uow: UnitOfWork, before: Callback, news: News, stage: CallbackStage | None, now: datetime
) -> None:
    """What is kept of a try. A placeholder that came to nothing is overwritten by the next."""
    at = stage.at if stage else now
    number = before.attempts + (before.state is not CallbackState.DIALING)
    values: dict[str, Any] = {}
    match news:
        case News.PLACED:
            values = {"placed_at": now, "agent": None, "agent_at": None, "result": None, "ended_at": None}
        case News.AGENT:
            values = {"agent": stage.agent if stage else None, "agent_at": at}
        case News.DIALING:
            values = {"dialed_at": at}
        case News.REACHED:
            values = {"reached_at": at, "result": news.value, "recording": (stage and stage.file) or None}
        case _ if before.state in RUNNING_STATES:
            values = {"result": news.value, "ended_at": at}
    if values:
        await uow.callbacks.put_attempt(before.id, number, **values)


async def take_stage(uow: UnitOfWork, stage: CallbackStage, policy: Policy, now: datetime) -> None:
    """What the dialplan says of a call-back."""
    news = _TOLD.get(stage.status)
    if news is None:
        log.warning("callback stage unknown", status=stage.status)
        return
    after = await apply_news(uow, stage.callback, news, policy, now, stage)
    if after is not None and after.state in FINAL_STATES and news is News.DONE:
        attempt = max(1, after.attempts)
        await uow.callbacks.put_attempt(after.id, attempt, ended_at=stage.at)
        if after.state is CallbackState.REACHED and after.call is not None:
            await _draft_after(uow, after.call)


async def _draft_after(uow: UnitOfWork, call: str) -> None:
    """What was said on the call-back fills the draft of the call that it was made for."""
    queue = AFTER_CALLBACK[DRAFT_AFTER_CALLBACK]
    await uow.jobs.defer(DRAFT_AFTER_CALLBACK, {"call": call}, queue=queue, lock=f"call {call}")
