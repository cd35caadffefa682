"""Rows of what callers are told, promised and asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class CityTicket:
    """A ticket of the city's system. Of its call-back number there are only the last digits and a digest."""

    number: str
    digits: str
    matter: str
    status: str
    status_text: str
    units: tuple[str, ...]
    expected_on: date | None
    updated_at: datetime
    phone_last4: str | None
    phone_salt: bytes | None
    phone_hash: bytes | None
    confidential: bool
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProgressCounts:
    """Progress queries lately: of one caller, failed ones about one ticket, failed ones in all."""

    caller: int
    ticket_failed: int
    failed: int


@dataclass(frozen=True, slots=True)
class HourNotice:
    """A notice of the hour; ``lines`` empty: on every line."""

    id: int
    text: str
    lines: tuple[str, ...]
    until: datetime
    made_by: str
    made_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class QueueState:
    """How a queue stands; ``place_s``: measured seconds that one place takes, None when not known."""

    queue: str
    waiting: int
    free_agents: int
    agents: int
    place_s: float | None
    at: datetime


class CallbackKind(StrEnum):
    """Why somebody is called back."""

    #: the caller asked for it, and keeps the place in the queue
    QUEUE = "queue"
    #: the call was missed
    MISSED = "missed"
    #: asked for a person in a follow-up call
    FOLLOW_UP = "follow_up"


class CallbackState(StrEnum):
    """Where a call-back is."""

    WANTED = "wanted"
    #: its placeholder waits in the queue
    PLACED = "placed"
    AGENT = "agent"
    DIALING = "dialing"
    REACHED = "reached"
    GIVEN_UP = "given_up"
    #: the citizen rang first, or it is not wanted any more
    WITHDRAWN = "withdrawn"
    #: nobody but a person may call
    BY_PERSON = "by_person"
    #: a person has seen to it
    SEEN_TO = "seen_to"


#: nothing more becomes of these
FINAL_STATES = frozenset(
    {CallbackState.REACHED, CallbackState.GIVEN_UP, CallbackState.WITHDRAWN, CallbackState.SEEN_TO}
)
#: over without a talk; a placeholder that still waits in the queue waits for nobody
GIVEN_UP_STATES = FINAL_STATES - {CallbackState.REACHED}
#: the PBX is busy with these
RUNNING_STATES = frozenset({CallbackState.PLACED, CallbackState.AGENT, CallbackState.DIALING})


@dataclass(frozen=True, slots=True)
class Callback:
    """A call-back that is owed, or was."""

    id: int
    pbx_id: str
    call: str | None
    kind: CallbackKind
    number: str
    line: str
    queue: str
    priority: str
    arrived_at: datetime
    state: CallbackState
    due_at: datetime
    attempts: int
    reason: str | None
    channel: str | None
    done_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CallbackAttempt:
    """One try of a call-back; times are the PBX's where it said them."""

    callback: int
    attempt: int
    placed_at: datetime
    agent: str | None
    agent_at: datetime | None
    dialed_at: datetime | None
    reached_at: datetime | None
    ended_at: datetime | None
    result: str | None
    recording: str | None


@dataclass(frozen=True, slots=True)
class NewCallback:
    """A call-back that is to be kept."""

    pbx_id: str
    kind: CallbackKind
    number: str
    line: str
    queue: str
    arrived_at: datetime
    due_at: datetime
    call: str | None = None
    priority: str = "normal"
    state: CallbackState = CallbackState.WANTED
    reason: str | None = None


class FollowUpState(StrEnum):
    """Where a follow-up is."""

    DUE = "due"
    DIALING = "dialing"
    DONE = "done"
    GIVEN_UP = "given_up"
    #: confidential, or handed to a person
    BY_PERSON = "by_person"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A citizen who is to be asked about a closed ticket."""

    id: int
    pbx_id: str
    ticket: str
    number: str
    matter: str
    confidential: bool
    closed_at: datetime
    state: FollowUpState
    due_at: datetime
    attempts: int
    dialled_at: datetime | None
    recording: str | None


@dataclass(frozen=True, slots=True)
class FollowUpAnswer:
    """One answer; ``asked_by``: robot or human, never mixed."""

    task: int
    asked_by: str
    question: str
    answer: str
    who: str | None
    at: datetime
