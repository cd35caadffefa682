"""A message that a caller left: heard again as the words of the call."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

from asr.files import transcribe_file
from facts.call import Call
from facts.transcript import Transcript, Turn, Word
from telephony.recordings import RecordingIncomplete, RecordingMissing, recording_paths, wav_seconds

#: so long the PBX may take to close the file (seconds)
CLOSED_WITHIN_S = 10.0
_POLL_S = 0.1


async def hear_message(folder: Path, call: Call, name: str, model: Path | None) -> tuple[Transcript, str]:
    """The message's transcript, in seconds from the call's arrival, and the SHA-256 of its file.

    Raises:
        RecordingMissing: there is no such file.
        RecordingIncomplete: it was never finished.
        HotlineError: no model, or Vosk ended again and again.
    """
    path = recording_paths(folder, name)[0]
    length_s = await _closed(path)
    transcript = await transcribe_file(path, model=model)
    ended_s = ((call.ended_at or call.arrived_at) - call.arrived_at).total_seconds()
    digest = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
    return _later(transcript, max(0.0, ended_s - length_s)), digest


async def _closed(path: Path) -> float:
    """Its length in seconds, once the PBX has closed it."""
    deadline = asyncio.get_running_loop().time() + CLOSED_WITHIN_S
    while asyncio.get_running_loop().time() < deadline:
        try:
            length_s = await asyncio.to_thread(wav_seconds, path)
        except OSError:
            length_s = None
        if length_s is not None:
            return length_s
        await asyncio.sleep(_POLL_S)
    if await asyncio.to_thread(path.exists):
        raise RecordingIncomplete(
            f"the message {path.name} was not finished", fix="see whether the disk is full"
        )
    raise RecordingMissing(
        f"the message {path.name} is not in {path.parent}", fix="see that the PBX may write there"
    )


def _later(transcript: Transcript, by_s: float) -> Transcript:
    """All words so much later."""

    def word(it: Word) -> Word:
        return replace(it, start_s=it.start_s + by_s, end_s=it.end_s + by_s)

    def turn(it: Turn) -> Turn:
        words = tuple(map(word, it.words))
        return replace(it, start_s=it.start_s + by_s, end_s=it.end_s + by_s, words=words)

    gaps = tuple(replace(it, start_s=it.start_s + by_s, end_s=it.end_s + by_s) for it in transcript.gaps)
    return replace(transcript, turns=tuple(map(turn, transcript.turns)), gaps=gaps)
