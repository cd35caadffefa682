"""Transcripts of recordings: the two legs of a call, or any file that a user names.

Every job runs in a process of its own. When Vosk takes that process down, another goes on behind the place
where it happened and the lost stretch is marked as a gap; a recording is given up after three such places.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from asr.audio import RecordingInvalid
from asr.models import CHILD, ModelFacts, broken_model, default_model, model_facts
from asr.transcript import TranscriptFormat, export, merge_turns
from facts.errors import HotlineError
from facts.transcript import Gap, Leg, Transcript, Word

log = structlog.get_logger(__name__)

__all__ = ["RecognitionFailed", "RecordingInvalid", "transcribe_file", "transcribe_legs", "transcribe_paths"]

MOST_LOSSES = 3
#: a process that says nothing for this long is stuck (loading the largest models takes about a minute)
STUCK_AFTER_S = 180.0
LONGEST_LINE_BYTES = 16 << 20

Progress = Callable[[float], None]
Interval = tuple[float, float]


class RecognitionFailed(HotlineError):
    """The recogniser ended again and again over this recording."""

    error_id = "recognition-failed"
    exit_code = 1


class _Lost(Exception):
    """The process is gone before its job was done."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.said = said


async def transcribe_legs(
    caller_wav: Path,
    agent_wav: Path,
    *,
    model: Path | None = None,
    agent_intervals: Sequence[Interval] | None = None,
    offset_s: float = 0.0,
    progress: Progress | None = None,
) -> Transcript:
    """The transcript of a call from the recordings of its two legs.

    Args:
        caller_wav: what came out of the caller's mouth (MixMonitor's ``r`` file).
        agent_wav: what the caller heard (MixMonitor's ``t`` file): prompts, music and every agent.
        model: a Vosk model folder; None takes the built-in one.
        agent_intervals: seconds of the recording in which an agent was bridged to the caller: only these
            are the agents' words. None takes all of ``agent_wav``.
        offset_s: when the recording began, in seconds from the call's arrival; added to every time.
        progress: called with 0…1.

    Raises:
        RecordingInvalid: a recording is missing, empty or unreadable.
        ModelInvalid: the model cannot be used.
        RecognitionFailed: the recogniser ended too often.
    """
    intervals = None if agent_intervals is None else _valid_intervals(agent_intervals)
    recordings: list[dict[str, Any]] = [
        {"path": str(caller_wav), "leg": Leg.CALLER.value},
        {"path": str(agent_wav), "leg": Leg.AGENT.value, "intervals": intervals},
    ]
    return await _Job(recordings, model or default_model(), progress).run(offset_s)


async def transcribe_file(
    path: Path,
    *,
    model: Path | None = None,
    leg: Leg | None = None,
    progress: Progress | None = None,
) -> Transcript:
    """The transcript of any recording: WAV (PCM, A-law, µ-law), and with ffmpeg MP3, GSM, Opus and others.

    Two channels that differ are the caller's and the agent's side, in this order, unless ``leg`` says whose
    voice the whole file is. One channel counts as the caller's side. Raises like ``transcribe_legs``.
    """
    recordings = [{"path": str(path), "leg": leg.value if leg else None}]
    return await _Job(recordings, model or default_model(), progress).run(0.0)


def transcribe_paths(
    paths: Iterable[Path],
    fmt: TranscriptFormat | str = TranscriptFormat.TEXT,
    *,
    model: Path | None = None,
    speakers: Mapping[Leg, str] | None = None,
    progress: Callable[[Path, float], None] | None = None,
) -> Iterable[tuple[Path, str]]:
    """For the command line: each file and its transcript as a document, one after the other. Blocks.

    A file of one side only gets no speakers' names. Raises at the first file that cannot be transcribed.
    """
    form = TranscriptFormat(fmt)
    for path in paths:
        report = None if progress is None else (lambda share, path=path: progress(path, share))
        transcript = asyncio.run(transcribe_file(path, model=model, progress=report))
        two_sided = len({turn.leg for turn in transcript.turns}) > 1
        yield path, export(transcript, form, speakers=speakers if two_sided else {})


def _valid_intervals(intervals: Sequence[Interval]) -> list[list[float]]:
    return [[max(0.0, start_s), end_s] for start_s, end_s in sorted(intervals) if end_s > max(0.0, start_s)]


@dataclass(slots=True)
class _Side:
    """What is known of one leg so far; seconds of the recording."""

    duration_s: float = 0.0
    claimed_s: float | None = None
    taken_s: float = 0.0
    settled_s: float = 0.0
    done: bool = False
    segments: list[tuple[Word, ...]] = field(default_factory=list)
    gaps: list[tuple[float, float, str]] = field(default_factory=list)


class _Job:
    """One transcription, over as many processes as it takes."""

    def __init__(
        self, recordings: Sequence[Mapping[str, Any]], model: Path, progress: Progress | None
    ) -> None:
        self._recordings = recordings
        self._facts: ModelFacts = model_facts(model)
        self._progress = progress
        self._sides: dict[Leg, _Side] = {}
        self._problem: RecordingInvalid | HotlineError | None = None
        self._ended = False

    async def run(self, offset_s: float) -> Transcript:
        for losses in range(1, MOST_LOSSES + 1):
            try:
                await self._run_process()
                return self._transcript(offset_s)
            except _Lost as lost:
                log.warning("transcriber_lost", code=lost.code, said=lost.said[-500:], losses=losses)
                if not self._sides:
                    names = self._names()
                    raise RecordingInvalid(
                        f"reading {names} ended the process ({lost})", fix="convert it to WAV"
                    ) from None
                if not any(side.taken_s for side in self._sides.values()):
                    raise broken_model(self._facts.path, lost.code, lost.said) from None
                self._skip_lost_stretch()
        raise RecognitionFailed(
            f"the recogniser ended {MOST_LOSSES} times over {self._names()}",
            fix="try another model, or look at the log",
        )

    def _names(self) -> str:
        return ", ".join(str(wish["path"]) for wish in self._recordings)

    def _skip_lost_stretch(self) -> None:
        """What was taken and not settled is lost; the last step may not have been reported."""
        for side in self._sides.values():
            if not side.done:
                lost_until = min(side.taken_s + 2.0, side.duration_s)
                heard_s = max([side.settled_s, *(words[-1].end_s for words in side.segments)])
                side.gaps.append((heard_s, lost_until, "the recogniser ended here"))
                side.taken_s = side.settled_s = lost_until

    async def _run_process(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *(*CHILD, "asr.file_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE_BYTES,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        said = asyncio.create_task(process.stderr.read())
        try:
            process.stdin.write(json.dumps(self._order()).encode() + b"\n")
            await process.stdin.drain()
            while line := await asyncio.wait_for(process.stdout.readline(), STUCK_AFTER_S):
                self._take(json.loads(line))
            code = await process.wait()
        except (TimeoutError, ConnectionError):
            code = -1
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            words = (await said).decode(errors="replace")
        if self._problem is not None:
            raise self._problem
        if not self._ended:
            raise _Lost(code, words)

    def _order(self) -> dict[str, Any]:
        return {
            "model": str(self._facts.path),
            "rate_hz": self._facts.rate_hz,
            "recordings": self._recordings,
            "from_s": {leg.value: side.settled_s for leg, side in self._sides.items()},
        }

    def _take(self, answer: Mapping[str, Any]) -> None:
        if "message" in answer:
            kind = RecordingInvalid if answer["error_id"] == RecordingInvalid.error_id else HotlineError
            self._problem = kind(answer["message"])
            return
        if "end" in answer:
            self._ended = True
            return
        side = self._sides.setdefault(Leg(answer["leg"]), _Side())
        if "words" in answer:
            side.segments.append(tuple(Word(*entry) for entry in answer["words"]))
        elif "taken_s" in answer:
            side.taken_s, side.settled_s = answer["taken_s"], answer["settled_s"]
            self._report()
        elif "done" in answer:
            side.done = True
            side.taken_s = side.settled_s = side.duration_s
            self._report()
        else:
            side.duration_s, side.claimed_s = answer["duration_s"], answer["claimed_s"]

    def _report(self) -> None:
        whole_s = sum(side.duration_s for side in self._sides.values())
        if self._progress is not None and whole_s > 0:
            self._progress(min(1.0, sum(side.taken_s for side in self._sides.values()) / whole_s))

    def _transcript(self, offset_s: float) -> Transcript:
        turns = merge_turns(
            {
                leg: [tuple(_moved(word, offset_s) for word in words) for words in side.segments]
                for leg, side in self._sides.items()
            }
        )
        gaps = [
            Gap(leg, round(start_s + offset_s, 3), round(end_s + offset_s, 3), reason)
            for leg, side in self._sides.items()
            for start_s, end_s, reason in (*side.gaps, *_cut_off(side))
        ]
        return Transcript(turns, self._facts.id, tuple(sorted(gaps, key=lambda gap: gap.start_s)))


def _cut_off(side: _Side) -> Iterable[tuple[float, float, str]]:
    if side.claimed_s is not None:
        yield side.duration_s, side.claimed_s, "the recording is cut off"


def _moved(word: Word, by_s: float) -> Word:
    if not by_s:
        return word
    return Word(word.text, round(word.start_s + by_s, 3), round(word.end_s + by_s, 3), word.confidence)
