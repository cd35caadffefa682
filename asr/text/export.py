"""Transcripts as documents: JSON, plain text, subtitles. Pure.

People read the display text (sentences, figures); JSON has it beside what was heard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

from asr.text.display import NO_NAMES, DisplayText, KeptNames, display
from asr.text.sentences import COMMA, QUESTION, STOP
from asr.text.words import found_spans
from facts.transcript import Gap, Leg, Transcript, Turn, Word

#: Chinese characters of one subtitle line, lines of one subtitle, and seconds that it stands
LINE_CHARACTERS = 20
CUE_LINES = 2
CUE_S = 7.0
_FIGURE = re.compile(r"[0-9*]")
#: a subtitle that is this long ends with its clause
CLAUSE_CHARACTERS = 14
#: longer words and numbers are cut: a telephone number is not
ATOM_CHARACTERS = 14


class TranscriptFormat(StrEnum):
    """How a transcript is written out."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


def transcript_to_json(transcript: Transcript) -> dict[str, Any]:
    """A transcript as JSON knows it; times in seconds."""
    return asdict(transcript)


def transcript_from_json(content: Mapping[str, Any]) -> Transcript:
    """The inverse of ``transcript_to_json``."""
    turns = tuple(
        Turn(
            Leg(turn["leg"]),
            turn["text"],
            turn["start_s"],
            turn["end_s"],
            tuple(Word(**word) for word in turn["words"]),
        )
        for turn in content["turns"]
    )
    gaps = tuple(replace(Gap(**gap), leg=Leg(gap["leg"])) for gap in content["gaps"])
    return Transcript(turns, content["model"], gaps, content.get("reason", ""))


def export(
    transcript: Transcript,
    fmt: TranscriptFormat | str,
    *,
    speakers: Mapping[Leg, str] | None = None,
    names: KeptNames = NO_NAMES,
) -> str:
    """The transcript as a document.

    Args:
        transcript: what was heard.
        fmt: JSON, text, SRT or VTT.
        speakers: what the legs are called; an empty mapping leaves them out.
        names: names of places that have numerals in them.

    Raises:
        NumbersUnavailable: in a process that has Vosk loaded.
    """
    called = {leg: leg.value for leg in Leg} if speakers is None else speakers
    match TranscriptFormat(fmt):
        case TranscriptFormat.JSON:
            return json.dumps(transcript_document(transcript, names), ensure_ascii=False, indent=2) + "\n"
        case TranscriptFormat.TEXT:
            return "".join(_text_line(turn, called, names) for turn in transcript.turns)
        case TranscriptFormat.SRT:
            return _srt(transcript, called, names)
        case TranscriptFormat.VTT:
            return _vtt(transcript, called, names)


def transcript_document(transcript: Transcript, names: KeptNames = NO_NAMES) -> dict[str, Any]:
    """``transcript_to_json``, and for every turn ``display``: the text with sentences and figures."""
    content = transcript_to_json(transcript)
    for stored, turn in zip(content["turns"], transcript.turns, strict=True):
        stored["display"] = display(turn, names=names).text
    return content


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle."""

    leg: Leg
    lines: tuple[str, ...]
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Atom:
    """What is not cut: a word or a number with the mark behind it."""

    text: str
    start_s: float
    end_s: float


def cues(
    transcript: Transcript, *, lead: Mapping[Leg, int] | None = None, names: KeptNames = NO_NAMES
) -> tuple[Cue, ...]:
    """Subtitles in order of their start: at most two lines of twenty characters, at most seven seconds.

    ``lead`` is how many characters the speaker's name takes of a first line.
    """
    widths = lead or {}
    made = [cue for turn in transcript.turns for cue in _cues_of(turn, widths.get(turn.leg, 0), names)]
    return tuple(sorted(made, key=lambda cue: (cue.start_s, cue.end_s)))


def _cues_of(turn: Turn, lead: int, names: KeptNames) -> Iterator[Cue]:
    group: list[_Atom] = []
    for atom in _atoms(turn, display(turn, names=names)):
        if group and not _fits([*group, atom], lead):
            yield _cue(turn.leg, group, lead)
            group = []
        group.append(atom)
        length = sum(len(it.text) for it in group)
        if atom.text.endswith((STOP, QUESTION)) or (
            atom.text.endswith(COMMA) and length >= CLAUSE_CHARACTERS
        ):
            yield _cue(turn.leg, group, lead)
            group = []
    if group:
        yield _cue(turn.leg, group, lead)


def _fits(group: Sequence[_Atom], lead: int) -> bool:
    return group[-1].end_s - group[0].start_s <= CUE_S and len(_lines(group, lead)) <= CUE_LINES


def _cue(leg: Leg, group: Sequence[_Atom], lead: int) -> Cue:
    start_s = group[0].start_s
    return Cue(leg, _lines(group, lead), start_s, min(group[-1].end_s, start_s + CUE_S))


def _lines(group: Sequence[_Atom], lead: int) -> tuple[str, ...]:
    """Filled from the first; a mark never begins a line, because it belongs to its atom."""
    lines = [""]
    for atom in group:
        room = LINE_CHARACTERS - (lead if len(lines) == 1 else 0)
        if lines[-1] and len(lines[-1]) + len(atom.text.strip()) > room:
            lines.append("")
        lines[-1] += atom.text if lines[-1] else atom.text.lstrip()
    return tuple(line.rstrip() for line in lines)


def _atoms(turn: Turn, shown: DisplayText) -> list[_Atom]:
    """The display text in what is not cut, each with its moment."""
    atoms: list[_Atom] = []
    moments = _Moments(turn)
    for piece in shown.pieces:
        text = shown.text[piece.start : piece.end]
        if piece.said_start == piece.said_end and atoms:
            atoms[-1] = replace(atoms[-1], text=atoms[-1].text + text)
            continue
        for first, end in moments.cuts(piece.said_start, piece.said_end) if piece.plain else [(0, len(text))]:
            said = (
                (piece.said_start + first, piece.said_start + end)
                if piece.plain
                else (
                    piece.said_start,
                    piece.said_end,
                )
            )
            atoms.append(_Atom(text[first:end], moments.at(said[0]), moments.until(said[1])))
    return [part for atom in _numbers_whole(atoms) for part in _short(atom)]


def _numbers_whole(atoms: Sequence[_Atom]) -> Iterator[_Atom]:
    """A number whose middle is hidden is three stretches, and read as one."""
    waiting: _Atom | None = None
    for atom in atoms:
        if waiting is not None and _FIGURE.match(waiting.text[-1]) and _FIGURE.match(atom.text[0]):
            waiting = _Atom(waiting.text + atom.text, waiting.start_s, atom.end_s)
            continue
        if waiting is not None:
            yield waiting
        waiting = atom
    if waiting is not None:
        yield waiting


class _Moments:
    """When each character of a turn was said: by its word, evenly within it."""

    def __init__(self, turn: Turn) -> None:
        self._spans = found_spans(turn)
        count = max(1, len(turn.text))
        step_s = (turn.end_s - turn.start_s) / count
        self._at = [turn.start_s + step_s * place for place in range(count + 1)]
        for span in self._spans:
            word_s = (span.word.end_s - span.word.start_s) / (span.end - span.first)
            for place in range(span.first, span.end):
                self._at[place] = span.word.start_s + word_s * (place - span.first)
        self._ends = {span.end: span.word.end_s for span in self._spans}
        self._within = {place for span in self._spans for place in range(span.first + 1, span.end)}

    def at(self, place: int) -> float:
        return self._at[place]

    def until(self, place: int) -> float:
        return self._ends.get(place, self._at[place])

    def cuts(self, first: int, end: int) -> list[tuple[int, int]]:
        """Characters ``first`` to ``end`` word by word, counted from ``first``."""
        ends = [place for place in range(first + 1, end) if place not in self._within]
        return [(a - first, b - first) for a, b in pairwise([first, *ends, end])]


def _short(atom: _Atom) -> Iterator[_Atom]:
    """An atom that no line can hold, cut evenly."""
    length = len(atom.text)
    step_s = (atom.end_s - atom.start_s) / max(1, length)
    if length <= ATOM_CHARACTERS:
        yield atom
        return
    for first in range(0, length, ATOM_CHARACTERS):
        end = min(first + ATOM_CHARACTERS, length)
        yield _Atom(atom.text[first:end], atom.start_s + step_s * first, atom.start_s + step_s * end)


def _text_line(turn: Turn, called: Mapping[Leg, str], names: KeptNames) -> str:
    name = called.get(turn.leg)
    text = display(turn, names=names).text
    return f"[{_clock(turn.start_s, '.')}] {f'{name}：' if name else ''}{text}\n"


def _srt(transcript: Transcript, called: Mapping[Leg, str], names: KeptNames) -> str:
    leads = {leg: f"{name}：" for leg, name in called.items()}
    blocks = []
    widths = {leg: len(lead) for leg, lead in leads.items()}
    for number, cue in enumerate(cues(transcript, lead=widths, names=names), start=1):
        text = leads.get(cue.leg, "") + "\n".join(cue.lines)
        blocks.append(f"{number}\n{_times(cue, ',')}\n{text}\n")
    return "\n".join(blocks)


def _vtt(transcript: Transcript, called: Mapping[Leg, str], names: KeptNames) -> str:
    blocks = ["WEBVTT\n"]
    for cue in cues(transcript, names=names):
        name = called.get(cue.leg)
        text = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_times(cue, '.')}\n{f'<v {name}>{text}</v>' if name else text}\n")
    return "\n".join(blocks)


def _times(cue: Cue, point: str) -> str:
    """At least a millisecond long: players drop empty cues."""
    start_ms = round(cue.start_s * 1000)
    end_ms = max(round(cue.end_s * 1000), start_ms + 1)
    return f"{_clock(start_ms / 1000, point)} --> {_clock(end_ms / 1000, point)}"


def _clock(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
