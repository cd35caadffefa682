"""From words to a draft: by general rules over the city's data; every value shows where it was heard."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files

from config.catalogue import CityData
from ticketing_bridge.drafting import wording
from ticketing_bridge.drafting.answers import with_answer_turns, without_answer_turns
from ticketing_bridge.drafting.circumstances import matter_of, repeat_of, state_of, to_ask, urgency_of
from ticketing_bridge.drafting.lexicon import because
from ticketing_bridge.drafting.matters import choose_appeal, choose_unit, hear
from ticketing_bridge.drafting.model import CallState, Draft, DraftInput, SecondMatter, Value
from ticketing_bridge.drafting.parties import find_party
from ticketing_bridge.drafting.phones import find_callback
from ticketing_bridge.drafting.places import find_places
from ticketing_bridge.drafting.purpose import (
    choose_line,
    choose_purpose,
    is_answered,
    is_confidential,
    is_emergency,
    is_repeat,
)
from ticketing_bridge.drafting.second import split
from ticketing_bridge.drafting.times import find_when

_NO_PARTY = {"咨询", "建议", "其他", "表扬"}


@cache
def rules_version() -> str:
    """Changes with any change of the word lists; the number in front with the rules themselves."""
    folder = files("ticketing_bridge.drafting") / "data"
    lists = b"".join(it.read_bytes() for it in sorted(folder.iterdir(), key=lambda it: it.name))
    return f"rules-1-{hashlib.sha256(lists).hexdigest()[:8]}"


def draft_call(words: DraftInput, data: CityData, *, ended: bool = True) -> Draft:
    """Draft the ticket of one call. Never raises on any text; deterministic.

    Of a call that goes on (``ended`` False) it is not said that it had no matter.
    """
    call, added = with_answer_turns(words)
    parts = split(call, data)
    draft = _draft(parts[0] if parts else call, call, data)
    if draft.state is CallState.EMPTY and not ended:
        nothing = Value(None, reason=because("nearly_empty"))
        draft = replace(draft, purpose=nothing, appeal=nothing, unit=nothing, title=nothing)
    if parts:
        draft = replace(draft, second_matter=_second(_draft(parts[1], call, data)))
    return without_answer_turns(draft, added)


def _second(draft: Draft) -> SecondMatter:
    return SecondMatter(**{it.name: getattr(draft, it.name) for it in fields(SecondMatter)})


def _draft(words: DraftInput, call: DraftInput, data: CityData) -> Draft:
    """One matter: ``words`` are those that belong to it, ``call`` is the whole call."""
    places = find_places(words, data)
    spans = [span for place in places for span in place.spans]
    heard = hear(words, data, spans)
    purpose = choose_purpose(words, heard)
    state = state_of(call, purpose, heard)
    if state in {CallState.EMPTY, CallState.PRANK}:
        purpose = Value("其他", 0.6, because("nearly_empty" if state is CallState.EMPTY else "prank"))
    when = find_when(words, spans, future=purpose.value in {"咨询", "建议"})
    if state is CallState.WITHDRAWN:
        when = Value(None, reason=because("withdrawn_time"))
    answered = is_answered(call, purpose.value)
    line = choose_line(call)
    party = find_party(words, spans, data, stuck=line.value == "办不成事")
    if purpose.value in _NO_PARTY:
        party = Value(None, party.confidence, because("no_party_kind"), (), party.candidates)
    emergency = is_emergency(words)
    appeal = choose_appeal(
        heard, answered_question=purpose.value == "咨询" and answered.value, emergency=emergency.value
    )
    unit = choose_unit(heard)
    if purpose.value == "其他" and state is not CallState.WITHDRAWN:
        appeal, unit = (Value(it, 0.6, because("no_matter"), purpose.spans) for it in ("其他", "其他单位"))
        places = ()
    wish = wording.find_wish(words, purpose.value, heard)
    callback = find_callback(call)
    repeat = is_repeat(call)
    return Draft(
        id=call.id,
        rules=rules_version(),
        purpose=purpose,
        appeal=appeal,
        dedicated_line=line,
        places=places,
        when=when,
        party=party,
        callback_phone=callback,
        demand=wish,
        confidential=is_confidential(call),
        emergency=emergency,
        repeat=repeat,
        unit=unit,
        answered_online=answered,
        title=wording.make_title(words, purpose.value, places[0].value if places else None, heard, state),
        content=wording.make_content(
            words,
            {
                "purpose": purpose.value,
                "place": "、".join(it.value for it in places) or None,
                "when": when.value.text if when.value else None,
                "party": party.value,
                "wish": wish.value,
            },
        ),
        matter=matter_of(heard),
        urgency=urgency_of(words, emergency=emergency.value),
        repeat_of=repeat_of(call, heard, unit.value, repeated=repeat.value),
        state=state,
        ask=to_ask(call, state, places=bool(places), callback=callback.value is not None),
    )
