"""The rules of call-backs: what may follow what, and whom to call now. No clock, no database, no PBX."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import Enum, StrEnum
from types import MappingProxyType

from config.outbound import Callback as Policy
from ticketing_bridge.store.journey_records import (
    FINAL_STATES,
    RUNNING_STATES,
    Callback,
    CallbackKind,
    CallbackState,
    QueueState,
)

S = CallbackState
#: a queue that lost its call-back (nobody logged in, too long) gets it again after this time
QUEUE_LOST = timedelta(minutes=1)
#: so long a call-back may be tried at all
MOST_AGE = timedelta(hours=48)
#: so long a call-back waits for a citizen who is still on the line with us (the end of a call may get lost)
STILL_LISTENS = timedelta(minutes=5)


class News(StrEnum):
    """What happened to a call-back."""

    #: we asked the PBX for it
    PLACED = "placed"
    QUEUED = "queued"
    AGENT = "agent"
    DIALING = "dialing"
    REACHED = "reached"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    #: the half that dials is over
    DONE = "done"
    #: the placeholder left the queue
    LEFT = "left"
    #: the PBX has no channel of it (any more)
    GONE = "gone"
    #: the citizen rang first
    RANG_FIRST = "rang_first"
    #: only a person may call
    TO_PERSON = "to_person"
    #: a person has seen to it
    SEEN_TO = "seen_to"
    #: no more tries
    DROPPED = "dropped"


class Again(Enum):
    """Not reached: what follows depends on how often it was tried."""

    #: wait for the next attempt, or give up after the last
    LATER = "later"
    #: nobody was dialled: it does not count
    SOON = "soon"


_OPEN = tuple(state for state in S if state not in FINAL_STATES)
_UNREACHED = (News.NO_ANSWER, News.BUSY, News.FAILED)
#: what our link to the PBX tells is true wherever we thought the call-back was
_TOLD: Mapping[News, CallbackState | Again] = {
    News.QUEUED: S.PLACED,
    News.AGENT: S.AGENT,
    News.DIALING: S.DIALING,
    News.REACHED: S.REACHED,
}


def _table() -> dict[tuple[CallbackState, News], CallbackState | Again | None]:
    """Every state with every news; None: nothing changes."""
    table: dict[tuple[CallbackState, News], CallbackState | Again | None] = {
        (state, news): None for state in S for news in News
    }
    for state in (S.WANTED, *RUNNING_STATES):
        table |= {(state, news): after for news, after in _TOLD.items() if after is not state}
        table |= {(state, News.RANG_FIRST): S.WITHDRAWN, (state, News.SEEN_TO): S.SEEN_TO}
    table |= {(S.AGENT, News.QUEUED): None, (S.DIALING, News.QUEUED): None, (S.DIALING, News.AGENT): None}
    table |= {
        (S.WANTED, News.PLACED): S.PLACED,
        (S.WANTED, News.TO_PERSON): S.BY_PERSON,
        (S.WANTED, News.DROPPED): S.GIVEN_UP,
        (S.BY_PERSON, News.SEEN_TO): S.SEEN_TO,
        # the PBX did not take it, or lost it before anybody was dialled
        (S.PLACED, News.FAILED): Again.SOON,
        (S.PLACED, News.LEFT): Again.SOON,
        (S.PLACED, News.DONE): Again.SOON,
        (S.PLACED, News.GONE): Again.SOON,
        (S.AGENT, News.LEFT): Again.SOON,
        (S.AGENT, News.DONE): Again.SOON,
        (S.AGENT, News.GONE): Again.SOON,
        (S.DIALING, News.DONE): Again.LATER,
        (S.DIALING, News.GONE): Again.LATER,
    }
    table |= {(state, news): Again.LATER for state in (S.AGENT, S.DIALING) for news in _UNREACHED}
    return table


TRANSITIONS: Mapping[tuple[CallbackState, News], CallbackState | Again | None] = MappingProxyType(_table())
if any(TRANSITIONS[state, news] is not None for state in FINAL_STATES for news in News):
    raise AssertionError("a call-back that is over stays over")


def spacing(policy: Policy, attempts: int) -> timedelta:
    """How long to wait before the next attempt after so many."""
    return timedelta(minutes=policy.spacing_min[min(attempts, len(policy.spacing_min) - 1)])


def follow(callback: Callback, news: News, policy: Policy, now: datetime) -> Callback | None:
    """The call-back after the news; None when it changes nothing."""
    after = TRANSITIONS[callback.state, news]
    if after is None:
        return None
    if after is Again.SOON:
        return replace(
            callback, state=S.WANTED, due_at=max(callback.due_at, now + QUEUE_LOST), reason=news.value
        )
    if after is Again.LATER:
        if callback.attempts >= policy.attempts:
            return replace(callback, state=S.GIVEN_UP, reason=news.value)
        due_at = now + spacing(policy, callback.attempts)
        return replace(callback, state=S.WANTED, due_at=due_at, reason=news.value)
    assert isinstance(after, CallbackState)
    dials = after is S.DIALING and callback.state is not S.DIALING
    reason = news.value if after in FINAL_STATES or after is S.BY_PERSON else callback.reason
    return replace(callback, state=after, attempts=callback.attempts + dials, reason=reason)


def is_quiet(clock: time, quiet_from: time, quiet_to: time) -> bool:
    """Whether nobody is to be called at this time of the city's day.

    >>> is_quiet(time(23), time(21), time(8)), is_quiet(time(12), time(21), time(8))
    (True, False)
    """
    if quiet_from <= quiet_to:
        return quiet_from <= clock < quiet_to
    return clock >= quiet_from or clock < quiet_to


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known at the moment of deciding. ``queues`` lacks those that nobody knows about."""

    queues: Mapping[str, QueueState]
    #: how often each number was called today
    dialled_today: Mapping[str, int]
    #: ids of call-backs about reports, or of callers who want to stay unknown
    sensitive: Collection[int] = ()
    #: ids of call-backs whose citizen is on the line with us at this moment
    on_the_line: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen to a call-back now: ``PLACED``, ``TO_PERSON`` or ``DROPPED``."""

    callback: Callback
    news: News
    reason: str = ""


def due(callbacks: Sequence[Callback], standing: Standing, policy: Policy, now: datetime) -> list[Decision]:
    """Whom to call now. ``now`` is on the city's own clock.

    A call-back that keeps its place in the queue is placed at once, whatever the hour: its citizen asked
    for it and waits. All others wait until nobody waits in any queue and enough agents are free, one
    after the other, outside the quiet hours. Nobody is called more often a day than the policy says.
    """
    decisions: list[Decision] = []
    held = any(it.state is S.PLACED for it in callbacks)
    for callback in sorted(callbacks, key=_urgency):
        if callback.state is not S.WANTED:
            continue
        if callback.id in standing.sensitive:
            decisions.append(Decision(callback, News.TO_PERSON, "report"))
        elif now - callback.created_at > MOST_AGE:
            decisions.append(Decision(callback, News.DROPPED, "too_old"))
        elif hindrance(callback, standing, policy, now) is None:
            if not keeps_place(callback):
                if held:
                    continue
                held = True
            decisions.append(Decision(callback, News.PLACED))
    return decisions


def keeps_place(callback: Callback) -> bool:
    """Whether it stands in the queue now for a caller who left it: before its first attempt only."""
    return callback.kind is CallbackKind.QUEUE and callback.attempts == 0


def hindrance(callback: Callback, standing: Standing, policy: Policy, now: datetime) -> str | None:
    """Why a wanted call-back is not made now, as a key of the page's labels; None: it is its turn."""
    found = None
    if callback.due_at > now:
        found = "not_yet"
    elif standing.dialled_today.get(callback.number, 0) >= policy.daily_per_number:
        found = "daily_cap"
    elif callback.id in standing.on_the_line and now - callback.due_at < STILL_LISTENS:
        found = "on_the_line"
    elif keeps_place(callback):
        pass
    elif is_quiet(now.time(), policy.quiet_from, policy.quiet_to):
        found = "quiet_hours"
    elif any(state.waiting for state in standing.queues.values()):
        found = "others_wait"
    elif not _agent_free(callback, standing, policy):
        found = "no_agent_free"
    return found


def _urgency(callback: Callback) -> tuple[bool, datetime]:
    return (not keeps_place(callback), callback.arrived_at if keeps_place(callback) else callback.due_at)


def _agent_free(callback: Callback, standing: Standing, policy: Policy) -> bool:
    state = standing.queues.get(callback.queue)
    return state is not None and state.free_agents >= policy.free_agents
