"""What a PBX says, as typed facts: one frozen class a kind, one union ``PbxEvent``.

Times (``at``) are the PBX's own clock, aware, UTC. Texts that a message does not have
are ``""`` where Asterisk always sends them and ``None`` where their lack means something.
Built once from a message (``telephony.ami.events``); nothing deeper sees headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StageName(StrEnum):
    """The stages our dialplan reports by UserEvent on the caller's channel."""

    ARRIVED = "HotlineArrived"
    NOTICE = "HotlineNotice"
    RECORDING = "HotlineRecording"
    FLOW = "HotlineFlow"
    STEP = "HotlineStep"
    FACT = "HotlineFact"
    KEY = "HotlineKey"
    TRANSFER = "HotlineTransfer"
    QUEUE = "HotlineQueue"
    ENDED = "HotlineEnded"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBase:
    """Every event: when (PBX clock), which PBX, and the channel it is about (``""``: about none)."""

    at: datetime
    pbx_id: str
    uniqueid: str = ""
    linkedid: str = ""
    channel: str = ""
    #: not heard, but taken from the PBX's own records afterwards, for the gap that ended then
    gap_end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNew(EventBase):
    """Newchannel. ``caller_number`` is None when the number is withheld or unknown."""

    caller_number: str | None = None
    context: str = ""
    exten: str = ""
    #: Asterisk's channel state: 0 down, 4 ring (inbound), 5 ringing, 6 up
    state: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelUp(EventBase):
    """Newstate to up. Not "answered": the IVR itself answers the trunk channel."""

    state: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRenamed(EventBase):
    """Rename: ``channel`` is the old name."""

    new_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupRequested(EventBase):
    """Somebody asked to end this channel: the far side itself (``by_peer``), or the PBX (soft)."""

    by_peer: bool
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHangup(EventBase):
    """Hangup: the channel is gone. ``cause`` is Q.850."""

    cause: int | None = None
    cause_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeEntered(EventBase):
    """A channel entered a bridge. ``technology`` such as simple_bridge; holding_bridge does not mix."""

    bridge_id: str
    technology: str
    bridge_type: str = ""
    channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeLeft(EventBase):
    """A channel left a bridge."""

    bridge_id: str
    technology: str
    bridge_type: str = ""
    channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueJoined(EventBase):
    """A caller entered a queue at ``position`` (1 is next)."""

    queue: str
    position: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLeft(EventBase):
    """A caller left a queue, for whatever reason (also when an agent answers)."""

    queue: str
    position: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAbandoned(EventBase):
    """QueueCallerAbandon: also raised on timeout, leave-empty and withdraw, so it proves nothing alone."""

    queue: str
    position: int
    original_position: int
    hold_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCalled(EventBase):
    """An agent's telephone begins to ring for the caller's ``channel``."""

    queue: str
    interface: str
    member: str
    agent_channel: str
    agent_uniqueid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConnected(EventBase):
    """An agent took the caller. Asterisk counts these two in whole seconds."""

    queue: str
    interface: str
    member: str
    agent_channel: str
    agent_uniqueid: str
    hold_s: int
    ring_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCompleted(EventBase):
    """The talk is over; ``reason`` is caller, agent or transfer."""

    queue: str
    interface: str
    member: str
    agent_channel: str
    agent_uniqueid: str
    hold_s: int
    talk_s: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRingNoAnswer(EventBase):
    """An agent rang in vain. Here Asterisk's RingTime is milliseconds."""

    queue: str
    interface: str
    member: str
    agent_channel: str
    agent_uniqueid: str
    ring_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDump(EventBase):
    """The caller hung up while the queue was announcing to the agent."""

    queue: str
    interface: str
    member: str
    agent_channel: str
    agent_uniqueid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus(EventBase):
    """A queue member's state: ``status`` is Asterisk's device state (1 free, 2 in use, 5 gone, 6 ringing)."""

    queue: str
    interface: str
    member: str
    status: int
    paused: bool
    in_call: bool
    calls_taken: int
    #: why paused
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAdded(EventBase):
    """Somebody joined a queue as its member."""

    queue: str
    interface: str
    member: str
    status: int
    paused: bool
    in_call: bool
    calls_taken: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved(EventBase):
    """Somebody left a queue as its member."""

    queue: str
    interface: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPause(EventBase):
    """A queue member went on or came back from pause."""

    queue: str
    interface: str
    member: str
    status: int
    paused: bool
    in_call: bool
    calls_taken: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(EventBase):
    """A stage of the citizen's journey, reported by our dialplan. A field is None when not sent.

    ``stage`` and everything after it belong to HotlineEnded.
    """

    name: StageName
    caller_number: str | None = None
    line: str | None = None
    did: str | None = None
    #: notice: played, failed; flow: entered, left, failed; transfer: dialing, connected, failed
    status: str | None = None
    #: base name of the recording's files
    file: str | None = None
    #: AGISTATUS: SUCCESS, FAILURE (also after a prompt that is missing), NOTFOUND, HANGUP
    agi: str | None = None
    flow: str | None = None
    node: str | None = None
    key: str | None = None
    #: milliseconds from the flow's start
    ms: int | None = None
    queue: str | None = None
    #: version of the flow's file
    version: str | None = None
    #: queue: QUEUESTATUS of the queue before, which gave the caller on
    before: str | None = None
    #: fact: which (``facts.caller_session.JourneyFact``), and the details that it has
    fact: str | None = None
    subject: str | None = None
    value: str | None = None
    of_kind: str | None = None
    score: int | None = None
    #: transfer: id of the emergency service
    target: str | None = None
    #: where it ended (flow, key, otherwise, survey, notice, queue, transfer, done), or why a flow runs
    stage: str | None = None
    #: QUEUESTATUS as Asterisk says it, ``""`` when Queue() did not end by itself
    queue_status: str | None = None
    abandoned: bool | None = None
    #: an agent had the caller at some time; None: this dialplan does not say
    answered: bool | None = None
    #: Q.850
    cause: int | None = None
    #: the channel whose own side hung up first (``""``: the PBX did); None: this dialplan does not say
    by: str | None = None
    #: played or failed, ``""`` when it did not come to it
    notice: str | None = None
    #: the last queue member that was tried
    member: str | None = None
    #: every fact once more, as ``fact:name=value&…;…`` (URL-quoted)
    results: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackStage(EventBase):
    """How a call-back goes. ``callback`` is our id; its channels are no citizen's call.

    ``status``: queued (waits in ``queue``), agent (``agent`` took it), dialing, reached (``file``: its
    recording), no_answer, busy, failed (``dial``: DIALSTATUS), done, left (the placeholder is gone).
    """

    callback: int
    status: str
    queue: str | None = None
    agent: str | None = None
    file: str | None = None
    dial: str | None = None
    queue_status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpStage(EventBase):
    """How a follow-up call goes: dialing, answered, no_answer, busy, failed, done. ``task`` is our id."""

    task: int
    status: str
    agent: str | None = None
    file: str | None = None
    dial: str | None = None
    results: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskMove(EventBase):
    """What the desk has done with a call that is on; ``uniqueid`` is the channel that says so.

    ``move``: hold, talk (the agent is with the caller again), consult, join, enter (the third party comes
    to the caller), blind, close; ``with``: a flow, not the desk, called a service and an agent to the caller.
    ``status``: dialing, connected, no_answer, busy, failed, done (with a target: it was there and is gone).
    """

    #: Uniqueid of the caller's channel
    call: str
    move: str
    status: str
    kind: str | None = None
    #: id of agent, queue or service; of a unit the id of the wish
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentKeyed(EventBase):
    """An agent's wish by the telephone's feature codes; the dialplan does it by itself."""

    agent: str
    #: sign_in, sign_out, ready, pause, keep_wrap_up
    do: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUp(EventBase):
    """We hear this PBX again; what happened before is only known from the snapshot that follows."""

    asterisk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost(EventBase):
    """From here on events are missing. ``at`` is the last moment at which the PBX was heard."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFilled(EventBase):
    """What was not heard from ``begin`` to ``at`` (a ``LinkUp``'s) is known from the PBX's own records."""

    begin: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfServiceSettled(EventBase):
    """Our own finding: after an answer was heard, the number has not rung again in time (or has, ``at``)."""

    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotBegin(EventBase):
    """What follows, to ``SnapshotEnd`` of the same number, is what the PBX has now.

    Ordinary events may come in between: they are as true as ever.
    """

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotChannel(EventBase):
    """One channel that is up. ``duration_s`` is whole seconds since it was made."""

    caller_number: str | None = None
    connected_number: str | None = None
    context: str = ""
    exten: str = ""
    state: int = 0
    application: str = ""
    application_data: str = ""
    #: ``""`` when it is in no bridge
    bridge_id: str = ""
    duration_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotQueueEntry(EventBase):
    """One caller who waits; ``wait_s`` is whole seconds."""

    queue: str
    position: int
    wait_s: int
    caller_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotQueueMember(EventBase):
    """One member of one queue."""

    queue: str
    interface: str
    member: str
    status: int
    paused: bool
    in_call: bool
    calls_taken: int
    reason: str = ""
    #: since when paused; None: not, or the PBX does not say
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotEnd(EventBase):
    """The snapshot is over. Only a complete one may be used to sweep calls that are not in it."""

    number: int
    complete: bool
    channels: int = 0


PbxEvent = (
    ChannelNew
    | ChannelUp
    | ChannelRenamed
    | HangupRequested
    | ChannelHangup
    | BridgeEntered
    | BridgeLeft
    | QueueJoined
    | QueueLeft
    | QueueAbandoned
    | AgentCalled
    | AgentConnected
    | AgentCompleted
    | AgentRingNoAnswer
    | AgentDump
    | MemberStatus
    | MemberPause
    | MemberAdded
    | MemberRemoved
    | Stage
    | CallbackStage
    | FollowUpStage
    | DeskMove
    | AgentKeyed
    | LinkUp
    | LinkLost
    | GapFilled
    | SelfServiceSettled
    | SnapshotBegin
    | SnapshotChannel
    | SnapshotQueueEntry
    | SnapshotQueueMember
    | SnapshotEnd
)
