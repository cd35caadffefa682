"""A citizen call as it is known at one moment: what the fold gives and the ledger keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from facts.identity import CallKey


class Outcome(StrEnum):
    """What became of a citizen call; exactly one holds, the first in this order.

    Source: the hotline's own rules (docs/outcomes.md). ``unresolved`` is not an
    outcome but the lack of one: events are missing until the gap is filled.
    """

    ANSWERED = "answered"
    TRANSFERRED_EMERGENCY = "transferred_emergency"
    SELF_SERVICE = "self_service"
    VOICEMAIL = "voicemail"
    CALLBACK_REQUESTED = "callback_requested"
    CLOSED = "closed"
    FULL = "full"
    JOIN_EMPTY = "join_empty"
    LEAVE_EMPTY = "leave_empty"
    TIMEOUT = "timeout"
    WITHDRAWN = "withdrawn"
    ABANDONED_QUEUE = "abandoned_queue"
    ABANDONED_IVR = "abandoned_ivr"
    SYSTEM_ERROR = "system_error"
    UNRESOLVED = "unresolved"


class CallState(StrEnum):
    """Where a call is now; ``ENDED`` is the last."""

    ARRIVED = "arrived"
    NOTICE = "notice"
    FLOW = "flow"
    QUEUED = "queued"
    TALKING = "talking"
    ENDED = "ended"


class CallFlag(StrEnum):
    """Marks beside the outcome; never an outcome of their own."""

    #: abandoned by the caller within t_short of arrival
    SHORT = "short"
    #: the agent hung up within 10 s of the bridge
    ANSWERED_SHORT = "answered_short"
    #: answered, sent on, and never reached the next queue or unit
    LOST_AFTER_ANSWER = "lost_after_answer"
    #: the notice could not be played, so nothing was recorded
    NOT_RECORDED = "not_recorded"
    #: the event stream broke during the call; what it shows is from a snapshot
    GAP = "gap"
    #: what was missed is known from the PBX's own records, taken in afterwards
    BACKFILLED = "backfilled"
    #: self-service: holds unless the same number rings again within half an hour
    PROVISIONAL = "provisional"


class EndedBy(StrEnum):
    """Who ended the call, as far as the PBX says."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class QueueLeg:
    """One stay in one queue. Times are the PBX's own (UTC)."""

    queue: str
    joined_at: datetime
    left_at: datetime | None = None
    #: QUEUESTATUS in lower case, or ``answered``, ``abandoned``, ``exit_key``; None while waiting
    ending: str | None = None
    position: int | None = None
    #: the key that the caller left it with, when ``ending`` is ``exit_key``
    key: str | None = None


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """One node of one flow that the caller came to. The time is the PBX's own (UTC)."""

    at: datetime
    flow: str
    node: str
    key: str | None = None
    #: milliseconds from the flow's start
    ms: int | None = None
    #: version of the flow's file
    version: str | None = None


@dataclass(frozen=True, slots=True)
class AgentLeg:
    """One agent in one mixing bridge with the caller. Times are the PBX's own (UTC)."""

    agent: str
    channel: str
    uniqueid: str
    bridged_at: datetime
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentRing:
    """One ringing of one agent; ``result``: answered, no_answer, cancelled; None while it rings."""

    agent: str
    queue: str
    rang_at: datetime
    ended_at: datetime | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One citizen call. Times are the PBX's own (aware, UTC); durations follow from them."""

    key: CallKey
    linkedid: str
    channel: str
    #: digits, None when the caller withheld the number, ``""`` when it was erased since
    caller_number: str | None
    did: str
    #: id of the line in the configuration (``main``, ``business``, …)
    line: str
    arrived_at: datetime
    state: CallState = CallState.ARRIVED
    notice_at: datetime | None = None
    #: base name of the recording's files, None when nothing is recorded
    recording: str | None = None
    flow_entered_at: datetime | None = None
    flow_left_at: datetime | None = None
    queue_legs: tuple[QueueLeg, ...] = ()
    rings: tuple[AgentRing, ...] = ()
    agent_legs: tuple[AgentLeg, ...] = ()
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: EndedBy | None = None
    #: Q.850 cause of the trunk channel's hang-up
    hangup_cause: int | None = None
    outcome: Outcome | None = None
    #: why the call is unresolved or a system error, in words for an engineer
    cause: str | None = None
    flags: frozenset[CallFlag] = field(default_factory=frozenset)
    #: the way through the flows, in order
    steps: tuple[JourneyStep, ...] = ()
    #: (name, value) of what the caller told a flow, for the draft; the last of a name counts
    answers: tuple[tuple[str, str], ...] = ()
    #: the caller's judgement of the agent's service, 1…5
    survey_score: int | None = None
    #: base name of the message that was left, and its length
    voicemail: str | None = None
    voicemail_ms: int | None = None
    #: the caller confirmed that we are to call back
    callback_requested: bool = False
    #: kind of the answer that was heard to its end without a person (``progress``)
    self_service: str | None = None
    #: id of the emergency service that was dialled, and since when it spoke with the caller
    transfer_target: str | None = None
    transferred_at: datetime | None = None

    @property
    def agent(self) -> str | None:
        """The first agent who spoke with the caller."""
        return self.agent_legs[0].agent if self.agent_legs else None

    @property
    def wait_s(self) -> float | None:
        """Seconds from arrival to the first person (agent, emergency service), None when there was none."""
        first = self.answered_at or (
            self.transferred_at if self.outcome is Outcome.TRANSFERRED_EMERGENCY else None
        )
        return (first - self.arrived_at).total_seconds() if first else None
