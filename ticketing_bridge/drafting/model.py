"""What drafting reads and gives: a call's words in, a draft in which every value shows its evidence out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

from facts.transcript import Leg, Transcript

T_co = TypeVar("T_co", covariant=True)

AGENT = "agent"
CITIZEN = "citizen"


@dataclass(frozen=True, slots=True)
class Said:
    """One turn: who, what, and when in seconds from the call's arrival."""

    speaker: str
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class DraftInput:
    """One call's words. ``dedicated_line`` is what the dialled number says, None when it says nothing."""

    id: str
    #: aware, in the city's own zone
    call_start: datetime
    caller_number: str | None
    turns: tuple[Said, ...]
    dedicated_line: str | None = None

    @classmethod
    def from_transcript(
        cls,
        call: str,
        call_start: datetime,
        caller_number: str | None,
        transcript: Transcript,
        dedicated_line: str | None = None,
    ) -> DraftInput:
        """The words of a recognised call. ``call_start`` must be aware and in the city's zone."""
        turns = tuple(
            Said(CITIZEN if turn.leg is Leg.CALLER else AGENT, turn.text, turn.start_s, turn.end_s)
            for turn in transcript.turns
        )
        return cls(call, call_start, caller_number, turns, dedicated_line)

    def question_before(self, turn: int) -> str:
        """What the agent asked just before; one turn of the caller and an agent's 嗯 may lie between."""
        own = 0
        for said in reversed(self.turns[:turn]):
            if said.speaker == CITIZEN:
                own += 1
                if own > 1:
                    return ""
            elif len(said.text) > 2:
                return said.text
        return ""

    def citizen(self) -> Iterator[tuple[int, str]]:
        """The caller's turns with their numbers."""
        return ((n, turn.text) for n, turn in enumerate(self.turns) if turn.speaker == CITIZEN)

    def agent(self) -> Iterator[tuple[int, str]]:
        """The agent's turns with their numbers."""
        return ((n, turn.text) for n, turn in enumerate(self.turns) if turn.speaker == AGENT)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters ``start`` to ``end`` (excluded) of a turn; ``text`` is exactly those."""

    turn: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Value(Generic[T_co]):
    """A field of a draft. A doubtful one is empty (``value`` None) and has candidates."""

    value: T_co
    confidence: float = 0.0
    reason: str = ""
    spans: tuple[Span, ...] = ()
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class When:
    """A time as spoken and resolved: ``YYYY-MM-DD``, or ``YYYY-MM-DDTHH:MM`` when an hour was said."""

    text: str
    start: str | None
    end: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket's draft: nothing in it is true until a person confirms it."""

    id: str
    rules: str
    purpose: Value[str | None]
    appeal: Value[str | None]
    dedicated_line: Value[str | None]
    places: tuple[Value[str], ...]
    when: Value[When | None]
    party: Value[str | None]
    callback_phone: Value[str | None]
    demand: Value[str | None]
    confidential: Value[bool]
    emergency: Value[bool]
    repeat: Value[bool]
    unit: Value[str | None]
    answered_online: Value[bool]
    title: Value[str | None]
    content: Value[str]

    def plain(self) -> dict[str, Any]:
        """The values under the names of the labelled data, the evidence beside them."""
        values: dict[str, Any] = {"id": self.id, "rules": self.rules}
        evidence: dict[str, Any] = {}
        for name in (field.name for field in fields(self)[2:]):
            found = getattr(self, name)
            if isinstance(found, tuple):
                values[name] = [place.value for place in found]
                evidence[name] = [_evidence(place) for place in found]
            else:
                values[name] = _plain(found.value, empty_when=name == "when")
                evidence[name] = _evidence(found)
        return {**values, "evidence": evidence}


def _plain(value: object, *, empty_when: bool) -> object:
    if isinstance(value, When):
        return {"text": value.text, "start": value.start, "end": value.end}
    return {"text": None, "start": None, "end": None} if empty_when else value


def _evidence(value: Value[object]) -> Mapping[str, object]:
    return {
        "confidence": round(value.confidence, 2),
        "reason": value.reason,
        "spans": [[span.turn, span.start, span.end] for span in value.spans],
        **({"candidates": list(value.candidates)} if value.candidates else {}),
    }
