"""Recordings are taken when they are whole, and say clearly why they are not."""

from __future__ import annotations

import threading
import wave
from pathlib import Path

import pytest

from telephony.recordings import (
    RecordingIncomplete,
    RecordingMissing,
    find_recording,
    recording_paths,
    wait_for_recording,
)

BASE = "city-1763683200.7"


def write(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\1\0" * int(8000 * seconds))


def as_asterisk_leaves_it_during_the_call(path: Path) -> None:
    write(path, 1)
    data = bytearray(path.read_bytes())
    data[40:44] = b"\0\0\0\0"
    path.write_bytes(data)


def test_three_closed_files_are_a_recording(tmp_path: Path) -> None:
    for path, seconds in zip(recording_paths(tmp_path, BASE), (2, 0, 1.5), strict=True):
        write(path, seconds)
    found = wait_for_recording(tmp_path, BASE, timeout_s=0)
    assert (found.mixed_s, found.caller_s, found.heard_s) == (2, 0, 1.5)


def test_a_file_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    paths = recording_paths(tmp_path, BASE)
    for path in paths:
        as_asterisk_leaves_it_during_the_call(path)
    assert find_recording(tmp_path, BASE) is None
    closing = threading.Timer(0.3, lambda: [write(path, 3) for path in paths])
    closing.start()
    assert wait_for_recording(tmp_path, BASE, timeout_s=30).heard_s == 3
    closing.join()


def test_what_never_ended_and_what_never_was_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RecordingMissing, match="3 of 3 files"):
        wait_for_recording(tmp_path, BASE, timeout_s=0)
    for path in recording_paths(tmp_path, BASE):
        as_asterisk_leaves_it_during_the_call(path)
    with pytest.raises(RecordingIncomplete, match="disk is full"):
        wait_for_recording(tmp_path, BASE, timeout_s=0)


@pytest.mark.parametrize("base", ["", "../secrets", "a/b", "a\n", ".", "a..b", "a\0"])
def test_a_base_name_never_leads_out_of_the_folder(tmp_path: Path, base: str) -> None:
    with pytest.raises(RecordingMissing):
        recording_paths(tmp_path, base)
