"""The recordings as witnesses: there, readable, as long as the call, unchanged, and of what was said."""

from __future__ import annotations

import wave
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facts.call import Call, CallFlag
from telephony.simulation.play import PlayedCall
from telephony.simulation.scenario import Who
from telephony.simulation.speech import Dialogue, SpokenTurn
from ticketing_bridge.demo.findings import Comparison, Witness
from ticketing_bridge.demo.growing import RecordingWatch, digest_of
from voice.pcm import TELEPHONE_RATE, from_bytes

WITHIN_S = 1.5
#: how long a key is signalled at most
_KEY_S = 0.25
#: pieces of speech that are looked for in a recording
_PIECE_S = 1.0
#: a piece is there when it correlates so well with the recording near its place…
_ALIKE = 0.6
#: …and a side was recorded when this share of its pieces is there
_SHARE = 0.6
#: fewer pieces say nothing
_FEWEST = 2

Samples = NDArray[np.float64]


def compare_recordings(call: Call, watch: RecordingWatch, found: Comparison, keys: int = 0) -> None:
    """Existence, length and digests of a call's three files. ``keys``: how many the citizen pressed.

    A telephone sends no voice while it signals a key; while nothing is played either, nothing is recorded.
    """
    if call.recording is None:
        return
    for path in watch.files(call.recording):
        name = path.stem.removeprefix(call.recording).strip("-") or "mixed"
        length_s = wav_length_s(path)
        if not found.check(
            Witness.RECORDING, f"{name}_readable", length_s is not None, "a WAV file", _state(path)
        ):
            continue
        expected_s = _expected_s(call)
        if expected_s is not None and length_s is not None:
            unheard_s = min(max(0.0, expected_s - length_s), _KEY_S * keys)
            found.close(Witness.RECORDING, f"{name}_length_s", expected_s - unheard_s, length_s, WITHIN_S)
        first = watch.digests.get(path.name, "")
        found.check(
            Witness.RECORDING,
            f"{name}_digest",
            bool(first) and first == digest_of(path),
            f"SHA-256 {first[:16] or 'never taken'} when the call ended",
            f"SHA-256 {digest_of(path)[:16]} at the end",
        )


def _expected_s(call: Call) -> float | None:
    if call.notice_at is None or call.ended_at is None or CallFlag.GAP in call.flags:
        return None
    return (call.ended_at - call.notice_at).total_seconds()


def _state(path: Path) -> str:
    return "unreadable" if path.exists() else "missing"


def wav_length_s(path: Path) -> float | None:
    """Seconds of a telephone WAV file; None when it is not one, or is cut off."""
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (TELEPHONE_RATE, 2, 1):
                return None
            frames = file.getnframes()
            return frames / TELEPHONE_RATE if len(file.readframes(frames)) == 2 * frames else None
    except (OSError, EOFError, wave.Error):
        return None


def compare_sound(
    call: Call, played: PlayedCall, dialogue: Dialogue, watch: RecordingWatch, found: Comparison
) -> None:
    """Is what each side said in the recording, where it was said?"""
    ended_at = played.citizen.ended_at
    if call.recording is None or ended_at is None:
        return
    _, caller, heard = watch.files(call.recording)
    for who, recording, speech in (
        (Who.CITIZEN, caller, dialogue.citizen),
        (Who.AGENT, heard, dialogue.agent),
    ):
        length_s = wav_length_s(recording)
        script = _samples(speech.with_name(f"{speech.name}.wav"))
        recorded = _samples(recording)
        if length_s is None or script is None or recorded is None:
            continue
        begin = ended_at - timedelta(seconds=length_s)
        spoken = [turn for turn in dialogue.turns if turn.who is who]
        turns = [turn for turn in played.said if turn.who is who]
        places = [
            (turn, (at.start_at - begin).total_seconds()) for turn, at in zip(spoken, turns, strict=False)
        ]
        pieces = [alike for turn, at_s in places for alike in _alike(turn, at_s, script, recorded)]
        if len(pieces) < _FEWEST:
            continue
        share = sum(piece >= _ALIKE for piece in pieces) / len(pieces)
        field = f"{who}_sound"
        found.check(Witness.RECORDING, field, share >= _SHARE, "what was said", f"{share:.0%} of it is there")


def _alike(turn: SpokenTurn, at_s: float, script: Samples, recorded: Samples) -> list[float]:
    """How well each second of a turn is found in the recording near its place: 0 not at all, 1 the same."""
    found: list[float] = []
    size = round(_PIECE_S * TELEPHONE_RATE)
    first, last = round(turn.start_s * TELEPHONE_RATE), round(turn.voiced_end_s * TELEPHONE_RATE)
    for start in range(first, last - size + 1, size):
        place = round(at_s * TELEPHONE_RATE) + start - first
        window = recorded[max(0, place - round(WITHIN_S * TELEPHONE_RATE)) :]
        window = window[: size + 2 * round(WITHIN_S * TELEPHONE_RATE)]
        if len(window) >= size:
            found.append(best_match(script[start : start + size], window))
    return found


def best_match(piece: Samples, window: Samples) -> float:
    """The highest normalised correlation of ``piece`` with any stretch of ``window``."""
    length = len(piece) + len(window) - 1
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(window, size) * np.conj(np.fft.rfft(piece, size))
    products = np.fft.irfft(spectrum, size)[: len(window) - len(piece) + 1]
    energy = np.concatenate(([0.0], np.cumsum(window**2)))
    loudness = np.sqrt(np.maximum(energy[len(piece) :] - energy[: -len(piece)], 1.0))
    own = float(np.sqrt(np.sum(piece**2)))
    return float(np.max(products / loudness)) / own if own > 0 else 1.0


def _samples(path: Path) -> Samples | None:
    try:
        with wave.open(str(path), "rb") as file:
            return from_bytes(file.readframes(file.getnframes())).astype(np.float64)
    except (OSError, EOFError, wave.Error):
        return None
