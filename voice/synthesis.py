"""Text to telephone speech.

``synthesise`` speaks in this process; ``synthesise_many`` speaks in a throw-away process, so that a crash of
the synthesiser's library cannot take the caller down; ``speak_to_wav`` keeps what was spoken once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from voice.espeak import ESPEAK_RATE, EspeakError, speak
from voice.pcm import TELEPHONE_RATE, Pcm, from_bytes, silence, to_peak
from voice.pinyin import tokens
from voice.resample import resample
from voice.voices import VOICES, Voice
from voice.wav import write_wav

__all__ = ["VOICES", "EspeakError", "Voice", "speak_to_wav", "synthesise", "synthesise_many"]

PEAK_DBFS = -6.0
"""Loudest sample of what is spoken, below full scale."""
_SOUND_VERSION = "1"  # part of every cache key: raise it when the same text and voice come to sound different


def synthesise(text: str, voice: Voice, sample_rate: int = TELEPHONE_RATE) -> Pcm:
    """``text`` spoken by ``voice`` at ``sample_rate`` Hz; the same every time.

    Text without a word gives a short silence. Blocks for a few milliseconds for every second of speech; safe
    in threads (one speaks at a time).
    """
    spoken = tokens(text)
    if not spoken:
        return silence(0.1, sample_rate)
    return _finish(speak(spoken, voice).samples, sample_rate)


def synthesise_many(
    items: Iterable[tuple[str, Voice]], sample_rate: int = TELEPHONE_RATE, *, timeout_s: float = 60.0
) -> list[Pcm]:
    """Speak all items in order in a throw-away process; EspeakError names the text that crashes it twice.

    ``timeout_s`` is for each start of that process; it starts once unless the library crashes.
    """
    wanted = [(text, tokens(text), voice) for text, voice in items]
    spoken: list[Pcm] = []
    tried = -1
    while len(spoken) < len(wanted):
        first = len(spoken)
        spoken.extend(_in_child([(said, voice) for _, said, voice in wanted[first:]], timeout_s))
        if len(spoken) == len(wanted):
            break
        if tried == len(spoken):
            text, _, voice = wanted[tried]
            raise EspeakError(f"The synthesiser ends at {text!r} with {voice}: choose another voice")
        tried = len(spoken)
    return [_finish(samples, sample_rate) for samples in spoken]


def speak_to_wav(
    text: str, path: Path, voice: Voice = VOICES["prompt"], *, cache_dir: Path | None = None
) -> Path:
    """Write ``text`` as an 8 kHz WAV file at ``path``; with ``cache_dir`` nothing is ever spoken twice.

    The cache is keyed by text and voice and can be deleted at any time.
    """
    if cache_dir is None:
        write_wav(path, synthesise_many([(text, voice)])[0])
        return path
    kept = cache_dir / f"{cache_key(text, voice)}.wav"
    if not kept.exists():
        write_wav(kept, synthesise_many([(text, voice)])[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    shutil.copyfile(kept, unfinished)
    os.replace(unfinished, path)
    return path


def cache_key(text: str, voice: Voice) -> str:
    """A name for the sound of this text and voice, made from the spoken syllables."""
    identity = (_SOUND_VERSION, tokens(text), voice.variant, voice.rate_wpm, voice.pitch, voice.pitch_range)
    return hashlib.sha256(json.dumps(identity, ensure_ascii=False).encode()).hexdigest()[:32]


def _finish(samples: Pcm, sample_rate: int) -> Pcm:
    return to_peak(resample(samples, ESPEAK_RATE, sample_rate), PEAK_DBFS)


def _in_child(items: Sequence[tuple[list[str], Voice]], timeout_s: float) -> list[Pcm]:
    """What a child process said before it ended: all items, or those before the one that killed it."""
    request = json.dumps(
        [[said, voice.variant, voice.rate_wpm, voice.pitch, voice.pitch_range] for said, voice in items]
    )
    home = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    try:
        child = subprocess.run(
            [sys.executable, "-m", "voice.child"],
            input=request.encode(),
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired as error:
        raise EspeakError(f"The synthesiser's process did not end within {timeout_s:g} s") from error
    if child.returncode > 0:
        raise EspeakError(child.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
    return _frames(child.stdout)


def _frames(data: bytes) -> list[Pcm]:
    """Whole frames of length (four bytes, little-endian) and samples; an unfinished last one is left out."""
    frames: list[Pcm] = []
    at = 0
    while at + 4 <= len(data):
        (size,) = struct.unpack_from("<I", data, at)
        if at + 4 + size > len(data):
            break
        frames.append(from_bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return frames
