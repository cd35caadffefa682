"""What has been seen of one citizen call: its events are read here, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from facts.call import CallFlag, CallState
from facts.identity import CallKey
from telephony.ami.events import (
    AgentCalled,
    AgentCompleted,
    AgentConnected,
    AgentRingNoAnswer,
    BridgeEntered,
    BridgeLeft,
    ChannelHangup,
    ChannelNew,
    ChannelRenamed,
    DeskMove,
    GapFilled,
    HangupRequested,
    LinkLost,
    LinkUp,
    PbxEvent,
    QueueJoined,
    QueueLeft,
    SelfServiceSettled,
    SnapshotChannel,
    SnapshotEnd,
    SnapshotQueueEntry,
    Stage,
    StageName,
)
from telephony.call_fold.bridges import Bridges
from telephony.call_fold.gaps import Gaps
from telephony.call_fold.journey import Journey
from telephony.call_fold.outcomes import Evidence
from telephony.call_fold.queue_legs import QueueLegs
from telephony.call_fold.rings import Ring
from telephony.call_fold.rules import NEVER_CITIZENS, FoldRules
from telephony.call_fold.states import TRANSITIONS, Signal
from telephony.call_fold.thirds import Thirds

#: what may still be told of a call whose channel is gone
_AFTER_THE_END = (Stage, ChannelHangup, AgentCompleted, BridgeLeft, GapFilled, SelfServiceSettled)


@dataclass(slots=True)
class Seen:
    """What has been seen so far of one call."""

    key: CallKey
    rules: FoldRules
    #: plain fields of ``Call`` as they become known
    known: dict[str, Any] = field(default_factory=dict)
    state: CallState = CallState.ARRIVED
    rings: dict[str, Ring] = field(default_factory=dict)
    #: uniqueid of an agent's channel → agent
    agents: dict[str, str] = field(default_factory=dict)
    queues: QueueLegs = field(default_factory=QueueLegs)
    bridges: Bridges = field(default_factory=Bridges)
    thirds: Thirds = field(default_factory=Thirds)
    journey: Journey = field(default_factory=Journey)
    connected_at: datetime | None = None
    #: after an agent: when the caller was last sent on, and whether somebody was reached there
    sent_on_at: datetime | None = None
    reached: bool = False
    #: None while the number may still ring again
    self_service_held: bool | None = None
    seen: Evidence = field(default_factory=Evidence)
    hung_up_at: datetime | None = None
    reported_at: datetime | None = None
    arrival_seen: bool = False
    gaps: Gaps = field(default_factory=Gaps)
    #: when something was last said of this call itself
    last_at: datetime | None = None
    flags: set[CallFlag] = field(default_factory=set)

    def take(self, event: PbxEvent) -> None:
        """Read one event; after the end nothing but its own report counts."""
        if self.hung_up_at and not isinstance(event, _AFTER_THE_END):
            return
        if event.uniqueid and not isinstance(event, SelfServiceSettled):
            self.last_at = event.at
        if event.gap_end is not None:
            self.flags.add(CallFlag.BACKFILLED)
        handler = _HANDLERS.get(type(event))
        if handler:
            handler(self, event)

    def _is_caller(self, event: PbxEvent) -> bool:
        return event.uniqueid == self.key.uniqueid

    def signal(self, signal: Signal) -> None:
        """Move to the state that the table names."""
        self.state = TRANSITIONS[self.state][signal]

    def first(self, name: str, value: object) -> None:
        """Keep a fact unless it is known already."""
        if value not in (None, ""):
            self.known.setdefault(name, value)

    # -- the caller's own channel

    def _new(self, event: ChannelNew) -> None:
        if self._is_caller(event):
            self._identity(event)
            self.first("caller_number", event.caller_number)

    def _identity(self, event: PbxEvent) -> None:
        self.first("channel", event.channel)
        self.first("linkedid", event.linkedid)

    def _renamed(self, event: ChannelRenamed) -> None:
        if self._is_caller(event):
            self.known["channel"] = event.new_name

    def _hangup_asked(self, event: HangupRequested) -> None:
        if not event.by_peer:
            return
        if self._is_caller(event):
            self.seen = replace(self.seen, caller_hung_up=True)
        elif event.uniqueid in self.agents or self.rules.agent_of(event.channel):
            self.seen = replace(self.seen, agent_hung_up=self.bridges.with_caller(event.uniqueid))

    def _hangup(self, event: ChannelHangup) -> None:
        if self._is_caller(event):
            self.hung_up_at = event.at
            self.seen = replace(self.seen, cause=event.cause)
        elif ring := self.rings.get(event.uniqueid):
            ring.end(event.at, "cancelled")

    # -- the dialplan's stages

    def _stage(self, event: Stage) -> None:
        if self._is_caller(event):
            self._identity(event)
        _STAGES[event.name](self, event)

    def _step(self, event: Stage) -> None:
        self.journey.step(event)

    def _fact(self, event: Stage) -> None:
        self.journey.fact(event)

    def _key(self, event: Stage) -> None:
        self.queues.exited(event.at, "exit_key", event.key)

    def _transfer(self, event: Stage) -> None:
        self.journey.transfer(event)

    def _arrived(self, event: Stage) -> None:
        self.arrival_seen = True
        self.known["arrived_at"] = event.at
        self.first("line", event.line)
        self.first("did", event.did)
        self.first("caller_number", event.caller_number)

    def _notice(self, event: Stage) -> None:
        self.signal(Signal.NOTICE)
        if event.status == "played":
            self.first("notice_at", event.at)
        else:
            self.flags.add(CallFlag.NOT_RECORDED)

    def _recording(self, event: Stage) -> None:
        self.first("recording", event.file)

    def _flow(self, event: Stage) -> None:
        """``flow_…_at`` are of the flow on arrival; those while waiting and afterwards are steps only."""
        if event.status == "entered":
            self.signal(Signal.FLOW)
            self.journey.enters(event.flow)
            self.first("flow_entered_at", event.at)
        elif event.stage in (None, "flow"):
            self.known["flow_left_at"] = event.at

    def _queue(self, event: Stage) -> None:
        self.signal(Signal.QUEUE)
        if self.bridges.legs():
            self.sent_on_at, self.reached = event.at, False
        self.queues.sent(event.queue or "", event.at, event.before or "")

    def _ended(self, event: Stage) -> None:
        self.first("line", event.line)
        self.first("did", event.did)
        self.first("notice", event.notice)
        self.journey.results(event.results or "")
        self.reported_at = event.at
        self.seen = replace(
            self.seen,
            stage=event.stage or "",
            queue_status=(event.queue_status or "").upper(),
            abandoned=bool(event.abandoned),
            told_answered=bool(event.answered),
            told_by=event.by is not None,
            caller_hung_up=self.seen.caller_hung_up or bool(event.by and event.by == event.channel),
            cause=event.cause if self.seen.cause is None else self.seen.cause,
        )

    # -- queues and agents

    def _joined(self, event: QueueJoined) -> None:
        self.signal(Signal.QUEUE)
        self.queues.joined(event.queue, event.at, event.position)

    def _left(self, event: QueueLeft) -> None:
        self.queues.left(event.at)

    def _called(self, event: AgentCalled) -> None:
        agent = self._agent(event)
        self.rings.setdefault(
            event.agent_uniqueid or f"{agent} {event.at}", Ring(agent, event.queue, event.at)
        )

    def _agent(self, event: AgentCalled | AgentConnected | AgentRingNoAnswer) -> str:
        agent = event.member or event.interface.rpartition("/")[2]
        self.agents.setdefault(event.agent_uniqueid, agent)
        return agent

    def _no_answer(self, event: AgentRingNoAnswer) -> None:
        agent = self._agent(event)
        began = event.at - timedelta(milliseconds=event.ring_ms)
        self.rings.setdefault(event.agent_uniqueid, Ring(agent, event.queue, began)).end(
            event.at, "no_answer"
        )

    def _connected(self, event: AgentConnected) -> None:
        agent = self._agent(event)
        began = event.at - timedelta(seconds=event.ring_s)
        self.rings.setdefault(event.agent_uniqueid, Ring(agent, event.queue, began)).end(event.at, "answered")
        self.connected_at = self.connected_at or event.at
        self.queues.answered(event.at)
        self.signal(Signal.AGENT)

    def _moved(self, event: DeskMove) -> None:
        """The desk sends the caller on, or whom it sent the caller to is there."""
        if event.move == "with":
            self._with(event)
            return
        self.seen = replace(self.seen, moved=True)
        self.thirds.take(event)
        if event.move == "blind" and event.status == "dialing":
            self.sent_on_at, self.reached = event.at, False
        elif event.status == "connected":
            self.reached = True

    def _with(self, event: DeskMove) -> None:
        """A flow has called a service and an agent into the caller's room; an agent's half is the agent."""
        if event.kind == "agent" and event.status == "connected":
            self.agents[event.uniqueid] = event.target or ""
        elif event.kind == "emergency":
            self.journey.service(event.target, event.at if event.status == "connected" else None)

    def _completed(self, event: AgentCompleted) -> None:
        if event.reason == "transfer":
            self.sent_on_at, self.reached = event.at, False
        self.seen = replace(self.seen, talk_ended_by=event.reason)

    def _bridge_entered(self, event: BridgeEntered) -> None:
        if event.technology != "holding_bridge":
            self._in_bridge(event.bridge_id, event, certain=True)

    def _in_bridge(self, bridge: str, event: BridgeEntered | SnapshotChannel, *, certain: bool) -> None:
        if self._is_caller(event):
            self.bridges.caller_enters(bridge, event.at, certain=certain)
        elif who := self.thirds.who(event):
            agent = self.agents.get(who.uniqueid) or self.rules.agent_of(who.channel)
            if agent is not None or not who.channel.startswith(NEVER_CITIZENS):
                self.bridges.other_enters(bridge, agent, who.channel, who.uniqueid, event.at, certain=certain)
        if self.bridges.talking:
            self.signal(Signal.AGENT)

    def _bridge_left(self, event: BridgeLeft) -> None:
        if self._is_caller(event):
            self.bridges.caller_leaves(event.at)
        elif who := self.thirds.who(event):
            self.bridges.other_leaves(who.uniqueid, event.at)

    def _settled(self, event: SelfServiceSettled) -> None:
        self.self_service_held = event.held

    # -- gaps

    def _gap(self, event: LinkLost | LinkUp) -> None:
        self.gaps.mark(event)

    def _filled(self, event: GapFilled) -> None:
        self.gaps.fill(event)

    def _in_snapshot(self, event: SnapshotChannel) -> None:
        if self._is_caller(event):
            self.gaps.swept = False
            self._identity(event)
        if self.gaps.known_at(event.at):
            return
        if self._is_caller(event):
            self.first("arrived_at", event.at - timedelta(seconds=event.duration_s))
            self.first("caller_number", event.caller_number)
        if event.bridge_id:
            self._in_bridge(event.bridge_id, event, certain=False)

    def _waits(self, event: SnapshotQueueEntry) -> None:
        if self.gaps.known_at(event.at):
            return
        if self.queues.taken_up(event.queue, event.at - timedelta(seconds=event.wait_s), event.position):
            self.signal(Signal.QUEUE)

    def _not_in_snapshot(self, event: SnapshotEnd) -> None:
        self.gaps.sweep(event)


_STAGES: Mapping[StageName, Callable[[Seen, Stage], None]] = {
    StageName.ARRIVED: Seen._arrived,
    StageName.NOTICE: Seen._notice,
    StageName.RECORDING: Seen._recording,
    StageName.FLOW: Seen._flow,
    StageName.STEP: Seen._step,
    StageName.FACT: Seen._fact,
    StageName.KEY: Seen._key,
    StageName.TRANSFER: Seen._transfer,
    StageName.QUEUE: Seen._queue,
    StageName.ENDED: Seen._ended,
}

_HANDLERS: Mapping[type[object], Callable[[Seen, Any], None]] = {
    ChannelNew: Seen._new,
    ChannelRenamed: Seen._renamed,
    HangupRequested: Seen._hangup_asked,
    ChannelHangup: Seen._hangup,
    Stage: Seen._stage,
    QueueJoined: Seen._joined,
    QueueLeft: Seen._left,
    AgentCalled: Seen._called,
    AgentRingNoAnswer: Seen._no_answer,
    AgentConnected: Seen._connected,
    AgentCompleted: Seen._completed,
    DeskMove: Seen._moved,
    SelfServiceSettled: Seen._settled,
    BridgeEntered: Seen._bridge_entered,
    BridgeLeft: Seen._bridge_left,
    LinkLost: Seen._gap,
    LinkUp: Seen._gap,
    GapFilled: Seen._filled,
    SnapshotChannel: Seen._in_snapshot,
    SnapshotQueueEntry: Seen._waits,
    SnapshotEnd: Seen._not_in_snapshot,
}
#: kinds of events that a call is made of
READ = frozenset(_HANDLERS)
