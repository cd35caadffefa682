"""A process that transcribes recordings: ``python -m asr.file_child`` reads orders from stdin.

Each is a line of JSON. The first names the model, which is loaded once; every further one is a job:
recordings to hear. It answers with a line of JSON when it is ready, for every segment, for progress, and for
a job's end; see ``asr.files`` for the other side. A process of its own, because both Vosk and the decoding of
foreign files may end it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asr.audio import Recording, Samples, open_recording
from asr.limits import loading_limits
from asr.models import model_facts
from asr.recogniser import LegRecogniser, PartialText, Segment, SpeechModel
from facts.errors import HotlineError
from facts.transcript import Leg

#: how much audio is heard between two signs of progress
STEP_S = 2.0
#: a block whose samples lie within this band (about -60 dBFS) is silence, whatever its offset
SILENCE_BAND = 66
#: a file that ends so much before its own length (seconds) was cut off while it was read
SHORT_BY_S = 0.5


@dataclass(frozen=True, slots=True)
class Side:
    """What one leg said: a channel of a recording, or (None) all of them as one."""

    leg: Leg
    recording: Recording
    channel: int | None
    #: what comes before was heard by an earlier process
    from_s: float
    #: only these seconds count, None: all
    intervals: Sequence[tuple[float, float]] | None

    def blocks(self, first: int, size: int) -> Iterator[Samples]:
        """Its samples from frame ``first`` on."""
        for channels in self.recording.blocks(first, size):
            samples = mixed(channels) if self.channel is None else channels[self.channel]
            yield only_within(samples, first, self.recording.rate_hz, self.intervals)
            first += len(samples)


class Answers:
    """Lines to the other side; any thread may write."""

    def __init__(self) -> None:
        self._pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._lock = threading.Lock()
        os.dup2(2, 1)  # whatever a library prints must not get between the lines

    def write(self, content: Mapping[str, Any]) -> None:
        with self._lock:
            self._pipe.write(json.dumps(content, ensure_ascii=False) + "\n")
            self._pipe.flush()


def sides_of(job: Mapping[str, Any]) -> list[Side]:
    """What there is to hear; a recording with two legs has a channel for each, in their order."""
    done = job.get("from_s", {})
    sides: list[Side] = []
    for wish in job["recordings"]:
        recording = open_recording(Path(wish["path"]), may_be_empty=wish.get("may_be_empty", False))
        legs = [Leg(name) for name in wish["legs"]]
        two = len(legs) == 2 and recording.is_two_sided()
        for number, leg in enumerate(legs if two else legs[:1]):
            # one voice is the caller's, whichever leg the first channel of a call belongs to
            whose = leg if two or len(legs) == 1 else Leg.CALLER
            channel = number if two else None
            sides.append(Side(whose, recording, channel, done.get(whose.value, 0.0), wish.get("intervals")))
    return sides


def mixed(channels: Sequence[Samples]) -> Samples:
    """All channels as one."""
    if len(channels) == 1:
        return channels[0]
    mean: Samples = np.mean(np.stack(channels), axis=0).astype(np.int16)
    return mean


def only_within(
    samples: Samples, first: int, rate_hz: int, intervals: Sequence[tuple[float, float]] | None
) -> Samples:
    """The same samples, of which the first is number ``first``, silent outside the intervals (seconds)."""
    if intervals is None:
        return samples
    kept = np.zeros_like(samples)
    for start_s, end_s in intervals:
        part = slice(max(0, round(start_s * rate_hz) - first), max(0, round(end_s * rate_hz) - first))
        kept[part] = samples[part]
    return kept


def hear(model: SpeechModel, side: Side, answers: Answers) -> None:
    """Transcribe one side and answer with its segments."""
    rate_hz = side.recording.rate_hz
    start = min(round(side.from_s * rate_hz), side.recording.frames)
    leg = LegRecogniser(model, rate_hz, start=start, partials=False)
    silent = True
    for part in side.blocks(start, round(STEP_S * rate_hz)):
        silent = silent and int(part.max()) - int(part.min()) <= SILENCE_BAND
        _answer(answers, side.leg, leg.accept(part.astype("<i2", copy=False).tobytes()))
        answers.write(
            {"leg": side.leg.value, "taken_s": leg.taken / rate_hz, "settled_s": leg.settled / rate_hz}
        )
    heard_s = leg.taken / rate_hz
    _answer(answers, side.leg, leg.close())
    short = side.recording.duration_s - heard_s > SHORT_BY_S
    answers.write(
        {"leg": side.leg.value, "done": True, "silent": silent, "ended_s": heard_s if short else None}
    )


def _answer(answers: Answers, leg: Leg, heard: Iterable[PartialText | Segment]) -> None:
    for item in heard:
        if isinstance(item, Segment):
            words = [[word.text, word.start_s, word.end_s, word.confidence] for word in item.words]
            answers.write({"leg": leg.value, "words": words})


def transcribe(model: SpeechModel, job: Mapping[str, Any], answers: Answers) -> None:
    """Do a job: every side in a thread of its own (Vosk lets go of the interpreter while it decodes)."""
    sides = sides_of(job)
    for side in sides:
        answers.write(
            {
                "leg": side.leg.value,
                "duration_s": side.recording.duration_s,
                "claimed_s": side.recording.claimed_s,
            }
        )
    with ThreadPoolExecutor() as threads:
        for _ in threads.map(lambda side: hear(model, side, answers), sides):
            pass


def orders() -> Iterator[Mapping[str, Any]]:
    """What the other side asks for; its end, seen at any moment, ends this process."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(4)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield json.loads(lines.get())


def serve() -> None:
    """Do jobs until stdin ends."""
    asked = orders()
    first = next(asked)
    os.nice(first["nice"])
    answers = Answers()
    facts = model_facts(Path(first["model"]))
    with loading_limits(facts):
        model = SpeechModel(facts.path, facts.rate_hz)
    model.hush()
    answers.write({"ready": True})
    for job in asked:
        before_s = time.process_time()
        try:
            transcribe(model, job, answers)
        except HotlineError as problem:
            answers.write({"error_id": problem.error_id, "message": str(problem)})
        answers.write({"end": True, "cpu_s": time.process_time() - before_s})


def main() -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    try:
        serve()
    finally:  # the thread that reads stdin would hold up an orderly end
        traceback.print_exc()
        os._exit(3)


if __name__ == "__main__":
    main()
