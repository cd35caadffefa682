"""Call-backs as people see them. Pure: no clock, no SQL, no HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from config.hotline import Hotline
from facts.masking import mask_number
from ticketing_bridge.desk.journey_labels import journey_labels
from ticketing_bridge.desk.views import agent_name, call_url, line_name
from ticketing_bridge.store.journey_records import FINAL_STATES, Callback, CallbackAttempt, CallbackState


@dataclass(frozen=True, slots=True)
class CallbackView:
    """One call-back as people see it; the number is masked."""

    id: int
    url: str
    number: str
    kind: str
    line: str
    state: str
    tone: str
    why: str
    attempts: int
    arrived_at: datetime
    due_at: datetime
    updated_at: datetime
    by_person: bool
    over: bool
    done_by: str | None
    call_url: str | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try."""

    number: int
    placed_at: datetime
    dialed_at: datetime | None
    ended_at: datetime | None
    agent: str
    result: str
    recorded: bool


def callback_view(callback: Callback, hotline: Hotline, why: str | None = None) -> CallbackView:
    """A call-back as people see it; ``why`` it is not made now, as a key of the labels."""
    words = journey_labels()
    label = words.states[callback.state]
    reason = why or callback.reason
    return CallbackView(
        id=callback.id,
        url=f"/callbacks/{callback.id}",
        number=mask_number(callback.number),
        kind=words.kinds[callback.kind],
        line=line_name(hotline, callback.line),
        state=label.text,
        tone=label.tone,
        why=words.reasons.get(reason, reason) if reason else "",
        attempts=callback.attempts,
        arrived_at=callback.arrived_at,
        due_at=callback.due_at,
        updated_at=callback.updated_at,
        by_person=callback.state is CallbackState.BY_PERSON,
        over=callback.state in FINAL_STATES,
        done_by=callback.done_by,
        call_url=call_url(callback.call) if callback.call else None,
    )


def attempt_view(attempt: CallbackAttempt, hotline: Hotline) -> AttemptView:
    """A try as people see it."""
    result = attempt.result or ""
    return AttemptView(
        attempt.attempt,
        attempt.placed_at,
        attempt.dialed_at,
        attempt.ended_at,
        agent_name(hotline, attempt.agent) if attempt.agent else "",
        journey_labels().reasons.get(result, result),
        attempt.recording is not None,
    )
