"""Where two hearings of one call differ: the live words and the transcript of record. Pure.

Aligned leg by leg, character by character, and only where both were heard at about the same moment. Each is
shown as a suggestion; neither hearing is changed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from asr.text.words import found_spans
from facts.transcript import Leg, Transcript, Turn

#: two hearings of a moment are within this of each other (seconds): segment ends and drift move words
SAME_MOMENT_S = 1.5
#: sounds that are no words: a hearing that has one more says nothing else
_FILLERS = frozenset("嗯呃啊哦噢唉哎诶喂")
_FAR = 1 << 30

#: from and to of the live characters, from and to of the record's
_Stretch = tuple[int, int, int, int]


class Kind(StrEnum):
    """What the transcript of record has instead."""

    REPLACED = "replaced"
    #: the record has words that were not heard live
    INSERTED = "inserted"
    #: words heard live that the record does not have
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Place:
    """Characters ``start`` to ``end`` of a turn's text; empty where there is nothing of this hearing."""

    turn: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. Times are of the record where it has words, else of the live hearing, in seconds."""

    kind: Kind
    leg: Leg
    start_s: float
    end_s: float
    live: Place | None
    record: Place | None


@dataclass(frozen=True, slots=True)
class _Heard:
    """One character: whose turn, where in it, when, and the borders of its word."""

    character: str
    turn: int
    place: int
    at_s: float
    end_s: float
    word: tuple[int, int]


def differences(live: Transcript, record: Transcript) -> tuple[Difference, ...]:
    """All differences of both legs in order of their time. Turns without word times are one word each."""
    found = [
        it for leg in Leg for it in _of_leg(leg, _characters(live.turns, leg), _characters(record.turns, leg))
    ]
    return tuple(sorted(found, key=lambda it: (it.start_s, it.end_s, it.leg)))


def _characters(turns: Sequence[Turn], leg: Leg) -> list[_Heard]:
    heard: list[_Heard] = []
    for index, turn in enumerate(turns):
        if turn.leg is leg:
            heard += _of_turn(index, turn)
    return sorted(heard, key=lambda it: it.at_s)


def _of_turn(index: int, turn: Turn) -> Iterator[_Heard]:
    words = [(it.first, it.end, it.word.start_s, it.word.end_s) for it in found_spans(turn)]
    for first, end, start_s, end_s in words or [(0, len(turn.text), turn.start_s, turn.end_s)]:
        step_s = (end_s - start_s) / max(1, end - first)
        for place in range(first, end):
            at_s = start_s + (place - first) * step_s
            yield _Heard(turn.text[place], index, place, at_s, at_s + step_s, (first, end))


def _of_leg(leg: Leg, live: Sequence[_Heard], record: Sequence[_Heard]) -> Iterator[Difference]:
    pairs = _aligned(live, record)
    equal = [(a, b) for a, b in pairs if live[a].character == record[b].character]
    for live_first, live_end, first, end in _whole_words(record, equal, _unequal(live, record, equal)):
        ours, theirs = live[live_first:live_end], record[first:end]
        if ours and theirs and not _at_once(ours, theirs):
            yield from (*_difference(leg, ours, ()), *_difference(leg, (), theirs))
        else:
            yield from _difference(leg, ours, theirs)


def _at_once(ours: Sequence[_Heard], theirs: Sequence[_Heard]) -> bool:
    return (
        ours[0].at_s <= theirs[-1].end_s + SAME_MOMENT_S and theirs[0].at_s <= ours[-1].end_s + SAME_MOMENT_S
    )


def _difference(leg: Leg, ours: Sequence[_Heard], theirs: Sequence[_Heard]) -> Iterator[Difference]:
    if {it.character for it in (*ours, *theirs)} - _FILLERS:
        timed = theirs or ours
        kind = Kind.REPLACED if ours and theirs else Kind.INSERTED if theirs else Kind.MISSING
        yield Difference(
            kind, leg, round(timed[0].at_s, 3), round(timed[-1].end_s, 3), _place(ours), _place(theirs)
        )


def _whole_words(
    record: Sequence[_Heard], equal: Sequence[tuple[int, int]], stretches: Iterable[_Stretch]
) -> list[_Stretch]:
    """What was replaced, with the rest of its word in the record: 无业 for 物业 says more than 无 for 物."""
    same = {b: a for a, b in equal}
    wide: list[_Stretch] = []
    for stretch in stretches:
        live_first, live_end, first, end = _widened(record, same, stretch)
        if wide and first < wide[-1][3]:
            live_first, _, first, _ = wide.pop()
        wide.append((live_first, live_end, first, end))
    return wide


def _widened(record: Sequence[_Heard], same: Mapping[int, int], stretch: _Stretch) -> _Stretch:
    live_first, live_end, first, end = stretch
    if live_end > live_first and end > first:
        while _one_word(record, first - 1, first) and same.get(first - 1) == live_first - 1:
            live_first, first = live_first - 1, first - 1
        while _one_word(record, end - 1, end) and same.get(end) == live_end:
            live_end, end = live_end + 1, end + 1
    return live_first, live_end, first, end


def _one_word(heard: Sequence[_Heard], before: int, after: int) -> bool:
    return (
        before >= 0
        and after < len(heard)
        and ((heard[before].turn, heard[before].word) == (heard[after].turn, heard[after].word))
    )


def _place(heard: Sequence[_Heard]) -> Place | None:
    if not heard:
        return None
    text = "".join(it.character for it in heard)
    return Place(heard[0].turn, heard[0].place, heard[-1].place + 1, text)


def _aligned(live: Sequence[_Heard], record: Sequence[_Heard]) -> list[tuple[int, int]]:
    """Pairs of indices that stand for the same moment, rising in both: the cheapest edit within the band."""
    times = [it.at_s for it in record]
    bands = _bands([it.at_s for it in live], times)
    rows: list[list[int]] = []
    for index, (low, high) in enumerate(bands):
        rows.append(_row(index, low, high, bands, rows, live, record))
    pairs: list[tuple[int, int]] = []
    row, column = len(live), len(record)
    while row and column:
        low = bands[row][0]
        here = rows[row][column - low]
        if _cost(bands, rows, row - 1, column - 1) + _change(live[row - 1], record[column - 1]) == here:
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif _cost(bands, rows, row - 1, column) + 1 == here:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def _bands(live_s: Sequence[float], record_s: Sequence[float]) -> list[tuple[int, int]]:
    """For each number of live characters from which to which number of the record's it may meet."""
    whole = len(record_s)
    bands = [(0, bisect_right(record_s, live_s[0] + SAME_MOMENT_S) if live_s else whole)]
    for index, at_s in enumerate(live_s):
        following = live_s[index + 1] if index + 1 < len(live_s) else None
        low = max(bands[-1][0], bisect_left(record_s, at_s - SAME_MOMENT_S))
        high = whole if following is None else bisect_right(record_s, following + SAME_MOMENT_S)
        bands.append((min(low, bands[-1][1]), max(high, bands[-1][1])))
    return bands


def _row(
    index: int,
    low: int,
    high: int,
    bands: Sequence[tuple[int, int]],
    rows: Sequence[list[int]],
    live: Sequence[_Heard],
    record: Sequence[_Heard],
) -> list[int]:
    row: list[int] = []
    for column in range(low, high + 1):
        best = row[-1] + 1 if row else (0 if index == 0 and column == 0 else _FAR)
        if index:
            best = min(best, _cost(bands, rows, index - 1, column) + 1)
            if column:
                change = _change(live[index - 1], record[column - 1])
                best = min(best, _cost(bands, rows, index - 1, column - 1) + change)
        row.append(best)
    return row


def _cost(bands: Sequence[tuple[int, int]], rows: Sequence[list[int]], row: int, column: int) -> int:
    low, high = bands[row]
    return rows[row][column - low] if low <= column <= high else _FAR


def _change(live: _Heard, record: _Heard) -> int:
    """Characters meet only in the same moment; replacing one costs what leaving one out costs."""
    if abs(live.at_s - record.at_s) > SAME_MOMENT_S:
        return _FAR
    return 0 if live.character == record.character else 1


def _unequal(
    live: Sequence[_Heard], record: Sequence[_Heard], equal: Sequence[tuple[int, int]]
) -> Iterator[_Stretch]:
    """Stretches between equal characters, within one turn of each."""
    place = (0, 0)
    for pair in (*equal, (len(live), len(record))):
        if pair != place:
            yield from _within_turns(live, record, place[0], pair[0], place[1], pair[1])
        place = (pair[0] + 1, pair[1] + 1)


def _within_turns(
    live: Sequence[_Heard], record: Sequence[_Heard], live_first: int, live_end: int, first: int, end: int
) -> Iterator[_Stretch]:
    """Cut where a turn ends: first stretches meet first ones, what is left over stands alone."""
    ours = list(_runs(live, live_first, live_end))
    theirs = list(_runs(record, first, end))
    for index in range(max(len(ours), len(theirs))):
        one = ours[index] if index < len(ours) else (live_end, live_end)
        other = theirs[index] if index < len(theirs) else (end, end)
        yield (*one, *other)


def _runs(heard: Sequence[_Heard], first: int, end: int) -> Iterator[tuple[int, int]]:
    begin = first
    for place in range(first + 1, end + 1):
        if (
            place == end
            or heard[place].turn != heard[begin].turn
            or heard[place].place != heard[place - 1].place + 1
        ):
            yield begin, place
            begin = place
