"""Marks of a call that the citizen must be able to rely on: a life in danger, the wish for secrecy."""

from __future__ import annotations

from functools import lru_cache

from ticketing_bridge.drafting.answers import chose
from ticketing_bridge.drafting.lexicon import because
from ticketing_bridge.drafting.model import DraftInput, Value
from ticketing_bridge.drafting.signals import Signal
from ticketing_bridge.drafting.weighing import in_force

#: calls of which is remembered what was found: each is asked for several times
_KEPT = 16


def is_confidential(call: DraftInput) -> Value[bool]:
    """Whether the caller asks that nobody learn who called."""
    if chose(call, "confidential"):
        return Value(True, 1.0, because("chosen_by_caller"))
    return _marked(in_force().confidential, call, because("confidential"))


def is_emergency(call: DraftInput) -> Value[bool]:
    """Whether a life is in danger now. Past, supposed, figurative dangers do not count, nor does praise."""
    if chose(call, "emergency"):
        return Value(True, 0.9, because("danger_chosen"))
    return _marked(in_force().emergency, call, because("emergency"))


@lru_cache(maxsize=2 * _KEPT)
def _marked(signal: Signal, call: DraftInput, reason: str) -> Value[bool]:
    sign = signal.sign(call)
    if sign.likely < signal.least or sign.span is None:
        return Value(False, 1 - sign.likely, because("not_said"))
    return Value(True, sign.likely, reason, (sign.span,))
