"""Transcripts of recordings: the two legs of a call, or any file that a user names.

Recordings are heard in a process of their own, which keeps its model from one to the next. When Vosk takes
that process down, another goes on behind the place where it happened and the lost stretch is marked as a gap;
a recording is given up after three such places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from asr.audio import RecordingInvalid
from asr.file_process import ProcessLost, TranscriberProcess
from asr.models import ModelFacts, broken_model, default_model, model_facts
from asr.transcript import merge_turns
from facts.errors import HotlineError
from facts.transcript import Gap, Leg, Transcript, Word

log = structlog.get_logger(__name__)

__all__ = [
    "Hearing",
    "RecognitionFailed",
    "RecordingInvalid",
    "Sides",
    "Transcriber",
    "transcribe_file",
    "transcribe_legs",
]

MOST_LOSSES = 3

#: gets the share that is done, 0…1, and how far the recording was heard (seconds)
Progress = Callable[[float, float], None]
Interval = tuple[float, float]


class RecognitionFailed(HotlineError):
    """The recogniser ended again and again over this recording."""

    error_id = "recognition-failed"
    exit_code = 1


class Sides(StrEnum):
    """Whose voices the two channels of a recording carry, when they differ."""

    CALLER_AGENT = "caller-agent"
    AGENT_CALLER = "agent-caller"
    #: both channels are one voice, or nobody knows
    MONO = "mono"

    @property
    def legs(self) -> list[Leg]:
        """The legs in the order of the channels."""
        return [Leg.CALLER] if self is Sides.MONO else [Leg(name) for name in self.value.split("-")]


@dataclass(frozen=True, slots=True)
class Hearing:
    """A recording's transcript, how long the recording is, and the processor time it took (seconds)."""

    transcript: Transcript
    duration_s: float
    cpu_s: float


class Transcriber:
    """Hears recordings one after the other. Its process starts with the first and ends with the context."""

    def __init__(self, model: Path | None = None, *, nice: int = 10) -> None:
        self._facts: ModelFacts = model_facts(model or default_model())
        self._child = TranscriberProcess(self._facts, nice)
        #: the model has heard something without ending its process
        self._proven = False

    async def __aenter__(self) -> Transcriber:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._child.stop()

    async def file(
        self, path: Path, *, sides: Sides = Sides.CALLER_AGENT, progress: Progress | None = None
    ) -> Hearing:
        """Hear any recording: WAV (PCM, A-law, µ-law, GSM), telephone files without a header, MP3, Ogg, FLAC.

        Two channels that differ are two legs, as ``sides`` says. One voice counts as the caller's.

        Raises:
            RecordingInvalid: the recording is missing, empty or unreadable.
            ModelInvalid: the model cannot be used.
            RecognitionFailed: the recogniser ended too often.
        """
        return await self._hear([{"path": str(path), "legs": sides.legs}], 0.0, progress)

    async def legs(
        self,
        caller_wav: Path,
        agent_wav: Path,
        *,
        agent_intervals: Sequence[Interval] | None = None,
        offset_s: float = 0.0,
        progress: Progress | None = None,
    ) -> Hearing:
        """Hear a call from the recordings of its two legs; see ``transcribe_legs``."""
        intervals = None if agent_intervals is None else _valid_intervals(agent_intervals)
        leg = {"may_be_empty": True}  # a telephone that sent nothing
        recordings: list[dict[str, Any]] = [
            {"path": str(caller_wav), "legs": [Leg.CALLER], **leg},
            {"path": str(agent_wav), "legs": [Leg.AGENT], "intervals": intervals, **leg},
        ]
        return await self._hear(recordings, offset_s, progress)

    async def _hear(
        self, recordings: Sequence[Mapping[str, Any]], offset_s: float, progress: Progress | None
    ) -> Hearing:
        job = _Job(recordings, self._facts, progress)
        for losses in range(1, MOST_LOSSES + 1):
            try:
                await self._child.run(job)
                self._proven = True
                return Hearing(job.transcript(offset_s), job.duration_s, job.cpu_s)
            except ProcessLost as lost:
                log.warning("transcriber_lost", code=lost.code, said=lost.said[-500:], losses=losses)
                job.lost(lost, blame_model=not self._proven)
        raise RecognitionFailed(
            f"the recogniser ended {MOST_LOSSES} times over {job.names}",
            fix="try another model, or look at the log",
        )


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
        progress: called with the share that is done, 0…1, and the seconds heard.

    Raises:
        RecordingInvalid: a recording is missing or unreadable.
        ModelInvalid: the model cannot be used.
        RecognitionFailed: the recogniser ended too often.
    """
    async with Transcriber(model) as transcriber:
        hearing = await transcriber.legs(
            caller_wav, agent_wav, agent_intervals=agent_intervals, offset_s=offset_s, progress=progress
        )
    return hearing.transcript


async def transcribe_file(
    path: Path,
    *,
    model: Path | None = None,
    sides: Sides = Sides.CALLER_AGENT,
    progress: Progress | None = None,
) -> Transcript:
    """The transcript of any recording; see ``Transcriber.file``."""
    async with Transcriber(model) as transcriber:
        return (await transcriber.file(path, sides=sides, progress=progress)).transcript


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
    silent: bool = True
    segments: list[tuple[Word, ...]] = field(default_factory=list)
    gaps: list[tuple[float, float, str]] = field(default_factory=list)


class _Job:
    """One transcription, over as many processes as it takes."""

    def __init__(
        self, recordings: Sequence[Mapping[str, Any]], facts: ModelFacts, progress: Progress | None
    ) -> None:
        self._recordings = recordings
        self._facts = facts
        self._progress = progress
        self._sides: dict[Leg, _Side] = {}
        self._problem: HotlineError | None = None
        #: of the process that ended the job
        self.cpu_s = 0.0

    @property
    def names(self) -> str:
        """The recordings, for a person."""
        return ", ".join(str(wish["path"]) for wish in self._recordings)

    @property
    def duration_s(self) -> float:
        """Length of the longest recording."""
        return max((side.duration_s for side in self._sides.values()), default=0.0)

    def order(self) -> Mapping[str, Any]:
        """What is still to be heard."""
        return {
            "recordings": self._recordings,
            "from_s": {leg.value: side.settled_s for leg, side in self._sides.items()},
        }

    def lost(self, lost: ProcessLost, *, blame_model: bool) -> None:
        """The process ended: go on behind the place, where there is one."""
        if not self._sides:
            raise RecordingInvalid(
                f"reading {self.names} ended the process ({lost})", fix="convert it to WAV"
            ) from None
        if blame_model and not any(side.taken_s for side in self._sides.values()):
            raise broken_model(self._facts.path, lost.code, lost.said) from None
        for side in self._sides.values():
            if not side.done:  # what was taken and not settled; the last step may not have been reported
                lost_until = min(side.taken_s + 2.0, side.duration_s)
                heard_s = max([side.settled_s, *(words[-1].end_s for words in side.segments)])
                side.gaps.append((heard_s, lost_until, "the recogniser ended here"))
                side.taken_s = side.settled_s = lost_until
                side.silent = False

    def take(self, answer: Mapping[str, Any]) -> None:
        """Take what the process says; raises, at the job's end, what it found wrong."""
        if "end" in answer:
            self.cpu_s = answer["cpu_s"]
            if self._problem is not None:
                raise self._problem
            return
        if "message" in answer:
            kind = RecordingInvalid if answer["error_id"] == RecordingInvalid.error_id else HotlineError
            self._problem = kind(answer["message"])
            return
        side = self._sides.setdefault(Leg(answer["leg"]), _Side())
        if "words" in answer:
            side.segments.append(tuple(Word(*entry) for entry in answer["words"]))
        elif "taken_s" in answer:
            side.taken_s, side.settled_s = answer["taken_s"], answer["settled_s"]
            self._report()
        elif "done" in answer:
            self._end(side, answer)
        else:
            side.duration_s, side.claimed_s = answer["duration_s"], answer["claimed_s"]

    def _end(self, side: _Side, answer: Mapping[str, Any]) -> None:
        side.done, side.silent = True, side.silent and answer["silent"]
        if answer["ended_s"] is not None:  # the file was longer when it was opened
            side.claimed_s, side.duration_s = side.claimed_s or side.duration_s, answer["ended_s"]
        side.taken_s = side.settled_s = side.duration_s
        self._report()

    def _report(self) -> None:
        whole_s = sum(side.duration_s for side in self._sides.values())
        if self._progress is not None and whole_s > 0:
            taken_s = [side.taken_s for side in self._sides.values()]
            self._progress(min(1.0, sum(taken_s) / whole_s), max(taken_s))

    def transcript(self, offset_s: float) -> Transcript:
        """Everything that was heard; times from ``offset_s`` before the recording's start."""
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
        silent = all(side.silent for side in self._sides.values())
        reason = "" if turns else "silence" if silent else "no speech"
        return Transcript(turns, self._facts.id, tuple(sorted(gaps, key=lambda gap: gap.start_s)), reason)


def _cut_off(side: _Side) -> Iterable[tuple[float, float, str]]:
    if side.claimed_s is not None:
        yield side.duration_s, side.claimed_s, "the recording is cut off"


def _moved(word: Word, by_s: float) -> Word:
    if not by_s:
        return word
    return Word(word.text, round(word.start_s + by_s, 3), round(word.end_s + by_s, 3), word.confidence)
