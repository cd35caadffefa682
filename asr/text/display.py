"""What people read of a turn: sentences and figures, with the way back to the words that were heard. Pure.

The stored transcript is never changed: evidence, times and suggestions point into what was said.
``DisplayText`` maps both ways, so that a figure leads to the words (and the moment) it was read from.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from asr.text.numbers import Replacement, Written, write_numbers
from asr.text.sentences import COMMA, Mark, marks
from asr.text.words import WordSpan, found_spans
from facts.transcript import Turn

_NUMERAL = re.compile(r"[零〇幺一二两三四五六七八九十百千]")


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters ``start`` to ``end`` of the text stand for ``said_start`` to ``said_end`` of what was said.

    Either both are equally long and equal, or the piece is a number (read as a whole), or a mark that nobody
    said (``said_start`` is ``said_end``). ``first_word`` and ``last_word`` are indices of the turn's words,
    −1 where the turn has no times.
    """

    start: int
    end: int
    said_start: int
    said_end: int
    first_word: int
    last_word: int
    #: the text is what was said, character for character
    plain: bool


@dataclass(frozen=True, slots=True)
class DisplayText:
    """A turn as people read it; its pieces cover it without holes, in order."""

    said: str
    text: str
    pieces: tuple[Piece, ...]

    def said_span(self, start: int, end: int) -> tuple[int, int]:
        """What was said for characters ``start`` to ``end`` (not empty) of the text; a number as a whole."""
        if not self.pieces:
            return 0, 0
        first, last = self._piece_at(start), self._piece_at(max(start, end - 1))
        begin = first.said_start + (start - first.start if first.plain else 0)
        return begin, max(begin, last.said_end - (last.end - end if last.plain else 0))

    def shown_span(self, first: int, end: int) -> tuple[int, int]:
        """Where characters ``first`` to ``end`` (not empty) of what was said stand; a number as a whole."""
        touched = [it for it in self.pieces if it.said_start < end and first < it.said_end]
        if not touched:
            return 0, 0
        head, tail = touched[0], touched[-1]
        begin = head.start + (max(first - head.said_start, 0) if head.plain else 0)
        return begin, tail.end - (max(tail.said_end - end, 0) if tail.plain else 0)

    def words_at(self, start: int, end: int) -> tuple[int, int]:
        """First and last word of characters ``start`` to ``end``; −1 where the turn has no times."""
        return self._piece_at(start).first_word, self._piece_at(max(start, end - 1)).last_word

    def _piece_at(self, place: int) -> Piece:
        index = bisect_right(self.pieces, place, key=lambda piece: piece.start) - 1
        return self.pieces[max(0, index)]


@dataclass(frozen=True, slots=True)
class KeptNames:
    """Names with numerals in them (八一路), which are no numbers: a city gives its gazetteer's."""

    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, names: Iterable[str]) -> KeptNames:
        """From all names of a place list; those without numerals need no keeping."""
        kept = sorted({name for name in names if _NUMERAL.search(name)}, key=lambda it: (-len(it), it))
        return cls(re.compile("|".join(map(re.escape, kept))) if kept else None)

    def spans(self, said: str) -> list[tuple[int, int]]:
        """Where they stand, the longest name first."""
        return [found.span() for found in self.pattern.finditer(said)] if self.pattern else []


NO_NAMES = KeptNames()


@lru_cache(maxsize=4096)
def display(turn: Turn, *, names: KeptNames = NO_NAMES, numbers: bool = True) -> DisplayText:
    """The turn with sentences and, unless ``numbers`` is False, figures.

    Raises:
        NumbersUnavailable: numbers are wanted where Vosk is loaded.
    """
    spans = found_spans(turn)
    written = (
        write_numbers(turn.text, kept=names.spans(turn.text)) if numbers else Written(turn.text, turn.text)
    )
    return _assembled(
        turn.text, written.replacements, written.text, marks(turn.text, spans), _owners(turn.text, spans)
    )


def _assembled(
    said: str,
    replacements: Sequence[Replacement],
    written: str,
    punctuation: Sequence[Mark],
    owners: Sequence[int],
) -> DisplayText:
    """Plain stretches, numbers and marks one after the other. No mark stands inside a number."""
    text = ""
    pieces: list[Piece] = []
    waiting = [it for it in punctuation if not any(n.first < it.place < n.end for n in replacements)]

    def add(shown: str, first: int, end: int, *, plain: bool) -> None:
        nonlocal text
        if text[-1:].isdigit() and shown[0].isdigit() and not (plain and pieces[-1].plain):
            add(COMMA, first, first, plain=False)  # 两万六两万六: two numbers, not one
        head = (
            owners[min(first, len(owners) - 1)] if end > first else (pieces[-1].last_word if pieces else -1)
        )
        tail = owners[end - 1] if end > first else head
        pieces.append(Piece(len(text), len(text) + len(shown), first, end, head, tail, plain))
        text += shown

    place = 0
    for first, end, shown in _stretches(said, replacements, written, [it.place for it in waiting]):
        add(shown, first, end, plain=shown == said[first:end])
        place = end
        while waiting and waiting[0].place <= place:
            add(waiting.pop(0).mark, place, place, plain=False)
    return DisplayText(said, text, tuple(pieces))


def _stretches(
    said: str, replacements: Sequence[Replacement], written: str, breaks: Sequence[int]
) -> Iterator[tuple[int, int, str]]:
    """What was said, cut at numbers and at the places of marks: from, to, as it is written."""
    place = 0
    for item in (*replacements, Replacement(len(said), len(said), 0, 0)):
        cuts = [place, *(it for it in breaks if place < it < item.first), item.first]
        for first, end in pairwise(cuts):
            if end > first:
                yield first, end, said[first:end]
        if item.end > item.first:
            yield item.first, item.end, written[item.written_first : item.written_end]
        place = item.end


def _owners(text: str, spans: Sequence[WordSpan]) -> list[int]:
    """For each character the index of its word; characters between words belong to the word before."""
    owners = [-1] * len(text)
    for span in spans:
        owners[span.first : span.end] = [span.index] * (span.end - span.first)
    for place in range(1, len(owners)):
        if owners[place] < 0:
            owners[place] = owners[place - 1]
    return owners


def moment(turn: Turn, first: int) -> float:
    """When character ``first`` of what was said was heard, in seconds like the turn's own times."""
    spans = found_spans(turn)
    index = bisect_right(spans, first, key=lambda span: span.first) - 1
    return spans[index].word.start_s if index >= 0 else turn.start_s
