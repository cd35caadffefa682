"""What a caller told a flow by key or word, as the draft needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.hotline import Hotline
from facts.call import Call
from ticketing_bridge.drafting.lexicon import because
from ticketing_bridge.journeys.callbacks import SENSITIVE_ANSWERS


def dedicated_line(call: Call, hotline: Hotline) -> str | None:
    """The dedicated line of a call: of the number dialled, else of the flow that a key led to."""
    dialled = hotline.line(call.line)
    if dialled and dialled.dedicated:
        return dialled.dedicated
    of_flow = {line.flow: line.dedicated for line in hotline.lines if line.dedicated}
    return next((of_flow[step.flow] for step in reversed(call.steps) if step.flow in of_flow), None)


def with_answers(content: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """A draft's content with the caller's own answers; who asked for secrecy by key has it."""
    found = {**content, "answers": [[name, value] for name, value in call.answers]}
    if any(value in SENSITIVE_ANSWERS for _, value in call.answers):
        found["confidential"] = {
            "value": True,
            "confidence": 1.0,
            "reason": because("chosen_by_caller"),
            "spans": [],
            "candidates": [],
        }
    return found
