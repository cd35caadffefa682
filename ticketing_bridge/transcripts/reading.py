"""A transcript made ready for readers: numbers masked, sentences, figures, suggestions. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from asr.text.display import DisplayText, display
from asr.text.vocabulary import Suggestion
from asr.text.words import UNCERTAIN_BELOW, doubtful_spans, masked
from facts.transcript import Transcript
from ticketing_bridge.transcripts.city import CityNames


@dataclass(frozen=True, slots=True)
class Reading:
    """A transcript with its display texts and suggestions, a turn each; places are those of what was said."""

    transcript: Transcript
    shown: tuple[DisplayText, ...]
    #: what the recogniser doubted
    doubtful: tuple[tuple[tuple[int, int], ...], ...]
    suggestions: tuple[tuple[Suggestion, ...], ...]


def reading(transcript: Transcript, names: CityNames, doubt_below: float = UNCERTAIN_BELOW) -> Reading:
    """Everything for a call that is over. Takes some milliseconds a turn when it is read first."""
    hidden = masked(transcript)
    doubtful = tuple(doubtful_spans(turn, doubt_below) for turn in hidden.turns)
    return Reading(
        hidden,
        tuple(display(turn, names=names.kept) for turn in hidden.turns),
        doubtful,
        tuple(
            names.vocabulary.suggestions(turn.text, doubts)
            for turn, doubts in zip(hidden.turns, doubtful, strict=True)
        ),
    )


def live_reading(transcript: Transcript) -> Reading:
    """What can be had at once while a call is on: sentences, no figures, no suggestions."""
    hidden = masked(transcript)
    shown = tuple(display(turn, numbers=False) for turn in hidden.turns)
    return Reading(hidden, shown, ((),) * len(shown), ((),) * len(shown))
