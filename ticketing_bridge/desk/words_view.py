"""What was said, as bubbles: uncertain words marked, evidence of the draft marked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from facts.masking import mask_spoken
from facts.transcript import Gap, LiveText, Transcript, Turn, Word
from ticketing_bridge.desk.feed import LiveWords, merged_finals
from ticketing_bridge.desk.labels import labels

#: below this confidence a word is shown as uncertain (0…1, as the recogniser says it)
UNSURE_BELOW = 0.6
#: fields that rest on most of the call
WIDE = frozenset({"content"})
#: characters of a call's words that fit into its line on the board
LINE_LENGTH = 26


@dataclass(frozen=True, slots=True)
class Evidence:
    """A field of the draft was read here: characters ``start`` to ``end`` of the turn's text."""

    field: str
    turn: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a turn that looks the same: the fields it proves, and whether it is uncertain."""

    text: str
    anchor: str
    fields: tuple[str, ...] = ()
    unsure: bool = False

    @property
    def look(self) -> str:
        """Classes of its mark: what only the summary rests on is marked when asked for, not before."""
        return " ".join(
            name for name, holds in (("wide", WIDE.issuperset(self.fields)), ("unsure", self.unsure)) if holds
        )


@dataclass(frozen=True, slots=True)
class TurnView:
    """One bubble, or a stretch that was not heard (``gap``: why)."""

    leg: str
    speaker: str
    start_s: float
    end_s: float
    pieces: tuple[Piece, ...]
    gap: str | None = None


@dataclass(frozen=True, slots=True)
class SaidView:
    """All bubbles, and where they come from: ``record`` (the recording), ``live``, or ``none``."""

    source: str
    live: bool
    turns: tuple[TurnView, ...]
    model: str | None = None

    @property
    def unsure(self) -> bool:
        return any(piece.unsure for turn in self.turns for piece in turn.pieces)


@dataclass(frozen=True, slots=True)
class SayingView:
    """One leg's open partial."""

    leg: str
    speaker: str
    text: str


def live_turns(stored: Iterable[LiveText], words: LiveWords) -> tuple[Turn, ...]:
    """Finals heard live, as turns in order of their start."""
    return tuple(
        Turn(said.leg, said.text, said.start_s, said.end_s, said.words)
        for said in merged_finals(stored, words.finals.values())
    )


def saying_view(words: LiveWords) -> tuple[SayingView, ...]:
    """Who is speaking now, and what has been understood of it so far."""
    open_partials = sorted(words.partials.values(), key=lambda said: said.start_s)
    return tuple(
        SayingView(said.leg, labels().legs[said.leg], mask_spoken(said.text)) for said in open_partials
    )


def newest_words(words: LiveWords) -> str:
    """The end of what is being said, or was said last, with who says it; empty before the first word."""
    everything = (*words.partials.values(), *words.finals.values())
    said = max(everything, key=lambda it: (it.start_s, it.end_s), default=None)
    if said is None:
        return ""
    text = mask_spoken(said.text)
    shown = text if len(text) <= LINE_LENGTH else "…" + text[-LINE_LENGTH:]
    return f"{labels().legs[said.leg]}：{shown}"


def live_view(turns: Sequence[Turn], evidence: Sequence[Evidence] = (), *, live: bool) -> SaidView:
    """Words heard live; while the call is on nothing is marked uncertain (it still may change)."""
    shown = [turn_view(index, turn, evidence, unsure=not live) for index, turn in enumerate(turns)]
    return SaidView("live" if shown else "none", live, tuple(shown))


def record_view(transcript: Transcript, evidence: Sequence[Evidence] = ()) -> SaidView:
    """The transcript of record, with stretches that were not heard in their places."""
    shown = [turn_view(index, turn, evidence) for index, turn in enumerate(transcript.turns)]
    shown += [_gap_view(gap) for gap in transcript.gaps]
    shown.sort(key=lambda turn: turn.start_s)
    return SaidView("record", live=False, turns=tuple(shown), model=transcript.model)


def _gap_view(gap: Gap) -> TurnView:
    return TurnView(gap.leg, labels().legs[gap.leg], gap.start_s, gap.end_s, (), gap.reason)


def turn_view(index: int, turn: Turn, evidence: Sequence[Evidence], *, unsure: bool = True) -> TurnView:
    """One turn cut into pieces at every border of a piece of evidence or of an uncertain word."""
    spans = [it for it in evidence if it.turn == index and 0 <= it.start < it.end <= len(turn.text)]
    doubts = unsure_spans(turn.text, turn.words) if unsure else ()
    borders = {0, len(turn.text)}
    borders.update(border for it in spans for border in (it.start, it.end))
    borders.update(border for span in doubts for border in span)
    cuts = sorted(borders)
    shown = mask_spoken(turn.text)
    pieces = tuple(
        Piece(
            text=shown[start:end],
            anchor=anchor(index, start),
            fields=tuple(dict.fromkeys(it.field for it in spans if it.start <= start and end <= it.end)),
            unsure=any(a <= start and end <= b for a, b in doubts),
        )
        for start, end in pairwise(cuts)
    )
    return TurnView(turn.leg, labels().legs[turn.leg], turn.start_s, turn.end_s, pieces)


def anchor(turn: int, start: int) -> str:
    """The name of a piece in the page."""
    return f"said-{turn}-{start}"


def anchors(evidence: Iterable[Evidence], turns: int) -> Mapping[str, str]:
    """Where each field's first evidence is in the page."""
    first: dict[str, str] = {}
    for it in sorted(evidence, key=lambda it: (it.turn, it.start)):
        if it.turn < turns:
            first.setdefault(it.field, anchor(it.turn, it.start))
    return first


def unsure_spans(text: str, words: Sequence[Word]) -> tuple[tuple[int, int], ...]:
    """Character spans of the uncertain words; neighbours make one span.

    >>> heard = (Word("金桥", 0, 1, 0.4), Word("丽景", 1, 2, 0.5), Word("六号楼", 2, 3, 0.9))
    >>> unsure_spans("金桥丽景六号楼", heard)
    ((0, 4),)
    """
    spans: list[tuple[int, int]] = []
    position = 0
    for word in words:
        start = text.find(word.text, position)
        if start < 0:
            continue
        position = start + len(word.text)
        if word.confidence >= UNSURE_BELOW:
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], position)
        else:
            spans.append((start, position))
    return tuple(spans)
