"""Which events from a PBX's records were not heard: those that no heard event means the same as."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from telephony.ami.events import (
    AgentCalled,
    AgentConnected,
    AgentDump,
    AgentKeyed,
    AgentRingNoAnswer,
    BridgeEntered,
    BridgeLeft,
    CallbackStage,
    DeskMove,
    FollowUpStage,
    HangupRequested,
    MemberAdded,
    MemberPause,
    MemberRemoved,
    PbxEvent,
    QueueJoined,
    QueueLeft,
    Stage,
)

#: the same happening, heard and recorded, is at most so far apart; its own repetition is farther
SAME = timedelta(seconds=1)
#: so much of the time before and after a gap is looked at, too: where it begins is not known exactly
EDGE = timedelta(seconds=2)


def unheard(
    heard: Iterable[PbxEvent], recorded: Iterable[PbxEvent], begin: datetime, end: datetime
) -> list[PbxEvent]:
    """Recorded events of the gap from ``begin`` to ``end`` that were not heard, marked with the gap.

    Of what means the same, the nearest in time belong together, each once.
    """
    heard_at: dict[tuple[object, ...], list[datetime]] = defaultdict(list)
    for event in heard:
        if event.gap_end != end:
            heard_at[_meaning(event)].append(event.at)
    alike: dict[tuple[object, ...], list[PbxEvent]] = defaultdict(list)
    for event in recorded:
        alike[_meaning(event)].append(event)
    missing = [
        replace(event, gap_end=end)
        for meaning, events in alike.items()
        for event in _left_over(events, heard_at.get(meaning, []))
        if begin - EDGE <= event.at <= end + EDGE
    ]
    return sorted(missing, key=lambda event: event.at)


def _left_over(recorded: Sequence[PbxEvent], heard_at: Sequence[datetime]) -> list[PbxEvent]:
    """Recorded events that no heard one stands for."""
    pairs = sorted(
        (apart, place, other)
        for place, event in enumerate(recorded)
        for other, at in enumerate(heard_at)
        if (apart := abs(at - event.at)) <= SAME
    )
    told: set[int] = set()
    used: set[int] = set()
    for _, place, other in pairs:
        if place not in told and other not in used:
            told.add(place)
            used.add(other)
    return [event for place, event in enumerate(recorded) if place not in told]


#: what two events have in common, beside channel and kind, that tell of the same happening
_MEANING: Mapping[type[object], tuple[str, ...]] = {
    BridgeEntered: ("bridge_id",),
    BridgeLeft: ("bridge_id",),
    QueueJoined: ("queue",),
    QueueLeft: ("queue",),
    AgentCalled: ("agent_uniqueid",),
    AgentConnected: ("agent_uniqueid",),
    AgentRingNoAnswer: ("agent_uniqueid",),
    AgentDump: ("agent_uniqueid",),
    HangupRequested: ("by_peer",),
    Stage: ("name", "status", "flow", "node", "key", "queue", "fact", "subject"),
    CallbackStage: ("callback", "status"),
    FollowUpStage: ("task", "status"),
    DeskMove: ("call", "move", "status", "target"),
    AgentKeyed: ("agent", "do", "reason"),
    MemberPause: ("queue", "member", "paused"),
    MemberAdded: ("queue", "member"),
    MemberRemoved: ("queue", "member"),
}


def _meaning(event: PbxEvent) -> tuple[object, ...]:
    names = _MEANING.get(type(event), ())
    return (type(event), event.uniqueid, *(getattr(event, name) for name in names))
