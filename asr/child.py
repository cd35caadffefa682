"""A recogniser process: ``python -m asr.child MODEL RATE [--lanes N]``, or ``--check MODEL``.

It reads messages (``asr.wire``) from stdin and writes to stdout. Streams are shared out over lanes (threads;
Vosk lets go of the interpreter while it decodes), each stream belonging to one. When stdin ends the process
ends at once: its parent is gone or wants it so.
"""

from __future__ import annotations

import argparse
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from asr.models import model_facts
from asr.recogniser import LegRecogniser, PartialText, Segment, SpeechModel
from asr.wire import POSITION, PROGRESS, Kind, Message, read_message


class Outbox:
    """Messages to the parent; any thread may send."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        with self._lock:
            self._pipe.write(message.to_bytes())
            self._pipe.flush()


class Lane(threading.Thread):
    """Decodes some of the streams, in the order in which their messages came."""

    def __init__(self, model: SpeechModel, outbox: Outbox) -> None:
        super().__init__(daemon=True)
        self.inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._model = model
        self._outbox = outbox
        self._legs: dict[int, LegRecogniser] = {}

    def run(self) -> None:
        try:
            while True:
                self._handle(self.inbox.get())
        finally:  # a lane that died silently would leave its streams waiting: end the process, loudly
            traceback.print_exc()
            os._exit(3)

    def _handle(self, message: Message) -> None:
        stream = message.stream
        if message.kind is Kind.PING:
            self._outbox.send(Message(Kind.PONG, stream))
        elif message.kind is Kind.OPEN:
            wish = message.json()
            self._legs[stream] = LegRecogniser(
                self._model, wish["rate_hz"], start=wish["start"], grammar=wish.get("grammar")
            )
        elif stream in self._legs:  # a stream that was closed may have had something on its way
            self._handle_open(message, self._legs[stream])

    def _handle_open(self, message: Message, leg: LegRecogniser) -> None:
        stream = message.stream
        if message.kind is Kind.AUDIO:
            (position,) = POSITION.unpack_from(message.payload)
            self._tell(stream, leg.accept(message.payload[POSITION.size :], position))
            self._outbox.send(Message(Kind.PROGRESS, stream, PROGRESS.pack(leg.taken, leg.settled)))
        elif message.kind is Kind.FLUSH:
            self._tell(stream, leg.flush())
        elif message.kind is Kind.CLOSE:
            del self._legs[stream]
            self._tell(stream, leg.close())
            self._outbox.send(Message(Kind.CLOSED, stream))

    def _tell(self, stream: int, heard: Iterable[PartialText | Segment]) -> None:
        for item in heard:
            if isinstance(item, Segment):
                words = [[word.text, word.start_s, word.end_s, word.confidence] for word in item.words]
                self._outbox.send(Message.of(Kind.FINAL, stream, {"words": words}))
            else:
                shown = {"text": item.text, "start_s": item.start_s, "end_s": item.end_s}
                self._outbox.send(Message.of(Kind.PARTIAL, stream, shown))


def load_and_try(path: Path, rate_hz: int) -> SpeechModel:
    """Load a model and let it hear a second of noise: what would end the process later ends it here."""
    model = SpeechModel(path, rate_hz)
    noise = np.random.default_rng(1).normal(0, 900, rate_hz).astype("<i2").tobytes()
    leg = LegRecogniser(model, rate_hz)
    for _ in (*leg.accept(noise), *leg.close()):
        pass
    model.hush()
    return model


def serve(path: Path, rate_hz: int, lanes: int) -> None:
    """Answer messages until stdin ends."""
    pipe_out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    model = load_and_try(path, rate_hz)
    outbox = Outbox(pipe_out)
    threads = [Lane(model, outbox) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    outbox.send(Message.of(Kind.READY, 0, {"lanes": lanes}))
    pipe_in = sys.stdin.buffer
    while (message := read_message(pipe_in)) is not None:
        threads[message.stream % lanes].inbox.put(message)
    os._exit(0)


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="python -m asr.child")
    parser.add_argument("model", type=Path)
    parser.add_argument("--check", action="store_true", help="load the model, hear noise, end with 0")
    parser.add_argument("--rate", type=int, default=0, help="the model's sample rate in Hz")
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--nice", type=int, default=5)
    wish = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.nice(wish.nice)
    rate_hz = wish.rate or model_facts(wish.model).rate_hz
    if wish.check:
        load_and_try(wish.model, rate_hz)
        sys.stdout.flush()
        os._exit(0)
    serve(wish.model, rate_hz, wish.lanes)


if __name__ == "__main__":
    main()
