"""Which call an event belongs to, and which calls are open: for one PBX, in memory, replayable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from facts.call import Call
from facts.identity import CallKey
from telephony.ami.events import (
    AgentCalled,
    AgentConnected,
    BridgeEntered,
    BridgeLeft,
    ChannelHangup,
    ChannelNew,
    DeskMove,
    GapFilled,
    LinkLost,
    LinkUp,
    MemberAdded,
    MemberPause,
    MemberRemoved,
    MemberStatus,
    PbxEvent,
    SelfServiceSettled,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
    SnapshotQueueEntry,
    SnapshotQueueMember,
    Stage,
    StageName,
)
from telephony.call_fold.fold import fold_call
from telephony.call_fold.rules import NEVER_CITIZENS, FoldRules, is_citizens

#: how long an ended call still takes late events, by the PBX's clock
LATE = timedelta(minutes=2)
LOOK = timedelta(seconds=5)
#: they bear a later time than what comes after them
_AHEAD = (GapFilled, SelfServiceSettled)
#: Asterisk's channel state of a call that comes in, and the "application" of one that it dialled
_RINGS_IN = 4
_DIALLED = "AppDial"


@dataclass(slots=True)
class _Tracked:
    """One call and everything that was said about it."""

    key: CallKey
    events: list[PbxEvent] = field(default_factory=list)
    closed_at: datetime | None = None


class CallTracker:
    """Gives events to calls by channel, by Linkedid and by bridge; marks and sweeps with snapshots.

    The same events in the same order give the same calls: a restart or a rebuild feeds
    stored events through ``take``. Events of different calls may come in any order.
    ``forgets`` False keeps every call in memory: for a stretch of time that is looked at as a whole.
    """

    def __init__(self, pbx_id: str, rules: FoldRules, *, forgets: bool = True) -> None:
        self.pbx_id = pbx_id
        self._forgets = forgets
        self._rules = rules
        self._calls: dict[CallKey, _Tracked] = {}
        #: uniqueid of a channel → its call
        self._owners: dict[str, CallKey] = {}
        #: bridge → channels in it, with how they entered
        self._bridges: dict[str, dict[str, BridgeEntered]] = {}
        self._changed: dict[CallKey, None] = {}
        self._snapshot: list[SnapshotChannel | SnapshotQueueEntry] = []
        self._marked: frozenset[CallKey] = frozenset()
        self._filled: GapFilled | None = None
        self._look_at: datetime | None = None
        #: changed calls that were let go before anybody asked for them
        self._parting: list[Call] = []

    # -- what is asked of it

    def take(self, event: PbxEvent) -> CallKey | None:
        """Give an event to its call; returns the call, None when it belongs to none (yet)."""
        if not isinstance(event, _AHEAD):
            self._forget_old(event.at)
        match event:
            case MemberStatus() | MemberPause() | SnapshotQueueMember() | MemberAdded() | MemberRemoved():
                return None
            case LinkUp() | LinkLost() | GapFilled():
                self._mark(event)
                return None
            case SnapshotBegin():
                self._snapshot = []
                self._marked = frozenset(self.open_keys())
                return None
            case SnapshotChannel() | SnapshotQueueEntry():
                self._snapshot.append(event)
                return self._owners.get(event.uniqueid)
            case SnapshotEnd():
                self._end_snapshot(event)
                return None
        return self._give_channel_event(event)

    def open_keys(self) -> list[CallKey]:
        """Calls that are not over, in the order in which they were first seen."""
        return [key for key, tracked in self._calls.items() if tracked.closed_at is None]

    def open_calls(self) -> list[Call]:
        """The same, folded; channels that never reached the dialplan are not among them."""
        return self._folded(self.open_keys())

    def call(self, key: CallKey) -> Call | None:
        """One call as it is now; None when it is unknown or long over."""
        tracked = self._calls.get(key)
        return fold_call(key, tracked.events, self._rules) if tracked else None

    def events(self, key: CallKey) -> list[PbxEvent]:
        """Everything that was said about a call in memory; empty when it is not one."""
        tracked = self._calls.get(key)
        return [*tracked.events] if tracked else []

    def changed_calls(self) -> list[Call]:
        """Calls that something was said about since the last time this was asked."""
        parting, self._parting = self._parting, []
        changed, self._changed = self._changed, {}
        return parting + self._folded(changed)

    def _folded(self, keys: Iterable[CallKey]) -> list[Call]:
        return [call for key in keys if (call := self.call(key))]

    def adopt(self, key: CallKey, events: Iterable[PbxEvent]) -> bool:
        """Give a call that is in memory what was found out about it since; False when it is not."""
        tracked = self._calls.get(key)
        if tracked is None:
            return False
        known = set(tracked.events)
        for event in events:
            if event not in known:
                self._give(key, event)
                if event.uniqueid:
                    self._owners.setdefault(event.uniqueid, key)
        return True

    def _mark(self, event: LinkUp | LinkLost | GapFilled) -> None:
        """To every call that is on; that a gap is filled, also to those that began in it."""
        marks: list[PbxEvent] = [event]
        if isinstance(event, GapFilled):
            self._filled = event
        elif isinstance(event, LinkUp) and self._filled and self._filled.at == event.at:
            marks.append(self._filled)
        for call in self.open_keys():
            for mark in marks:
                self._give(call, mark)

    # -- to whom an event belongs

    def _give_channel_event(self, event: PbxEvent) -> CallKey | None:
        owner = self._owners.get(event.call) if isinstance(event, DeskMove) else self._owner(event)
        beside: set[CallKey] = set()
        match event:
            case BridgeEntered():
                owner = self._enter(event, owner)
                beside = self._citizens_in(event.bridge_id)
            case BridgeLeft():
                beside = self._citizens_in(event.bridge_id)
                self._bridges.get(event.bridge_id, {}).pop(event.uniqueid, None)
                if not self._bridges.get(event.bridge_id, True):
                    del self._bridges[event.bridge_id]
            case AgentCalled() | AgentConnected() if owner and event.agent_uniqueid:
                self._owners[event.agent_uniqueid] = owner
            case DeskMove() if owner:
                self._owners.setdefault(event.uniqueid, owner)
        if owner is not None:
            for key in {owner, *beside}:
                self._give(key, event)
        return owner

    def _citizens_in(self, bridge: str) -> set[CallKey]:
        """Calls whose caller is in a bridge: more than one when an agent joined them."""
        owners = ((uniqueid, self._owners.get(uniqueid)) for uniqueid in self._bridges.get(bridge, {}))
        return {key for uniqueid, key in owners if key is not None and key.uniqueid == uniqueid}

    def _owner(self, event: PbxEvent) -> CallKey | None:
        known = self._owners.get(event.uniqueid)
        if known is not None:
            return known  # also a Local channel that rings an agent for a caller
        if not event.uniqueid or event.channel.startswith(NEVER_CITIZENS):
            return None
        if isinstance(event, Stage):
            return self._owner_of_stage(event)
        return self._begin(event.uniqueid) if _is_citizen(event) else self._owner_of_linked(event)

    def _owner_of_linked(self, event: PbxEvent) -> CallKey | None:
        """What the PBX made for a caller bears the caller's Linkedid."""
        owner = self._owners.get(event.linkedid)
        if owner is None or owner.uniqueid != event.linkedid:
            return None
        self._owners[event.uniqueid] = owner
        return owner

    def _owner_of_stage(self, event: Stage) -> CallKey | None:
        """A stage is the caller's own word, except that an emergency service says that it is connected."""
        if event.name is StageName.TRANSFER and event.linkedid != event.uniqueid:
            return self._owners.get(event.linkedid)
        return self._begin(event.uniqueid)

    def _begin(self, uniqueid: str) -> CallKey:
        key = CallKey(self.pbx_id, uniqueid)
        self._calls[key] = _Tracked(key)
        self._owners[uniqueid] = key
        return key

    def _give(self, key: CallKey, event: PbxEvent) -> None:
        tracked = self._calls[key]
        tracked.events.append(event)
        self._changed[key] = None
        if isinstance(event, ChannelHangup) and event.uniqueid == key.uniqueid:
            tracked.closed_at = event.at

    def _enter(self, event: BridgeEntered, owner: CallKey | None) -> CallKey | None:
        """Who meets a citizen in a bridge belongs to the call, whatever its Linkedid says."""
        members = self._bridges.setdefault(event.bridge_id, {})
        members[event.uniqueid] = event
        if owner is None:
            found = (self._owners.get(uniqueid) for uniqueid in members)
            owner = next((key for key in found if key is not None), None)
            if owner is not None and not event.channel.startswith(NEVER_CITIZENS):
                self._owners[event.uniqueid] = owner
            return owner
        for uniqueid, earlier in members.items():
            known = self._owners.get(uniqueid)
            if known is None and not earlier.channel.startswith(NEVER_CITIZENS):
                self._owners[uniqueid] = owner
            if known != owner and not earlier.channel.startswith(NEVER_CITIZENS):
                self._give(owner, earlier)
        return owner

    # -- snapshots

    def _end_snapshot(self, end: SnapshotEnd) -> None:
        """Take up what is there (citizens first), then sweep what is not."""
        items, self._snapshot = self._snapshot, []
        for event in sorted(items, key=lambda it: not _is_citizen(it)):
            owner = self._owner(event)
            if owner is None:
                continue
            tracked = self._calls[owner]
            if (
                isinstance(event, SnapshotChannel)
                and event.uniqueid == owner.uniqueid
                and not _hung_up(tracked)
            ):
                tracked.closed_at = None
            self._give(owner, event)
        if not end.complete:
            return
        there = {event.uniqueid for event in items if isinstance(event, SnapshotChannel)}
        for key in self._marked.intersection(self.open_keys()):
            if key.uniqueid not in there:
                self._calls[key].closed_at = end.at
                self._give(key, end)
        self._marked = frozenset()

    # -- memory

    def _forget_old(self, now: datetime) -> None:
        """Let go of calls that have been over for ``LATE``; looked at once in ``LOOK`` of the PBX's time."""
        if not self._forgets or (self._look_at is not None and now < self._look_at):
            return
        self._look_at = now + LOOK
        for key, tracked in [*self._calls.items()]:
            if tracked.closed_at is None or tracked.closed_at + LATE >= now:
                continue
            if key in self._changed:
                del self._changed[key]
                self._parting += self._folded([key])
            for uniqueid in {event.uniqueid for event in tracked.events}:
                self._owners.pop(uniqueid, None)
            del self._calls[key]


def _is_citizen(event: PbxEvent) -> bool:
    """A channel of the public trunk that came in: the PBX's own calls out have the same context."""
    if event.channel.startswith(NEVER_CITIZENS):
        return False
    match event:
        case ChannelNew():
            return event.state == _RINGS_IN and is_citizens(event.context)
        case SnapshotChannel():
            return event.application != _DIALLED and is_citizens(event.context)
    return False


def _hung_up(tracked: _Tracked) -> bool:
    return any(
        isinstance(event, ChannelHangup) and event.uniqueid == tracked.key.uniqueid
        for event in tracked.events
    )
