"""What is kept about things that leave the house."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ticketing_bridge.store.records import Json


class OutboxKind(StrEnum):
    """What is told outside. The subject is a ticket's number; of the last two, a call's key."""

    #: a ticket, to the system that shall handle it
    TICKET = "ticket"
    #: that ticket has changed
    UPDATE = "update"
    #: to the citizen: the ticket's number
    RECEIPT = "receipt"
    #: to the citizen: the result
    RESULT = "result"
    #: to people who can act: a limit comes near, is over, someone is dissatisfied
    WARNING = "warning"
    #: to the citizen: we missed your call
    MISSED_CALL = "missed_call"
    #: to a telephone integration: a call rings, is answered, ends
    CALL = "call"


class DeliveryState(StrEnum):
    """Where a delivery stands. ``docs/delivery.md`` draws what follows what."""

    #: to be sent when it is due
    WAITING = "waiting"
    #: an attempt has begun; when its worker dies, nobody knows whether it arrived
    SENDING = "sending"
    #: the other side has it, under ``remote_id``
    DELIVERED = "delivered"
    #: it must not go there
    WITHHELD = "withheld"
    #: given up by the rules; a person may send it again
    DEAD = "dead"
    #: not needed any more: overtaken by a later one, or given up by a person
    DROPPED = "dropped"


class AttemptResult(StrEnum):
    """What an attempt came to."""

    #: the other side took it
    ACCEPTED = "accepted"
    #: it was there already, from an earlier attempt
    FOUND = "found"
    #: it has surely not arrived; worth another try
    FAILED = "failed"
    #: it may have arrived: searched for before the next try
    UNCERTAIN = "uncertain"
    #: the other side will not take it as it is
    REFUSED = "refused"
    #: our own rules forbid it
    FORBIDDEN = "forbidden"
    #: what it depends on is not delivered yet: tried later, not counted
    NOT_YET = "not_yet"
    #: a later one has taken its place, or its subject is gone
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """That something must be told outside."""

    id: int
    kind: OutboxKind
    subject: str
    revision: int
    key: str
    payload: Json
    at: datetime
    routed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An entry of the outbox on its way to one connector."""

    id: int
    outbox: int
    connector: str
    kind: OutboxKind
    subject: str
    revision: int
    key: str
    state: DeliveryState
    attempts: int
    tries: int
    due_at: datetime
    first_attempt_at: datetime | None
    attempt_at: datetime | None
    reason: str | None
    detail: str | None
    remote_id: str | None
    remote_status: str | None
    remote_meaning: str | None
    asked_at: datetime | None
    ask_at: datetime | None
    delivered_at: datetime | None
    done_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; without ``result`` it runs, or its worker died in it."""

    attempt: int
    at: datetime
    ended_at: datetime | None
    result: AttemptResult | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class StatusHeard:
    """What the other side said of a ticket's state, and what it did here."""

    at: datetime
    remote_status: str
    meaning: str | None
    note: str | None
    applied: str
