"""Why something cannot be done to a ticket: reasons, and the errors that carry them."""

from __future__ import annotations

from enum import StrEnum

from facts.errors import HotlineError


class Why(StrEnum):
    """Why an act is refused; each has its sentence in ``labels.yaml``."""

    STATE = "state"
    ROLE = "role"
    NOT_YOUR_UNIT = "not_your_unit"
    NO_UNIT = "no_unit"
    BOUND = "bound"
    OBJECTION_LATE = "objection_late"
    EXTENSION_PENDING = "extension_pending"
    NO_EXTENSION = "no_extension"
    EXTENSIONS_USED = "extensions_used"
    EXTENSION_LATE = "extension_late"
    EXTENSION_LONG = "extension_long"
    SUSPENSION_REASON = "suspension_reason"
    SUSPENSION_LONG = "suspension_long"
    JOINT_OPEN = "joint_open"
    NOT_JOINT = "not_joint"
    ALREADY_UNIT = "already_unit"
    SAME_UNIT = "same_unit"
    UNKNOWN_UNIT = "unknown_unit"
    SIGNED_ALREADY = "signed_already"
    NOT_FOLLOWED_UP = "not_followed_up"
    NOT_SATISFIED = "not_satisfied"
    SUPERVISION_OPEN = "supervision_open"
    NO_SUPERVISION = "no_supervision"
    ESCALATED_ALREADY = "escalated_already"
    NOT_ESCALATED = "not_escalated"
    NO_TRACK = "no_track"
    UNKNOWN_CHANNEL = "unknown_channel"
    MERGE_SELF = "merge_self"
    MERGE_GONE = "merge_gone"
    MERGE_SECRET = "merge_secret"
    HIDDEN_ALREADY = "hidden_already"
    NOT_HIDDEN = "not_hidden"
    NAMED_UNIT = "named_unit"
    SECOND_PERSON = "second_person"
    GIVE_AWAY = "give_away"
    CHANGED = "changed"
    MISSING = "missing"
    UNKNOWN_LEVEL = "unknown_level"
    CLOSED_UNIT = "closed_unit"


class TicketRefused(HotlineError):
    """This cannot be done to this ticket now."""

    error_id = "ticket-refused"
    exit_code = 1

    def __init__(self, why: Why, message: str, *, fix: str | None = None, detail: str = "") -> None:
        super().__init__(message, fix=fix)
        self.why = why
        self.detail = detail


class TicketChanged(TicketRefused):
    """Somebody else has changed the ticket meanwhile."""

    error_id = "ticket-changed"

    def __init__(self, number: str) -> None:
        super().__init__(
            Why.CHANGED, f"ticket {number} was changed meanwhile", fix="read it again, then do it again"
        )
