"""The places of a call: what the caller says, corrections applied, the longest mention of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from config.catalogue import CityData
from ticketing_bridge.drafting.address import AddressReader, Gazetteer, gazetteer, place_words
from ticketing_bridge.drafting.corrections import Mention, without_taken_back
from ticketing_bridge.drafting.lexicon import any_of, because
from ticketing_bridge.drafting.model import CITIZEN, DraftInput, Span, Value


def find_places(words_of_call: DraftInput, data: CityData) -> tuple[Value[str], ...]:
    """Distinct places of the caller's own words, and of what the agent said and the caller confirmed."""
    names = gazetteer(data)
    found: list[Mention] = []
    for number, said in enumerate(words_of_call.turns):
        if said.speaker == CITIZEN:
            found += _said(words_of_call, number, said.text, names)
        else:
            found += _repeated(words_of_call, number, said.text, names)
    return tuple(
        Value(it.span.text, it.sure, _reason(it), (it.span,))
        for it in _distinct(without_taken_back(words_of_call, found))
        if it.sure >= 0.5
    )


def _said(call: DraftInput, number: int, text: str, names: Gazetteer) -> Iterator[Mention]:
    answers = _asked(call, number)
    for start, end, sure in AddressReader(text, names, answers=answers).spans():
        yield Mention(Span(number, start, end, text[start:end]), min(1.0, sure + 0.05 * answers))


def _repeated(call: DraftInput, number: int, text: str, names: Gazetteer) -> Iterator[Mention]:
    """What the agent says back and the caller confirms."""
    confirmed = _confirmed(call, number)
    for start, end, sure in AddressReader(text, names, answers=False).spans():
        if confirmed or (sure >= 0.9 and _where(text)):
            yield Mention(Span(number, start, end, text[start:end]), sure * 0.8)


def _reason(mention: Mention) -> str:
    if mention.corrected:
        return because("corrected")
    return because("place_known" if mention.sure >= 0.9 else "place_guessed")


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


def _distinct(found: Sequence[Mention]) -> list[Mention]:
    """The longest mention of each place, in the order of speech."""
    kept: list[Mention] = []
    for mention in found:
        covered = [it for it in kept if mention.span.text in it.span.text]
        if not covered:
            kept = [it for it in kept if it.span.text not in mention.span.text]
            kept.append(mention)
    return sorted((it for it in kept if not _vaguer(it, kept)), key=lambda it: it.span)


def _vaguer(mention: Mention, others: Sequence[Mention]) -> bool:
    """绿地公馆门口, when 绿地公馆南门 was said as well."""
    text = mention.span.text
    stem = next((text.removesuffix(it) for it in place_words("vague_tail") if text.endswith(it)), text)
    return stem != text and any(len(stem) >= 3 and stem in it.span.text for it in others if it is not mention)
