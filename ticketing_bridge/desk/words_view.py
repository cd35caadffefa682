"""What was said, as bubbles: uncertain words marked, evidence of the draft marked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asr.text.differences import Difference
from asr.text.display import DisplayText, moment
from asr.text.vocabulary import Suggestion
from facts.masking import mask_spoken
from facts.transcript import Gap, LiveText, Turn
from ticketing_bridge.desk.feed import LiveWords, merged_finals
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.transcripts.reading import Reading

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
    """A stretch of a turn that looks the same: what it proves, whether it is doubtful, what is said of it."""

    text: str
    anchor: str
    fields: tuple[str, ...] = ()
    unsure: bool = False
    #: another name that sounds like it
    perhaps: str = ""
    #: what the other hearing has instead
    differs: str = ""

    @property
    def look(self) -> str:
        """Classes of its mark: what only the summary rests on is marked when asked for, not before."""
        return " ".join(
            name
            for name, holds in (
                ("wide", WIDE.issuperset(self.fields)),
                ("unsure", self.unsure),
                ("perhaps", self.perhaps),
                ("differs", self.differs),
            )
            if holds
        )

    @property
    def hint(self) -> str:
        """What a reader is told when pointing at it."""
        return "；".join(filter(None, (self.perhaps, self.differs)))


@dataclass(frozen=True, slots=True)
class TurnView:
    """One bubble, or a stretch that was not heard (``gap``: why)."""

    id: str
    leg: str
    speaker: str
    start_s: float
    end_s: float
    pieces: tuple[Piece, ...]
    gap: str | None = None
    #: where each word begins in the shown text, and when it was said: ``0:10.2;2:10.6``
    times: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """One line below the words: what was heard, and what may have been meant or the other hearing has."""

    at_s: float
    turn_id: str
    heard: str
    instead: str


@dataclass(frozen=True, slots=True)
class SaidView:
    """All bubbles, and where they come from: ``record`` (the recording), ``live``, or ``none``."""

    source: str
    live: bool
    turns: tuple[TurnView, ...]
    model: str | None = None
    suggestions: tuple[Remark, ...] = ()
    differences: tuple[Remark, ...] = ()

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


def live_view(said: Reading, evidence: Sequence[Evidence] = (), *, live: bool) -> SaidView:
    """Words heard live; while the call is on nothing is marked uncertain (it still may change)."""
    shown = _turn_views("live", said, evidence, unsure=not live)
    suggested = () if live else _suggested("live", said)
    return SaidView("live" if shown else "none", live, tuple(shown), suggestions=suggested)


def record_view(
    said: Reading, evidence: Sequence[Evidence] = (), differences: Sequence[Difference] = ()
) -> SaidView:
    """The transcript of record, with stretches that were not heard in their places."""
    shown = _turn_views("record", said, evidence, differences=differences)
    shown += [_gap_view(gap) for gap in said.transcript.gaps]
    shown.sort(key=lambda turn: turn.start_s)
    return SaidView(
        "record",
        live=False,
        turns=tuple(shown),
        model=said.transcript.model,
        suggestions=_suggested("record", said),
        differences=tuple(_remark_of(said, it) for it in differences),
    )


def _gap_view(gap: Gap) -> TurnView:
    return TurnView("", gap.leg, labels().legs[gap.leg], gap.start_s, gap.end_s, (), gap.reason)


def _turn_views(
    source: str,
    said: Reading,
    evidence: Sequence[Evidence],
    *,
    unsure: bool = True,
    differences: Sequence[Difference] = (),
) -> list[TurnView]:
    return [
        turn_view(
            f"{source}-{index}",
            index,
            turn,
            said.shown[index],
            [it for it in evidence if it.turn == index],
            doubtful=said.doubtful[index] if unsure else (),
            suggestions=said.suggestions[index] if unsure else (),
            differences=[it for it in differences if it.record and it.record.turn == index],
        )
        for index, turn in enumerate(said.transcript.turns)
    ]


def turn_view(
    id: str,
    index: int,
    turn: Turn,
    shown: DisplayText,
    evidence: Sequence[Evidence],
    *,
    doubtful: Sequence[tuple[int, int]] = (),
    suggestions: Sequence[Suggestion] = (),
    differences: Sequence[Difference] = (),
) -> TurnView:
    """One turn cut into pieces at every border of what is marked in it. All places are of what was said."""
    phrases = labels().phrases
    length = len(turn.text)
    proofs = [_Note(it.start, it.end, it.field) for it in evidence if 0 <= it.start < it.end <= length]
    doubts = [_Note(*span, "") for span in doubtful]
    names = [_Note(it.start, it.end, phrases["perhaps"] + it.suggested) for it in suggestions]
    others = [_Note(it.record.start, it.record.end, _instead(it)) for it in differences if it.record]
    notes = [_shown_note(shown, it) for it in (*proofs, *doubts, *names, *others)]
    of = dict(zip((*proofs, *doubts, *names, *others), notes, strict=True))
    borders = {0, len(shown.text), *(place for it in notes for place in (it.start, it.end))}

    def lying_over(kind: Sequence[_Note], start: int, end: int) -> list[str]:
        return [it.text for it in kind if of[it].start <= start and end <= of[it].end]

    pieces = tuple(
        Piece(
            text=shown.text[start:end],
            anchor=anchor(index, shown.said_span(start, end)[0]),
            fields=tuple(dict.fromkeys(lying_over(proofs, start, end))),
            unsure=bool(lying_over(doubts, start, end)),
            perhaps="；".join(lying_over(names, start, end)),
            differs="；".join(lying_over(others, start, end)),
        )
        for start, end in pairwise(sorted(borders))
    )
    speaker = labels().legs[turn.leg]
    return TurnView(id, turn.leg, speaker, turn.start_s, turn.end_s, pieces, times=word_times(turn, shown))


def word_times(turn: Turn, shown: DisplayText) -> str:
    """When the words of a turn were said, by their places in the text that is shown."""
    found, place = [f"0:{turn.start_s:.2f}"], 0
    for word in turn.words:
        at = turn.text.find(word.text, place)
        if at < 0:
            continue
        place = at + len(word.text)
        found.append(f"{shown.shown_span(at, place)[0]}:{word.start_s:.2f}")
    return ";".join(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Note:
    """Something that is said of characters ``start`` to ``end``."""

    start: int
    end: int
    text: str


def _shown_note(shown: DisplayText, note: _Note) -> _Note:
    start, end = shown.shown_span(note.start, note.end)
    return _Note(start, end, note.text)


def snapped(evidence: Iterable[Evidence], said: Reading) -> tuple[Evidence, ...]:
    """The same evidence with its borders where a reader sees them: a figure counts as a whole."""
    found = []
    for it in evidence:
        if it.turn < len(said.shown) and 0 <= it.start < it.end <= len(said.shown[it.turn].said):
            shown = said.shown[it.turn]
            start, end = shown.said_span(*shown.shown_span(it.start, it.end))
            found.append(Evidence(it.field, it.turn, start, end))
    return tuple(found)


def _suggested(source: str, said: Reading) -> tuple[Remark, ...]:
    return tuple(
        Remark(
            moment(turn, it.start), f"{source}-{index}", it.heard, labels().phrases["perhaps"] + it.suggested
        )
        for index, turn in enumerate(said.transcript.turns)
        for it in said.suggestions[index]
    )


def _remark_of(said: Reading, it: Difference) -> Remark:
    """What the record has, as it is read there, and what was heard live."""
    if it.record is None:
        lost = it.live.text if it.live else ""
        return Remark(it.start_s, "", "", labels().phrases["only_live"] + lost)
    shown = said.shown[it.record.turn]
    start, end = shown.shown_span(it.record.start, it.record.end)
    return Remark(it.start_s, f"record-{it.record.turn}", shown.text[start:end], _instead(it))


def _instead(it: Difference) -> str:
    phrases = labels().phrases
    return phrases["heard_live"] + it.live.text if it.live else phrases["not_live"]


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
