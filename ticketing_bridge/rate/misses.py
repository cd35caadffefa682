"""Why a call was missed: one plain cause each, and what would have saved it. Pure: facts in, values out."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from facts.agents import AgentSpan, AgentState
from facts.call import AgentRing, Call, CallFlag, EndedBy, Outcome, QueueLeg
from ticketing_bridge.store.rate_facts import MISSED, NO_PLACE


class Cause(StrEnum):
    """The plain cause of a miss; the first that holds."""

    #: the trunk or the carrier broke off
    TRUNK = "trunk"
    #: a flow failed, or the system hung up
    FLOW_FAULT = "flow_fault"
    NOBODY_SIGNED_IN = "nobody_signed_in"
    #: signed in, and all of them paused or in wrap-up
    ALL_PAUSED = "all_paused"
    #: an agent's telephone rang to its end
    RANG_UNANSWERED = "rang_unanswered"
    #: the caller hung up while an agent's telephone rang
    HUNG_UP_RINGING = "hung_up_ringing"
    ALL_BUSY = "all_busy"
    #: an agent was free and was not rung
    NOT_OFFERED = "not_offered"
    QUEUE_FULL = "queue_full"
    WAITED_OUT = "waited_out"
    #: taken out of the queue by a person
    WITHDRAWN = "withdrawn"
    LEFT_IN_GREETING = "left_in_greeting"
    LEFT_IN_FLOW = "left_in_flow"
    CLOSED = "closed"
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    UNKNOWN = "unknown"


class Remedy(StrEnum):
    """What would have saved the call."""

    SIGN_IN = "sign_in"
    FEWER_PAUSES = "fewer_pauses"
    ANSWER_RINGS = "answer_rings"
    MORE_AGENTS = "more_agents"
    RAISE_LIMITS = "raise_limits"
    SHORTER_GREETING = "shorter_greeting"
    SHORTER_FLOW = "shorter_flow"
    LONGER_HOURS = "longer_hours"
    CALL_BACK_SOON = "call_back_soon"
    MEND_FLOW = "mend_flow"
    MEND_TRUNK = "mend_trunk"
    CHECK_PBX = "check_pbx"
    #: hung up within seconds: nobody could have
    NOTHING = "nothing"


_REMEDIES: Final[Mapping[Cause, Remedy]] = {
    Cause.TRUNK: Remedy.MEND_TRUNK,
    Cause.FLOW_FAULT: Remedy.MEND_FLOW,
    Cause.NOBODY_SIGNED_IN: Remedy.SIGN_IN,
    Cause.ALL_PAUSED: Remedy.FEWER_PAUSES,
    Cause.RANG_UNANSWERED: Remedy.ANSWER_RINGS,
    Cause.HUNG_UP_RINGING: Remedy.ANSWER_RINGS,
    Cause.ALL_BUSY: Remedy.MORE_AGENTS,
    Cause.NOT_OFFERED: Remedy.CHECK_PBX,
    Cause.QUEUE_FULL: Remedy.RAISE_LIMITS,
    Cause.WAITED_OUT: Remedy.MORE_AGENTS,
    Cause.WITHDRAWN: Remedy.CALL_BACK_SOON,
    Cause.LEFT_IN_GREETING: Remedy.SHORTER_GREETING,
    Cause.LEFT_IN_FLOW: Remedy.SHORTER_FLOW,
    Cause.CLOSED: Remedy.LONGER_HOURS,
    Cause.VOICEMAIL: Remedy.CALL_BACK_SOON,
    Cause.CALLBACK: Remedy.CALL_BACK_SOON,
    Cause.UNKNOWN: Remedy.CHECK_PBX,
}
if missing := [it for it in Cause if it not in _REMEDIES]:
    raise AssertionError(f"no remedy for {missing}")

#: Q.850: no route, network out of order, temporary failure, congestion, no channel, resource unavailable
_TRUNK_CAUSES: Final = frozenset({3, 27, 34, 38, 41, 42, 44, 47})
_AT_WORK: Final = frozenset({AgentState.TALKING, AgentState.BUSY, AgentState.RINGING})
_NOT_TO_BE_RUNG: Final = frozenset({AgentState.PAUSED, AgentState.WRAP_UP, AgentState.AWAY})


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``begin`` to ``end`` (None: still)."""

    begin: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.begin <= at and (self.end is None or at < self.end)


class _Timeline:
    """Stretches by their begin, to be asked for a moment."""

    def __init__(self, stretches: Iterable[tuple[Stretch, AgentState]]) -> None:
        self._all = sorted(stretches, key=lambda it: it[0].begin)
        self._begins = [it.begin for it, _ in self._all]

    def at(self, moment: datetime) -> AgentState | None:
        place = bisect_right(self._begins, moment) - 1
        # an agent may be in two talks at once for a moment (a transfer): the one before may still hold
        for found, state in reversed(self._all[max(0, place - 2) : place + 1]):
            if found.holds(moment):
                return state
        return None


class Surroundings:
    """Who was at work and who waited around the missed calls.

    Args:
        queues: queue → its agents, by the configuration.
        talks: (agent, stretch) of every talk around.
        waits: (queue, stretch) of every stay in a queue around.
        spans: agents' states, where they are kept; without them only talks are known.
    """

    def __init__(
        self,
        queues: Mapping[str, Collection[str]],
        talks: Iterable[tuple[str, Stretch]] = (),
        waits: Iterable[tuple[str, Stretch]] = (),
        spans: Sequence[AgentSpan] = (),
    ) -> None:
        self._queues = queues
        self.states_known = bool(spans)
        found: dict[str, list[tuple[Stretch, AgentState]]] = {}
        for agent, stretch in talks:
            found.setdefault(agent, []).append((stretch, AgentState.TALKING))
        for span in spans:
            found.setdefault(span.agent, []).append((Stretch(span.begin, span.end), span.state))
        self._agents = {agent: _Timeline(it) for agent, it in found.items()}
        self._waits: dict[str, list[Stretch]] = {}
        for queue, stretch in waits:
            self._waits.setdefault(queue, []).append(stretch)
        for stays in self._waits.values():
            stays.sort(key=lambda it: it.begin)

    def states(self, queue: str, at: datetime) -> Counter[AgentState]:
        """How many of a queue's agents were in which state."""
        states = (self._agents[it].at(at) for it in self._queues.get(queue, ()) if it in self._agents)
        return Counter(it for it in states if it is not None)

    def ahead(self, queue: str, joined: datetime, at: datetime) -> int:
        """How many who had come to the queue before still waited."""
        stays = self._waits.get(queue, [])
        before = stays[: bisect_right(stays, joined, key=lambda it: it.begin)]
        return sum(it.begin < joined and it.holds(at) for it in before[-500:])


@dataclass(frozen=True, slots=True)
class Miss:
    """Why one call was missed. What is not known, or says nothing here, is None or empty."""

    call: str
    arrived_at: datetime
    line: str
    outcome: Outcome
    cause: Cause
    remedy: Remedy
    #: seconds from arrival until it was over
    lasted_s: float | None = None
    queue: str = ""
    waited_s: float | None = None
    #: how many still waited before this caller when it was over
    ahead: int | None = None
    #: agents whose telephones rang in vain
    rang: tuple[str, ...] = ()
    #: agents of the queue who talked when it was over
    busy: int | None = None
    #: flow and node, or stage, in which it ended
    place: str = ""


def explain(call: Call, around: Surroundings) -> Miss | None:
    """The cause of a missed call; None when it was none (or nobody knows yet: unresolved, on)."""
    if call.outcome is None or call.outcome not in MISSED:
        return None
    placed = [leg for leg in call.queue_legs if leg.ending not in NO_PLACE]
    last = next(iter([*placed[-1:], *call.queue_legs[-1:]]), None)
    seen = _in_queue(call, last, around) if last else None
    cause = _cause(call, seen)
    return Miss(
        call=str(call.key),
        arrived_at=call.arrived_at,
        line=call.line,
        outcome=call.outcome,
        cause=cause,
        remedy=Remedy.NOTHING if CallFlag.SHORT in call.flags else _REMEDIES[cause],
        lasted_s=(call.ended_at - call.arrived_at).total_seconds() if call.ended_at else None,
        queue=seen.queue if seen else "",
        waited_s=seen.waited_s if seen else None,
        ahead=seen.ahead if seen else None,
        rang=seen.rang if seen else (),
        busy=seen.busy if seen else None,
        place=_place(call),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What happened while the caller waited the last time, and how the agents were when it was over."""

    queue: str
    waited_s: float
    ahead: int
    rang: tuple[str, ...]
    ringing: bool
    busy: int
    paused: int
    ready: int


def _in_queue(call: Call, leg: QueueLeg, around: Surroundings) -> _Seen:
    end = leg.left_at or call.ended_at or leg.joined_at
    rings = [it for it in call.rings if leg.joined_at <= it.rang_at <= end]
    states = around.states(leg.queue, end)
    return _Seen(
        queue=leg.queue,
        waited_s=(end - leg.joined_at).total_seconds(),
        ahead=around.ahead(leg.queue, leg.joined_at, end),
        rang=tuple(dict.fromkeys(it.agent for it in rings if it.result == "no_answer")),
        ringing=any(_rang_at(it, end) for it in rings),
        busy=sum(states[it] for it in _AT_WORK),
        paused=sum(states[it] for it in _NOT_TO_BE_RUNG),
        ready=states[AgentState.READY],
    )


def _rang_at(ring: AgentRing, at: datetime) -> bool:
    """Whether it still rang when the caller went, which is what cancels a ring."""
    return ring.result != "no_answer" and (ring.ended_at is None or ring.ended_at >= at)


def _cause(call: Call, seen: _Seen | None) -> Cause:
    simple = {
        Outcome.CLOSED: Cause.CLOSED,
        Outcome.VOICEMAIL: Cause.VOICEMAIL,
        Outcome.CALLBACK_REQUESTED: Cause.CALLBACK,
        Outcome.WITHDRAWN: Cause.WITHDRAWN,
        Outcome.FULL: Cause.QUEUE_FULL,
        Outcome.JOIN_EMPTY: Cause.NOBODY_SIGNED_IN,
        Outcome.LEAVE_EMPTY: Cause.NOBODY_SIGNED_IN,
    }
    assert call.outcome is not None
    by_trunk = call.ended_by is not EndedBy.CALLER and call.hangup_cause in _TRUNK_CAUSES
    rules: tuple[tuple[bool, Callable[[], Cause]], ...] = (
        (call.outcome in simple, lambda: simple[call.outcome or Outcome.CLOSED]),
        (by_trunk, lambda: Cause.TRUNK),
        (call.outcome is Outcome.SYSTEM_ERROR, lambda: Cause.FLOW_FAULT),
        (call.outcome is Outcome.ABANDONED_IVR, lambda: _before_the_queue(call)),
    )
    found = next((cause() for holds, cause in rules if holds), None)
    return found or (_waiting(call, seen) if seen else Cause.UNKNOWN)


def _before_the_queue(call: Call) -> Cause:
    """In the notice and the greeting nobody can do anything yet; later a flow is in the way."""
    return Cause.LEFT_IN_FLOW if any(step.key for step in call.steps) else Cause.LEFT_IN_GREETING


def _waiting(call: Call, seen: _Seen) -> Cause:
    if seen.rang:
        return Cause.RANG_UNANSWERED
    if seen.ringing:
        return Cause.HUNG_UP_RINGING
    if seen.ready:
        return Cause.NOT_OFFERED
    if seen.busy:
        return Cause.WAITED_OUT if call.outcome is Outcome.TIMEOUT else Cause.ALL_BUSY
    return Cause.ALL_PAUSED if seen.paused else Cause.NOBODY_SIGNED_IN


def _place(call: Call) -> str:
    if call.steps:
        return f"{call.steps[-1].flow} · {call.steps[-1].node}"
    return "notice" if call.flow_entered_at is None and not call.queue_legs else ""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One cause with what would have saved its calls, and whose telephones rang in vain how often."""

    cause: Cause
    remedy: Remedy
    misses: tuple[Miss, ...]
    rang: tuple[tuple[str, int], ...]

    @property
    def count(self) -> int:
        return len(self.misses)


def rank(misses: Iterable[Miss]) -> tuple[Ranked, ...]:
    """Causes by how many calls they cost, most first."""
    groups: dict[tuple[Cause, Remedy], list[Miss]] = {}
    for miss in misses:
        groups.setdefault((miss.cause, miss.remedy), []).append(miss)
    ranked = [
        Ranked(*key, tuple(found), tuple(Counter(it for miss in found for it in miss.rang).most_common()))
        for key, found in groups.items()
    ]
    # what nobody could have saved comes last
    return tuple(sorted(ranked, key=lambda it: (it.remedy is Remedy.NOTHING, -it.count, it.cause)))
