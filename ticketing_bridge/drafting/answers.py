"""What the caller told a flow before any agent: read like the first words of the call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar

from ticketing_bridge.drafting.lexicon import because, words
from ticketing_bridge.drafting.model import AGENT, CITIZEN, Draft, DraftInput, Said, SecondMatter, Span, Value

Drafted = TypeVar("Drafted", Draft, SecondMatter)
Held = TypeVar("Held")


def with_answer_turns(call: DraftInput) -> tuple[DraftInput, int]:
    """The call with each spoken answer and its question in front, and how many turns that adds."""
    questions = words("lines")["answer_questions"]
    added = tuple(
        Said(speaker, text, 0.0, 0.0)
        for name, value in call.answers
        if name in questions
        for speaker, text in ((AGENT, questions[name]), (CITIZEN, value))
    )
    return (replace(call, turns=(*added, *call.turns)), len(added)) if added else (call, 0)


def chose(call: DraftInput, what: str) -> bool:
    """Whether one of the caller's answers means this (``confidential``, ``emergency``)."""
    return any(value in words("lines")["answer_means"][what] for _, value in call.answers)


def without_answer_turns(draft: Drafted, added: int) -> Drafted:
    """The same draft with spans that point into the call's own turns."""
    if not added:
        return draft
    changed: dict[str, Any] = {}
    for field in fields(draft):
        found = getattr(draft, field.name)
        if isinstance(found, Value):
            changed[field.name] = _moved(found, added)
        elif field.name == "places":
            changed[field.name] = tuple(_moved(it, added) for it in found)
        elif isinstance(found, SecondMatter):
            changed[field.name] = without_answer_turns(found, added)
    return replace(draft, **changed)


def _moved(value: Value[Held], added: int) -> Value[Held]:
    spans = tuple(_own(value.spans, added))
    told = bool(value.spans) and not spans
    return replace(value, spans=spans, reason=because("chosen_by_caller") if told else value.reason)


def _own(spans: tuple[Span, ...], added: int) -> Iterator[Span]:
    for span in spans:
        if span.turn >= added:
            yield replace(span, turn=span.turn - added)
