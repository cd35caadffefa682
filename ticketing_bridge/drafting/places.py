"""The places of a call: what the caller says, corrections applied, the longest mention of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from config.catalogue import CityData
from ticketing_bridge.drafting.address import AddressReader
from ticketing_bridge.drafting.address_parts import TWICE, Gazetteer, gazetteer, place_words
from ticketing_bridge.drafting.corrections import Mention, without_taken_back
from ticketing_bridge.drafting.lexicon import any_of, because
from ticketing_bridge.drafting.model import CITIZEN, DraftInput, Span, Value
from ticketing_bridge.drafting.numbers import DIGIT, NUMERAL
from ticketing_bridge.drafting.questions import PLACES, asked_for
from ticketing_bridge.drafting.spotting import Reading, Spot
from ticketing_bridge.drafting.weighing import in_force

#: no house and no kilometre has so many digits
_TELEPHONE = re.compile(f"{DIGIT}{{7,}}")
#: the lists alone are believed from here on
_SURE = 0.8
#: and the model from here on
_LIKELY = 0.5
#: so sure, it is not made longer; so doubtful, it must not stand alone
_SETTLED, _DOUBT = 0.85, 0.25
#: below this its beginning may be another, so many characters later
_DOUBTED, _IN_FRONT = 0.7, 6
#: how sure the lists and the model are together where neither is alone
_BOTH = 0.58
#: what the lists are sure of counts when the model finds it so likely
_AGREES = 0.1
#: names that the city knows need less
_KNOWN, _AGREES_KNOWN = 0.9, 0.02


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
        if it.sure >= _LIKELY
    )


def reading_of(call: DraftInput, number: int, text: str, names: Gazetteer) -> Reading:
    """What the lists and the agent's question say of one of the caller's turns."""
    asked = _asked(call, number)
    ruled = tuple(AddressReader(text, names, answers=asked).spans())
    known = tuple(it.span() for it in names.names.finditer(text))
    return Reading(known, ruled, asked, asked_for(call.question_before(number)))


def _said(call: DraftInput, number: int, text: str, names: Gazetteer) -> Iterator[Mention]:
    """What the model spots, and what the lists are sure of where it spots nothing."""
    reading = reading_of(call, number, text, names)
    likely, ruled = in_force().places.spans(text, reading)
    spotted = (_without_number(text, _once(text, it)) for it in likely)
    kept = list(filter(None, (_agreed(it, reading.ruled) for it in spotted)))
    for (start, end, sure), listed in zip(ruled, reading.ruled, strict=True):
        least = _AGREES_KNOWN if listed[2] >= _KNOWN else _AGREES
        if listed[2] >= _SURE and sure >= least and not _overlaps(listed, kept):
            kept.append((start, end, max(sure, _BOTH)))
    for start, end, sure in sorted(kept):
        if not reading.asked and _bare_number().fullmatch(text, start, end):
            continue  # 就我们这一栋
        yield Mention(Span(number, start, end, text[start:end]), max(_LIKELY, sure))


@cache
def _bare_number() -> re.Pattern[str]:
    """So many blocks, storeys, rows, or a day of the month: places only where one was asked for."""
    return re.compile(f"{NUMERAL}{{1,3}}(?:栋|幢|楼|层|排|号)")


def _agreed(found: Spot, ruled: Sequence[Spot]) -> Spot | None:
    """What the model found, to the end that the lists are surer of; None where both doubt."""
    start, end, sure = found
    start = _listed_start(found, ruled)
    other = next((it for it in ruled if _overlaps(it, [found])), None)
    if other and other[2] >= _SURE and sure < _SETTLED and other[0] <= start and other[1] > end:
        return (start if sure >= _LIKELY else other[0]), other[1], max(sure, _BOTH)
    if sure >= _LIKELY or (other and sure >= _DOUBT and (other[:2] == found[:2] or other[2] >= _SURE)):
        return start, end, sure
    return None


def _listed_start(found: Spot, ruled: Sequence[Spot]) -> int:
    """Where the model doubts, a place begins where the lists are sure that it does: not 卧室里 育红巷."""
    start, end, sure = found
    here = [it for it in ruled if _overlaps(it, [found])]
    if sure < _DOUBTED and len(here) == 1 and here[0][1] == end and here[0][2] >= _SURE:
        return here[0][0] if start < here[0][0] <= start + _IN_FRONT else start
    return start


def _overlaps(found: Spot, others: Sequence[Spot]) -> bool:
    return any(a < found[1] and found[0] < b for a, b, _ in others)


def _once(text: str, found: Spot) -> Spot:
    """A place said twice in a row, once."""
    start, end, sure = found
    twice = TWICE.match(text[start:end])
    start += len(twice[1]) if twice else 0
    again = next((n for n in range(end - start - 2, 1, -1) if text[end - n : end] == text[start:][:n]), 0)
    if again:  # 北门靠菜市场那个北门 is 北门, 长江路长江路 is 长江路
        end = start + again
    return start, end, sure


def _without_number(text: str, found: Spot) -> Spot:
    """Not the telephone number that was said in the same breath: 百合苑五号楼 幺八九六二零七…"""
    start, end, sure = found
    number = _TELEPHONE.search(text, start, end)
    if number is None:
        return found
    before, after = (start, number.start(), sure), (number.end(), end, sure)
    return before if before[1] - before[0] >= after[1] - after[0] else after


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
    asks = asked_for(question) in PLACES or any(it in question for it in place_words("asks_place"))
    return asks and not any(it in question for it in place_words("asks_other"))


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
