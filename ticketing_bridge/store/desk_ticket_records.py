"""Rows of our own tickets: what their repositories take and give. Sealed values stay sealed here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ticketing_bridge.store.records import Json


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key of a person or a ticket; ``wrapped`` None: destroyed, what it sealed is gone."""

    id: int
    subject: str
    wrapped: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket as it is kept."""

    number: str
    version: int
    state: str
    body: Json = field(repr=False)
    texts: bytes = field(repr=False)
    person: bytes | None = field(repr=False)
    person_lookup: str | None
    channel: str
    purpose: str
    appeal: str
    call: str | None
    main_unit: str | None
    units: tuple[str, ...]
    barred: tuple[str, ...]
    confidential: bool
    received_at: datetime
    updated_at: datetime
    dispatched_at: datetime | None
    due_at: datetime | None
    closed_at: datetime | None
    phone_last4: str | None
    phone_salt: bytes | None = field(repr=False)
    phone_hash: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of a ticket's history as it is kept."""

    ticket: str
    version: int
    act: str
    at: datetime
    by: str
    role: str
    unit: str | None
    data: Json
    texts: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets are listed; None does not narrow. ``visible_to``: only what this unit may see."""

    states: tuple[str, ...] = ()
    purpose: str | None = None
    channel: str | None = None
    unit: str | None = None
    visible_to: str | None = None
    number: str | None = None
    call: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    closed_from: datetime | None = None
    due_before: datetime | None = None
    #: tokens of words (see ``tickets.searching``); all of them
    words: tuple[str, ...] = ()
    #: only those after this one, in the list's order: (received_at, number)
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class TicketLink:
    """That two tickets belong together."""

    ticket: str
    other: str
    kind: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """What one person asked for and another one decides; ``granted`` None while it waits."""

    id: int
    ticket: str
    kind: str
    units: tuple[str, ...]
    asked_by: str
    asked_at: datetime
    reason: bytes = field(repr=False)
    decided_by: str | None
    decided_at: datetime | None
    granted: bool | None
