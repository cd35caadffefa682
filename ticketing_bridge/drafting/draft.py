"""From words to a draft: by general rules over the city's data; every value shows where it was heard."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from config.catalogue import CityData
from ticketing_bridge.drafting import wording
from ticketing_bridge.drafting.answers import with_answer_turns, without_answer_turns
from ticketing_bridge.drafting.calibration import Hearing, calibrated
from ticketing_bridge.drafting.circumstances import matter_of, repeat_of, state_of, to_ask, urgency_of
from ticketing_bridge.drafting.lexicon import because
from ticketing_bridge.drafting.marks import is_confidential, is_emergency
from ticketing_bridge.drafting.matters import Heard, choose_appeal, choose_unit, hear
from ticketing_bridge.drafting.model import CallState, Draft, DraftInput, SecondMatter, Value
from ticketing_bridge.drafting.parties import find_party
from ticketing_bridge.drafting.phones import find_callback
from ticketing_bridge.drafting.places import find_places
from ticketing_bridge.drafting.purpose import (
    choose_line,
    choose_purpose,
    is_answered,
    is_repeat,
)
from ticketing_bridge.drafting.repair import as_printed, known_words, repaired
from ticketing_bridge.drafting.second import split
from ticketing_bridge.drafting.times import find_when
from ticketing_bridge.drafting.titles import make_title

#: fields whose confidence is a fitted probability; what protects people is always shown
CALIBRATED = ("purpose", "appeal", "dedicated_line", "places", "when", "party", "callback_phone", "unit")
_NO_PARTY = {"咨询", "建议", "其他", "表扬"}


@cache
def rules_version() -> str:
    """Changes with any change of word lists or weights; the number in front with the rules themselves."""
    package = files("ticketing_bridge.drafting")
    kept = [it for folder in ("data", "weights") for it in (package / folder).iterdir()]
    read = b"".join(it.read_bytes() for it in sorted(kept, key=lambda it: it.name))
    return f"rules-1-{hashlib.sha256(read).hexdigest()[:8]}"


def draft_call(words: DraftInput, data: CityData, *, ended: bool = True, shown_only: bool = True) -> Draft:
    """Draft the ticket of one call. Never raises on any text; deterministic.

    Of a call that goes on (``ended`` False) it is not said that it had no matter. With ``shown_only`` False
    doubtful values stay, with the rules' own weights for confidences: for fitting.
    """
    printed, added = with_answer_turns(words)
    call, for_places = repaired(printed, data), repaired(printed, data, places=True)
    parts = split(call, data)
    hearing = Hearing.of(printed, call, known_words(data)) if shown_only else None
    first, first_places = (parts.first(call), parts.first(for_places)) if parts else (call, for_places)
    draft = _draft(_Heard(first, call, first_places, data, hearing))
    if draft.state is CallState.EMPTY and not ended:
        nothing = Value(None, reason=because("nearly_empty"))
        draft = replace(draft, purpose=nothing, appeal=nothing, unit=nothing, title=nothing)
    if parts:
        other = _Heard(parts.second(call), call, parts.second(for_places), data, hearing)
        second = _second(_draft(other))
        # both announced at once, the place said later: it is the place of both
        draft = replace(draft, second_matter=second, places=draft.places or second.places)
    return without_answer_turns(as_printed(draft, printed), added)


def _second(draft: Draft) -> SecondMatter:
    return SecondMatter(**{it.name: getattr(draft, it.name) for it in fields(SecondMatter)})


@dataclass(frozen=True, slots=True)
class _Heard:
    """One matter's words: ``words`` are those that belong to it, ``call`` is the whole call."""

    words: DraftInput
    call: DraftInput
    #: the words with only places put right
    places: DraftInput
    data: CityData
    #: None: nothing is held back
    hearing: Hearing | None


def _draft(it: _Heard) -> Draft:
    """One matter."""
    words, call, data = it.words, it.call, it.data
    found = find_places(it.places, data)
    spans = [span for place in found for span in place.spans]
    emergency = is_emergency(words)
    heard = hear(words, data, spans, emergency=emergency.value)
    line = choose_line(call)
    party = find_party(it.places, spans, data, stuck=line.value == "办不成事")
    purpose = choose_purpose(words, heard, party=party.value is not None)
    state = state_of(call, purpose, heard)
    if state in {CallState.EMPTY, CallState.PRANK}:
        purpose = Value("其他", 0.9, because("nearly_empty" if state is CallState.EMPTY else "prank"))
    if state is CallState.WITHDRAWN and purpose.value != "其他":
        purpose = Value("其他", 0.9, because("withdrawn"), (), (purpose.value,) if purpose.value else ())
    answered = is_answered(call, purpose.value)
    when = find_when(words, spans, future=purpose.value in {"咨询", "建议"}, split=words is not call)
    if state is CallState.WITHDRAWN:
        when = Value(None, reason=because("withdrawn_time"))
    at_place = party.value in {place.value for place in found}
    if purpose.value in _NO_PARTY or (
        purpose.value == "求助" and at_place and not line.value
    ):  # 市场停电: not its fault
        party = Value(None, party.confidence, because("no_party_kind"), (), party.candidates)
    appeal = choose_appeal(
        words, heard, answered_question=purpose.value == "咨询" and answered.value, emergency=emergency.value
    )
    unit = choose_unit(heard)
    if purpose.value == "其他" and state is not CallState.WITHDRAWN:
        appeal, unit = (Value(it, 0.9, because("no_matter"), purpose.spans) for it in ("其他", "其他单位"))
        found = ()
    repeat = is_repeat(call)
    raw = Draft(
        id=call.id,
        rules=rules_version(),
        purpose=purpose,
        appeal=appeal,
        dedicated_line=line,
        places=found,
        when=when,
        party=party,
        callback_phone=find_callback(call),
        demand=wording.find_wish(words, purpose.value, heard, emergency=emergency.value),
        confidential=is_confidential(call),
        emergency=emergency,
        repeat=repeat,
        unit=unit,
        answered_online=answered,
        title=Value(None),
        content=Value(""),
        matter=matter_of(heard),
        urgency=urgency_of(words, emergency=emergency.value),
        repeat_of=repeat_of(call, heard, unit.value, repeated=repeat.value),
        state=state,
    )
    return _composed(_shown(raw, it.hearing) if it.hearing else raw, it, heard)


def _shown(draft: Draft, hearing: Hearing) -> Draft:
    """With probabilities, and without what is too doubtful to be shown."""
    changed: dict[str, Any] = {
        name: calibrated(name, getattr(draft, name), hearing) for name in CALIBRATED if name != "places"
    }
    if changed["purpose"].value is None and draft.answered_online.value:
        changed["answered_online"] = Value(False, 0.4, because("doubtful"))
    places = [(place, calibrated("places", place, hearing)) for place in draft.places]
    changed["places"] = tuple(shown for _, shown in places if shown.value is not None)
    changed["maybe_places"] = tuple(place.value for place, shown in places if shown.value is None)
    return replace(draft, **changed)


def _composed(draft: Draft, it: _Heard, heard: Heard) -> Draft:
    """What is written from the fields: title, content, what to ask."""
    places = draft.places
    purpose, when = draft.purpose.value, draft.when.value
    shown = {
        "purpose": purpose,
        "place": "、".join(place.value for place in places) or None,
        "when": when.text if when else None,
        "party": draft.party.value,
        "dated": wording.dated(when) if when else None,
        "wish": draft.demand.value,
        "wish_said": draft.demand.spans[0].text if draft.demand.spans else None,
    }
    title = make_title(
        it.words,
        purpose,
        places[0].value if places else None,
        heard,
        draft.state,
        party=None if purpose in _NO_PARTY else draft.party.value,
        emergency=draft.emergency.value,
    )
    callback = draft.callback_phone.value is not None
    demand = draft.demand
    if purpose == "咨询" and title.value and not demand.spans:
        demand = replace(demand, value=wording.asked_after(title.value))
        shown["wish"] = demand.value
    return replace(
        draft,
        demand=demand,
        title=title,
        content=wording.make_content(it.places, shown, secret=draft.confidential.value),
        ask=to_ask(it.call, draft.state, places=bool(places), callback=callback),
    )
