"""What drafting proposes for the fields of a work sheet, as texts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ticketing_bridge.workplace.form import YES, drafted_fields

#: between several places of one matter
JOINT = "、"

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One field as drafted. ``value`` is empty when nothing is sure enough; then there are candidates."""

    value: str
    confidence: float | None = None
    reason: str = ""
    candidates: tuple[str, ...] = ()
    #: a time as it was understood, beside the words
    resolved: str = ""
    #: what the recording says instead
    otherwise: str = ""


#: of a field of which nothing was drafted
NOTHING: Final = Proposal("")


def proposals_of(content: Content) -> dict[str, Proposal]:
    """The proposals of a stored or of an ongoing draft: see ``desk.draft_view`` for its form."""
    otherwise = content.get("suggestions") or {}
    return {name: _proposal(content.get(name), otherwise.get(name)) for name in drafted_fields()}


def _proposal(stored: Any, other: Any) -> Proposal:
    if not stored and not other:
        return NOTHING
    fields = [it for it in (stored if isinstance(stored, list | tuple) else [stored]) if it]
    texts = [text for text in map(_text, fields) if text]
    confidences = [it["confidence"] for it in fields if it.get("confidence") is not None and _text(it)]
    candidates = [str(it) for field in fields for it in field.get("candidates", ())]
    return Proposal(
        value=JOINT.join(texts),
        confidence=min(confidences, default=None),
        reason="；".join(dict.fromkeys(str(it["reason"]) for it in fields if it.get("reason"))),
        candidates=tuple(dict.fromkeys(it for it in candidates if it not in texts)),
        resolved=_resolved(fields[0]["value"]) if len(fields) == 1 else "",
        otherwise=_proposal(other, None).value if other else "",
    )


def _text(field: Content) -> str:
    value = field.get("value")
    if isinstance(value, Mapping):
        return str(value.get("text") or "")
    if isinstance(value, bool):
        return YES if value else ""
    return str(value) if value else ""


def _resolved(value: Any) -> str:
    if not isinstance(value, Mapping):
        return ""
    return "至".join(str(value[edge]).replace("T", " ") for edge in ("start", "end") if value.get(edge))


def rules_of(content: Content) -> str:
    """The version of what drafted."""
    return str(content.get("rules") or "")


#: what is the caller's rather than the matter's: the same for every matter of a call
_CALLERS = ("callback_phone", "confidential", "rules", "state", "ask")


def matter_content(content: Content, matter: int) -> Content:
    """The part of a draft about one matter: the first, the second that was heard, or one typed by hand."""
    if matter == 1:
        return content
    own = content.get("second_matter") if matter == 2 else None
    return {**{name: content[name] for name in _CALLERS if name in content}, **(own or {})}
