"""What drafting reads and gives: a call's words in, a draft in which every value shows its evidence out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
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
class EarlierTicket:
    """A ticket of the same caller, as far as a draft may use it."""

    number: str
    received_at: datetime
    title: str
    place: str | None = None
    unit: str | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class DraftInput:
    """One call's words, and what is known beside them.

    ``caller_number`` is None when it is withheld. ``dedicated_line`` is what the dialled number says, None
    when it says nothing. ``answers`` are the caller's answers to a flow, by name; ``earlier`` are the
    caller's own earlier tickets, newest first.
    """

    id: str
    #: aware, in the city's own zone
    call_start: datetime
    caller_number: str | None
    turns: tuple[Said, ...]
    dedicated_line: str | None = None
    answers: tuple[tuple[str, str], ...] = ()
    earlier: tuple[EarlierTicket, ...] = ()

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

    def within(self, other: Span) -> bool:
        """Whether the other span covers it."""
        return self.turn == other.turn and other.start <= self.start and self.end <= other.end


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


class CallState(StrEnum):
    """What kind of call it was, for whoever looks at the draft: only ``MATTER`` has fields to rely on."""

    MATTER = "matter"
    #: nobody said anything of use
    EMPTY = "empty"
    #: words were heard, none of which makes sense
    GARBLED = "garbled"
    PRANK = "prank"
    #: the caller takes an earlier matter back
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class SecondMatter:
    """Another matter of the same call, offered as a second draft; caller and marks are those of the first."""

    purpose: Value[str | None]
    appeal: Value[str | None]
    dedicated_line: Value[str | None]
    places: tuple[Value[str], ...]
    when: Value[When | None]
    party: Value[str | None]
    demand: Value[str | None]
    unit: Value[str | None]
    title: Value[str | None]
    content: Value[str]


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket's draft: nothing in it is true until a person confirms it.

    ``matter`` is the entry of the city's catalogue, ``repeat_of`` the caller's earlier ticket on the same
    matter, ``urgency`` one of ``紧急``, ``加急``, ``普通``; ``ask`` names what the agent had better ask.
    """

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
    matter: Value[str | None] = Value(None)
    urgency: Value[str] = Value("")
    repeat_of: Value[str | None] = Value(None)
    state: CallState = CallState.MATTER
    ask: tuple[str, ...] = ()
    #: places that were heard too badly to be shown as such
    maybe_places: tuple[str, ...] = ()
    second_matter: SecondMatter | None = None

    def plain(self) -> dict[str, Any]:
        """The values under the names of the labelled data, the evidence beside them.

        ``second_matter`` is there only when there is one.
        """
        values, evidence = _plain_fields(self)
        if self.second_matter:
            second, second_evidence = _plain_fields(self.second_matter)
            values["second_matter"] = {**second, "evidence": second_evidence}
        return {
            "id": self.id,
            "rules": self.rules,
            "state": self.state.value,
            "ask": list(self.ask),
            "maybe_places": list(self.maybe_places),
            **values,
            "evidence": evidence,
        }


def _plain_fields(draft: Draft | SecondMatter) -> tuple[dict[str, Any], dict[str, Any]]:
    values: dict[str, Any] = {}
    evidence: dict[str, Any] = {}
    for name in (field.name for field in fields(draft)):
        found = getattr(draft, name)
        if isinstance(found, Value):
            values[name] = _plain(found.value, empty_when=name == "when")
            evidence[name] = _evidence(found)
        elif name == "places":
            values[name] = [place.value for place in found]
            evidence[name] = [_evidence(place) for place in found]
    return values, evidence


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
