"""Facts to rows and back, lossless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar

from facts.call import AgentLeg, AgentRing, Call, CallFlag, CallState, EndedBy, JourneyStep, Outcome, QueueLeg
from facts.identity import CallKey
from facts.transcript import Gap, Leg, Transcript, Turn, Word
from ticketing_bridge.store.records import StoredTranscript

Row = Mapping[Any, Any]


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


def own_values(record: _Record) -> dict[str, Any]:
    """A record's own values by their names (``asdict`` copies each of them, to the bottom)."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


T = TypeVar("T", QueueLeg, AgentLeg, AgentRing, JourneyStep)

_PLAIN = (
    "linkedid", "channel", "caller_number", "did", "line", "arrived_at", "notice_at", "recording",
    "flow_entered_at", "flow_left_at", "answered_at", "ended_at", "hangup_cause", "cause",
    "survey_score", "voicemail", "voicemail_ms", "callback_requested", "self_service", "transfer_target",
    "transferred_at",
)  # fmt: skip


def _legs_to_json(legs: Sequence[QueueLeg | AgentLeg | AgentRing | JourneyStep]) -> list[dict[str, Any]]:
    return [
        {
            name: value.isoformat() if isinstance(value := getattr(leg, name), datetime) else value
            for name in leg.__dataclass_fields__
        }
        for leg in legs
    ]


def _legs_from_json(kind: type[T], stored: Sequence[Row]) -> tuple[T, ...]:
    known = {field.name for field in fields(kind)}

    def leg_of(row: Row) -> T:
        values: dict[str, Any] = {
            name: datetime.fromisoformat(value) if value and _is_time(name) else value
            for name, value in row.items()
            if name in known
        }
        return kind(**values)

    return tuple(map(leg_of, stored))


def _is_time(name: str) -> bool:
    return name == "at" or name.endswith("_at")


def call_to_row(call: Call, fold_version: int) -> dict[str, Any]:
    """Columns of table ``call``."""
    row = {name: getattr(call, name) for name in _PLAIN}
    row |= {
        "key": str(call.key),
        "pbx_id": call.key.pbx_id,
        "uniqueid": call.key.uniqueid,
        "state": call.state.value,
        "queue_legs": _legs_to_json(call.queue_legs),
        "rings": _legs_to_json(call.rings),
        "agent_legs": _legs_to_json(call.agent_legs),
        "ended_by": call.ended_by.value if call.ended_by else None,
        "outcome": call.outcome.value if call.outcome else None,
        "flags": sorted(flag.value for flag in call.flags),
        "steps": _legs_to_json(call.steps),
        "answers": [list(answer) for answer in call.answers],
        "fold_version": fold_version,
    }
    return row


def call_from_row(row: Row) -> Call:
    """The call of a row of table ``call``."""
    plain = {name: row[name] for name in _PLAIN}
    for name, value in plain.items():
        if isinstance(value, datetime):
            plain[name] = value.astimezone(UTC)
    return Call(
        **plain,
        key=CallKey(row["pbx_id"], row["uniqueid"]),
        state=CallState(row["state"]),
        queue_legs=_legs_from_json(QueueLeg, row["queue_legs"]),
        rings=_legs_from_json(AgentRing, row["rings"]),
        agent_legs=_legs_from_json(AgentLeg, row["agent_legs"]),
        ended_by=EndedBy(row["ended_by"]) if row["ended_by"] else None,
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        flags=frozenset(map(CallFlag, row["flags"])),
        steps=_legs_from_json(JourneyStep, row["steps"]),
        answers=tuple((str(name), str(value)) for name, value in row["answers"]),
    )


def words_to_json(words: Sequence[Word]) -> list[list[Any]]:
    """Compact: ``[text, start_s, end_s, confidence]`` a word."""
    return [[word.text, word.start_s, word.end_s, word.confidence] for word in words]


def words_from_json(stored: Sequence[Sequence[Any]]) -> tuple[Word, ...]:
    return tuple(Word(*word) for word in stored)


def transcript_to_json(transcript: Transcript) -> dict[str, Any]:
    """Column ``content`` of table ``transcript`` (the model's name has its own column)."""
    return {
        "turns": [
            {
                "leg": turn.leg.value,
                "text": turn.text,
                "start_s": turn.start_s,
                "end_s": turn.end_s,
                "words": words_to_json(turn.words),
            }
            for turn in transcript.turns
        ],
        "gaps": [{**asdict(gap), "leg": gap.leg.value} for gap in transcript.gaps],
        "reason": transcript.reason,
    }


def transcript_from_json(model: str, stored: Row) -> Transcript:
    turns = (
        Turn(
            leg=Leg(it["leg"]),
            text=it["text"],
            start_s=it["start_s"],
            end_s=it["end_s"],
            words=words_from_json(it["words"]),
        )
        for it in stored["turns"]
    )
    gaps = (Gap(Leg(it["leg"]), it["start_s"], it["end_s"], it["reason"]) for it in stored["gaps"])
    return Transcript(tuple(turns), model, tuple(gaps), stored.get("reason", ""))


def stored_transcript(row: Row, content: Row) -> StoredTranscript:
    """A row of table ``transcript``, its content opened."""
    return StoredTranscript(
        call=row["call"],
        kind=row["kind"],
        model=row["model"],
        transcript=transcript_from_json(row["model"], content),
        audio_digest=row["audio_digest"],
        made_at=row["made_at"],
    )
