"""From words to a draft: by general rules over the city's data; every value shows where it was heard."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

from config.catalogue import CityData
from ticketing_bridge.drafting import wording
from ticketing_bridge.drafting.lexicon import because
from ticketing_bridge.drafting.matters import choose_appeal, choose_unit, hear
from ticketing_bridge.drafting.model import Draft, DraftInput, Value
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
from ticketing_bridge.drafting.times import find_when

_WITHDRAWN = re.compile("撤|取消|不用(?:再)?(?:处理|管|派)")
#: fewer characters than these from the caller in the whole call is no matter
_NEARLY_EMPTY = 8
_NO_PARTY = {"咨询", "建议", "其他", "表扬"}


@cache
def rules_version() -> str:
    """Changes with any change of the word lists; the number in front with the rules themselves."""
    folder = files("ticketing_bridge.drafting") / "data"
    lists = b"".join(it.read_bytes() for it in sorted(folder.iterdir(), key=lambda it: it.name))
    return f"rules-1-{hashlib.sha256(lists).hexdigest()[:8]}"


def draft_call(words: DraftInput, data: CityData) -> Draft:
    """Draft the ticket of one call. Never raises on any text; deterministic."""
    places = find_places(words, data)
    spans = [span for place in places for span in place.spans]
    heard = hear(words, data, spans)
    spoken = sum(len(text) for _, text in words.citizen())
    empty = spoken < _NEARLY_EMPTY
    purpose = choose_purpose(words, heard)
    if empty:
        purpose = Value("其他", 0.6, because("nearly_empty"))
    withdrawn = purpose.value == "其他" and any(_WITHDRAWN.search(text) for _, text in words.citizen())
    when = find_when(words, spans, future=purpose.value in {"咨询", "建议"})
    if withdrawn:
        when = Value(None, reason=because("withdrawn_time"))
    answered = is_answered(words, purpose.value)
    line = choose_line(words)
    party = find_party(words, spans, stuck=line.value == "办不成事")
    if purpose.value in _NO_PARTY:
        party = Value(None, party.confidence, because("no_party_kind"), (), party.candidates)
    emergency = is_emergency(words)
    appeal = choose_appeal(
        heard, answered_question=purpose.value == "咨询" and answered.value, emergency=emergency.value
    )
    unit = choose_unit(heard)
    if purpose.value == "其他" and not withdrawn:
        appeal, unit = (Value(it, 0.6, because("no_matter"), purpose.spans) for it in ("其他", "其他单位"))
    wish = wording.find_wish(words, purpose.value, heard)
    main_place = places[0].value if places else None
    return Draft(
        id=words.id,
        rules=rules_version(),
        purpose=purpose,
        appeal=appeal,
        dedicated_line=line,
        places=places,
        when=when,
        party=party,
        callback_phone=find_callback(words),
        demand=wish,
        confidential=is_confidential(words),
        emergency=emergency,
        repeat=is_repeat(words),
        unit=unit,
        answered_online=answered,
        title=wording.make_title(words, purpose.value, main_place, heard, withdrawn=withdrawn, empty=empty),
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
    )
