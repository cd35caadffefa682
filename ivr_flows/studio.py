"""Studio recordings in the place of synthesised prompts: a WAV file of the prompt's own name.

A recording lies in the studio folder as ``<name>.wav`` (``hotline flows prompts --script`` names them), at
any rate, mono or stereo. It is turned into a telephone file beside a note of what it was made from, so that a
changed recording is taken up again and a removed one gives way to the synthesiser.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import soundfile

from facts.errors import HotlineError
from ivr_flows.prompts import prompt_path
from ivr_flows.speech_length import wav_ms
from voice.pcm import TELEPHONE_RATE
from voice.resample import resample
from voice.wav import write_wav

#: loudest sample of an installed recording: as loud as the synthesiser's prompts, without clipping
_PEAK = 10 ** (-3 / 20)
_LONGEST_S = 120.0


class RecordingUnusable(HotlineError):
    """A studio recording cannot be used."""

    error_id = "recording-unusable"


class PromptState(StrEnum):
    """Where the sound of a prompt comes from."""

    MISSING = "missing"
    SYNTHESISED = "synthesised"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class PromptSound:
    """One text that callers hear. ``ms`` is the length of its sound, None when there is none."""

    name: str
    text: str
    state: PromptState
    file: Path
    ms: int | None
    #: flows that say it, and ``dialplan`` or ``waiting``
    used_in: tuple[str, ...] = ()


def file_name(text: str) -> str:
    """The name that a studio recording of this text bears, without ``.wav``."""
    return prompt_path(text, Path()).stem


def list_prompts(uses: Mapping[str, Sequence[str]], sounds: Path) -> list[PromptSound]:
    """Every prompt with its state. ``uses`` gives each text with where it is said."""
    listed = []
    for text, used_in in sorted(uses.items(), key=lambda it: (it[1], it[0])):
        file = prompt_path(text, sounds)
        ms = wav_ms(file)
        state = PromptState.RECORDED if _note(file).is_file() else PromptState.SYNTHESISED
        state = PromptState.MISSING if ms is None else state
        listed.append(PromptSound(file_name(text), text, state, file, ms, tuple(used_in)))
    return listed


def install_recordings(texts: Iterable[str], studio: Path, sounds: Path) -> int:
    """Put the studio's recordings of these texts into use; returns how many sounds changed.

    Raises:
        RecordingUnusable: naming the file and what is wrong with it.
    """
    changed = 0
    for text in texts:
        recording, file = studio / f"{file_name(text)}.wav", prompt_path(text, sounds)
        note = _note(file)
        if recording.is_file():
            made_from = hashlib.sha256(recording.read_bytes()).hexdigest()
            if not (file.is_file() and note.is_file() and note.read_text() == made_from):
                write_wav(file, _telephone_sound(recording))
                note.write_text(made_from)
                changed += 1
        elif note.is_file():
            file.unlink(missing_ok=True)
            note.unlink()
            changed += 1
    return changed


def strangers(texts: Iterable[str], studio: Path) -> list[Path]:
    """Recordings that no prompt uses: of a text that was changed, or named wrongly."""
    known = {f"{file_name(text)}.wav" for text in texts}
    return sorted(path for path in studio.glob("*.wav") if path.name not in known)


def _note(file: Path) -> Path:
    return file.with_suffix(".recorded")


def _telephone_sound(recording: Path) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    try:
        sound, rate_hz = soundfile.read(str(recording), dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as problem:
        raise RecordingUnusable(f"{recording}: {problem}", fix="export it as WAV (PCM) again") from None
    mono = sound.mean(axis=1)
    peak = float(np.abs(mono).max()) if mono.size else 0.0
    if not np.isfinite(peak) or peak < 0.01:
        raise RecordingUnusable(f"{recording}: nothing is to be heard in it", fix="record it again")
    if mono.size > _LONGEST_S * rate_hz:
        raise RecordingUnusable(f"{recording} is longer than {_LONGEST_S:.0f} s", fix="cut it to its text")
    samples = np.asarray(mono / peak * _PEAK * 32767, dtype=np.int16)
    return resample(samples, rate_hz, TELEPHONE_RATE)
