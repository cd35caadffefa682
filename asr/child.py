"""A recogniser process: ``python -m asr.child MODEL``, or ``--check MODEL``.

It reads messages (``asr.wire``) from stdin and writes to stdout. Streams are shared out over lanes (threads;
Vosk lets go of the interpreter while it decodes), each stream belonging to one; open questions come first in
each (``asr.inbox``). When stdin ends the process ends at once: its parent is gone or wants it so.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from asr.inbox import Inbox
from asr.limits import loading_limits
from asr.models import ModelFacts, model_facts
from asr.recogniser import LegRecogniser, PartialText, Segment, SpeechModel
from asr.wire import POSITION, PROGRESS, WORK, Kind, Message, lane_of, read_message

#: how far a stream may go on before its progress is told (seconds of audio): it keeps the stream fed
PROGRESS_EVERY_S = 0.6
#: what a model hears when it is tried
TRIAL_S = 2.0


class Outbox:
    """Messages to the parent; any thread may send some, which arrive together: each arrival wakes it."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, *messages: Message) -> None:
        data = memoryview(b"".join(message.to_bytes() for message in messages))
        with self._lock:
            while data:
                data = data[self._pipe.write(data) :]


@dataclass(slots=True)
class OpenLeg:
    """A stream and what was last told of it (samples)."""

    recogniser: LegRecogniser
    rate_hz: int
    told: int


class Lane(threading.Thread):
    """Decodes some of the streams, each in the order in which its messages came."""

    def __init__(self, model: SpeechModel, outbox: Outbox) -> None:
        super().__init__(daemon=True)
        self.inbox = Inbox()
        self._model = model
        self._outbox = outbox
        self._legs: dict[int, OpenLeg] = {}
        self._heard_s = 0.0
        #: what is to be said about the message that is being handled
        self._said: list[Message] = []

    def run(self) -> None:
        try:
            while True:
                self._handle(self.inbox.get())
                if self._said:
                    self._outbox.send(*self._said)
                    self._said.clear()
        finally:  # a lane that died silently would leave its streams waiting: end the process, loudly
            traceback.print_exc()
            os._exit(3)

    def _handle(self, message: Message) -> None:
        stream = message.stream
        if message.kind is Kind.PING:
            self._said.append(Message(Kind.PONG, stream, WORK.pack(time.thread_time(), self._heard_s)))
        elif message.kind is Kind.OPEN:
            wish = message.json()
            leg = LegRecogniser(
                self._model, wish["rate_hz"], start=wish["start"], grammar=wish.get("grammar")
            )
            self._legs[stream] = OpenLeg(leg, wish["rate_hz"], wish["start"])
        elif stream in self._legs:  # a stream that was closed may have had something on its way
            self._handle_open(message, self._legs[stream])

    def _handle_open(self, message: Message, leg: OpenLeg) -> None:
        stream = message.stream
        if message.kind is Kind.AUDIO:
            self._hear(stream, leg, message.payload)
        elif message.kind is Kind.FLUSH:
            self._tell(stream, leg.recogniser.flush())
            self._tell_progress(stream, leg)
        elif message.kind is Kind.GRAMMAR:
            self._tell(stream, leg.recogniser.set_grammar(message.json()["grammar"]))
        elif message.kind is Kind.CLOSE:
            del self._legs[stream]
            self._tell(stream, leg.recogniser.close())
            self._said.append(Message(Kind.CLOSED, stream))

    def _hear(self, stream: int, leg: OpenLeg, payload: bytes) -> None:
        (position,) = POSITION.unpack_from(payload)
        samples = payload[POSITION.size :]
        self._heard_s += len(samples) / 2 / leg.rate_hz
        self._tell(stream, leg.recogniser.accept(samples, position))
        if leg.recogniser.taken - leg.told >= PROGRESS_EVERY_S * leg.rate_hz:
            self._tell_progress(stream, leg)

    def _tell_progress(self, stream: int, leg: OpenLeg) -> None:
        leg.told = leg.recogniser.taken
        self._said.append(Message(Kind.PROGRESS, stream, PROGRESS.pack(leg.told, leg.recogniser.settled)))

    def _tell(self, stream: int, heard: Iterable[PartialText | Segment]) -> None:
        for item in heard:
            if isinstance(item, Segment):
                words = [[word.text, word.start_s, word.end_s, word.confidence] for word in item.words]
                self._said.append(Message.of(Kind.FINAL, stream, {"words": words}))
            else:
                shown = {"text": item.text, "start_s": item.start_s, "end_s": item.end_s}
                self._said.append(Message.of(Kind.PARTIAL, stream, shown))


def load_and_try(facts: ModelFacts) -> tuple[SpeechModel, float]:
    """Load a model and let it hear some noise: what would end the process later ends it here.

    Returns it with the processor seconds that it took for a second of audio.
    """
    rate_hz = facts.rate_hz
    with loading_limits(facts):
        model = SpeechModel(facts.path, rate_hz)
        noise = np.random.default_rng(1).normal(0, 900, round(TRIAL_S * rate_hz)).astype("<i2").tobytes()
        began = time.thread_time()
        leg = LegRecogniser(model, rate_hz)
        for _ in (*leg.accept(noise), *leg.close()):
            pass
        cost = (time.thread_time() - began) / TRIAL_S
    model.hush()
    return model, cost


def serve(facts: ModelFacts, lanes: int, processes: int) -> None:
    """Answer messages until stdin ends; see ``asr.wire.lane_of``."""
    pipe_out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    model, cost = load_and_try(facts)
    outbox = Outbox(pipe_out)
    threads = [Lane(model, outbox) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    outbox.send(Message.of(Kind.READY, 0, {"lanes": lanes, "cost": cost}))
    pipe_in = sys.stdin.buffer
    while (message := read_message(pipe_in)) is not None:
        asked = message.kind is Kind.PING
        lane = message.stream if asked else lane_of(message.stream, lanes, processes)
        threads[lane].inbox.put(message)
    os._exit(0)


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="python -m asr.child")
    parser.add_argument("model", type=Path)
    parser.add_argument("--check", action="store_true", help="load the model, hear noise, end with 0")
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="how many share the streams")
    parser.add_argument("--nice", type=int, default=5)
    wish = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.nice(wish.nice)
    facts = model_facts(wish.model)
    if wish.check:
        load_and_try(facts)
        sys.stdout.flush()
        os._exit(0)
    serve(facts, wish.lanes, wish.processes)


if __name__ == "__main__":
    main()
