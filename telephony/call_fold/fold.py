"""One citizen call from its events: what was said by the PBX, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from facts.call import Call, CallFlag, CallState, EndedBy, Outcome
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
from telephony.call_fold.order import in_order
from telephony.call_fold.outcomes import Evidence, ended_by, outcome_of
from telephony.call_fold.queue_legs import QueueLegs
from telephony.call_fold.rings import Ring
from telephony.call_fold.rules import NEVER_CITIZENS, FoldRules
from telephony.call_fold.states import TRANSITIONS, Signal
from telephony.call_fold.thirds import Thirds

#: raised whenever the same events may give another call
FOLD_VERSION = 4

#: what may still be told of a call whose channel is gone
_AFTER_THE_END = (Stage, ChannelHangup, AgentCompleted, BridgeLeft, GapFilled, SelfServiceSettled)
#: whoever sends a caller on is out of the bridge within this time
_SENT_ON = timedelta(milliseconds=500)
_SHORT_OUTCOMES = (Outcome.ABANDONED_IVR, Outcome.ABANDONED_QUEUE)


def fold_call(key: CallKey, events: Iterable[PbxEvent], rules: FoldRules) -> Call | None:
    """The call as its events show it; None when they do not show that it arrived.

    The order in which events are given does not matter, nor does one given twice. A
    ``SnapshotEnd`` among them says that a complete snapshot did not hold the caller's
    channel; ``LinkLost`` and ``LinkUp`` say that events are missing.
    """
    fold = _Fold(key, rules)
    for event in in_order(events):
        fold.take(event)
    return fold.call()


@dataclass(slots=True)
class _Fold:
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

    def _signal(self, signal: Signal) -> None:
        self.state = TRANSITIONS[self.state][signal]

    def _first(self, name: str, value: object) -> None:
        """Keep a fact unless it is known already."""
        if value not in (None, ""):
            self.known.setdefault(name, value)

    # -- the caller's own channel

    def _new(self, event: ChannelNew) -> None:
        if self._is_caller(event):
            self._identity(event)
            self._first("caller_number", event.caller_number)

    def _identity(self, event: PbxEvent) -> None:
        self._first("channel", event.channel)
        self._first("linkedid", event.linkedid)

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
        self._first("line", event.line)
        self._first("did", event.did)
        self._first("caller_number", event.caller_number)

    def _notice(self, event: Stage) -> None:
        self._signal(Signal.NOTICE)
        if event.status == "played":
            self._first("notice_at", event.at)
        else:
            self.flags.add(CallFlag.NOT_RECORDED)

    def _recording(self, event: Stage) -> None:
        self._first("recording", event.file)

    def _flow(self, event: Stage) -> None:
        """``flow_…_at`` are of the flow on arrival; those while waiting and afterwards are steps only."""
        if event.status == "entered":
            self._signal(Signal.FLOW)
            self.journey.enters(event.flow)
            self._first("flow_entered_at", event.at)
        elif event.stage in (None, "flow"):
            self.known["flow_left_at"] = event.at

    def _queue(self, event: Stage) -> None:
        self._signal(Signal.QUEUE)
        if self.bridges.legs():
            self.sent_on_at, self.reached = event.at, False
        self.queues.sent(event.queue or "", event.at, event.before or "")

    def _ended(self, event: Stage) -> None:
        self._first("line", event.line)
        self._first("did", event.did)
        self._first("notice", event.notice)
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
        self._signal(Signal.QUEUE)
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
        self._signal(Signal.AGENT)

    def _moved(self, event: DeskMove) -> None:
        """The desk sends the caller on, or whom it sent the caller to is there."""
        self.seen = replace(self.seen, moved=True)
        self.thirds.take(event)
        if event.move == "blind" and event.status == "dialing":
            self.sent_on_at, self.reached = event.at, False
        elif event.status == "connected":
            self.reached = True

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
            self._signal(Signal.AGENT)

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
            self._first("arrived_at", event.at - timedelta(seconds=event.duration_s))
            self._first("caller_number", event.caller_number)
        if event.bridge_id:
            self._in_bridge(event.bridge_id, event, certain=False)

    def _waits(self, event: SnapshotQueueEntry) -> None:
        if self.gaps.known_at(event.at):
            return
        if self.queues.taken_up(event.queue, event.at - timedelta(seconds=event.wait_s), event.position):
            self._signal(Signal.QUEUE)

    def _not_in_snapshot(self, event: SnapshotEnd) -> None:
        self.gaps.sweep(event)

    # -- the whole

    def call(self) -> Call | None:
        """The call, or None when neither its arrival nor a snapshot shows it."""
        if "arrived_at" not in self.known:
            return None
        swept = self.gaps.swept and self.hung_up_at is None
        over = swept or self.hung_up_at is not None
        stopped = swept and self.gaps.swept_filled and self.reported_at is None
        ended_at = self.hung_up_at or (self.reported_at if swept else None)
        if stopped:
            # it was on as long as the PBX was: to the last that was heard of either
            ended_at = max((at for at in (self.last_at, self.gaps.lost_at) if at), default=None)
            self.flags.add(CallFlag.BACKFILLED)
        gap = self.gaps.unfilled or (swept and not self.gaps.swept_filled) or not self.arrival_seen
        if gap:
            self._missed()
        if over:
            self._close(ended_at)
        legs = self.bridges.legs()
        answered_at = self.bridges.first_at or (None if legs else self.connected_at)
        agent = bool(legs or self.connected_at)
        self.seen = replace(self.seen, agent=agent, gap=gap, end_seen=ended_at is not None, stopped=stopped)
        self._journey_seen()
        found, cause = outcome_of(self.seen) if over else (None, None)
        by = ended_by(self.seen) if over else None
        self._flag(found, by, ended_at)
        return Call(
            key=self.key,
            linkedid=self.known.get("linkedid", ""),
            channel=self.known.get("channel", ""),
            caller_number=self.known.get("caller_number"),
            did=self.known.get("did", ""),
            line=self.known.get("line", ""),
            arrived_at=self.known["arrived_at"],
            state=self.state,
            notice_at=self.known.get("notice_at"),
            recording=self.known.get("recording"),
            flow_entered_at=self.known.get("flow_entered_at"),
            flow_left_at=self.known.get("flow_left_at"),
            queue_legs=self.queues.legs(),
            rings=tuple(it.fact() for it in self.rings.values()),
            agent_legs=legs,
            answered_at=answered_at,
            ended_at=ended_at,
            ended_by=by,
            hangup_cause=self.seen.cause,
            outcome=found,
            cause=cause,
            flags=frozenset(self.flags),
            steps=tuple(self.journey.steps),
            answers=tuple(self.journey.answers.items()),
            survey_score=self.journey.survey_score,
            voicemail=self.journey.voicemail,
            voicemail_ms=self.journey.voicemail_ms,
            callback_requested=self.journey.callback,
            self_service=self.journey.self_service,
            transfer_target=self.journey.target,
            transferred_at=self.journey.connected_at,
        )

    def _journey_seen(self) -> None:
        """What the journey says to the outcome."""
        self.seen = replace(
            self.seen,
            queued=bool(self.queues.legs()),
            emergency=self.journey.connected,
            self_service=self.journey.self_service is not None and self.self_service_held is not False,
            voicemail_ms=self.journey.voicemail_ms,
            callback=self.journey.callback,
            closed=self.journey.closed,
        )

    def _missed(self) -> None:
        """What the report of the ending says of stages unheard; a recording is named by its call."""
        self.flags.add(CallFlag.GAP)
        if self.known.get("notice") == "played":
            self._first("recording", self.key.uniqueid)
        elif self.known.get("notice") == "failed":
            self.flags.add(CallFlag.NOT_RECORDED)

    def _close(self, ended_at: datetime | None) -> None:
        """Nothing of an ended call goes on; what ended unseen has no time."""
        self._signal(Signal.END)
        for ring in self.rings.values():
            ring.end(ended_at, "cancelled")
        self.bridges.close(ended_at)
        self.queues.close(ended_at, self.seen.queue_status, abandoned=self.seen.abandoned)

    def _flag(self, found: Outcome | None, by: EndedBy | None, ended_at: datetime | None) -> None:
        if ended_at is None:
            return
        if found is Outcome.SELF_SERVICE and self.self_service_held is None:
            self.flags.add(CallFlag.PROVISIONAL)
        lasted_s = (ended_at - self.known["arrived_at"]).total_seconds()
        if found in _SHORT_OUTCOMES and lasted_s < self.rules.t_short_s:
            self.flags.add(CallFlag.SHORT)
        if found is Outcome.ANSWERED and self._lost_after_answer():
            self.flags.add(CallFlag.LOST_AFTER_ANSWER)
        talk_s = self.bridges.talk_s
        alone = self.sent_on_at is None and not self.thirds.any_reached
        if by is EndedBy.AGENT and alone and talk_s is not None and talk_s < self.rules.answered_short_s:
            self.flags.add(CallFlag.ANSWERED_SHORT)

    def _lost_after_answer(self) -> bool:
        """Sent on to another queue, agent or unit, and nobody was with the caller since."""
        if self.sent_on_at is None or self.reached:
            return False
        connected = self.journey.connected_at
        emergency = connected is not None and connected > self.sent_on_at
        return not emergency and not self.bridges.person_after(self.sent_on_at + _SENT_ON)


_STAGES: Mapping[StageName, Callable[[_Fold, Stage], None]] = {
    StageName.ARRIVED: _Fold._arrived,
    StageName.NOTICE: _Fold._notice,
    StageName.RECORDING: _Fold._recording,
    StageName.FLOW: _Fold._flow,
    StageName.STEP: _Fold._step,
    StageName.FACT: _Fold._fact,
    StageName.KEY: _Fold._key,
    StageName.TRANSFER: _Fold._transfer,
    StageName.QUEUE: _Fold._queue,
    StageName.ENDED: _Fold._ended,
}

_HANDLERS: Mapping[type[object], Callable[[_Fold, Any], None]] = {
    ChannelNew: _Fold._new,
    ChannelRenamed: _Fold._renamed,
    HangupRequested: _Fold._hangup_asked,
    ChannelHangup: _Fold._hangup,
    Stage: _Fold._stage,
    QueueJoined: _Fold._joined,
    QueueLeft: _Fold._left,
    AgentCalled: _Fold._called,
    AgentRingNoAnswer: _Fold._no_answer,
    AgentConnected: _Fold._connected,
    AgentCompleted: _Fold._completed,
    DeskMove: _Fold._moved,
    SelfServiceSettled: _Fold._settled,
    BridgeEntered: _Fold._bridge_entered,
    BridgeLeft: _Fold._bridge_left,
    LinkLost: _Fold._gap,
    LinkUp: _Fold._gap,
    GapFilled: _Fold._filled,
    SnapshotChannel: _Fold._in_snapshot,
    SnapshotQueueEntry: _Fold._waits,
    SnapshotEnd: _Fold._not_in_snapshot,
}
