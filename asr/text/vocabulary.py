"""Names of the city that sound like what was heard: suggestions, never replacements. Pure.

A recogniser writes 宏远无业 for 宏远物业 and 盐乔路 for 盐桥路: right sounds, wrong characters. Places, units
and other words of the city are looked up by their sound, and what differs in writing only is suggested.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from asr.text.syllables import TONE_COST, Syllable, distance, spoken

#: mean distance a syllable up to which a name of so many syllables is suggested; longer ones like the last
NEAR = {2: 0.05, 3: 0.14, 4: 0.2}
#: names of this many syllables may differ by one other, missing or extra syllable
LOOSE_FROM = 5
_OTHER_SYLLABLE = 0.7
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")


class Reason(StrEnum):
    """How what was heard differs from the name."""

    SAME_SOUND = "same_sound"
    TONE = "tone"
    CONFUSED_SOUND = "confused_sound"
    ONE_SYLLABLE = "one_syllable"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Characters ``start`` to ``end`` of a text were heard; ``suggested`` sounds like it (0: the same)."""

    start: int
    end: int
    heard: str
    suggested: str
    distance: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    sound: tuple[Syllable, ...]

    def fits(self, heard: Sequence[Syllable], start: int) -> bool:
        """Whether every sound from ``start`` on may be taken for the name's."""
        return 0 <= start <= len(heard) - len(self.sound) and all(
            heard[start + place].kind == it.kind for place, it in enumerate(self.sound)
        )


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names by their sound. Made once; ``suggestions`` takes some milliseconds for three minutes."""

    #: pairs of neighbouring sounds to the names that have them, and where
    _pairs: Mapping[tuple[str, str], Sequence[tuple[_Name, int]]]
    #: what is written right: words by their first two characters
    _known: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, names: Iterable[str], *, known: Iterable[str] = ()) -> Vocabulary:
        """From names with their aliases; those of one syllable or not all Chinese are left out.

        ``known`` are further words that are right where they stand: what overlaps them is left alone.
        """
        made = [_Name(it, sound) for it in dict.fromkeys(names) if len(sound := spoken(it)) >= 2]
        pairs: dict[tuple[str, str], list[tuple[_Name, int]]] = defaultdict(list)
        for name in made:
            for place, (first, second) in enumerate(pairwise(name.sound)):
                pairs[first.kind, second.kind].append((name, place))
        right: dict[str, list[str]] = defaultdict(list)
        for word in sorted({*known, *(it.text for it in made)}):
            if len(word) >= 2:
                right[word[:2]].append(word)
        return cls(pairs, right)

    def suggestions(self, text: str, doubtful: Sequence[tuple[int, int]] = ()) -> tuple[Suggestion, ...]:
        """What may have been meant, in order of the text; no two overlap.

        Many words of two syllables sound like others, and names that differ by a syllable may be two
        names: these are suggested only for what the recogniser doubted itself (``doubtful``: spans).
        """
        right = self._right(text)
        best: dict[tuple[int, int], Suggestion] = {}
        for run in _CHINESE.finditer(text):
            for it in self._near(text, *run.span()):
                if any(right[it.start : it.end]) or it.heard == it.suggested:
                    continue
                vague = len(it.suggested) == 2 or it.reason is Reason.ONE_SYLLABLE
                if vague and not any(a < it.end and it.start < b for a, b in doubtful):
                    continue
                other = best.get((it.start, it.end))
                if other is None or it.distance < other.distance:
                    best[it.start, it.end] = it
        return _apart(best.values())

    def _right(self, text: str) -> bytearray:
        """1 for every character that is part of a name as it is written."""
        right = bytearray(len(text))
        for place in range(len(text) - 1):
            for word in self._known.get(text[place : place + 2], ()):
                if text.startswith(word, place):
                    right[place : place + len(word)] = b"\1" * len(word)
        return right

    def _near(self, text: str, first: int, end: int) -> Iterator[Suggestion]:
        heard = text[first:end]
        sound = spoken(heard)
        for place, (left, right) in enumerate(pairwise(sound)):
            for name, offset in self._pairs.get((left.kind, right.kind), ()):
                if offset and place and sound[place - 1].kind == name.sound[offset - 1].kind:
                    continue  # seen from the pair before
                if len(name.sound) < LOOSE_FROM and not name.fits(sound, place - offset):
                    continue
                found = _Match(heard, sound, place, name, offset).suggestion(first)
                if found is not None:
                    yield found


def _apart(found: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """Longer ones before shorter ones, nearer ones before others; none over another."""
    kept: list[Suggestion] = []
    for it in sorted(found, key=lambda it: (-len(it.suggested), it.distance, it.start)):
        if not any(it.start < other.end and other.start < it.end for other in kept):
            kept.append(it)
    return tuple(sorted(kept, key=lambda it: it.start))


class _Match:
    """A name laid over a text so that one pair of its sounds meets the same pair there."""

    def __init__(self, text: str, sound: Sequence[Syllable], place: int, name: _Name, offset: int) -> None:
        self._text = text
        self._sound = sound
        self._name = name
        self._cost = 0.0
        self._edited = False
        self._start, self._end = place, place
        self._first, self._last = offset, offset

    def suggestion(self, shift: int) -> Suggestion | None:
        """What the name suggests there; None when it is too far from what was heard."""
        whole = len(self._name.sound)
        self._forward(whole)
        self._backward()
        if self._last < whole or self._first > 0:
            return None
        mean = self._cost / whole
        if mean > NEAR.get(whole, NEAR[max(NEAR)]):
            return None
        heard = self._text[self._start : self._end]
        return Suggestion(
            self._start + shift, self._end + shift, heard, self._name.text, round(mean, 3), self._reason()
        )

    def _forward(self, whole: int) -> None:
        while self._last < whole:
            if self._at(self._end, self._last):
                self._end, self._last = self._end + 1, self._last + 1
            elif not (self._last + 1 < whole and self._edit(self._end, self._last, 1)):
                return

    def _backward(self) -> None:
        while self._first > 0:
            if self._at(self._start - 1, self._first - 1):
                self._start, self._first = self._start - 1, self._first - 1
            elif not (self._first > 1 and self._edit(self._start - 1, self._first - 1, -1)):
                return

    def _at(self, place: int, index: int) -> bool:
        """Whether the sound there is the name's; its distance is added."""
        if not 0 <= place < len(self._text):
            return False
        cost = distance(self._sound[place], self._name.sound[index])
        if cost >= 1:
            return False
        self._cost += cost
        return True

    def _edit(self, place: int, index: int, step: int) -> bool:
        """Another, an extra or a missing syllable in the midst of a long name, once."""
        if self._edited or len(self._name.sound) < LOOSE_FROM:
            return False
        for over_text, over_name in ((1, 1), (1, 0), (0, 1)):
            text_at, name_at = place + step * over_text, index + step * over_name
            if not 0 <= text_at < len(self._text) or not 0 <= name_at < len(self._name.sound):
                continue
            if distance(self._sound[text_at], self._name.sound[name_at]) < 1:
                self._edited = True
                self._cost += _OTHER_SYLLABLE
                if step > 0:
                    self._end, self._last = text_at, name_at
                else:
                    self._start, self._first = text_at + 1, name_at + 1
                return True
        return False

    def _reason(self) -> Reason:
        if self._edited:
            return Reason.ONE_SYLLABLE
        if self._cost == 0:
            return Reason.SAME_SOUND
        pairs = zip(self._sound[self._start : self._end], self._name.sound, strict=True)
        only_tones = all(distance(heard, meant) <= TONE_COST for heard, meant in pairs)
        return Reason.TONE if only_tones else Reason.CONFUSED_SOUND
