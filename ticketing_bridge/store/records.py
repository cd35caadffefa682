"""Rows that are no facts of the field: what repositories take and give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from facts.transcript import Leg, Transcript, Word

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One stored event: its key (PBX, digest, ordinal), its times, and the typed event as JSON."""

    pbx_id: str
    digest: bytes
    ordinal: int
    at: datetime
    received_at: datetime
    kind: str
    uniqueid: str
    linkedid: str
    payload: Json
    #: ``str(CallKey)`` when the tracker knew the call as the event came
    call: str | None = None
    #: order of storing; given by the database
    seq: int | None = None

    def owned(self, call: str) -> EventRecord:
        """The same, known to be of this call."""
        return EventRecord(
            self.pbx_id, self.digest, self.ordinal, self.at, self.received_at, self.kind,
            self.uniqueid, self.linkedid, self.payload, call, self.seq,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LiveStreamRecord:
    """One tapped leg of a call; ``ended_at`` None while it runs."""

    stream: str
    call: str
    leg: Leg
    offset_s: float
    model: str | None
    started_at: datetime
    ended_at: datetime | None
    #: why it ended: ``closed``, ``lost``, …
    ending: str | None


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """One final text heard live. Times count from the call's arrival, in seconds."""

    call: str
    leg: Leg
    stream: str
    segment: int
    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...]
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A transcript with what it was made from. ``kind``: ``live`` or ``record``."""

    call: str
    kind: str
    model: str
    transcript: Transcript
    #: SHA-256 of the recording, so that it can be proved later
    audio_digest: str | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """An answered call with a recording, and the model of its transcript of record (None: none yet)."""

    call: str
    model: str | None
    #: its recording will be heard again in any case
    waiting: bool


@dataclass(frozen=True, slots=True)
class TranscriptVersion:
    """That a model has heard a call. ``kind``: ``live`` or ``record``."""

    kind: str
    model: str
    made_at: datetime
    audio_digest: str | None


@dataclass(frozen=True, slots=True)
class SearchWords:
    """What each side of a call said, normal, and its keys (see ``asr.text.searching``)."""

    caller: str
    agent: str
    caller_keys: frozenset[str]
    agent_keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Which calls are looked through; None does not narrow."""

    from_: datetime | None = None
    to: datetime | None = None
    line: str | None = None
    leg: Leg | None = None


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call whose words have all terms; ``kind`` says of which hearing."""

    call: str
    kind: str
    line: str
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class DraftRecord:
    """One version of a draft ticket. ``source``: ``live``, ``record`` or a person's login."""

    call: str
    version: int
    source: str
    content: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in."""

    id: int
    login: str
    password_hash: str = field(repr=False)
    role: str
    created_at: datetime
    disabled: bool
    #: of whom somebody with the role ``unit`` is
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which call or ticket, and why."""

    at: datetime
    actor: str
    action: str
    subject: str | None
    fields: tuple[str, ...]
    reason: str | None
