"""What a flow may do to a caller, and what it may ask of the hotline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from facts.errors import HotlineError
from facts.identity import CallKey


class CallerGone(HotlineError):
    """The caller hung up, or the channel is dead."""

    error_id = "caller-gone"


@dataclass(frozen=True, slots=True)
class Keys:
    """What the caller pressed, and whether the terminator or the time ended it."""

    digits: str
    timed_out: bool = False
    terminated: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller said to an open question, or the key pressed instead."""

    #: without spaces; empty when nothing was said
    text: str = ""
    #: 0…1, the least of its words
    confidence: float = 0.0
    #: a key that ended the listening
    key: str | None = None
    #: False when nobody could listen (speech recognition is away): ask by keys instead
    heard: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message that the caller left: base name of its file, and its length in milliseconds."""

    file: str
    ms: int
    #: the key that ended it
    key: str | None = None


class JourneyFact(StrEnum):
    """What a flow did for the caller that the call's outcome, draft or rate must know."""

    #: a call-back was confirmed by the caller
    CALLBACK = "callback"
    #: a message was left; value: file and milliseconds
    VOICEMAIL = "voicemail"
    #: the closed notice was played to its end
    CLOSED = "closed"
    #: an answer (ticket progress) was heard to its end
    SELF_SERVICE = "self_service"
    #: the caller judged the agent's service; value: the score
    SURVEY = "survey"
    #: one answer for the draft (kind of pollution, enterprise, …): name and value
    ANSWER = "answer"


class CallerSession(Protocol):
    """One caller on the line, as a flow sees them. Every method raises ``CallerGone`` after a hang-up."""

    @property
    def call(self) -> CallKey: ...

    @property
    def caller_number(self) -> str | None: ...

    @property
    def did(self) -> str: ...

    async def say(self, prompts: Sequence[str], *, interrupt_keys: str = "") -> str | None:
        """Play prompts (sound names) one after the other; returns the key that interrupted, or None."""

    async def collect(
        self,
        prompts: Sequence[str],
        *,
        max_digits: int,
        terminator: str,
        first_timeout_ms: int,
        between_timeout_ms: int,
    ) -> Keys:
        """Play prompts and read keys; a key interrupts the prompt."""

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable for the dialplan."""

    async def enter(self, step: str, details: Mapping[str, str]) -> None:
        """The caller comes to a step. When they hang up in it, the PBX records it: nobody else can."""

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        """Record a step of the journey on the call (through the PBX's event stream), now that it is over."""

    async def listen(
        self, prompts: Sequence[str], *, phrases: Sequence[str], first_timeout_ms: int, most_ms: int
    ) -> Utterance:
        """Play prompts and hear what the caller says; speaking or a key interrupts the prompt.

        ``phrases`` narrow what is heard (words separated by spaces); empty: anything. Ends with
        a pause after speech, after ``first_timeout_ms`` of silence, or after ``most_ms``.
        """

    async def record(self, *, most_ms: int, silence_ms: int, finish_keys: str = "#") -> Recorded:
        """Beep and record a message until silence, a finishing key, the hang-up, or the limit."""

    async def report(self, fact: JourneyFact, details: Mapping[str, str]) -> None:
        """Put a fact on the call: at once for us, and with the call's ending for every later reader."""

    async def hang_up(self) -> None:
        """End the call."""


class ProgressAnswer(StrEnum):
    """What may be said of a ticket. A confidential one is ``UNKNOWN``, exactly as one that is not there."""

    FOUND = "found"
    UNKNOWN = "unknown"
    #: too many attempts from this number or on this ticket
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class TicketProgress:
    """The answer to a progress query; ``text`` is what is read out when found."""

    answer: ProgressAnswer
    text: str = ""


@dataclass(frozen=True, slots=True)
class QueueOutlook:
    """How a queue stands for one who joins now."""

    waiting: int
    #: agents who could take a call at once
    free_agents: int
    #: agents logged in, busy or not
    agents: int
    #: seconds, None when there is no measure yet
    estimated_wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class FollowUpTask:
    """A closed ticket whose citizen is asked: no detail is told until the citizen has confirmed."""

    id: int
    #: what the ticket was about, in words that may be said to a stranger
    matter: str
    closed_at: datetime
    #: asked by people only
    confidential: bool = False


class HotlineServices(Protocol):
    """What a flow may ask of the house; each answer within 1 s, or ``None`` for a spoken fallback."""

    async def ticket_progress(
        self, number: str, last_digits: str, caller_number: str | None
    ) -> TicketProgress | None:
        """Progress of a ticket for somebody who names it and the last digits of its call-back number."""

    async def queue_outlook(self, queue: str) -> QueueOutlook | None:
        """How a queue stands now."""

    async def hour_notice(self, line: str) -> str | None:
        """The notice of the hour for this line; empty when none is on. From memory: never waits."""

    async def calls_back(self, call: CallKey, caller_number: str | None) -> bool | None:
        """Whether this caller is owed a call-back and rang first; the call-back is then withdrawn."""

    async def request_callback(self, call: CallKey, number: str, line: str, queue: str) -> bool | None:
        """Keep this caller's place and phone back when it is their turn; False when refused by policy."""

    async def follow_up(self, task: int) -> FollowUpTask | None:
        """The task of a follow-up call."""

    async def follow_up_answer(self, task: int, question: str, answer: str) -> bool | None:
        """Keep one answer of a follow-up call."""
