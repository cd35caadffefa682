"""From recognised words to turns in order; how they become something people read is in ``asr.text``.

Pure: no files, no clock, no Vosk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from asr.text.export import TranscriptFormat, export, transcript_from_json, transcript_to_json
from asr.text.words import display_text, uncertain_words, word_spans
from facts.transcript import Leg, Turn, Word

__all__ = [
    "TranscriptFormat",
    "display_text",
    "export",
    "merge_turns",
    "transcript_from_json",
    "transcript_to_json",
    "turn_of",
    "uncertain_words",
    "word_spans",
]

#: segments of one side that follow this closely are one turn: Vosk cuts a segment after 20 s of speech
JOIN_PAUSE_S = 0.3


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
