"""What one call counts for: pure, over calls that are over. All that is counted follows from this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from facts.call import Call, CallFlag, Outcome, QueueLeg

#: changes when the same call counts for something else than before: all is counted again then
COUNT_VERSION: Final = 1
#: a person was reached
REACHED: Final = frozenset({Outcome.ANSWERED, Outcome.TRANSFERRED_EMERGENCY})
#: somebody is owed something: neither reached, nor served by an answer, nor unknown
MISSED: Final = frozenset({*Outcome} - REACHED - {Outcome.SELF_SERVICE, Outcome.UNRESOLVED})
#: the caller gave up
ABANDONED: Final = frozenset({Outcome.ABANDONED_QUEUE, Outcome.ABANDONED_IVR})
#: endings of a queue leg in which the caller never got a place
NO_PLACE: Final = frozenset({"full", "joinempty", "joinunavail"})
_MOST_MS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class AgentShare:
    """One agent's part in a call: rings offered, rings answered, and how long (ms)."""

    agent: str
    rings: int
    answered: int
    ring_ms: int
    talk_ms: int


@dataclass(frozen=True, slots=True)
class RateFact:
    """A call as rates see it. Durations in ms, rounded up, so that "within 15 s" is the same in ms."""

    call: str
    arrived_at: datetime
    line: str
    #: where the call was answered, else the last queue with a place, else the last one; "" without any
    queue: str
    outcome: Outcome
    short: bool
    #: got a place in a queue; agents take callers from queues only, so an answered call always did
    placed: bool
    #: None: withheld; ``""``: erased
    caller_number: str | None
    #: from arrival to the person, or for those who reached none to the end; None: not known
    until_ms: int | None
    #: the same from the first place in a queue; None: no place, or not known
    queue_ms: int | None
    talk_ms: int
    agents: tuple[AgentShare, ...] = ()
    #: left out by the exclusion ledger
    excluded: bool = False
    #: from the call's end until we reached the caller by call-back
    recovered_ms: int | None = None


def fact_of(call: Call) -> RateFact | None:
    """What a call counts for; None while it is on."""
    if call.outcome is None:
        return None
    placed = [leg for leg in call.queue_legs if leg.ending not in NO_PLACE]
    reached_at = _person_at(call)
    until = reached_at if call.outcome in REACHED else call.ended_at
    return RateFact(
        call=str(call.key),
        arrived_at=call.arrived_at,
        line=call.line,
        queue=_queue_of(call, placed),
        outcome=call.outcome,
        short=CallFlag.SHORT in call.flags and call.outcome in ABANDONED,
        placed=call.outcome is Outcome.ANSWERED or bool(placed),
        caller_number=call.caller_number,
        until_ms=_ms(call.arrived_at, until),
        queue_ms=_ms(placed[0].joined_at, until) if placed else None,
        talk_ms=min(_MOST_MS, sum(share.talk_ms for share in shares(call))),
        agents=tuple(shares(call)),
    )


def _person_at(call: Call) -> datetime | None:
    """When a person was reached: an emergency service counts from when it spoke with the caller."""
    if call.outcome is Outcome.TRANSFERRED_EMERGENCY:
        return call.transferred_at
    return call.answered_at


def _queue_of(call: Call, placed: list[QueueLeg]) -> str:
    legs = (
        [leg for leg in placed if leg.ending == "answered"][:1] or placed[-1:] or list(call.queue_legs[-1:])
    )
    return legs[0].queue if legs else ""


def _ms(begin: datetime, end: datetime | None) -> int | None:
    """Milliseconds, rounded up; never less than none, whatever a clock did."""
    if end is None:
        return None
    micros = (end - begin) // _MICRO
    return min(_MOST_MS, max(0, -(-micros // 1000)))


_MICRO = datetime.resolution


def shares(call: Call) -> Iterator[AgentShare]:
    """What each agent had to do with the call, by agent. A ring that was cancelled was offered, too."""
    names = sorted({ring.agent for ring in call.rings} | {leg.agent for leg in call.agent_legs})
    for name in names:
        rings = [ring for ring in call.rings if ring.agent == name]
        talks = [leg for leg in call.agent_legs if leg.agent == name]
        yield AgentShare(
            name,
            len(rings),
            sum(ring.result == "answered" for ring in rings),
            min(_MOST_MS, sum(_ms(ring.rang_at, ring.ended_at) or 0 for ring in rings)),
            min(_MOST_MS, sum(_ms(leg.bridged_at, leg.left_at or call.ended_at) or 0 for leg in talks)),
        )
