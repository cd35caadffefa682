"""A draft ticket as people see it: every value with its evidence, confidence and reason. Pure.

A stored draft has for each name a field (for ``places`` a list of them): ``value``, ``confidence``,
``reason``, ``candidates``, ``spans`` (``turn``, ``start``, ``end``); and under ``suggestions`` the fields
that the second hearing, of the recording, sees otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.hotline import Hotline
from facts.call import Call
from facts.masking import mask_number, mask_spoken
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.views import agent_name, call_url, line_name
from ticketing_bridge.desk.words_view import Evidence, anchors
from ticketing_bridge.store.records import DraftRecord

CONFIDENCE_BAR = 30

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One field with a value or candidates; ``id`` names it in the page (``places-0``, ``places-1``, …)."""

    id: str
    name: str
    field: Content


@dataclass(frozen=True, slots=True)
class FieldView:
    """One value of the draft, as shown."""

    id: str
    label: str
    value: str
    reason: str
    candidates: str
    suggested: str
    confidence: float | None
    confidence_text: str
    level: str
    bar: float
    anchor: str | None


@dataclass(frozen=True, slots=True)
class OpinionView:
    """What a language model would write; ``same``: the draft says so, too."""

    label: str
    value: str
    same: bool


@dataclass(frozen=True, slots=True)
class DraftView:
    """A whole draft."""

    fields: tuple[FieldView, ...]
    #: beside the draft, never in it
    opinions: tuple[OpinionView, ...]
    made_at: datetime
    rules: str
    basis: str | None


def found_values(content: Content) -> Iterator[Found]:
    """The draft's fields in the order of the page; those without value and candidates are left out."""
    for name in labels().draft_fields:
        stored = content.get(name)
        if isinstance(stored, Mapping):
            if _said(stored["value"]) or stored.get("candidates"):
                yield Found(name, name, stored)
        elif stored:
            for number, field in enumerate(stored):
                yield Found(f"{name}-{number}", name, field)


def _said(value: Any) -> bool:
    return bool(value.get("text") if isinstance(value, Mapping) else value)


def evidence_of(content: Content) -> tuple[Evidence, ...]:
    """Where the values were read."""
    return tuple(
        Evidence(found.id, span["turn"], span["start"], span["end"])
        for found in found_values(content)
        for span in found.field.get("spans", ())
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
    return mask_spoken(str(value)) if _said(value) else phrases["undecided"]


def _texts(stored: Any) -> str | None:
    """A field's value, or all values of a list of fields, in words; None when there is none."""
    fields = [stored] if isinstance(stored, Mapping) else stored or ()
    said = [value_text(field["value"]) for field in fields if _said(field["value"])]
    return labels().phrases["joint"].join(said) or None


def draft_title(content: Content) -> str | None:
    """The draft's title."""
    return _texts(content.get("title"))


def spoken_number(content: Content) -> str | None:
    """The number to call back that was said, in clear: only for who may see it."""
    number = (content.get("callback_phone") or {}).get("value")
    return str(number) if number else None


def draft_view(record: DraftRecord, evidence: Sequence[Evidence], turns: int) -> DraftView:
    """The draft beside the words of ``turns`` turns that are on the page."""
    where = anchors(evidence, turns)
    return DraftView(
        fields=tuple(
            _field_view(found, where.get(found.id), _suggested(record.content, found))
            for found in found_values(record.content)
        ),
        opinions=_opinions(record.content),
        made_at=record.created_at,
        rules=str(record.content.get("rules", "")),
        basis=labels().sources.get(record.source),
    )


def _opinions(content: Content) -> tuple[OpinionView, ...]:
    """A second opinion in the order of the page; fields that pages do not know are left out."""
    given = content.get("opinions") or {}
    return tuple(
        OpinionView(label, text, text == _texts(content.get(name)))
        for name, label in labels().draft_fields.items()
        if name in given and (text := _texts(given[name])) is not None
    )


def _suggested(content: Content, found: Found) -> str:
    """What the recording says instead, shown once a name."""
    first = found.id in {found.name, f"{found.name}-0"}
    text = _texts((content.get("suggestions") or {}).get(found.name)) if first else None
    return labels().phrases["suggested"] + text if text else ""


def _field_view(found: Found, anchor: str | None, suggested: str) -> FieldView:
    phrases, field = labels().phrases, found.field
    confidence = field.get("confidence") if _said(field["value"]) else None
    candidates = phrases["joint"].join(field.get("candidates", ()))
    perhaps = phrases["or_else" if _said(field["value"]) else "perhaps"]
    return FieldView(
        id=found.id,
        label=labels().draft_fields[found.name],
        value=value_text(field["value"]),
        reason=mask_spoken(str(field.get("reason") or "")),
        candidates=mask_spoken(perhaps + candidates) if candidates else "",
        suggested=suggested,
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
        purpose=_texts(content.get("purpose")),
        place=_texts(content.get("places")),
        line=line_name(hotline, call.line),
        number=mask_number(call.caller_number),
        agent=agent_name(hotline, call.agent) if call.agent else None,
    )
