"""``hotline transcribe``: recordings into words."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from asr.audio import known_suffixes
from asr.files import RecordingInvalid, Sides
from asr.many_files import Heard, hear_all
from asr.text.display import KeptNames
from asr.text.export import TranscriptFormat, export, transcript_document
from config.catalogue_store import city_in_force
from config.settings import load_settings
from facts.transcript import Leg, Transcript
from ticketing_bridge.cli.output import Json, errors, print_json
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.speech_models import recording_model
from ticketing_bridge.transcripts.city import kept_names

#: numbers are written as digits outside of the names that are kept as said
EVERYTHING_KEPT = KeptNames(re.compile(".+"))
SUFFIX = {
    TranscriptFormat.JSON: ".json",
    TranscriptFormat.TEXT: ".txt",
    TranscriptFormat.SRT: ".srt",
    TranscriptFormat.VTT: ".vtt",
}


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.command()(transcribe)


@dataclass(frozen=True, slots=True)
class Found:
    """A recording to hear; ``name`` is its place below the folder that was named."""

    path: Path
    name: Path


@dataclass(slots=True)
class Wanted:
    """What the arguments mean."""

    recordings: list[Found] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    problems: list[RecordingInvalid] = field(default_factory=list)


def transcribe(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER…", help="Recordings, or folders with recordings.")
    ],
    form: Annotated[
        TranscriptFormat, typer.Option("--format", help="How a transcript is written.")
    ] = TranscriptFormat.TEXT,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a document a recording; default: all to stdout.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, help="Recordings heard at once; default: one a core.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Vosk model folder.")] = None,
    legs: Annotated[
        Sides | None, typer.Option(help="Whose voices two channels carry; default: HOTLINE_STEREO_LEGS.")
    ] = None,
    numbers: Annotated[
        bool, typer.Option("--numbers/--no-numbers", help="Spoken numbers as digits, or as they were said.")
    ] = True,
    json_: Json = False,
) -> None:
    """Transcribe recordings (WAV, A-law, µ-law, GSM, MP3, Ogg, FLAC; one voice, or both legs in stereo).

    Exit code 1 when one of them could not be heard; the others are heard all the same.
    """
    settings = load_settings()
    wanted = find_recordings(paths)
    places = documents(wanted.recordings, form, out) if out else {}
    for skipped in wanted.skipped:
        errors.print(f"skipped, no known kind of recording: {skipped}", markup=False, highlight=False)
    for problem in wanted.problems:
        _tell(problem)
    writer = _Writer(form, places, numbers=numbers, heading=len(wanted.recordings) > 1, quiet=json_)
    meter = _Meter([found.path for found in wanted.recordings])

    def through(heard: Heard) -> None:
        meter.done(heard)
        writer.write(heard)

    with meter.progress:
        asyncio.run(
            hear_all(
                [found.path for found in wanted.recordings],
                through,
                model=model or recording_model(settings),
                sides=legs or Sides(settings.stereo_legs),
                jobs=jobs or os.cpu_count() or 1,
                progress=meter.share,
            )
        )
    failed = len(wanted.problems) + sum(1 for heard in writer.heard if heard.problem)
    if json_:
        print_json(
            {
                "recordings": writer.facts,
                "not_found": [str(problem) for problem in wanted.problems],
                "skipped": [str(path) for path in wanted.skipped],
                "failed": failed,
                **meter.facts(),
            }
        )
    elif len(wanted.recordings) + failed > 1:
        errors.print(meter.summary(failed), highlight=False)
    raise typer.Exit(1 if failed else 0)


def find_recordings(paths: Sequence[Path]) -> Wanted:
    """Files as they were named; below folders, everything that has the name of a recording."""
    wanted = Wanted()
    suffixes = known_suffixes()
    for path in paths:
        if not path.is_dir():
            wanted.recordings.append(Found(path, Path(path.name)))
            continue
        before = len(wanted.recordings)
        for file in _files_below(path, wanted.problems):
            if file.suffix.lower() in suffixes:
                wanted.recordings.append(Found(file, file.relative_to(path)))
            else:
                wanted.skipped.append(file)
        if len(wanted.recordings) == before:
            wanted.problems.append(
                RecordingInvalid(f"{path}: no recording in this folder", fix="name another folder")
            )
    return wanted


def _files_below(folder: Path, problems: list[RecordingInvalid]) -> Iterator[Path]:
    def unreadable(problem: OSError) -> None:
        problems.append(
            RecordingInvalid(f"{problem.filename}: {problem.strerror}", fix="check the folder and its rights")
        )

    for place, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def documents(recordings: Sequence[Found], form: TranscriptFormat, out: Path) -> Mapping[Path, Path]:
    """Where each recording's document goes: its own name with another ending, unless two share that."""
    short = [found.name.with_suffix(SUFFIX[form]) for found in recordings]
    return {
        found.path: out / (name if short.count(name) == 1 else Path(f"{found.name}{SUFFIX[form]}"))
        for found, name in zip(recordings, short, strict=True)
    }


def _tell(problem: Exception) -> None:
    errors.print(f"hotline: {problem}", markup=False, highlight=False, soft_wrap=True)


class _Writer:
    """Writes documents in the order of the recordings, and says what could not be heard."""

    def __init__(
        self,
        form: TranscriptFormat,
        places: Mapping[Path, Path],
        *,
        numbers: bool,
        heading: bool,
        quiet: bool,
    ) -> None:
        self._form = form
        self._places = places
        self._names = kept_names(city_in_force()) if numbers else EVERYTHING_KEPT
        self._heading = heading and form is TranscriptFormat.TEXT
        self._quiet = quiet
        names = labels().legs
        self._speakers = {leg: names[leg.value] for leg in Leg}
        self.heard: list[Heard] = []
        #: for scripts
        self.facts: list[dict[str, Any]] = []

    def write(self, heard: Heard) -> None:
        """One recording's outcome."""
        self.heard.append(heard)
        fact: dict[str, Any] = {"path": str(heard.path), "took_s": round(heard.took_s, 3)}
        self.facts.append(fact)
        if heard.problem is not None:
            fact |= {"error_id": heard.problem.error_id, "error": str(heard.problem)}
            _tell(heard.problem)
        if heard.hearing is None:
            return
        transcript = heard.hearing.transcript
        fact["duration_s"] = round(heard.hearing.duration_s, 3)
        place = self._places.get(heard.path)
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(self._document(transcript), encoding="utf-8")
            fact["document"] = str(place)
        elif not self._quiet:
            head = f"# {heard.path}\n" if self._heading else ""
            sys.stdout.write(head + self._document(transcript))
            sys.stdout.flush()
        fact["transcript"] = transcript_document(transcript, self._names)
        if transcript.reason and not self._quiet:
            errors.print(f"{heard.path}: {transcript.reason}", markup=False, highlight=False, soft_wrap=True)

    def _document(self, transcript: Transcript) -> str:
        two_sided = len({turn.leg for turn in transcript.turns}) > 1
        speakers = self._speakers if two_sided else {}
        return export(transcript, self._form, speakers=speakers, names=self._names)


class _Meter:
    """How far it is, how fast, and what is left; by bytes, because lengths are known only when files open."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._bytes = [_size(path) for path in paths]
        self._shares = [0.0] * len(paths)
        self._began = time.monotonic()
        self._sound_s = [0.0] * len(paths)
        self._ended = 0
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        )
        self._all = self.progress.add_task(f"{len(paths)} recordings", total=1.0, note="")
        self._tasks: dict[int, TaskID] = {}

    def share(self, number: int, share: float, heard_s: float) -> None:
        """A recording was heard so far."""
        self._shares[number], self._sound_s[number] = share, heard_s
        task = self._tasks.get(number)
        if task is None:
            name = self._paths[number].name
            task = self._tasks[number] = self.progress.add_task(name, total=1.0, note="")
        self.progress.update(task, completed=share)
        self._show()

    def done(self, heard: Heard) -> None:
        """The next recording in order is through."""
        number, self._ended = self._ended, self._ended + 1
        self._shares[number] = 1.0
        if heard.hearing is not None:
            self._sound_s[number] = heard.hearing.duration_s
        task = self._tasks.pop(number, None)
        if task is not None:
            self.progress.remove_task(task)
        self._show()

    def _show(self) -> None:
        whole = sum(self._bytes) or 1
        share = sum(size * part for size, part in zip(self._bytes, self._shares, strict=True)) / whole
        took_s = self.took_s
        left = f"{_minutes(took_s * (1 - share) / share)} left" if share > 0.02 else ""
        note = "  ".join(part for part in (f"{self._ended}/{len(self._paths)}", self._speed(), left) if part)
        self.progress.update(self._all, completed=share, note=note)

    def _speed(self) -> str:
        return f"{self.sound_s / self.took_s:.0f}× real time" if self.sound_s else ""

    @property
    def sound_s(self) -> float:
        return sum(self._sound_s)

    @property
    def took_s(self) -> float:
        return max(1e-3, time.monotonic() - self._began)

    def facts(self) -> dict[str, float]:
        """For scripts."""
        return {"sound_s": round(self.sound_s, 1), "took_s": round(self.took_s, 1)}

    def summary(self, failed: int) -> str:
        """One line at the end."""
        text = f"{self._ended} recordings, {_minutes(self.sound_s)} of sound in {_minutes(self.took_s)}"
        speed = f" ({self._speed()})" if self.sound_s else ""
        return f"{text}{speed}" + (f"; {failed} could not be heard" if failed else "")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
        if whole >= 3600
        else f"{whole // 60}:{whole % 60:02}"
    )
