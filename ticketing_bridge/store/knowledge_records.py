"""What agents look up, as rows: knowledge entries and the units' telephone numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class EntryText:
    """What an editor writes: everything of an entry that is a person's."""

    question: str
    answer: str
    #: login of who keeps it true
    owner: str
    #: the day on which somebody must look at it again
    review_on: date
    also_asked: tuple[str, ...] = ()
    appeal: str = ""
    #: the unit that stands for the answer
    unit: str = ""
    #: the paper it rests on
    basis: str = ""
    #: not given to citizens from this day on
    expires_on: date | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class KnowledgeEntry:
    """An entry as it stands. ``version`` counts its changes; ``used`` the answers given with it."""

    id: int
    version: int
    text: EntryText
    used: int
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class KnowledgeGap:
    """A question that found no answer, ``times`` often."""

    id: int
    question: str
    times: int
    call: str | None
    asked_by: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class PhoneText:
    """What an editor writes of one number."""

    unit: str
    number: str
    office: str = ""
    duties: tuple[str, ...] = ()
    hours: str = ""
    address: str = ""
    note: str = ""
    #: the unit or office is no more
    closed: bool = False
    #: who has its duties now
    successor: str = ""
    checked_on: date | None = None


@dataclass(frozen=True, slots=True)
class PhoneEntry:
    """One number of the phone book; ``dead`` counts open reports of it, ``told`` how often it was given."""

    id: int
    version: int
    text: PhoneText
    told: int
    dead: int
    changed_by: str
    changed_at: datetime


class PhoneFault(StrEnum):
    """What is wrong with a number."""

    DEAD = "dead"
    NO_ANSWER = "no_answer"
    WRONG = "wrong"


class FoundBy(StrEnum):
    """Who found out."""

    CITIZEN = "citizen"
    AGENT = "agent"
    PBX = "pbx"


@dataclass(frozen=True, slots=True)
class PhoneReport:
    """A number that was found dead, unanswered or another's, with the entry as it is now."""

    id: int
    entry: int
    unit: str
    office: str
    number: str
    kind: PhoneFault
    found_by: FoundBy
    login: str
    call: str | None
    note: str
    at: datetime
    settled_by: str | None
    settlement: str | None
    settled_at: datetime | None
