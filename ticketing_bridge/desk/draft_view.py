"""A draft ticket as people see it: every value with its evidence, confidence and reason. Pure.

Reads what ``Draft.plain()`` stores: values by name, and under ``evidence`` for each name
(for ``places`` for each place) its confidence, reason, candidates and spans ``[turn, start, end]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.hotline import Hotline
from facts.call import Call
from facts.masking import mask_digits, mask_number
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.views import agent_name, call_url, line_name
from ticketing_bridge.desk.words_view import Evidence, anchors
from ticketing_bridge.store.records import DraftRecord

CONFIDENCE_BAR = 30

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One value with what proves it; ``id`` names it in the page (``places-0``, ``places-1``, …)."""

    id: str
    name: str
    value: Any
    evidence: Content


@dataclass(frozen=True, slots=True)
class FieldView:
    """One value of the draft, as shown."""

    id: str
    label: str
    value: str
    reason: str
    candidates: str
    confidence: float | None
    confidence_text: str
    level: str
    bar: float
    anchor: str | None


@dataclass(frozen=True, slots=True)
class DraftView:
    """A whole draft."""

    fields: tuple[FieldView, ...]
    made_at: datetime
    rules: str
    basis: str | None


def found_values(content: Content) -> Iterator[Found]:
    """The draft's values in the order of the page; those without value and candidates are left out."""
    proofs = content.get("evidence", {})
    for name in labels().draft_fields:
        value, proof = content.get(name), proofs.get(name, {})
        if isinstance(value, list):
            for number, (one, its) in enumerate(zip(value, proof or [{}] * len(value), strict=False)):
                yield Found(f"{name}-{number}", name, one, its)
        elif _said(value) or proof.get("candidates"):
            yield Found(name, name, value, proof)


def _said(value: Any) -> bool:
    return bool(value.get("text") if isinstance(value, Mapping) else value)


def evidence_of(content: Content) -> tuple[Evidence, ...]:
    """Where the values were read."""
    return tuple(
        Evidence(found.id, turn, start, end)
        for found in found_values(content)
        for turn, start, end in found.evidence.get("spans", ())
    )


def value_text(value: Any) -> str:
    """A value in words: long numbers masked, times with what they were resolved to."""
    phrases = labels().phrases
    if value is True:
        return phrases["yes"]
    if isinstance(value, Mapping):
        resolved = phrases["between"].join(
            str(value[edge]).replace("T", " ") for edge in ("start", "end") if value.get(edge)
        )
        return f"{value['text']}（{resolved}）" if resolved else str(value["text"])
    return mask_digits(str(value)) if _said(value) else phrases["undecided"]


def draft_title(content: Content) -> str | None:
    """The draft's title."""
    title = content.get("title")
    return value_text(title) if title else None


def spoken_number(content: Content) -> str | None:
    """The number to call back that was said, in clear: only for who may see it."""
    number = content.get("callback_phone")
    return str(number) if number else None


def draft_view(record: DraftRecord, evidence: Sequence[Evidence], turns: int) -> DraftView:
    """The draft beside the words of ``turns`` turns that are on the page."""
    where = anchors(evidence, turns)
    return DraftView(
        fields=tuple(_field_view(found, where.get(found.id)) for found in found_values(record.content)),
        made_at=record.created_at,
        rules=str(record.content.get("rules", "")),
        basis=labels().sources.get(record.source),
    )


def _field_view(found: Found, anchor: str | None) -> FieldView:
    phrases = labels().phrases
    confidence = found.evidence.get("confidence") if _said(found.value) else None
    candidates = found.evidence.get("candidates", ())
    return FieldView(
        id=found.id,
        label=labels().draft_fields[found.name],
        value=value_text(found.value),
        reason=mask_digits(str(found.evidence.get("reason") or "")),
        candidates=mask_digits(phrases["perhaps"] + phrases["joint"].join(candidates)) if candidates else "",
        confidence=confidence,
        confidence_text=f"{confidence:.0%}" if confidence is not None else "",
        level=_level(confidence),
        bar=round(CONFIDENCE_BAR * (confidence or 0), 1),
        anchor=anchor,
    )


def _level(confidence: float | None) -> str:
    if confidence is None:
        return "mute"
    return "ok" if confidence >= 0.8 else "wait" if confidence >= 0.5 else "miss"


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One line of the list of drafts. The number is masked."""

    url: str
    at: datetime
    title: str | None
    purpose: str | None
    place: str | None
    line: str
    number: str
    agent: str | None


def draft_row(record: DraftRecord, call: Call, hotline: Hotline) -> DraftRow:
    """The draft and its call in one line."""
    content = record.content
    return DraftRow(
        url=call_url(record.call) + "#draft",
        at=call.arrived_at,
        title=draft_title(content),
        purpose=content.get("purpose"),
        place=labels().phrases["joint"].join(map(value_text, content.get("places", ()))) or None,
        line=line_name(hotline, call.line),
        number=mask_number(call.caller_number),
        agent=agent_name(hotline, call.agent) if call.agent else None,
    )
