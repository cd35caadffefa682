"""What a speech engine is to the rest of this room: the seam at which another can stand beside Vosk.

Everything around it (the silence gate, resampling, times of the stream, processes that may be lost) is the
same for every engine and for both paths, live and recordings: see ``asr.recogniser.LegRecogniser``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from facts.transcript import Word


class Recogniser(Protocol):
    """Hears one stream at its model's rate. Times count from the first sample that it was ever given."""

    def accept(self, pcm: bytes) -> bool:
        """Hear whole signed 16-bit little-endian samples; True: a segment has ended, take its ``result``."""

    def partial(self) -> str:
        """The open segment as far as it is understood, words with spaces between them."""

    def result(self) -> Sequence[Word]:
        """The segment that has just ended."""

    def final(self) -> Sequence[Word]:
        """End the open segment and give it; the recogniser can be used on."""


class LoadedModel(Protocol):
    """A model in memory, shared by the recognisers of its process."""

    rate_hz: int

    def recogniser(self, grammar: Sequence[str] | None = None) -> Recogniser:
        """For one stream; ``grammar`` limits it to these phrases."""

    def knows(self, word: str) -> bool:
        """Whether the model can hear this word."""

    def hush(self) -> None:
        """No log from now on: what an engine says while it loads is for whoever mends a model."""
