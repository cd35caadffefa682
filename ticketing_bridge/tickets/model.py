"""What a ticket is: facts that its history adds up to. Pure values, no text about the caller's person.

Name and telephone numbers are no part of it: they are sealed apart under a key of that person
(``ticketing_bridge.tickets.service``); a ticket knows only which of them there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from config.tickets import LimitUnit
from ticketing_bridge.tickets.states import Act, State

Json = Mapping[str, Any]

#: what is personal in a ticket, by its name on the form
PERSON_FIELDS = ("name", "phone", "callback_phone")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called. Sealed at rest, shown only with a reason that goes on record."""

    name: str | None = None
    #: the number that called, as it was signalled
    phone: str | None = None
    #: the number to call back
    callback_phone: str | None = None

    @property
    def to_call(self) -> str | None:
        """The number on which this person is reached."""
        return self.callback_phone or self.phone


@dataclass(frozen=True, slots=True)
class Texts:
    """The matter in words, as it was taken; long numbers in it are masked. Sealed under the ticket's key.

    ``unit_title`` and ``unit_content`` are what handling units read instead, when somebody has
    looked through them before dispatch.
    """

    title: str = ""
    content: str = ""
    places: tuple[str, ...] = ()
    when: str = ""
    party: str = ""
    demand: str = ""
    unit_title: str | None = None
    unit_content: str | None = None
    #: the answer given: at the desk, or by the main unit
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One unit's part in a ticket."""

    unit: str
    given_at: datetime
    signed_at: datetime | None = None
    replied_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit that runs for the main unit."""

    amount: int
    unit: LimitUnit
    roll: bool
    started_at: datetime
    due_at: datetime
    #: the same without extensions and suspensions
    first_due_at: datetime


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that was asked for; ``granted`` None while nobody has decided."""

    asked_at: datetime
    amount: int
    granted: bool | None = None


@dataclass(frozen=True, slots=True)
class Supervision:
    """A supervision letter (督办函), and when it was answered."""

    id: int
    issued_at: datetime
    answer_by: datetime
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """Joint supervision (联合督办): with whom, since and until when."""

    since: datetime
    partners: tuple[str, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A special channel (政协直通车 …) that follows the matter to its end."""

    id: int
    channel: str
    since: datetime
    reported_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FollowUpResult:
    """What the citizen said. None: not answered, which is never satisfied."""

    at: datetime
    #: robot or human
    asked_by: str
    reached: bool
    solved: bool | None = None
    satisfied: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """How a matter came to us: the same before and after it is a ticket."""

    call: str | None = None
    draft_version: int | None = None
    dedicated_line: str | None = None
    caller_kind: str = "自然人"
    emergency: bool = False
    repeat: bool = False
    anonymous: bool = False
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class Ticket(Intake):
    """A ticket as of one version."""

    number: str
    version: int
    state: State
    channel: str
    purpose: str
    appeal: str
    level: str
    received_at: datetime
    received_by: str
    updated_at: datetime
    texts: Texts = field(default_factory=Texts, repr=False)
    #: which of ``PERSON_FIELDS`` are known
    known: tuple[str, ...] = ()
    #: units that the matter names, with their superiors: it is not theirs to see
    barred: tuple[str, ...] = ()
    #: those of them for which two people have confirmed
    admitted: tuple[str, ...] = ()
    #: where an interruption goes back to
    back_to: State | None = None
    main: Assignment | None = None
    joint: tuple[Assignment, ...] = ()
    #: units that had it and do not any more; they do not see it any more either
    former: tuple[str, ...] = ()
    dispatched_at: datetime | None = None
    limit: Limit | None = None
    extensions: tuple[Extension, ...] = ()
    suspended_at: datetime | None = None
    suspended_s: float = 0.0
    contacted_at: datetime | None = None
    progress_at: datetime | None = None
    replied_at: datetime | None = None
    accepted_at: datetime | None = None
    objections: int = 0
    returns: int = 0
    #: the unit's objection was dismissed: it stays responsible and does not object again (首接负责)
    bound: bool = False
    replies_returned: int = 0
    redos: int = 0
    follow_ups: tuple[FollowUpResult, ...] = ()
    closed_at: datetime | None = None
    rating: int | None = None
    supervisions: tuple[Supervision, ...] = ()
    escalation: Escalation | None = None
    tracks: tuple[Track, ...] = ()
    merged_into: str | None = None
    merged: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        """Whose it is now: the main unit first."""
        return tuple(it.unit for it in (self.main, *self.joint) if it is not None)

    @property
    def kept_from(self) -> tuple[str, ...]:
        """Units that must not have it: barred, and no two people have let them in."""
        return tuple(it for it in self.barred if it not in self.admitted)

    @property
    def hides_person(self) -> bool:
        """Whether units see the matter only, not the person."""
        return self.confidential or self.anonymous

    @property
    def clock_runs(self) -> bool:
        """Whether the main unit's limit runs: it has it, and no accepted reply or suspension stops it."""
        return self.limit is not None and self.state in {
            State.DISPATCHED,
            State.HANDLING,
            State.OBJECTED,
            State.CONSULTING,
            State.REVIEWING,
        }

    @property
    def asked(self) -> tuple[FollowUpResult, ...]:
        """What the citizen was asked about the reply that stands: a re-do is asked about anew."""
        since = self.accepted_at
        return tuple(it for it in self.follow_ups if since is None or it.at >= since)

    @property
    def handed_in_at(self) -> datetime | None:
        """When the main unit was done: the time of its reply, not of our accepting it."""
        return self.replied_at if self.state is State.REPLIED or self.accepted_at else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a ticket's history. ``data`` is structure, ``texts`` are words (sealed at rest)."""

    ticket: str
    version: int
    act: Act
    at: datetime
    by: str
    role: str
    unit: str | None = None
    data: Json = field(default_factory=dict)
    texts: Json = field(default_factory=dict, repr=False)
