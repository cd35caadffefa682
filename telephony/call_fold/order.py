"""The order in which a call's events are read: by the PBX's clock, whatever order they came in."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from telephony.ami.events import (
    AgentCalled,
    AgentCompleted,
    AgentConnected,
    AgentDump,
    AgentRingNoAnswer,
    BridgeEntered,
    BridgeLeft,
    ChannelHangup,
    ChannelNew,
    ChannelRenamed,
    ChannelUp,
    DeskMove,
    GapFilled,
    HangupRequested,
    LinkLost,
    LinkUp,
    PbxEvent,
    QueueAbandoned,
    QueueJoined,
    QueueLeft,
    SelfServiceSettled,
    SnapshotChannel,
    SnapshotEnd,
    SnapshotQueueEntry,
    Stage,
    StageName,
)

#: kinds with the same microsecond, in the order of cause and effect
KINDS_IN_ORDER = (
    LinkLost, GapFilled, LinkUp, ChannelNew, Stage, ChannelUp, ChannelRenamed, QueueJoined, AgentCalled,
    AgentRingNoAnswer, QueueLeft, AgentConnected, DeskMove, BridgeEntered, HangupRequested, AgentCompleted,
    AgentDump, BridgeLeft, QueueAbandoned, SnapshotChannel, SnapshotQueueEntry, SnapshotEnd, ChannelHangup,
    SelfServiceSettled,
)  # fmt: skip
_RANK: dict[type[object], int] = {kind: rank for rank, kind in enumerate(KINDS_IN_ORDER)}
_ENDED_RANK = _RANK[SnapshotEnd]
_STAGE = {name: place for place, name in enumerate(StageName)}


def _place(event: PbxEvent) -> tuple[object, ...]:
    rank = _RANK.get(type(event), len(KINDS_IN_ORDER))
    stage = 0
    if isinstance(event, Stage):
        stage = _STAGE[event.name]
        rank = _ENDED_RANK if event.name is StageName.ENDED else rank
    return (event.at, rank, stage, event.uniqueid)


def in_order(events: Iterable[PbxEvent]) -> list[PbxEvent]:
    """Events by time, then by cause and effect; what is there twice counts once."""
    found: list[PbxEvent] = []
    places: list[tuple[object, ...]] = []
    for place, event in sorted(((_place(event), event) for event in events), key=itemgetter(0)):
        # what is equal has the same place: nothing else need be compared
        at = len(places)
        while at and places[at - 1] == place and found[at - 1] != event:
            at -= 1
        if not at or places[at - 1] != place:
            found.append(event)
            places.append(place)
    return found
