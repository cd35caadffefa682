"""From recognised words to something people read: turns in order, text without stray spaces, exports.

Pure: no files, no clock, no Vosk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from facts.transcript import Gap, Leg, Transcript, Turn, Word

#: words below this are shown as uncertain; right words have .97 (one in ten below .94), wrong ones .72
UNCERTAIN_BELOW = 0.85
#: segments of one side that follow this closely are one turn: Vosk cuts a segment after 20 s of speech
JOIN_PAUSE_S = 0.3
#: Chinese characters of one subtitle line that are read at a glance
CUE_CHARACTERS = 20

_LATIN = re.compile(r"[0-9A-Za-z\u00c0-\u024f'_-]")


class TranscriptFormat(StrEnum):
    """How a transcript is written out."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


@dataclass(frozen=True, slots=True)
class WordSpan:
    """Where a word stands in its turn's text: characters ``first`` up to but not including ``end``."""

    word: Word
    first: int
    end: int

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
    for word in words:
        text = display_text([text, word.text]) if text else word.text
        spans.append(WordSpan(word, len(text) - len(word.text), len(text)))
    return tuple(spans)


def uncertain_words(turn: Turn, below: float = UNCERTAIN_BELOW) -> tuple[WordSpan, ...]:
    """The words of a turn that a reader should doubt, with their places in its text."""
    return tuple(span for span in word_spans(turn.words) if span.is_uncertain(below))


def turn_of(leg: Leg, words: Sequence[Word]) -> Turn:
    """One turn of at least one word."""
    text = display_text(word.text for word in words)
    return Turn(leg, text, words[0].start_s, max(word.end_s for word in words), tuple(words))


def merge_turns(
    segments: Mapping[Leg, Iterable[Sequence[Word]]], *, join_pause_s: float = JOIN_PAUSE_S
) -> tuple[Turn, ...]:
    """All segments of all legs as turns in order of their start; what was said at once stays overlapped."""
    turns: list[Turn] = []
    for leg, words_of_segments in segments.items():
        ordered = sorted((words for words in words_of_segments if words), key=lambda words: words[0].start_s)
        turns += _joined(leg, ordered, join_pause_s)
    return tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.end_s, turn.leg)))


def _joined(leg: Leg, segments: Sequence[Sequence[Word]], join_pause_s: float) -> list[Turn]:
    turns: list[Turn] = []
    for words in segments:
        if turns and words[0].start_s - turns[-1].end_s <= join_pause_s:
            turns[-1] = turn_of(leg, (*turns[-1].words, *words))
        else:
            turns.append(turn_of(leg, words))
    return turns


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
    transcript: Transcript, fmt: TranscriptFormat | str, *, speakers: Mapping[Leg, str] | None = None
) -> str:
    """The transcript as a document; ``speakers`` names the legs, an empty mapping leaves them out."""
    names = {leg: leg.value for leg in Leg} if speakers is None else speakers
    match TranscriptFormat(fmt):
        case TranscriptFormat.JSON:
            return json.dumps(transcript_to_json(transcript), ensure_ascii=False, indent=2) + "\n"
        case TranscriptFormat.TEXT:
            return "".join(_text_line(turn, names) for turn in transcript.turns)
        case TranscriptFormat.SRT:
            return _srt(transcript, names)
        case TranscriptFormat.VTT:
            return _vtt(transcript, names)


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle."""

    leg: Leg
    text: str
    start_s: float
    end_s: float


def cues(transcript: Transcript, characters: int = CUE_CHARACTERS) -> tuple[Cue, ...]:
    """Subtitles in order of their start: long turns are split between words."""
    made = [cue for turn in transcript.turns for cue in _cues_of(turn, characters)]
    return tuple(sorted(made, key=lambda cue: cue.start_s))


def _cues_of(turn: Turn, characters: int) -> list[Cue]:
    if not turn.words:
        return [Cue(turn.leg, turn.text, turn.start_s, turn.end_s)]
    parts: list[list[Word]] = [[]]
    for word in turn.words:
        together = display_text([earlier.text for earlier in parts[-1]] + [word.text])
        if parts[-1] and len(together) > characters:
            parts.append([])
        parts[-1].append(word)
    return [
        Cue(turn.leg, display_text(word.text for word in part), part[0].start_s, part[-1].end_s)
        for part in parts
    ]


def _text_line(turn: Turn, names: Mapping[Leg, str]) -> str:
    name = names.get(turn.leg)
    return f"[{_clock(turn.start_s, '.')}] {f'{name}：' if name else ''}{turn.text}\n"


def _srt(transcript: Transcript, names: Mapping[Leg, str]) -> str:
    blocks = []
    for number, cue in enumerate(cues(transcript), start=1):
        name = names.get(cue.leg)
        text = f"{name}：{cue.text}" if name else cue.text
        blocks.append(f"{number}\n{_times(cue, ',')}\n{text}\n")
    return "\n".join(blocks)


def _vtt(transcript: Transcript, names: Mapping[Leg, str]) -> str:
    blocks = ["WEBVTT\n"]
    for cue in cues(transcript):
        name = names.get(cue.leg)
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
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
