"""One leg's words, inside a recogniser process: gate, resampling, segments, times of the stream."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from asr.gate import PREROLL_S, Passage, Samples, SilenceGate
from asr.protocols import LoadedModel, Recogniser
from asr.vosk_engine import VoskModel
from facts.errors import HotlineError
from facts.transcript import Word

RATES_HZ = range(8000, 48001)
#: Vosk looks for a segment's end only once a call: larger pieces would join what people say after a pause
PIECE_S = 0.3
#: how often the open segment's text is looked at; the model itself goes on every 0.24 s
PARTIAL_EVERY_S = 0.3
#: a recogniser's search graph grows with what it hears (30 MB in the first minute, 60 MB after ten) and gets
#: slower to search; walking a new one costs about as much as it saves. Measured with the demo model
RENEW_AFTER_S = 120.0
#: recognisers kept for the next streams (about 40 MB each)
MOST_SPARE = 2
_SAMPLE = np.dtype("<i2")


class AudioRefused(HotlineError):
    """The recogniser was given something that no engine would survive."""

    error_id = "audio-refused"


@dataclass(frozen=True, slots=True)
class PartialText:
    """The open segment as far as it is understood; times count from the stream's start."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished segment: at least one word, times from the stream's start."""

    words: tuple[Word, ...]

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s


class SpeechModel:
    """A loaded model and its recognisers. Loading may end the process: only in one that may be lost."""

    def __init__(
        self, path: Path, rate_hz: int, load: Callable[[Path, int], LoadedModel] = VoskModel
    ) -> None:
        self.rate_hz = rate_hz
        self._loaded = load(path, rate_hz)
        #: recognisers that no stream uses now, with the seconds they have heard: Vosk composes its search
        #: graph as it is walked, so a used one has half the work of a new one when a call begins
        self._spare: list[tuple[Recogniser, float]] = []

    def hush(self) -> None:
        """No log from now on."""
        self._loaded.hush()

    def take(self, grammar: Sequence[str] | None = None) -> tuple[Recogniser, float]:
        """A recogniser at the model's own rate, and the seconds that it has already heard.

        Phrases with words that the model does not know are left out: it would hear the rest of such a
        phrase as the whole. When none is left, everything can be said.
        """
        known = self._known(grammar or ())
        if known:
            return self._loaded.recogniser(known), 0.0
        with contextlib.suppress(IndexError):
            return self._spare.pop()
        return self._loaded.recogniser(), 0.0

    def give_back(self, recogniser: Recogniser, heard_s: float) -> None:
        """A recogniser without grammar whose last result was a final one; no stream may use it any more."""
        if heard_s < RENEW_AFTER_S and len(self._spare) < MOST_SPARE:
            self._spare.append((recogniser, heard_s))

    def _known(self, grammar: Sequence[str]) -> list[str]:
        split = (phrase.split() for phrase in grammar)
        return [" ".join(words) for words in split if words and all(map(self._loaded.knows, words))]


class LegRecogniser:
    """One leg's words. Give it samples in order; it gives partial texts and segments in order."""

    def __init__(
        self,
        model: SpeechModel,
        rate_hz: int,
        *,
        start: int = 0,
        partials: bool = True,
        grammar: Sequence[str] | None = None,
    ) -> None:
        if rate_hz not in RATES_HZ:
            raise AudioRefused(f"{rate_hz} Hz is no sample rate of speech")
        self._model = model
        self._rate_hz = rate_hz
        self._grammar = grammar
        self._partials = partials
        self._gate = SilenceGate(rate_hz, start=start)
        self._piece = int(rate_hz * PIECE_S)
        self._resampler: Any = None
        #: the recogniser and the seconds it was given, and the stream's time minus those
        self._recogniser, self._given_s = model.take(grammar)
        self._ahead_s = 0.0
        self._in_passage = False
        self._segment_start_s = start / rate_hz
        self._since_partial_s = 0.0
        self._shown = ""
        #: nothing before this sample is still open
        self.settled = start

    @property
    def taken(self) -> int:
        """Position behind the last sample taken."""
        return self._gate.taken

    def accept(self, pcm: bytes, position: int | None = None) -> Iterator[PartialText | Segment]:
        """Hear samples; a ``position`` that does not continue the stream is a hole: the open segment ends."""
        if len(pcm) % 2:
            raise AudioRefused(f"{len(pcm)} bytes are no whole 16-bit samples")
        if position is not None and position != self._gate.taken:
            yield from self.flush()
            self._gate.jump(position)
            self.settled = position
        samples = np.frombuffer(pcm, dtype=_SAMPLE)
        for passage in self._gate.push(samples):
            yield from self._hear(passage)
        if not self._gate.is_open:  # the gate may still reach back for the beginning of a word
            self.settled = max(self.settled, self._gate.taken - round(PREROLL_S * self._rate_hz))

    def flush(self) -> Iterator[PartialText | Segment]:
        """End the open segment now."""
        for passage in self._gate.finish():
            yield from self._hear(passage)
        self.settled = self._gate.taken

    def set_grammar(self, grammar: Sequence[str] | None) -> Iterator[PartialText | Segment]:
        """End the open segment; from now on hear these phrases only, or (None) everything."""
        yield from self.flush()
        self._return()
        self._grammar = grammar
        self._recogniser, self._given_s = self._model.take(grammar)

    def close(self) -> Iterator[PartialText | Segment]:
        """End the stream; nothing may be given in any more."""
        yield from self.flush()
        self._return()
        del self._recogniser

    def _return(self) -> None:
        if self._grammar is None:
            self._model.give_back(self._recogniser, self._given_s)

    def _hear(self, passage: Passage) -> Iterator[PartialText | Segment]:
        if not self._in_passage:
            self._begin_passage(passage.position / self._rate_hz)
        for first in range(0, len(passage.samples), self._piece):
            part = passage.samples[first : first + self._piece]
            yield from self._decode(self._at_model_rate(part))
            if self._partials and self._since_partial_s >= PARTIAL_EVERY_S:
                yield from self._partial()
        if passage.closes:
            yield from self._end_passage()

    def _begin_passage(self, start_s: float) -> None:
        self._in_passage = True
        self._renew_when_old()
        self._ahead_s = start_s - self._given_s
        self._segment_start_s = start_s
        self._since_partial_s = 0.0
        if self._rate_hz != self._model.rate_hz:
            self._resampler = soxr.ResampleStream(
                self._rate_hz, self._model.rate_hz, 1, dtype="int16", quality="HQ"
            )

    def _renew_when_old(self) -> None:
        """Only between two segments."""
        if self._given_s > RENEW_AFTER_S:
            stream_s = self._given_s + self._ahead_s
            self._recogniser, self._given_s = self._model.take(self._grammar)
            self._ahead_s = stream_s - self._given_s

    def _end_passage(self) -> Iterator[PartialText | Segment]:
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(np.zeros(0, dtype=np.int16), last=True)
            yield from self._decode(tail)
            self._resampler = None
        yield from self._segment(self._recogniser.final())
        self._in_passage = False

    def _at_model_rate(self, samples: Samples) -> Samples:
        if self._resampler is None:
            return samples
        resampled: Samples = self._resampler.resample_chunk(samples)
        return resampled

    def _decode(self, samples: Samples) -> Iterator[PartialText | Segment]:
        if not len(samples):
            return
        given_s = len(samples) / self._model.rate_hz
        self._given_s += given_s
        self._since_partial_s += given_s
        if self._recogniser.accept(samples.astype(_SAMPLE, copy=False).tobytes()):
            yield from self._segment(self._recogniser.result())
            self._renew_when_old()
            self._segment_start_s = self._given_s + self._ahead_s
            self.settled = round(self._segment_start_s * self._rate_hz)

    def _partial(self) -> Iterator[PartialText]:
        self._since_partial_s = 0.0
        text = self._recogniser.partial()
        if text != self._shown:
            self._shown = text
            yield self._shown_text()

    def _shown_text(self) -> PartialText:
        return PartialText(
            self._shown, round(self._segment_start_s, 3), round(self._given_s + self._ahead_s, 3)
        )

    def _segment(self, heard: Sequence[Word]) -> Iterator[PartialText | Segment]:
        words = tuple(
            Word(
                word.text,
                round(word.start_s + self._ahead_s, 3),
                round(word.end_s + self._ahead_s, 3),
                round(word.confidence, 3),
            )
            for word in heard
        )
        if words:
            yield Segment(words)
        elif self._shown:  # what was shown turned out to be nothing
            self._shown = ""
            yield self._shown_text()
        self._shown = ""
        self._since_partial_s = 0.0
