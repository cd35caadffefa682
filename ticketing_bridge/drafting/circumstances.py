"""What stands round a matter: the state of the call, how urgent it is, an earlier ticket, what to ask."""

from __future__ import annotations

from collections.abc import Iterator

from ticketing_bridge.drafting.answers import chose
from ticketing_bridge.drafting.lexicon import because, pattern, words
from ticketing_bridge.drafting.matters import Heard
from ticketing_bridge.drafting.model import CallState, DraftInput, EarlierTicket, Span, Value
from ticketing_bridge.drafting.purpose import cancelled, citizen_says, is_dispatched

#: fewer characters than these from the caller in the whole call is no matter
_NEARLY_EMPTY = 8
#: a catalogue's word of two characters, heard once
_ONE_WORD = 1.0


def state_of(call: DraftInput, purpose: Value[str | None], heard: Heard) -> CallState:
    """What kind of call it is. A caller who names a matter is never taken for a prank."""
    if sum(len(text) for _, text in call.citizen()) < _NEARLY_EMPTY:
        return CallState.EMPTY
    matter = heard.matters[0][0] if heard.matters else 0.0
    playing = matter < 2 * _ONE_WORD and not is_dispatched(call)
    if citizen_says(call, "prank") and (playing or _told_off(call)):
        return CallState.PRANK
    if cancelled(call) or (purpose.value == "其他" and citizen_says(call, "withdrawn")):
        return CallState.WITHDRAWN
    if purpose.value is None and matter < _ONE_WORD:
        return CallState.GARBLED
    return CallState.MATTER


def _told_off(call: DraftInput) -> bool:
    return any(pattern("flags", "agent_prank").search(text) for _, text in call.agent())


def matter_of(heard: Heard) -> Value[str | None]:
    """The catalogue's entry; the next ones are candidates."""
    ranked = [matter.title for _, matter in heard.matters[:4]]
    if not heard.matters or heard.matter is None:
        return Value(None, reason=because("no_words"))
    top = heard.matters[0][0]
    second = heard.matters[1][0] if len(heard.matters) > 1 else 0.0
    spans = tuple(heard.spans[ranked[0]][:3])
    if top < _ONE_WORD:
        return Value(None, 0.3, because("too_little"), (), tuple(ranked))
    return Value(
        ranked[0], min(0.95, top / (top + second + 0.5)), because("by_matter"), spans, tuple(ranked[1:])
    )


def urgency_of(call: DraftInput, *, emergency: bool) -> Value[str]:
    """How soon: danger to life, cannot wait, ordinary."""
    levels = words("lines")["urgency"]
    if emergency:
        return Value(levels["danger"], 0.9, because("emergency"))
    found = tuple(
        Span(turn, it.start(), it.end(), it[0])
        for turn, text in call.citizen()
        for it in pattern("flags", "urgent").finditer(text)
    )
    if found:
        return Value(levels["soon"], min(0.9, 0.4 + 0.2 * len(found)), because("urgent_words"), found[:3])
    return Value(levels["ordinary"], 0.6, because("ordinary"))


def repeat_of(call: DraftInput, heard: Heard, unit: str | None, *, repeated: bool) -> Value[str | None]:
    """The caller's earlier ticket on the same matter: one that fits, else those that may."""
    fitting = list(_fitting(call, heard, unit))
    numbers = tuple(ticket.number for ticket in fitting)
    if len(fitting) == 1 and (repeated or fitting[0].is_open):
        return Value(numbers[0], 0.85 if repeated else 0.6, because("same_caller"))
    candidates = numbers or (tuple(it.number for it in call.earlier if it.is_open) if repeated else ())
    return Value(None, 0.3, because("same_caller") if candidates else because("not_said"), (), candidates)


def _fitting(call: DraftInput, heard: Heard, unit: str | None) -> Iterator[EarlierTicket]:
    title = heard.matter.title if heard.matter else None
    for ticket in call.earlier:
        if (title and title in ticket.title) or (unit and unit == ticket.unit):
            yield ticket


def to_ask(call: DraftInput, state: CallState, *, places: bool, callback: bool) -> tuple[str, ...]:
    """Fields that the agent had better ask for before the caller hangs up."""
    if state is not CallState.MATTER:
        return ()
    missing = []
    if not places:
        missing.append("places")
    if call.caller_number is None and not callback and not chose(call, "confidential"):
        missing.append("callback_phone")
    return tuple(missing)
