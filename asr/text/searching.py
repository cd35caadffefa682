"""Finding words in transcripts: by pairs of neighbouring characters, as said and as written. Pure.

Chinese has no spaces to cut words at, so that every pair of neighbours is a key. A number is found as it was
said (幺三九) and as it is written (139), because both forms are there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from asr.text.display import NO_NAMES, DisplayText, KeptNames, display, moment
from facts.masking import mask_spoken
from facts.transcript import Leg, Transcript, Turn

#: what is asked for: at most so many terms of so many characters
MOST_TERMS = 8
TERM_CHARACTERS = 40
#: characters of a turn shown before and behind what was found
AROUND = 18


@dataclass(frozen=True, slots=True)
class Terms:
    """What is looked for: every term must be there; a turn that has any of them is shown."""

    terms: tuple[str, ...]

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """For each term what the index is asked: its pairs, or its only character."""
        return tuple(tuple(map("".join, pairwise(term))) or (term,) for term in self.terms)

    @classmethod
    def of(cls, text: str) -> Terms:
        """From what somebody typed; terms are parted by spaces.

        >>> Terms.of("昆仑路， １３９7").terms
        ('昆仑路', '1397')
        """
        plain = (normal(part)[:TERM_CHARACTERS] for part in text.split())
        return cls(tuple(dict.fromkeys(term for term in plain if term))[:MOST_TERMS])


@dataclass(frozen=True, slots=True)
class Snippet:
    """One turn where something was found: stretches of its text (True: found), and when it was said."""

    leg: Leg
    turn: int
    at_s: float
    pieces: tuple[tuple[str, bool], ...]


def normal(text: str) -> str:
    """Letters, digits and Chinese characters only, narrow and small."""
    return "".join(it for it in unicodedata.normalize("NFKC", text).lower() if it.isalnum())


@cache
def _normal_character(character: str) -> str:
    return normal(character)


def pairs(text: str) -> Iterator[str]:
    """Keys of a normal text: every pair of neighbours, and every character alone.

    >>> [*pairs("昆仑路")]
    ['昆仑', '仑路', '昆', '仑', '路']
    """
    for left, right in pairwise(text):
        yield left + right
    yield from text


def leg_lines(transcript: Transcript, leg: Leg, names: KeptNames = NO_NAMES) -> tuple[str, ...]:
    """What one side said, normal: a line a turn, and another where numbers are written otherwise."""
    lines: list[str] = []
    for turn in transcript.turns:
        if turn.leg is leg:
            said, written = normal(turn.text), normal(display(turn, names=names).text)
            lines += [said, written] if said != written else [said]
    return tuple(filter(None, lines))


def snippets(
    transcript: Transcript, terms: Terms, leg: Leg | None = None, names: KeptNames = NO_NAMES
) -> tuple[Snippet, ...]:
    """The turns of one leg (or both) where any term stands; long numbers in them are masked."""
    found: list[Snippet] = []
    for index, turn in enumerate(transcript.turns):
        if leg is None or turn.leg is leg:
            if not _may_have(turn, terms):
                continue
            shown = display(turn, names=names)
            if spans := _spans(shown, terms.terms):
                said_first = min(shown.said_span(*span)[0] for span in spans)
                found.append(Snippet(turn.leg, index, moment(turn, said_first), _pieces(shown.text, spans)))
    return tuple(found)


def _may_have(turn: Turn, terms: Terms) -> bool:
    """Cheaper than to write all numbers: what has no digit stands in the text as it was said."""
    said = normal(turn.text)
    return any(term in said or any(it.isdigit() for it in term) for term in terms.terms)


def _spans(shown: DisplayText, terms: Sequence[str]) -> list[tuple[int, int]]:
    """Where terms stand in the display text, overlapping ones joined."""
    spans = [span for term in terms for span in _occurrences(shown.text, term)]
    for term in terms:
        spans += [shown.shown_span(*span) for span in _occurrences(shown.said, term)]
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _occurrences(text: str, term: str) -> Iterator[tuple[int, int]]:
    """Places of a normal term in any text: signs between its characters do not part it."""
    kept = [(place, _normal_character(character)) for place, character in enumerate(text)]
    kept = [(place, it) for place, it in kept if it]
    plain = "".join(it for _, it in kept)
    owners = [place for place, it in kept for _ in it]
    at = plain.find(term)
    while at >= 0:
        yield owners[at], owners[at + len(term) - 1] + 1
        at = plain.find(term, at + len(term))


def _pieces(text: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    """The text around what was found, cut at both ends."""
    hidden = mask_spoken(text)
    first, end = max(0, spans[0][0] - AROUND), min(len(text), spans[-1][1] + AROUND)
    pieces = [("…" * (first > 0) + hidden[first : spans[0][0]], False)]
    for index, (start, stop) in enumerate(spans):
        pieces.append((hidden[start:stop], True))
        following = spans[index + 1][0] if index + 1 < len(spans) else end
        pieces.append((hidden[stop:following], False))
    pieces[-1] = (pieces[-1][0] + "…" * (end < len(text)), False)
    return tuple(piece for piece in pieces if piece[0])
