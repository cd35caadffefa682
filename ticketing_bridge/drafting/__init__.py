"""From a call's words to a ticket's draft: pure, offline, by general rules and the city's data."""

from __future__ import annotations

from ticketing_bridge.drafting.draft import draft_call, rules_version
from ticketing_bridge.drafting.evaluate import Evaluation, evaluate, plain, table
from ticketing_bridge.drafting.lines import CallLineInvalid, draft_lines, draft_rows
from ticketing_bridge.drafting.model import (
    CallState,
    Draft,
    DraftInput,
    EarlierTicket,
    Said,
    SecondMatter,
    Span,
    Value,
    When,
)
from ticketing_bridge.drafting.ongoing import (
    FIELDS,
    OngoingDraft,
    begin,
    finish,
    give_back,
    hear_more,
    type_in,
)

__all__ = [
    "FIELDS",
    "CallLineInvalid",
    "CallState",
    "Draft",
    "DraftInput",
    "EarlierTicket",
    "Evaluation",
    "OngoingDraft",
    "Said",
    "SecondMatter",
    "Span",
    "Value",
    "When",
    "begin",
    "draft_call",
    "draft_lines",
    "draft_rows",
    "evaluate",
    "finish",
    "give_back",
    "hear_more",
    "plain",
    "rules_version",
    "table",
    "type_in",
]
