"""Addresses in one turn of raw text: known names, names by their endings, house numbers, chains of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ticketing_bridge.drafting.address_parts import (
    BOUNDARY_BEFORE,
    LONGEST,
    NUMERALS,
    ORDINAL,
    ROOM,
    SHORTEST,
    STOREY,
    TWICE,
    Gazetteer,
    Part,
    answer_ends,
    chain_numbers,
    crossings,
    endings,
    house_numbers,
    lead_in,
    no_name,
    place_words,
    shops,
    short_name,
    tails,
)
from ticketing_bridge.drafting.boundaries import name_start
from ticketing_bridge.drafting.lexicon import words


class AddressReader:
    """Reads the places of one turn."""

    def __init__(self, text: str, names: Gazetteer, *, answers: bool) -> None:
        self.text = text
        self.names = names
        self.answers = answers

    def spans(self) -> Iterator[tuple[int, int, float]]:
        """Address chains with their confidence, in order."""
        parts = sorted(self._parts(), key=lambda it: (it.start, -it.end))
        at = 0
        full = False
        for part in parts:
            if part.start < at:
                continue
            end, kinds, sure = self._chain(part, parts)
            at = max(at, end)
            twice = TWICE.match(self.text[part.start : end])
            start = part.start + (len(twice[1]) if twice else 0)
            floor_of = kinds == ["answer"] and full and bool(STOREY.fullmatch(self.text[start:end]))
            full = full or "number" in kinds
            if self._counts(start, end, kinds) and not floor_of:
                yield start, end, sure
        if self.answers and not parts:
            yield from self._bare_answer()

    def _bare_answer(self) -> Iterator[tuple[int, int, float]]:
        """The answer to 哪个小区 or 什么位置 when it has no ending that tells a place."""
        if len(self.text) <= 6:
            for found in tails().finditer(self.text):
                yield found.start(), found.end(), 0.6
                return
        for found in STOREY.finditer(self.text):
            yield found.start(), found.end(), 0.6
            return
        lead = lead_in().match(self.text)
        start = lead.end() if lead else 0
        stop = answer_ends().search(self.text, start + 1)
        end = stop.start() if stop else len(self.text)
        if 2 <= end - start <= 8 and not no_name().search(self.text[start:end]):
            yield start, end, 0.55

    def _parts(self) -> Iterator[Part]:
        taken: list[tuple[int, int]] = []
        for part in self._known_parts():
            taken.append((part.start, part.end))
            yield part
        for expression, kind in endings():
            for found in expression.finditer(self.text):
                if any(a <= found.start() and found.end() <= b for a, b in taken):
                    continue
                named = self._named(found, kind, taken)
                if named:
                    taken.append((named.start, named.end))
                    yield named
        for part in (*self._short_names(), *self._shops(taken)):
            if not any(a < part.end and part.start < b for a, b in taken):
                taken.append((part.start, part.end))
                yield part
        yield from self._number_parts(taken)

    def _short_names(self) -> Iterator[Part]:
        """三院, 二小: only where a place must be meant."""
        for found in short_name().finditer(self.text):
            if not found.start() or self.text[found.start() - 1] not in "周第期初高大":
                yield Part(found.start(), found.end(), "facility", 0.8)

    def _shops(self, taken: list[tuple[int, int]]) -> Iterator[Part]:
        """A shop's or company's name is a place when something lies before, behind or beside it."""
        for found in shops().finditer(self.text):
            floor = max((b for _, b in taken if b <= found.start()), default=0)
            start, bounded = name_start(self.text, found.start(), floor, 6)
            stem = self.text[start : found.start()]
            start += max((stem.rfind(it) + 1 for it in place_words("leading")), default=0)
            stem = self.text[start : found.start()]
            if len(stem) >= 2 and bounded and stem not in place_words("generic"):
                yield Part(start, found.end(), "facility", 0.8)

    def _known_parts(self) -> Iterator[Part]:
        for found in self.names.names.finditer(self.text):
            if self._known_here(found):
                end = self._extended(found.end())
                kind = self.names.kinds[found[0]] if end == found.end() else "facility"
                alone = end == found.end()
                yield Part(
                    self._old(found.start()),
                    end,
                    "city" if alone and found[0] in self.names.city else kind,
                    0.95,
                )

    def _number_parts(self, taken: list[tuple[int, int]]) -> Iterator[Part]:
        for found in house_numbers().finditer(self.text):
            counted = self.text.startswith("楼", found.end()) and found[0][-1] in "栋幢元"  # 三栋楼
            if not counted:
                yield Part(self._name_before(found.start(), taken), found.end(), "number", 0.8)
        for found in chain_numbers().finditer(self.text):
            if found[0][-1] == "期" and (start := self._name_before(found.start(), taken)) < found.start():
                yield Part(start, found.end(), "number", 0.7)
            elif found[0][-1] in "楼层" and self.text[found.end() : found.end() + 2] in place_words("side"):
                yield Part(found.start(), found.end(), "number", 0.7)
            elif (
                self.answers
                and not self.text[: found.start()].endswith(("到", "从"))
                and (found[0][-1] in "楼层室号" or _kilometre(found[0]))
            ):
                yield Part(found.start(), found.end(), "answer", 0.6)

    def _old(self, start: int) -> int:
        """老火车站 is not the new one, nor 市第二人民医院 the first."""
        before = self.text[:start]
        named = before.endswith("老") and not before.endswith(place_words("not_old"))
        ordinal = ORDINAL.search(before) if self.text.startswith(("人民", "中医", "实验"), start) else None
        return ordinal.start() if ordinal else start - 1 if named else start

    def _known_here(self, found: re.Match[str]) -> bool:
        after = self.text[found.end() : found.end() + 1]
        if len(found[0]) <= 2 and (after in {"午", "心", "间", "部", "央", "年", "等", "个"}):
            return False
        before = self.text[: found.start()]
        return not (len(found[0]) <= 2 and before and BOUNDARY_BEFORE.match(before[-1]))

    def _extended(self, end: int) -> int:
        """A name may begin a longer one: 昆仑路小学, 八一路社区, 丽景小区."""
        for kind in ("estate", "village", "facility"):
            for ending in place_words(kind):
                crossing = ending in place_words("crossing")
                if len(ending) >= 2 and not crossing and self.text.startswith(ending, end):
                    return end + len(ending)
        stop = self.text[end : end + 1] == "站" and self.text[end - 1] in place_words("stop_at")
        known = self.text[end + 1 : end + 2] not in words("places")["not_station_after"]
        return end + 1 if stop and known else end

    def _named(self, found: re.Match[str], kind: str, taken: list[tuple[int, int]]) -> Part | None:
        """The name that ends with this ending, if it is one."""
        if self._no_ending(found, kind):
            return None
        floor = max((b for _, b in taken if b <= found.start()), default=0)
        start, bounded = self._stem(found, kind, floor)
        stem, ending = self.text[start : found.start()], found[0]
        if not stem:
            return self._unnamed(found, kind, follows=0 < floor == found.start())
        if not _plausible(stem, ending, kind, bounded=bounded, first=start == 0):
            return None
        if floor and start - floor == 1 and self.text[floor] in place_words("joining"):
            start = floor
        if not bounded and kind == "road":
            start = max(start, found.start() - (3 if stem[-1] in "东西南北中" else 2))
        return Part(self._old(start), self._extended(found.end()), kind, 0.85 if bounded else 0.6)

    def _stem(self, found: re.Match[str], kind: str, floor: int) -> tuple[int, bool]:
        """Where the name begins; verbs in front of it do not belong to it."""
        leading = place_words("leading")
        start, bounded = name_start(self.text, found.start(), floor, LONGEST[kind])
        inside = place_words("inside")
        while (
            start < found.start() - (1 if bounded else 2)
            and self.text[start] in leading
            and not self.text.startswith(inside, start)
        ):
            start += 1
        stem = self.text[start : found.start()]
        joins = 0 < floor == start and stem[:1] in place_words("conjunction")
        if kind == "road" and joins and len(stem) > 1 and stem[1:] not in {"平", "谐", "睦"}:
            return start + 1, True
        if stem in leading or (kind == "facility" and stem[-1:] in leading):
            return found.start(), bounded
        return start, bounded

    def _unnamed(self, found: re.Match[str], kind: str, *, follows: bool) -> Part | None:
        """An ending without a name counts after another part, before 门口 and the like, or as an answer."""
        if len(found[0]) >= 2 and follows:
            return Part(found.start(), found.end(), kind, 0.85)
        if found[0] in place_words("standing"):
            return Part(self._old(found.start()), found.end(), kind, 0.75)
        led = not found.start() or self.text[found.start() - 1] in place_words("place_before")
        if len(found[0]) >= 4 and led:
            return Part(found.start(), found.end(), kind, 0.6)
        located = tails().match(self.text, found.end()) or (self.answers and len(found[0]) >= 2)
        fits = kind == "facility" or (kind == "village" and len(found[0]) >= 3)
        return Part(found.start(), found.end(), kind, 0.5) if fits and located else None

    def _no_ending(self, found: re.Match[str], kind: str) -> bool:
        after = self.text[found.end() : found.end() + 1]
        ending, before = found[0], self.text[: found.start()]
        if ending == "路" and before.endswith("马") and not before[:-1].endswith(place_words("horse_roads")):
            return True
        banned = {"路": "not_road_after", "街": "not_street_after", "村": "not_village_after"}
        banned |= {"镇": "not_town_after", "河": "not_river_after", "站": "not_station_after"}
        if ending in banned and after in words("places")[banned[ending]]:
            return True
        longer = any(
            self.text.startswith(it, found.end())
            for it in (*place_words("road"), *place_words("estate"), *place_words("village"))
        )
        if (kind == "facility" and len(ending) == 1 and longer) or (ending == "市场" and after == "监"):
            return True
        return kind == "facility" and ending in {"路口", "十字", "十字路口"}

    def _name_before(self, start: int, taken: list[tuple[int, int]]) -> int:
        """An unknown name in front of a house number: 嘉和名邸三号楼."""
        floor = max((b for _, b in taken if b <= start), default=0)
        if floor == start:
            return start
        begin, bounded = name_start(self.text, start, floor, 6)
        name = self.text[begin:start]
        last = self.text[start - 1]
        answer = self.answers and last not in {*place_words("weak"), *place_words("leading")} - {"家"}
        estate = answer or last in place_words("weak_estate")
        if bounded and 2 <= len(name) <= 6 and estate:
            return begin
        return start

    def _chain(self, first: Part, parts: list[Part]) -> tuple[int, list[str], float]:
        """Extend the first part as far as an address goes."""
        end, kinds, sure = first.end, [first.kind], first.sure
        while True:
            step = self._next(end, kinds, parts)
            if step is None:
                return end, kinds, sure
            end, kind, more = step
            kinds.append(kind)
            sure = min(sure, more) if kind not in {"tail", "number"} else sure

    def _next(self, end: int, kinds: list[str], parts: list[Part]) -> tuple[int, str, float] | None:
        """The part that continues the address at ``end``: its end, kind and confidence."""
        if kinds[-1] == "tail":
            return self._second_tail(end, kinds) or self._house_behind(end, kinds)
        known = [it for it in parts if it.start == end and it.kind != "answer"]
        if known:
            best = max(known, key=lambda it: it.end)
            return best.end, best.kind, best.sure
        crossing = self._crossing_at(end, kinds, parts)
        if crossing:
            return crossing, "tail", 0.95
        return (
            self._number_at(end, kinds)
            or self._tail_at(end, kinds)
            or self._joined(end, kinds, parts)
            or self._gap(end, kinds)
        )

    def _joined(self, end: int, kinds: list[str], parts: list[Part]) -> tuple[int, str, float] | None:
        """A name of its own on a road or in a township: 滨河路的丽水佳苑小区; 那个 begins another place."""
        if kinds[-1] not in {"road", "town", "village"} or not self.text.startswith("的", end):
            return None
        wanted = {"estate", "village", "number", "facility"} if kinds[-1] == "road" else {"village"}
        named = [it for it in parts if it.start == end + 1 and it.kind in wanted and it.sure >= 0.7]
        best = max(named, key=lambda it: it.end, default=None)
        short = best is not None and best.kind == "facility" and best.end - best.start <= 3
        return (
            (best.end, best.kind, best.sure) if best and not short and not self._only_number(best) else None
        )

    def _only_number(self, part: Part) -> bool:
        """三号楼 after 那个 is one of several, no name."""
        return part.kind == "number" and bool(BOUNDARY_BEFORE.match(self.text[part.start]))

    def _number_at(self, end: int, kinds: list[str]) -> tuple[int, str, float] | None:
        number = chain_numbers().match(self.text, end)
        if number and self._chain_number(number, kinds):
            return number.end(), "number", 0.9
        room = ROOM.match(self.text, end) if kinds[-1] in {"number", "estate"} else None
        return (room.end(), "number", 0.9) if room else None

    def _house_behind(self, end: int, kinds: list[str]) -> tuple[int, str, float] | None:
        """老招待所后面三号公寓: a house by its number behind something named."""
        house = house_numbers().match(self.text, end) if "number" not in kinds else None
        return (house.end(), "number", 0.9) if house else None

    def _second_tail(self, end: int, kinds: list[str]) -> tuple[int, str, float] | None:
        """西门旁边, 路口西北角: a second tail, never a third."""
        tail = tails().match(self.text, end)
        return (tail.end(), "tail", 0.9) if tail and kinds[-2:] != ["tail", "tail"] else None

    def _tail_at(self, end: int, kinds: list[str]) -> tuple[int, str, float] | None:
        tail = tails().match(self.text, end)
        fits = tail and kinds[-1] != "city" and not (tail[0] in {"楼下", "底下"} and kinds[-1] == "road")
        return (tail.end(), "tail", 0.9) if tail and fits else None

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

    def _crossing_at(self, end: int, kinds: list[str], parts: list[Part]) -> int | None:
        if kinds[-1] not in {"road", "facility", "landmark"}:
            return None
        straight = crossings().match(self.text, end)
        if straight:
            return straight.end()
        for conjunction in place_words("conjunction"):
            if not self.text.startswith(conjunction, end):
                continue
            for other in parts:
                if other.start == end + len(conjunction) and other.kind in {"road", "landmark"}:
                    closing = crossings().match(self.text, other.end)
                    if closing:
                        return closing.end()
        return None

    def _gap(self, end: int, kinds: list[str]) -> tuple[int, str, float] | None:
        """An unknown name between two sure parts of an address: 江源中路三十号[嘉和名邸]二期."""
        if kinds[-1] not in {"road", "number", "village", "town", "district", "park"}:
            return None
        for length in range(1, 7):
            stop = end + length
            if stop > len(self.text) or self.text[stop - 1] in place_words("hard"):
                return None
            if any(self.text.endswith(word, end, stop) for word in place_words("stop_words")):
                return None
            if length >= 3 and kinds[-1] in {"road", "number"} and self._ends_estate(stop):
                return stop, "estate", 0.75
            number = chain_numbers().match(self.text, stop)
            if (
                length > 1
                and number
                and self.text[stop - 1] not in place_words("weak")
                and _strong(number[0])
            ):
                return stop, "estate", 0.8
        return None

    def _ends_estate(self, stop: int) -> bool:
        """锦程苑 after a road, when the next character cannot belong to it."""
        after = self.text[stop : stop + 1]
        return self.text[stop - 1] in place_words("after_road") and (
            not after or after in place_words("hard")
        )

    def _counts(self, start: int, end: int, kinds: list[str]) -> bool:
        text, after, before = self.text[start:end], self.text[end:], self.text[:start]
        city = self.names.names.match(text)
        bare = text[city.end() :] if city and city[0] in self.names.city else text
        if bare in place_words("vague_alone"):
            return False
        if set(kinds) <= {"city", "tail"} or (kinds == ["answer"] and not self.answers):
            return False
        if any(before.endswith(it) for it in place_words("origin_before")):
            return False
        if any(after.startswith(it) for it in place_words("origin_after")) and "number" not in kinds:
            return False
        return len(text) >= 2 and not any(it in after[:8] for it in place_words("cancel_after"))


def _plausible(stem: str, ending: str, kind: str, *, bounded: bool, first: bool) -> bool:
    if kind == "mall" and (not bounded or first):
        return False
    if kind == "road" and stem in place_words("plain_roads"):
        return bounded and (len(ending) > 1 or not first)
    if kind == "road" and not _road_name(stem, ending):
        return False
    if len(stem) < SHORTEST[kind] or stem in place_words("generic"):
        return False
    if ending in {"村", "镇", "乡"} and first and len(stem) > 3:
        return False
    return len(ending) > 1 or len(stem) > 1


def _road_name(stem: str, ending: str) -> bool:
    """Not a number alone (三路车, but 一零九国道), not 公交车六路, not a verb: 走路."""
    numbers = len(ending) == 1 and all(it in NUMERALS for it in stem)
    numbers = numbers and stem not in place_words("number_roads")
    line = stem[-1] in NUMERALS and stem.startswith(place_words("line_names"))
    return not (numbers or line or stem[-1] in place_words("not_last"))


def _kilometre(number: str) -> bool:
    """A kilometre stone, not a distance: 二千八百七十二公里."""
    return number.endswith("公里") and len(number) >= 5


def _strong(number: str) -> bool:
    return any(
        number.endswith(unit) for unit in (*place_words("unit_strong"), "期", "区")
    ) and not number.endswith("号线")
