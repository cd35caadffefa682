"""The one outcome of an ended call, and who ended it. Decided from evidence, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from facts.call import EndedBy, Outcome

#: QUEUESTATUS → outcome (CONTINUE, an agent had had the caller, comes before all of these)
QUEUE_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "FULL": Outcome.FULL,
    "JOINEMPTY": Outcome.JOIN_EMPTY,
    "JOINUNAVAIL": Outcome.JOIN_EMPTY,
    "LEAVEEMPTY": Outcome.LEAVE_EMPTY,
    "LEAVEUNAVAIL": Outcome.LEAVE_EMPTY,
    "TIMEOUT": Outcome.TIMEOUT,
    "WITHDRAW": Outcome.WITHDRAWN,
}

#: stages in which a caller is neither in a queue nor with an agent
_BESIDE_THE_QUEUE: Final = frozenset({"notice", "flow", "key", "otherwise", "transfer"})
#: a shorter message is none
LEAST_VOICEMAIL_MS: Final = 2000


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an ended call."""

    #: an agent and the caller were connected
    agent: bool = False
    #: events are missing
    gap: bool = False
    #: the ending was seen: the channel's hang-up, or the dialplan's own report
    end_seen: bool = False
    #: the PBX itself went down with the call: its own records hold no ending
    stopped: bool = False
    #: the caller's side hung up by itself
    caller_hung_up: bool = False
    #: the last one who was with the caller, an agent, hung up
    agent_hung_up: bool = False
    #: AgentComplete's reason of the last talk
    talk_ended_by: str = ""
    #: the desk moved the call: an agent's part ended before the call, or after it
    moved: bool = False
    #: fields of HotlineEnded; ``stage`` None when it was not seen
    stage: str | None = None
    queue_status: str = ""
    abandoned: bool = False
    told_answered: bool = False
    told_by: bool = False
    #: Q.850
    cause: int | None = None
    #: the caller was sent to a queue at least once
    queued: bool = False
    #: an emergency service spoke with the caller
    emergency: bool = False
    #: an answer was heard to its end
    self_service: bool = False
    voicemail_ms: int | None = None
    #: a call-back was confirmed
    callback: bool = False
    #: the closed notice was heard
    closed: bool = False

    @property
    def answered(self) -> bool:
        """An agent had the caller; the report and Queue() say so, too, when the talk went unheard."""
        return self.agent or self.told_answered or self.queue_status == "CONTINUE"


def outcome_of(seen: Evidence) -> tuple[Outcome, str | None]:
    """The first outcome that holds, and for unresolved and system errors why."""
    if not seen.end_seen:
        before = "answered before" if seen.agent else "no agent seen before"
        return Outcome.UNRESOLVED, f"ended while the PBX was not heard ({before})"
    if seen.answered:
        return Outcome.ANSWERED, None
    known = _journey(seen) or QUEUE_OUTCOMES.get(seen.queue_status) or _abandoned(seen)
    return (known, None) if known else _no_outcome(seen)


def _journey(seen: Evidence) -> Outcome | None:
    """What a caller got without an agent, the best first; unheard, an agent may have come after it."""
    if seen.gap and seen.stage is None:
        return None
    reached = (
        (seen.emergency, Outcome.TRANSFERRED_EMERGENCY),
        (seen.self_service, Outcome.SELF_SERVICE),
        ((seen.voicemail_ms or 0) >= LEAST_VOICEMAIL_MS, Outcome.VOICEMAIL),
        (seen.callback, Outcome.CALLBACK_REQUESTED),
        (seen.closed, Outcome.CLOSED),
    )
    return next((outcome for holds, outcome in reached if holds), None)


def _abandoned(seen: Evidence) -> Outcome | None:
    """The caller hung up: waiting (also in a flow while waiting), or before any queue.

    ABANDONED says that Queue() was left by a hang-up, also by one of our own side: alone it counts only
    where the caller's own hang-up may have gone unheard.
    """
    if seen.stage == "queue" and (seen.caller_hung_up or (seen.abandoned and seen.gap and not seen.told_by)):
        return Outcome.ABANDONED_QUEUE
    if seen.stage in _BESIDE_THE_QUEUE and seen.caller_hung_up:
        return Outcome.ABANDONED_QUEUE if seen.queued else Outcome.ABANDONED_IVR
    return None


def _no_outcome(seen: Evidence) -> tuple[Outcome, str]:
    """Nobody's ending: ours to mend, or unknown when events are missing."""
    why = f"hung up by the PBX in stage {seen.stage}, cause {seen.cause}"
    if seen.stopped:
        why = "the PBX stopped while the caller was on the line"
    elif seen.stage is None:
        why = f"the dialplan's report of the ending is missing, cause {seen.cause}"
    return (Outcome.UNRESOLVED if seen.gap else Outcome.SYSTEM_ERROR), why


def ended_by(seen: Evidence) -> EndedBy | None:
    """Who ended the call; None when the ending was not seen.

    AgentComplete says it for a talk: both sides' hang-ups can be within a millisecond. Not for a
    call that the desk moved: there it speaks of one agent's part.
    """
    if not seen.end_seen:
        return None
    if seen.talk_ended_by in (EndedBy.AGENT, EndedBy.CALLER) and not seen.moved:
        return EndedBy(seen.talk_ended_by)
    if seen.caller_hung_up:
        return EndedBy.CALLER
    if seen.agent_hung_up or (seen.stage in ("done", "survey") and seen.answered):
        return EndedBy.AGENT
    return None if seen.gap else EndedBy.SYSTEM
