"""``hotline transcribe``: recordings into words."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from asr.files import transcribe_paths
from config.settings import load_settings
from facts.transcript import Leg
from ticketing_bridge.cli.output import errors
from ticketing_bridge.desk.labels import labels

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)]


class TranscriptForm(StrEnum):
    """How a transcript is printed."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.command()(transcribe)


def transcribe(
    files: Files,
    form: Annotated[
        TranscriptForm, typer.Option("--format", help="json, text, srt or vtt.")
    ] = TranscriptForm.TEXT,
    model: Annotated[Path | None, typer.Option(help="Vosk model folder.")] = None,
) -> None:
    """Transcribe recordings (WAV, A-law, µ-law, GSM, MP3; mono or both legs in stereo)."""
    names = labels().legs
    speakers = {leg: names[leg.value] for leg in Leg}
    with Progress(console=errors, transient=True) as progress:
        tasks = {path: progress.add_task(path.name, total=1.0) for path in files}

        def tell(path: Path, share: float) -> None:
            progress.update(tasks[path], completed=share)

        chosen = model or load_settings().second_pass_model or load_settings().model
        for _, document in transcribe_paths(
            files, form.value, model=chosen, speakers=speakers, progress=tell
        ):
            progress.console.file.flush()
            sys.stdout.write(document if document.endswith("\n") else document + "\n")
            sys.stdout.flush()
