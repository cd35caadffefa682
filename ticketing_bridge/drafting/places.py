"""Places on raw text: known names, then names by their endings, then numbers of houses; chains of them are one span."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from config.catalogue import CityData
from ticketing_bridge.drafting.lexicon import any_of, word_list, words
from ticketing_bridge.drafting.boundaries import name_start
from ticketing_bridge.drafting.model import AGENT, CITIZEN, DraftInput, Span, Value
from ticketing_bridge.drafting.numbers import DIGIT, NUMERAL

#: longest name before an ending, in characters
_LONGEST = {"mall": 4, "road": 5, "estate": 6, "village": 4, "facility": 6}
_SHORTEST = {"mall": 2, "road": 1, "estate": 2, "village": 1, "facility": 1}


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of an address: ``kind`` is road, estate, village, facility, known, city, number, tail."""

    start: int
    end: int
    kind: str
    sure: float


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """The city's place names as one expression, longest first."""

    names: re.Pattern[str]
    kinds: dict[str, str]
    city: frozenset[str]


@cache
def gazetteer(data: CityData) -> Gazetteer:
    """Built once a catalogue."""
    kinds = {name: place.kind for place in data.places for name in (place.name, *place.aliases)}
    tops = {place.parent for place in data.places}
    city = {
        name
        for place in data.places
        if place.kind == "district" and (place.name in tops or len(place.name) <= 2)
        for name in (place.name, *place.aliases)
        if place.name.endswith("市") or len(name) <= 2
    }
    return Gazetteer(re.compile(any_of(kinds) if kinds else r"(?!)"), kinds, frozenset(city))


def _w(name: str) -> tuple[str, ...]:
    return word_list("places", name)


@cache
def _endings() -> tuple[tuple[re.Pattern[str], str], ...]:
    kinds = [(re.compile(any_of(_w(kind))), kind) for kind in ("road", "village", "estate", "facility")]
    mall = re.compile(f"{any_of(_w('mall'))}(?={any_of(_w('inside_after'))})")
    return (*kinds, (mall, "mall"))


@cache
def _numbers() -> re.Pattern[str]:
    strong = any_of(_w("unit_strong"))
    return re.compile(rf"{NUMERAL}{{1,6}}{strong}")


@cache
def _chain_numbers() -> re.Pattern[str]:
    units = any_of((*_w("unit_strong"), *_w("unit_chain")))
    return re.compile(rf"[东西南北]?{NUMERAL}{{1,8}}{units}|{any_of(_w('side'))}|[a-z]座|[a-z]区")


_ROOM = re.compile(rf"{DIGIT}{{3,4}}(?!{NUMERAL}|[个块元人年月天点])(?:室|号)?")
_STOREY = re.compile(rf"{NUMERAL}{{1,3}}(?:楼|层)")
_NUMERALS = "一二三四五六七八九十两几零"
_BOUNDARY_BEFORE = re.compile(NUMERAL)


@cache
def _tail() -> re.Pattern[str]:
    return re.compile(any_of(_w("tail")))


@cache
def _crossing() -> re.Pattern[str]:
    filler = any_of(_w("crossing_filler"))
    return re.compile(f"{filler}?{any_of(_w('crossing'))}")


class _Reader:
    """Reads the places of one turn."""

    def __init__(self, text: str, names: Gazetteer, *, answers: bool) -> None:
        self.text = text
        self.names = names
        self.answers = answers

    def spans(self) -> Iterator[tuple[int, int, float]]:
        """Address chains with their confidence, in order."""
        parts = sorted(self._parts(), key=lambda it: (it.start, -it.end))
        at = 0
        for part in parts:
            if part.start < at:
                continue
            end, kinds, sure = self._chain(part, parts)
            at = max(at, end)
            if self._counts(part.start, end, kinds):
                yield part.start, end, sure
        if self.answers and not parts:
            yield from self._bare_answer()

    def _bare_answer(self) -> Iterator[tuple[int, int, float]]:
        for found in _STOREY.finditer(self.text):
            yield found.start(), found.end(), 0.6
            return

    def _parts(self) -> Iterator[_Part]:
        taken: list[tuple[int, int]] = []
        for found in self.names.names.finditer(self.text):
            if self._known_here(found):
                end = self._extended(found.end())
                kind = self.names.kinds[found[0]] if end == found.end() else "facility"
                yield _Part(found.start(), end, "city" if found[0] in self.names.city else kind, 0.95)
                taken.append((found.start(), end))
        for expression, kind in _endings():
            for found in expression.finditer(self.text):
                if any(a <= found.start() and found.end() <= b for a, b in taken):
                    continue
                part = self._named(found, kind, taken)
                if part:
                    yield part
                    taken.append((part.start, part.end))
        for found in _numbers().finditer(self.text):
            if self.text.startswith("楼", found.end()) and found[0][-1] in "栋幢元":
                continue
            start = self._name_before(found.start(), taken)
            yield _Part(start, found.end(), "number", 0.8)
        for found in _chain_numbers().finditer(self.text):
            if found[0][-1] == "期" and (start := self._name_before(found.start(), taken)) < found.start():
                yield _Part(start, found.end(), "number", 0.7)
            elif found[0][-1] in "楼层" and self.text[found.end() : found.end() + 2] in _w("side"):
                yield _Part(found.start(), found.end(), "number", 0.7)
            elif self.answers and (found[0][-1] in "楼层室号" or _kilometre(found[0])):
                yield _Part(found.start(), found.end(), "answer", 0.6)

    def _known_here(self, found: re.Match[str]) -> bool:
        after = self.text[found.end() : found.end() + 1]
        if len(found[0]) <= 2 and (after in {"午", "心", "间", "部", "央", "年", "等", "个"}):
            return False
        before = self.text[: found.start()]
        return not (len(found[0]) <= 2 and before and _BOUNDARY_BEFORE.match(before[-1]))

    def _extended(self, end: int) -> int:
        """A name may begin a longer one: 昆仑路小学, 八一路社区, 丽景小区."""
        for kind in ("estate", "village", "facility"):
            for ending in _w(kind):
                crossing = ending in _w("crossing")
                if len(ending) >= 2 and not crossing and self.text.startswith(ending, end):
                    return end + len(ending)
        return end

    def _named(self, found: re.Match[str], kind: str, taken: list[tuple[int, int]]) -> _Part | None:
        ending = found[0]
        if self._no_ending(found, kind):
            return None
        floor = max((b for _, b in taken if b <= found.start()), default=0)
        start, bounded = name_start(self.text, found.start(), floor, _LONGEST[kind])
        while start < found.start() - (1 if bounded else 2) and self.text[start] in _w("leading"):
            start += 1
        stem = self.text[start : found.start()]
        if stem in _w("leading") or (kind == "facility" and stem[-1:] in _w("leading")):
            start, stem = found.start(), ""
        if not stem and floor and floor == found.start() and len(ending) >= 2:
            return _Part(start, found.end(), kind, 0.85)
        if kind == "facility" and not stem:
            if self._locates(found.end()) or (self.answers and len(ending) >= 2):
                return _Part(found.start(), found.end(), kind, 0.5)
            return None
        if kind == "road" and all(it in _NUMERALS for it in stem):
            return None
        if len(stem) < _SHORTEST[kind] or stem in _w("generic") or (len(ending) == 1 and len(stem) < 2):
            return None
        if ending in {"村", "镇", "乡"} and not start and len(stem) > 3:
            return None
        if kind == "mall" and not (bounded and start):
            return None
        if floor and start - floor == 1 and self.text[floor] in _w("joining"):
            start = floor
        if not bounded and kind == "road":
            start = max(start, found.start() - (3 if stem[-1] in "东西南北中" else 2))
        return _Part(start, self._extended(found.end()), kind, 0.85 if bounded else 0.6)

    def _no_ending(self, found: re.Match[str], kind: str) -> bool:
        after = self.text[found.end() : found.end() + 1]
        ending = found[0]
        banned = {"路": "not_road_after", "街": "not_street_after", "村": "not_village_after"}
        banned |= {"镇": "not_town_after", "河": "not_river_after", "站": "not_station_after"}
        if ending in banned and after in words("places")[banned[ending]]:
            return True
        longer = any(
            self.text.startswith(it, found.end()) for it in (*_w("road"), *_w("estate"), *_w("village"))
        )
        if kind == "facility" and len(ending) == 1 and longer:
            return True
        return kind == "facility" and ending in {"路口", "十字", "十字路口"}

    def _locates(self, end: int) -> bool:
        return bool(_tail().match(self.text, end))

    def _name_before(self, start: int, taken: list[tuple[int, int]]) -> int:
        """An unknown name in front of a house number: 嘉和名邸三号楼."""
        floor = max((b for _, b in taken if b <= start), default=0)
        if floor == start:
            return start
        begin, bounded = name_start(self.text, start, floor, 6)
        name = self.text[begin:start]
        if bounded and 2 <= len(name) <= 6 and self.text[start - 1] in "".join(_w("weak_estate")):
            return begin
        return start

    def _chain(self, first: _Part, parts: list[_Part]) -> tuple[int, list[str], float]:
        """Extend the first part as far as an address goes."""
        end, kinds, sure = first.end, [first.kind], first.sure
        while True:
            step = self._next(end, kinds, parts)
            if step is None:
                return end, kinds, sure
            end, kind, more = step
            kinds.append(kind)
            sure = min(sure, more) if kind not in {"tail", "number"} else sure

    def _next(self, end: int, kinds: list[str], parts: list[_Part]) -> tuple[int, str, float] | None:
        if kinds[-1] == "tail":
            return None
        longest = [it for it in parts if it.start == end and it.kind != "answer"]
        if longest:
            best = max(longest, key=lambda it: it.end)
            return best.end, best.kind, best.sure
        crossing = self._crossing_at(end, kinds, parts)
        if crossing:
            return crossing, "tail", 0.95
        number = _chain_numbers().match(self.text, end)
        if number and self._chain_number(number, kinds):
            return number.end(), "number", 0.9
        room = _ROOM.match(self.text, end)
        if room and kinds[-1] == "number":
            return room.end(), "number", 0.9
        tail = _tail().match(self.text, end)
        if tail and self._tail_fits(tail, kinds):
            return tail.end(), "tail", 0.9
        return self._gap(end, kinds, parts)

    def _tail_fits(self, tail: re.Match[str], kinds: list[str]) -> bool:
        return kinds[-1] != "city" and not (tail[0] == "楼下" and kinds[-1] == "road")

    def _chain_number(self, found: re.Match[str], kinds: list[str]) -> bool:
        """A house number follows a road or a name; after 社, 组, 队 comes nothing but a village."""
        unit = found[0][-1]
        if unit == "户" and kinds[-1] != "number":
            return False
        if unit in "社组队连":
            return kinds[-1] in {"village", "town", "district"}
        if unit == "里" or found[0].endswith("公里"):
            return kinds[-1] == "road"
        return kinds[-1] not in {"city"}

    def _crossing_at(self, end: int, kinds: list[str], parts: list[_Part]) -> int | None:
        if kinds[-1] not in {"road", "facility", "landmark"}:
            return None
        straight = _crossing().match(self.text, end)
        if straight:
            return straight.end()
        for conjunction in _w("conjunction"):
            if not self.text.startswith(conjunction, end):
                continue
            for other in parts:
                if other.start == end + len(conjunction) and other.kind in {"road", "landmark"}:
                    closing = _crossing().match(self.text, other.end)
                    if closing:
                        return closing.end()
        return None

    def _gap(self, end: int, kinds: list[str], parts: list[_Part]) -> tuple[int, str, float] | None:
        """An unknown name between two sure parts of an address: 江源中路三十号[嘉和名邸]二期."""
        if kinds[-1] not in {"road", "number", "village", "town", "district", "park"}:
            return None
        for length in range(1, 7):
            stop = end + length
            if stop >= len(self.text) or self.text[stop - 1] in _w("hard"):
                return None
            if any(self.text.endswith(word, end, stop) for word in _w("stop_words")):
                return None
            number = _chain_numbers().match(self.text, stop)
            if length > 1 and number and self.text[stop - 1] not in _w("weak") and _strong(number[0]):
                return stop, "estate", 0.8
        return None

    def _counts(self, start: int, end: int, kinds: list[str]) -> bool:
        text, after, before = self.text[start:end], self.text[end:], self.text[:start]
        if set(kinds) <= {"city", "tail"} or (kinds == ["answer"] and not self.answers):
            return False
        if any(before.endswith(it) for it in _w("origin_before")):
            return False
        if any(after.startswith(it) for it in _w("origin_after")) and "number" not in kinds:
            return False
        return len(text) >= 2 and not any(it in after[:8] for it in _w("cancel_after"))


def _kilometre(number: str) -> bool:
    """A kilometre stone, not a distance: 二千八百七十二公里."""
    return number.endswith("公里") and len(number) >= 5


def _strong(number: str) -> bool:
    return any(number.endswith(unit) for unit in (*_w("unit_strong"), "期", "区")) and not number.endswith(
        "号线"
    )


def find_places(words_of_call: DraftInput, data: CityData) -> tuple[Value[str], ...]:
    """Distinct places of the caller's own words, and of what the agent said and the caller confirmed."""
    names = gazetteer(data)
    found: list[tuple[Span, float]] = []
    for number, text in words_of_call.citizen():
        answers = _asked(words_of_call, number)
        spans = list(_Reader(text, names, answers=answers).spans())
        spans = _uncorrected(text, spans)
        for start, end, sure in spans:
            found.append((Span(number, start, end, text[start:end]), min(1.0, sure + 0.05 * answers)))
    for number, text in words_of_call.agent():
        confirmed = _confirmed(words_of_call, number)
        for start, end, sure in _Reader(text, names, answers=False).spans():
            if confirmed or (sure >= 0.9 and _where(text)):
                found.append((Span(number, start, end, text[start:end]), sure * 0.8))
    return tuple(
        Value(span.text, sure, "地名表或地名词尾" if sure >= 0.9 else "按词尾和上下文推断", (span,))
        for span, sure in _distinct(found)
        if sure >= 0.5
    )


def _asked(call: DraftInput, number: int) -> bool:
    """Whether the agent asked for a place just before this turn."""
    if number == 0 or call.turns[number - 1].speaker != AGENT:
        return False
    question = call.turns[number - 1].text
    return any(it in question for it in _w("asks_place")) and not any(
        it in question for it in _w("asks_other")
    )


def _where(question: str) -> bool:
    """Whether the agent asks where on a named place: 您在幺零九国道哪个位置."""
    return bool(re.search(f"{any_of(_w('where_on'))}", question))


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
            if same and any(it in between for it in _w("correction")) and len(between) <= 14:
                named = _numbers().search(text, span[0], span[1])
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
