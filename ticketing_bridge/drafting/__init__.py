"""From a call's words to a ticket's draft: pure, offline, by general rules and the city's data."""

from __future__ import annotations

from ticketing_bridge.drafting.draft import draft_call, rules_version
from ticketing_bridge.drafting.evaluate import Evaluation, evaluate, table
from ticketing_bridge.drafting.lines import CallLineInvalid, draft_lines
from ticketing_bridge.drafting.model import Draft, DraftInput, Said, Span, Value, When

__all__ = [
    "CallLineInvalid",
    "Draft",
    "DraftInput",
    "Evaluation",
    "Said",
    "Span",
    "Value",
    "When",
    "draft_call",
    "draft_lines",
    "evaluate",
    "rules_version",
    "table",
]
