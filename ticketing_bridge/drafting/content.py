"""A draft as it is kept and shown: a field, its value, and beside it the evidence."""

from __future__ import annotations

from typing import Any, Final

from ticketing_bridge.drafting.model import Draft, SecondMatter, Value

#: in the order of a page
DRAFT_FIELDS: Final = (
    "title",
    "places",
    "purpose",
    "when",
    "party",
    "demand",
    "appeal",
    "unit",
    "dedicated_line",
    "callback_phone",
    "confidential",
    "emergency",
    "repeat",
    "answered_online",
    "content",
    "matter",
    "urgency",
    "repeat_of",
)
#: those in which a second hearing may suggest something else
SUGGESTED: Final = tuple(
    name for name in DRAFT_FIELDS if name not in {"content", "matter", "urgency", "repeat_of"}
)
_SECOND: Final = tuple(name for name in DRAFT_FIELDS if name in SecondMatter.__dataclass_fields__)


def draft_content(draft: Draft) -> dict[str, Any]:
    """The whole draft; ``second_matter`` has the fields of its own, None when there is no other matter."""
    second = draft.second_matter
    return {
        "rules": draft.rules,
        "state": draft.state.value,
        "ask": [*draft.ask],
        **{name: _fields(getattr(draft, name)) for name in DRAFT_FIELDS},
        "second_matter": {name: _fields(getattr(second, name)) for name in _SECOND} if second else None,
    }


def _fields(found: Any) -> Any:
    return [_field(place) for place in found] if isinstance(found, tuple) else _field(found)


def _field(value: Value[Any]) -> dict[str, Any]:
    plain = value.value
    if hasattr(plain, "text"):  # a time: as it was said, and what it means
        plain = {"text": plain.text, "start": plain.start, "end": plain.end}
    return {
        "value": plain,
        "confidence": round(value.confidence, 2),
        "reason": value.reason,
        "spans": [
            {"turn": span.turn, "start": span.start, "end": span.end, "text": span.text}
            for span in value.spans
        ],
        "candidates": [*value.candidates],
    }
