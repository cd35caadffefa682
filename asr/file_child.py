"""A process that transcribes one recording: ``python -m asr.file_child`` reads a job from stdin as JSON.

It answers with a line of JSON for every segment, for progress, and for the end; see ``asr.files`` for the
other side. A process of its own, because both Vosk and the decoding of foreign files may end it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asr.audio import Recording, Samples, load_recording
from asr.recogniser import LegRecogniser, Segment, SpeechModel
from facts.errors import HotlineError
from facts.transcript import Leg

#: how much audio is heard between two signs of progress
STEP_S = 2.0


@dataclass(frozen=True, slots=True)
class Side:
    """What one leg said: samples, of which the part before ``from_s`` was heard by an earlier process."""

    leg: Leg
    recording: Recording
    samples: Samples
    from_s: float


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
    """Read the job's recordings; a two-sided file is two legs where the job does not name one."""
    done = job.get("from_s", {})
    sides: list[Side] = []
    for wish in job["recordings"]:
        recording = load_recording(Path(wish["path"]))
        if wish["leg"] is None and recording.is_two_sided:
            parts = list(zip((Leg.CALLER, Leg.AGENT), recording.channels, strict=True))
        else:
            parts = [(Leg(wish["leg"] or Leg.CALLER), recording.mono())]
        for leg, samples in parts:
            heard = only_within(samples, recording.rate_hz, wish.get("intervals"))
            sides.append(Side(leg, recording, heard, done.get(leg.value, 0.0)))
    return sides


def only_within(samples: Samples, rate_hz: int, intervals: Sequence[tuple[float, float]] | None) -> Samples:
    """The same samples, silent outside the intervals (seconds); None keeps everything."""
    if intervals is None:
        return samples
    kept = np.zeros_like(samples)
    for start_s, end_s in intervals:
        part = slice(max(0, round(start_s * rate_hz)), max(0, round(end_s * rate_hz)))
        kept[part] = samples[part]
    return kept


def hear(model: SpeechModel, side: Side, answers: Answers) -> None:
    """Transcribe one side and answer with its segments."""
    rate_hz = side.recording.rate_hz
    start = min(round(side.from_s * rate_hz), len(side.samples))
    leg = LegRecogniser(model, rate_hz, start=start, partials=False)
    step = round(STEP_S * rate_hz)
    for first in range(start, len(side.samples), step):
        part = side.samples[first : first + step]
        _answer(answers, side.leg, leg.accept(part.astype("<i2").tobytes()))
        answers.write(
            {"leg": side.leg.value, "taken_s": leg.taken / rate_hz, "settled_s": leg.settled / rate_hz}
        )
    _answer(answers, side.leg, leg.close())
    answers.write({"leg": side.leg.value, "done": True})


def _answer(answers: Answers, leg: Leg, heard: Any) -> None:
    for item in heard:
        if isinstance(item, Segment):
            words = [[word.text, word.start_s, word.end_s, word.confidence] for word in item.words]
            answers.write({"leg": leg.value, "words": words})


def transcribe(job: Mapping[str, Any], answers: Answers) -> None:
    """Do the job: every side in a thread of its own (Vosk lets go of the interpreter while it decodes)."""
    sides = sides_of(job)
    for side in sides:
        answers.write(
            {
                "leg": side.leg.value,
                "duration_s": side.recording.duration_s,
                "claimed_s": side.recording.claimed_s,
            }
        )
    model = SpeechModel(Path(job["model"]), job["rate_hz"])
    model.hush()
    with ThreadPoolExecutor() as threads:
        for _ in threads.map(lambda side: hear(model, side, answers), sides):
            pass


def main() -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    job = json.loads(sys.stdin.readline())
    os.nice(job.get("nice", 10))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answers = Answers()
    try:
        transcribe(job, answers)
    except HotlineError as problem:
        answers.write({"error_id": problem.error_id, "message": str(problem)})
    answers.write({"end": True})
    os._exit(0)


def _end_with_parent() -> None:
    """Stdin stays open as long as the other side wants an answer."""
    sys.stdin.read()
    os._exit(4)


if __name__ == "__main__":
    main()
