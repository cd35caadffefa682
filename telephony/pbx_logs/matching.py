"""Which events from a PBX's records were not heard: those that no heard event means the same as."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from telephony.ami.events import (
    AgentCalled,
    AgentConnected,
    AgentDump,
    AgentRingNoAnswer,
    BridgeEntered,
    BridgeLeft,
    CallbackStage,
    DeskMove,
    FollowUpStage,
    HangupRequested,
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


def _meaning(event: PbxEvent) -> tuple[object, ...]:
    """What two events have in common that tell of the same happening."""
    what: tuple[object, ...] = ()
    match event:
        case BridgeEntered() | BridgeLeft():
            what = (event.bridge_id,)
        case QueueJoined() | QueueLeft():
            what = (event.queue,)
        case AgentCalled() | AgentConnected() | AgentRingNoAnswer() | AgentDump():
            what = (event.agent_uniqueid,)
        case HangupRequested():
            what = (event.by_peer,)
        case Stage():
            what = (event.name, event.status, event.flow, event.node, event.key, event.queue, event.fact)
            what += (event.subject,)
        case CallbackStage():
            what = (event.callback, event.status)
        case FollowUpStage():
            what = (event.task, event.status)
        case DeskMove():
            what = (event.call, event.move, event.status, event.target)
    return type(event).__name__, event.uniqueid, what
