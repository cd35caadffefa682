"""Recordings as MixMonitor leaves them: three files a call, found by base name, taken when they are whole."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from facts.errors import HotlineError

#: a Uniqueid of Asterisk: systemname, seconds, serial
_BASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[0-9]+)*(?:-voicemail)?\Z")
_HEADER_BYTES = 44
_POLL_S = 0.1


class RecordingMissing(HotlineError):
    """A call's recording is not there."""

    error_id = "recording-missing"
    exit_code = 1


class RecordingIncomplete(HotlineError):
    """A call's recording was never finished."""

    error_id = "recording-incomplete"
    exit_code = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """The finished files of one call; lengths in seconds. A leg that sent nothing has length 0."""

    base: str
    #: both sides mixed, for listening
    mixed: Path
    #: the caller's mouth
    caller: Path
    #: what the caller heard: prompts, music, every agent in turn
    heard: Path
    mixed_s: float
    caller_s: float
    heard_s: float


def recording_paths(folder: Path, base: str) -> tuple[Path, Path, Path]:
    """Mixed, caller's and heard file of a base name, whether or not they exist.

    Raises:
        RecordingMissing: the base name is not one that the PBX makes (it could lead out of the folder).
    """
    if not _BASE.match(base):
        raise RecordingMissing(
            f"{base!r} is not the name of a recording", fix="take it from `hotline calls show`"
        )
    return folder / f"{base}.wav", folder / f"{base}-rx.wav", folder / f"{base}-tx.wav"


def wav_seconds(path: Path) -> float | None:
    """Length of a WAV file of the PBX, None while it is still being written. Reads the header only.

    Asterisk writes the data's length into the header when it closes the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[:4] != b"RIFF" or header[36:40] != b"data":
        return None
    bytes_per_s = int.from_bytes(header[28:32], "little")
    data = int.from_bytes(header[40:44], "little")
    if data > size - _HEADER_BYTES or (data == 0 and size > _HEADER_BYTES) or bytes_per_s == 0:
        return None
    return data / bytes_per_s


def find_recording(folder: Path, base: str) -> Recording | None:
    """The recording when all three files are finished, else None.

    Raises:
        RecordingMissing: a file cannot be read.
    """
    paths = recording_paths(folder, base)
    try:
        lengths = [wav_seconds(path) for path in paths]
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise RecordingMissing(
            f"{problem.filename}: {problem.strerror}", fix="let this user read the PBX's recordings"
        ) from None
    if any(length is None for length in lengths):
        return None
    mixed, caller, heard = (length or 0.0 for length in lengths)
    return Recording(base, *paths, mixed, caller, heard)


def wait_for_recording(folder: Path, base: str, timeout_s: float = 10.0) -> Recording:
    """The recording of a call that has ended, waited for until its files are closed. Blocks: use a thread.

    Raises:
        RecordingMissing: no file appeared within ``timeout_s``.
        RecordingIncomplete: files appeared and were not finished (disk full, or Asterisk was killed).
    """
    deadline = time.monotonic() + timeout_s
    while (found := find_recording(folder, base)) is None:
        if time.monotonic() > deadline:
            raise _why(folder, base)
        time.sleep(_POLL_S)
    return found


def _why(folder: Path, base: str) -> HotlineError:
    there = [path for path in recording_paths(folder, base) if path.exists()]
    if len(there) == 3:
        size = sum(path.stat().st_size for path in there)
        return RecordingIncomplete(
            f"recording {base} was not finished ({size} bytes in {folder})",
            fix="see whether the disk is full (`hotline doctor`) or Asterisk was killed during the call",
        )
    return RecordingMissing(
        f"recording {base}: {3 - len(there)} of 3 files are not in {folder}",
        fix="see that the folder exists, has room, and that the PBX may write there",
    )
