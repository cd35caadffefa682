"""What a caller did and got on the way through flows: steps, answers, facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from facts.call import JourneyStep
from facts.caller_session import JourneyFact
from telephony.ami.events import Stage

#: the pseudo fact with which the dialplan reports an emergency service in the results of a call
_TRANSFER = "transfer"
_WAV_HEADER_BYTES = 44
#: 8 kHz, 16 bit
_BYTES_PER_MS = 16


@dataclass(slots=True)
class Journey:
    """Grows with the events. The same fact may come twice: when it happened, and with the call's end."""

    steps: list[JourneyStep] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    survey_score: int | None = None
    voicemail: str | None = None
    voicemail_ms: int | None = None
    callback: bool = False
    closed: bool = False
    self_service: str | None = None
    target: str | None = None
    connected: bool = False
    connected_at: datetime | None = None
    _flow: str = ""

    def step(self, event: Stage) -> None:
        """A node of a flow."""
        flow = event.flow or self._flow
        self.steps.append(JourneyStep(event.at, flow, event.node or "", event.key, event.ms, event.version))

    def enters(self, flow: str | None) -> None:
        """A flow has the caller: nodes that do not name their flow are its."""
        self._flow = flow or self._flow

    def fact(self, event: Stage) -> None:
        """A fact, as it happened."""
        details = {
            "Name": event.subject,
            "Value": event.value,
            "Kind": event.of_kind,
            "File": event.file,
            "Ms": event.ms,
            "Score": event.score,
        }
        self._take(event.fact or "", {name: value for name, value in details.items() if value is not None})

    def results(self, text: str) -> None:
        """Every fact once more, from the report of the ending (``fact:name=value&…;…``)."""
        for part in text.split(";"):
            fact, colon, details = part.partition(":")
            if colon:
                self._take(fact, dict(parse_qsl(details, keep_blank_values=True)))

    def transfer(self, event: Stage) -> None:
        """An emergency service is dialled, connected, or was not reached."""
        self.service(event.target, event.at if event.status == "connected" else None)

    def service(self, target: str | None, connected_at: datetime | None) -> None:
        """An emergency service is wanted; ``connected_at`` None: it does not speak with the caller."""
        self.target = target or self.target
        if connected_at is not None:
            self.connected = True
            self.connected_at = self.connected_at or connected_at

    def _take(self, fact: str, details: dict[str, Any]) -> None:
        match fact:
            case JourneyFact.CALLBACK:
                self.callback = True
            case JourneyFact.CLOSED:
                self.closed = True
            case JourneyFact.SELF_SERVICE:
                self.self_service = str(details.get("Kind") or "answer")
            case JourneyFact.ANSWER:
                if name := str(details.get("Name") or ""):
                    self.answers[name] = str(details.get("Value") or "")
            case JourneyFact.SURVEY:
                self.survey_score = _number(details.get("Score")) or self.survey_score
            case JourneyFact.VOICEMAIL:
                self._message(details)
            case str() if fact == _TRANSFER:
                self.target = str(details.get("Target") or "") or self.target
                self.connected = self.connected or details.get("Status") == "connected"

    def _message(self, details: dict[str, Any]) -> None:
        """The file's own size, known with the ending, is the truth: recording anew replaces a file."""
        self.voicemail = str(details.get("File") or "") or self.voicemail
        size = _number(details.get("Bytes"))
        ms = _number(details.get("Ms"))
        if size is not None:
            ms = max(0, size - _WAV_HEADER_BYTES) // _BYTES_PER_MS
        self.voicemail_ms = self.voicemail_ms if ms is None else ms


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdigit() and text.isascii() else None
