"""One leg that is heard live: audio kept until its words are final, pieces on their way, gaps, texts.

Life of a stream: listening ⇄ waiting (its process died; audio is kept until another has taken over) → closed.
One beyond the machine's capacity is deferred first: → waiting when there is room, or → closed before. A talk
that leaves its place to an open question is deferred, too, until that has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from asr.engine import RecogniserProcess
from asr.phrases import checked_grammar
from asr.timeline import Timeline
from asr.transcript import display_text
from asr.unheard import UnheardVoice
from asr.wire import POSITION, PROGRESS, Kind, Message
from facts.audio import TELEPHONE
from facts.transcript import Gap, Leg, LiveText, Word

RATE_HZ = TELEPHONE.rate_hz
#: audio is sent on in pieces of this length: smaller ones would cost more than the model's own step saves
PIECE_BYTES = 2 * int(0.3 * RATE_HZ)
#: a process that is this far behind gets no more until it catches up
AHEAD_SAMPLES = 3 * RATE_HZ
#: audio is kept for this long while no process can take it; then the oldest is lost, as a gap
KEPT_SAMPLES = 30 * RATE_HZ
#: a leg that sends nothing for this long has its open segment ended
IDLE_S = 0.8
#: the last words take some 0.1 s; only on a machine with far too much to do it comes to this
CLOSE_TIMEOUT_S = 5.0
#: shorter holes are not worth a mark
SHORTEST_GAP_S = 0.1
#: silence up to this is sent as silence; a longer hole is leapt over, and ends the open segment
LONGEST_SILENCE = RATE_HZ
CANNOT_KEEP_UP = "recognition could not keep up"
BEYOND_CAPACITY = "more was said than this machine can hear live"


class StreamState(StrEnum):
    """What becomes of a stream's audio."""

    #: it is heard live
    LISTENING = "listening"
    #: no process can take it just now; it is kept for some seconds
    WAITING = "waiting"
    #: beyond what the machine can hear live: until there is room, its words come from the recording only
    DEFERRED = "deferred"
    CLOSED = "closed"


class StreamOwner(Protocol):
    """What a stream needs of the engine that opened it."""

    def tell(self, stream: LiveStream, text: LiveText) -> None:
        """Queue a text for the callback."""

    def tell_gap(self, call: str, gap: Gap) -> None:
        """Queue a gap for the callback."""

    async def told(self) -> None:
        """Wait until everything queued so far has reached the callbacks."""

    def forget(self, stream: LiveStream) -> None:
        """A stream has ended."""


class LiveStream:
    """One leg of one call. Made by ``LiveEngine.open``; every method belongs to the event loop's thread."""

    def __init__(
        self,
        engine: StreamOwner,
        number: int,
        *,
        call: str,
        leg: Leg,
        stream: str,
        offset_s: float,
        question: bool = False,
    ) -> None:
        self.call = call
        self.leg = leg
        self.stream = stream
        self.offset_s = offset_s
        self.question = question
        self.state = StreamState.WAITING
        self.gaps: list[Gap] = []
        self.process: RecogniserProcess | None = None
        self.number = number
        self.timeline = Timeline(RATE_HZ)
        self.segment = 0
        self.closed = asyncio.Event()
        #: what may be said (None: anything), and from which sample on that is to change
        self.grammar: tuple[str, ...] | None = None
        self._changes: deque[tuple[int, tuple[str, ...] | None]] = deque()
        self._engine = engine
        #: pieces (position, samples) to be sent, and those sent whose words are not final yet
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._unsettled: deque[tuple[int, bytes]] = deque()
        #: samples in ``_pieces``, and those that the process has not taken, by their ends (time may leap)
        self._kept = 0
        self._flying: deque[tuple[int, int]] = deque()
        self._ahead = 0
        self._heard_twice_until = 0
        #: frames that are no whole piece yet
        self._open: list[bytes] = []
        self._open_bytes = 0
        #: samples placed in time, less those of ``_open``
        self._received = 0
        self._missed_from: int | None = None
        self._was_heard = False
        self._sent = 0
        self._settled = 0
        self._lost_from: int | None = None
        self._fed_at_s = 0.0
        self._flushed = True
        self._closing = False
        self._ended = asyncio.Event()
        #: the newest text on its way to the callback, and whether words are on show that are not final yet
        self.newest: LiveText | None = None
        self.speaks = False
        #: an answer's voice before its words
        self._voice = UnheardVoice(RATE_HZ) if question else None

    # -- audio in

    def feed(self, pcm: bytes, arrived_s: float) -> None:
        """Take one frame: 8 kHz, signed 16-bit little-endian, mono; ``arrived_s`` is monotonic seconds."""
        if len(pcm) % 2:
            pcm = pcm[:-1]
        if self._closing or not pcm:
            return
        silence, data = self.timeline.place(pcm, arrived_s)
        if self.state is StreamState.DEFERRED:
            self._received += silence + len(data) // 2
            return
        self._fed_at_s = time.monotonic()
        self._flushed = False
        if silence:
            self._be_silent(silence)
        if self._voice is not None:
            self._voice.listen(data, self._received + self._open_bytes // 2)
            self._tell_voice(self._voice)
        self._open.append(data)
        self._open_bytes += len(data)
        if self._open_bytes >= PIECE_BYTES:
            self._cut()
            self.pump()

    @property
    def is_hungry(self) -> bool:
        """Whether everything that came was sent on: who feeds faster than real time waits for it."""
        return not self._pieces

    def set_grammar(self, phrases: Sequence[str] | None) -> None:
        """From now on only these phrases can be heard (None: anything); ends the open segment.

        Raises:
            GrammarRefused: see ``checked_grammar``; the stream goes on as before.
        """
        grammar = checked_grammar(phrases)
        self._cut(all_of_it=True)
        self._changes.append((self._received, grammar))
        self.pump()

    def idle(self, now_s: float) -> None:
        """Called now and then: a leg that fell silent without a word has its open segment ended."""
        if self._flushed or self._closing or now_s - self._fed_at_s < IDLE_S or self.process is None:
            return
        self._take_rest()
        self.pump()
        if not self._pieces:  # else the end would come before what is still to be sent
            self._flushed = self.process.send(Message(Kind.FLUSH, self.number))

    def _take_rest(self) -> None:
        """Whatever the timeline still holds, and what is no whole piece."""
        silence, data = self.timeline.finish()
        self._be_silent(silence)
        self._open.append(data)
        self._cut(all_of_it=True)

    def _be_silent(self, samples: int) -> None:
        """Nothing came for so long."""
        if samples <= LONGEST_SILENCE:
            self._open.append(bytes(2 * samples))
            self._open_bytes += 2 * samples
        else:
            self._cut(all_of_it=True)
            self._received += samples

    def _cut(self, *, all_of_it: bool = False) -> None:
        """Make pieces of the frames; the oldest are lost when nobody takes them for too long."""
        data = b"".join(self._open)
        whole = len(data) if all_of_it else len(data) // PIECE_BYTES * PIECE_BYTES
        for first in range(0, whole, PIECE_BYTES):
            piece = data[first : min(first + PIECE_BYTES, whole)]
            self._pieces.append((self._received, piece))
            self._received += len(piece) // 2
            self._kept += len(piece) // 2
        self._open = [data[whole:]] if whole < len(data) else []
        self._open_bytes = len(data) - whole
        while self._kept > KEPT_SAMPLES:
            position, piece = self._pieces.popleft()
            self._kept -= len(piece) // 2
            self._lost_from = position if self._lost_from is None else self._lost_from

    def pump(self) -> None:
        """Send what the process can take."""
        self._change_grammar()
        while self._pieces and self.process is not None and self._ahead < AHEAD_SAMPLES:
            position, piece = self._pieces[0]
            if not self.process.send(Message(Kind.AUDIO, self.number, POSITION.pack(position) + piece)):
                return
            self._unsettled.append(self._pieces.popleft())
            samples = len(piece) // 2
            self._kept -= samples
            self._ahead += samples
            self._sent = position + samples
            self._flying.append((self._sent, samples))
            if self._lost_from is not None:
                self._mark_gap(self._lost_from, position, CANNOT_KEEP_UP)
                self._lost_from = None
            self._change_grammar()

    def _change_grammar(self) -> None:
        """Tell the process what may be said from the next piece on."""
        while self._changes and self.process is not None:
            at, grammar = self._changes[0]
            if self._pieces and at > self._pieces[0][0]:
                return
            if not self.process.send(Message.of(Kind.GRAMMAR, self.number, {"grammar": grammar})):
                return
            self.grammar = grammar
            self._changes.popleft()

    # -- room, processes: they come and go

    def defer(self) -> None:
        """There is no room: frames are only counted from now on."""
        self.state = StreamState.DEFERRED
        self._missed_from = self._received

    def set_aside(self) -> None:
        """Its place is needed. What is not final yet is not heard live, nor what follows until ``admit``."""
        self._cut(all_of_it=True)
        missed = [position for position, _ in (*self._unsettled, *self._pieces)]
        if self._lost_from is not None:
            missed.append(self._lost_from)
        self._leave()
        self._pieces.clear()
        self._kept = 0
        self._lost_from = None
        if self._changes:
            self.grammar = self._changes[-1][1]
            self._changes.clear()
        if self.speaks:
            self._tell("", *self._span())
        self.state = StreamState.DEFERRED
        self._missed_from = max(self._settled, min(missed, default=self._received))

    def admit(self) -> None:
        """There is room: heard from now on. What was missed is a gap."""
        self.state = StreamState.WAITING
        self._mark_missed()

    def _mark_missed(self) -> None:
        if self._missed_from is not None:
            self._mark_gap(self._missed_from, self._received, BEYOND_CAPACITY)
            self._missed_from = None

    def _leave(self) -> None:
        """The process hears it no longer; what it says of it from now on counts for nothing."""
        if self.process is not None:
            self.process.send(Message(Kind.CLOSE, self.number))
            self.process.streams -= 1
            self.process = None
        self._unsettled.clear()

    def attach(self, process: RecogniserProcess) -> None:
        """Go on in this process, from the oldest audio that is kept."""
        start = self._pieces[0][0] if self._pieces else self._received
        wish = {
            "rate_hz": RATE_HZ,
            "start": start,
            "grammar": self.grammar,
            "question": self.question,
        }
        if not process.send(Message.of(Kind.OPEN, self.number, wish)):
            return
        self._sent = self._settled = start
        self._flying.clear()
        self._ahead = 0
        self.process = process
        process.streams += 1
        self._was_heard = True
        self.state = StreamState.LISTENING
        self.pump()

    def detach(self, reason: str) -> None:
        """The process is gone. Its open segment is heard again by the next; what fails twice is a gap."""
        if self.process is None:
            return
        self.process = None
        again = deque(piece for piece in self._unsettled if piece[0] >= self._heard_twice_until)
        if len(again) < len(self._unsettled):
            self._mark_gap(self._settled, self._heard_twice_until, reason)
        self._pieces.extendleft(reversed(again))
        self._kept += sum(len(piece) // 2 for _, piece in again)
        self._unsettled.clear()
        self._heard_twice_until = self._sent
        if self.speaks:
            self._tell("", *self._span())
        self.state = StreamState.WAITING

    @property
    def open_samples(self) -> int:
        """How much would be heard again if another process went on."""
        return self._sent - self._settled

    def move(self, process: RecogniserProcess) -> None:
        """Go on in another process, which has less to do; what is not settled is heard again there."""
        if self.process is None or self._closing:
            return
        self._pieces.extendleft(reversed(self._unsettled))
        self._kept += sum(len(piece) // 2 for _, piece in self._unsettled)
        self._leave()
        self.state = StreamState.WAITING
        self.attach(process)

    def _span(self) -> tuple[float, float]:
        start_s, end_s = (round(self.offset_s + at / RATE_HZ, 3) for at in (self._settled, self._sent))
        return start_s, end_s

    def _mark_gap(self, start: int, end: int, reason: str) -> None:
        if end - start < SHORTEST_GAP_S * RATE_HZ:
            return
        start_s, end_s = (round(self.offset_s + sample / RATE_HZ, 3) for sample in (start, end))
        gap = Gap(self.leg, start_s, end_s, reason)
        self.gaps.append(gap)
        self._engine.tell_gap(self.call, gap)

    # -- text out

    def on_message(self, message: Message) -> None:
        """What the process says about this stream."""
        if message.kind is Kind.PROGRESS:
            taken, settled = PROGRESS.unpack(message.payload)
            while self._flying and self._flying[0][0] <= taken:
                self._ahead -= self._flying.popleft()[1]
            self._settle(settled)
            self.pump()
            if self._voice is not None:
                self._voice.taken(taken)
                self._tell_voice(self._voice)
        elif message.kind is Kind.PARTIAL:
            self._on_partial(message.json())
        elif message.kind is Kind.FINAL:
            self._on_final(message.json()["words"])
        elif message.kind is Kind.CLOSED and self._closing:  # else it has moved on since
            self.closed.set()

    def _settle(self, position: int) -> None:
        """Everything before this sample is final."""
        self._settled = max(self._settled, position)
        while self._unsettled and self._unsettled[0][0] + len(self._unsettled[0][1]) // 2 <= self._settled:
            self._unsettled.popleft()

    def _on_partial(self, shown: dict[str, Any]) -> None:
        start_s, end_s = (round(self.offset_s + shown[name], 3) for name in ("start_s", "end_s"))
        self._tell(display_text(shown["text"].split()), start_s, end_s)

    def _on_final(self, entries: list[tuple[str, float, float, float]]) -> None:
        words = tuple(
            Word(text, round(start + self.offset_s, 3), round(end + self.offset_s, 3), confidence)
            for text, start, end, confidence in entries
        )
        text = display_text([word.text for word in words])
        self._tell(text, words[0].start_s, words[-1].end_s, words)
        self.segment += 1
        self._settle(int(entries[-1][2] * RATE_HZ))

    def _tell_voice(self, voice: UnheardVoice) -> None:
        """Who waits for an answer is told of a voice without words so far, and when it turned out a noise."""
        told = self.newest is not None and self.newest.unheard
        if voice.there != told and not self.speaks:
            self._tell("", *self._span(), unheard=voice.there)

    def _tell(
        self, text: str, start_s: float, end_s: float, words: tuple[Word, ...] = (), *, unheard: bool = False
    ) -> None:
        """A final with its words, a partial without."""
        final = bool(words)
        told = LiveText(
            self.call, self.leg, self.segment, final, text, start_s, end_s, words, self.stream, unheard
        )
        if self._voice is not None and text:
            self._voice.understood()
        self.newest = told
        self.speaks = bool(text) and not final
        self._engine.tell(self, told)

    # -- the end

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """End the stream: the open segment's final text has reached the callback when this returns."""
        if self._closing:
            await self._ended.wait()
            return
        self._closing = True
        try:
            if self.state is not StreamState.DEFERRED:
                await self._flush(timeout_s)
            elif self._was_heard:
                self._mark_missed()
                await self._engine.told()
        finally:
            self.state = StreamState.CLOSED
            self._engine.forget(self)
            self._ended.set()

    async def _flush(self, timeout_s: float) -> None:
        self._take_rest()
        self.pump()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._finish()
        if not self.closed.is_set() and self.process is not None:
            self._mark_gap(self._settled, self._sent, "the recogniser did not finish in time")
        if self._pieces:
            self._mark_gap(self._pieces[0][0], self._received, CANNOT_KEEP_UP)
        await self._engine.told()

    async def _finish(self) -> None:
        """Send what is left, then the end; begins again in another process when one dies meanwhile."""
        while not self.closed.is_set():
            if self.process is not None and not self._pieces:
                asked = self.process
                asked.send(Message(Kind.CLOSE, self.number))
                while self.process is asked and not self.closed.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.closed.wait(), 0.1)
            elif self.process is None and not self._pieces:
                return
            else:
                await asyncio.sleep(0.02)
