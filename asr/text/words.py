"""Words of a turn and their places in its text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from facts.masking import mask_spoken
from facts.transcript import Transcript, Turn, Word

#: words below this are shown as uncertain; right words have .97 (one in ten below .94), wrong ones .72
UNCERTAIN_BELOW = 0.85

_LATIN = re.compile(r"[0-9A-Za-z\u00c0-\u024f'_-]")


@dataclass(frozen=True, slots=True)
class WordSpan:
    """Where a word stands in its turn's text: characters ``first`` up to but not including ``end``."""

    word: Word
    first: int
    end: int
    #: which of the turn's words it is
    index: int

    def is_uncertain(self, below: float = UNCERTAIN_BELOW) -> bool:
        """Should a reader doubt it?"""
        return self.word.confidence < below


def display_text(words: Iterable[str]) -> str:
    """Join words: no space where a Chinese character stands on either side.

    >>> display_text(["市民", "热线", "wi", "fi", "坏", "了"])
    '市民热线wi fi坏了'
    """
    text = ""
    for word in words:
        space = text and word and _LATIN.match(text[-1]) and _LATIN.match(word[0])
        text += f" {word}" if space else word
    return text


def word_spans(words: Sequence[Word]) -> tuple[WordSpan, ...]:
    """Each word's place in ``display_text`` of all of them."""
    spans: list[WordSpan] = []
    text = ""
    for index, word in enumerate(words):
        text = display_text([text, word.text]) if text else word.text
        spans.append(WordSpan(word, len(text) - len(word.text), len(text), index))
    return tuple(spans)


def found_spans(turn: Turn) -> tuple[WordSpan, ...]:
    """Each word's place in the turn's text; words that are not in it are left out."""
    spans: list[WordSpan] = []
    place = 0
    for index, word in enumerate(turn.words):
        first = turn.text.find(word.text, place)
        if first >= 0 and word.text:
            place = first + len(word.text)
            spans.append(WordSpan(word, first, place, index))
    return tuple(spans)


def doubtful_spans(turn: Turn, below: float = UNCERTAIN_BELOW) -> tuple[tuple[int, int], ...]:
    """Where the turn's text is doubtful; neighbours make one span.

    >>> from facts.transcript import Leg
    >>> heard = (Word("金桥", 0, 1, 0.4), Word("丽景", 1, 2, 0.5), Word("六号楼", 2, 3, 0.9))
    >>> doubtful_spans(Turn(Leg.CALLER, "金桥丽景六号楼", 0, 3, heard))
    ((0, 4),)
    """
    spans: list[tuple[int, int]] = []
    for span in found_spans(turn):
        if not span.is_uncertain(below):
            continue
        if spans and spans[-1][1] == span.first:
            spans[-1] = (spans[-1][0], span.end)
        else:
            spans.append((span.first, span.end))
    return tuple(spans)


def uncertain_words(turn: Turn, below: float = UNCERTAIN_BELOW) -> tuple[WordSpan, ...]:
    """The words of a turn that a reader should doubt, with their places in its text."""
    return tuple(span for span in word_spans(turn.words) if span.is_uncertain(below))


def masked_turn(turn: Turn) -> Turn:
    """The turn with the middle of every long number hidden, in its text and in its words; places stay."""
    text = mask_spoken(turn.text)
    if text == turn.text:
        return turn
    hidden = {span.index: text[span.first : span.end] for span in found_spans(turn)}
    words = tuple(
        replace(word, text=hidden.get(index, mask_spoken(word.text))) for index, word in enumerate(turn.words)
    )
    return replace(turn, text=text, words=words)


def masked(transcript: Transcript) -> Transcript:
    """The transcript as those may see it who need not know the numbers in it."""
    return replace(transcript, turns=tuple(map(masked_turn, transcript.turns)))
