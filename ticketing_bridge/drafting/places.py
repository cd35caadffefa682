"""The places of a call: what the caller says, corrections applied, the longest mention of each."""

from __future__ import annotations

import re

from config.catalogue import CityData
from ticketing_bridge.drafting.address import AddressReader, gazetteer, house_numbers, place_words
from ticketing_bridge.drafting.lexicon import any_of, because
from ticketing_bridge.drafting.model import CITIZEN, DraftInput, Span, Value


def find_places(words_of_call: DraftInput, data: CityData) -> tuple[Value[str], ...]:
    """Distinct places of the caller's own words, and of what the agent said and the caller confirmed."""
    names = gazetteer(data)
    found: list[tuple[Span, float]] = []
    for number, text in words_of_call.citizen():
        answers = _asked(words_of_call, number)
        spans = list(AddressReader(text, names, answers=answers).spans())
        spans = _uncorrected(text, spans)
        for start, end, sure in spans:
            found.append((Span(number, start, end, text[start:end]), min(1.0, sure + 0.05 * answers)))
    for number, text in words_of_call.agent():
        confirmed = _confirmed(words_of_call, number)
        for start, end, sure in AddressReader(text, names, answers=False).spans():
            if confirmed or (sure >= 0.9 and _where(text)):
                found.append((Span(number, start, end, text[start:end]), sure * 0.8))
    return tuple(
        Value(span.text, sure, because("place_known") if sure >= 0.9 else because("place_guessed"), (span,))
        for span, sure in _distinct(found)
        if sure >= 0.5
    )


def _asked(call: DraftInput, number: int) -> bool:
    """Whether the agent asked for a place just before this turn."""
    question = call.question_before(number)
    return any(it in question for it in place_words("asks_place")) and not any(
        it in question for it in place_words("asks_other")
    )


def _where(question: str) -> bool:
    """Whether the agent asks where on a named place: 您在幺零九国道哪个位置."""
    return bool(re.search(f"{any_of(place_words('where_on'))}", question))


def _confirmed(call: DraftInput, number: int) -> bool:
    text = call.turns[number].text
    after = call.turns[number + 1] if number + 1 < len(call.turns) else None
    asks = text.endswith(("对吧", "是吧", "对吗", "是吗", "吗", "对不对", "是不是"))
    return bool(
        asks and after and after.speaker == CITIZEN and after.text.startswith(("对", "是", "嗯", "没错"))
    )


def _uncorrected(text: str, spans: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Leave out what the speaker took back in the same turn: 九号库不对十九号库, 不是三号楼是五号楼."""
    kept = []
    for index, span in enumerate(spans):
        following = spans[index + 1] if index + 1 < len(spans) else None
        if following:
            between = text[span[1] : following[0]]
            before = text[max(0, span[0] - 2) : span[0]]
            same = text[span[1] - 2 : span[1]] in text[following[0] : following[1]]
            if same and any(it in between for it in place_words("correction")) and len(between) <= 14:
                named = house_numbers().search(text, span[0], span[1])
                if named and named.start() - span[0] >= 3:
                    kept.append((span[0], named.start(), span[2]))
                continue
            if before == "不是" and between in {"是", "而是"}:
                continue
        kept.append(span)
    return kept


def _distinct(found: list[tuple[Span, float]]) -> list[tuple[Span, float]]:
    """The longest mention of each place, in the order of speech."""
    kept: list[tuple[Span, float]] = []
    for span, sure in found:
        covered = [it for it in kept if span.text in it[0].text]
        if not covered:
            kept = [it for it in kept if it[0].text not in span.text]
            kept.append((span, sure))
    return sorted(kept, key=lambda it: it[0])
