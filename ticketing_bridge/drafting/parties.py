"""The company, shop, unit or vehicle complained of: a name before a trade's word, or a plate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from config.catalogue import CityData
from ticketing_bridge.drafting.boundaries import name_start
from ticketing_bridge.drafting.lexicon import any_of, because, once_a_city, pattern, word_list, words
from ticketing_bridge.drafting.model import DraftInput, Span, Value
from ticketing_bridge.drafting.numbers import NUMERAL
from ticketing_bridge.drafting.questions import Question, asked_for
from ticketing_bridge.drafting.sounds import syllable
from ticketing_bridge.drafting.spotting import Reading
from ticketing_bridge.drafting.weighing import in_force

_LONGEST = 6
#: from here on the model is believed; and the lists, half as much, where it is silent
_LIKELY, _LISTED = 0.4, 0.55


def _w(name: str) -> tuple[str, ...]:
    return word_list("parties", name)


@cache
def _endings() -> re.Pattern[str]:
    return re.compile(any_of(_w("endings")))


@cache
def _plate() -> re.Pattern[str]:
    return re.compile(words("parties")["plate"], re.IGNORECASE)


@cache
def _sounds() -> dict[tuple[str, ...], str]:
    """Endings that a recogniser often prints as other characters of the same sound."""
    return {tuple(map(syllable, it)): it for it in _w("by_sound")}


def _named(text: str, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int, float]]:
    found = [
        (it.start(), it.end(), 0.8)
        for it in _endings().finditer(text)
        if not text.startswith(_w("not_followed"), it.end())
    ]
    found += [(start, end, 0.6) for start, end in _by_sound(text)]
    for start, end, sure in sorted(found):
        floor = max((b for _, b in taken if b <= start), default=0)
        begin, bounded = name_start(text, start, floor, _LONGEST)
        inside = word_list("places", "inside")
        while (
            begin < start
            and text[begin] in word_list("places", "leading")
            and not text.startswith(inside, begin)
        ):
            begin += 1
        if begin and text[begin - 1] == "老" and not text[: begin - 1].endswith(("家", "那", "是", "总")):
            begin -= 1
        stem, ending = text[begin:start], text[start:end]
        if (
            len(stem) < 2
            or re.match(f"{NUMERAL}|半|几", stem)
            or stem in _w("generic")
            or any(it in stem for it in _w("not_inside"))
            or any(stem.startswith(it) for it in _w("generic") if len(it) > 1)
        ):
            continue
        if text[begin:end] in _w("not_party") or (not bounded and (ending in _w("loose") or sure < 0.8)):
            continue
        yield begin, _whole(text, end), sure - (0.2 if ending in _w("loose") else 0) - (0 if bounded else 0.2)


def _whole(text: str, end: int) -> int:
    """A second ending may follow: 通达物业公司."""
    more = _endings().match(text, end)
    return more.end() if more else end


def _by_sound(text: str) -> Iterator[tuple[int, int]]:
    sounds = [syllable(it) for it in text]
    for at in range(len(text) - 1):
        meant = _sounds().get(tuple(sounds[at : at + 2]))
        if meant and text[at : at + 2] != meant:
            yield at, at + 2


@once_a_city
def _offices(data: CityData) -> re.Pattern[str]:
    """What people call the city's units, when they say what one of them does."""
    names = {name for unit in data.units for name in (unit.name, *unit.aliases)} - set(_w("not_office"))
    return re.compile(any_of(names) if names else "(?!)")


def _complained_of(text: str, data: CityData, *, asked: bool) -> Iterator[tuple[int, int]]:
    """A unit of the city that the caller complains of: 社保局说让我回去等."""
    does = re.compile(any_of(_w("office_does")))
    for found in _offices(data).finditer(text):
        told = text[: found.start()].endswith(_w("office_asked"))
        if asked or (does.match(text, found.end()) and not told):
            yield found.start(), found.end()


def _own(text: str, start: int) -> bool:
    """The caller's own firm: 我是做快递的, 我自己加盟的."""
    return text[:start].endswith(_w("own_before"))


def find_party(
    call: DraftInput, places: Sequence[Span], data: CityData, *, stuck: bool = False
) -> Value[str | None]:
    """The party, empty when none is named: what the model spots, else what the lists are sure of."""
    ruled: list[tuple[float, Span]] = []
    spotted: list[tuple[float, Span]] = []
    for turn, text in call.citizen():
        reading, listed = party_reading(call, turn, text, places, data)
        ruled += listed
        spotted += [
            (sure, Span(turn, start, end, text[start:end]))
            for start, end, sure in in_force().party.spans(text, reading)[0]
        ]
    if not ruled:
        ruled += _operator(call)
    if stuck or not (ruled or spotted):
        ruled += [
            (1.2, it)
            for it in places
            if it.text.endswith(_w("place_party") + (_w("stuck_party") if stuck else ()))
        ]
    found = [it for it in spotted if it[0] >= _LIKELY] or [
        (sure / 2, it) for sure, it in ruled if sure >= _LISTED
    ]
    others = tuple(dict.fromkeys(it[1].text for it in (*spotted, *ruled)))
    if not found:
        reason = "name_doubtful" if others else "no_party"
        return Value(None, 0.3 if others else 0.0, because(reason), (), others)
    score, span = max(found, key=lambda it: (it[0], -it[1].turn, -it[1].start))
    others = tuple(it for it in others if it != span.text)
    return Value(span.text, min(0.98, score), because("name_and_trade"), (span,), others)


def party_reading(
    call: DraftInput, turn: int, text: str, places: Sequence[Span], data: CityData
) -> tuple[Reading, list[tuple[float, Span]]]:
    """What the lists and the agent's question say of one of the caller's turns."""
    listed = _in_turn(call, turn, text, places, data)
    ruled = tuple((it.start, it.end, min(1.0, sure)) for sure, it in listed)
    here = tuple((it.start, it.end) for it in places if it.turn == turn)
    return Reading(here, ruled, _asked(call, turn), asked_for(call.question_before(turn))), listed


def _operator(call: DraftInput) -> Iterator[tuple[float, Span]]:
    """The operator whose service is complained of: named by the caller, and the agent passes it on to it."""
    named = re.compile(f"{any_of(_w('operators'))}(?={pattern('parties', 'operator_after').pattern})")
    sent = [text for _, text in call.agent() if "转" in text]
    fault = pattern("parties", "operator_fault")
    blamed = any(fault.search(text) for _, text in call.citizen())
    for turn, text in call.citizen():
        for it in named.finditer(text):
            if blamed and any(it[0] + "公司" in said for said in sent):
                yield 1.5, Span(turn, it.start(), it.end(), it[0])


def _in_turn(
    call: DraftInput, turn: int, text: str, places: Sequence[Span], data: CityData
) -> list[tuple[float, Span]]:
    """Every name of a turn with its weight."""
    own = any(it in call.question_before(turn) for it in _w("asks_own"))
    asked = _asked(call, turn) and not own
    taken = [(it.start, it.end) for it in places if it.turn == turn]
    found = [(1.2, Span(turn, plate.start(), plate.end(), plate[0])) for plate in _plate().finditer(text)]
    for start, end, sure in _named(text, taken):
        covered = any(a < end and start < b for a, b in taken) and not asked
        if covered or _own(text, start) or own:
            continue
        found.append((sure + (0.6 if asked else 0), Span(turn, start, end, text[start:end])))
    for start, end in _complained_of(text, data, asked=asked):
        if not any(it.start <= start and end <= it.end for _, it in found):
            found.append((1.1 if asked else 0.58, Span(turn, start, end, text[start:end])))
    for cue in re.finditer(any_of(_w("names_party")), text):
        if not any(it.start == cue.end() for _, it in found):
            found += [(0.7, span) for span in _bare_answer(turn, text, cue.end())]
    return found or [(0.75, span) for span in (_bare_answer(turn, text) if asked else ())]


def _bare_answer(turn: int, text: str, at: int = 0) -> Iterator[Span]:
    """The first words of the answer to 哪个厂 when no ending is known."""
    lead = re.compile(f"{any_of(_w('lead_in'))}+").match(text, at)
    start = lead.end() if lead else at
    stop = re.compile(any_of(_w("name_ends"))).search(text, start)
    end = stop.start() if stop else len(text)
    if 3 <= end - start <= 8 and not any(it in text[start:end] for it in _w("not_known")):
        yield Span(turn, start, end, text[start:end])


def _asked(call: DraftInput, turn: int) -> bool:
    question = call.question_before(turn)
    return asked_for(question) is Question.PARTY or any(it in question for it in _w("asks_party"))
