"""Prompts as sound files: every text that is spoken to a caller, rendered before anybody phones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from facts.errors import HotlineError
from facts.prompts import BEEP, prompt_name
from ivr_flows.hold_music import hold_music, tone
from voice.espeak import EspeakError
from voice.pcm import TELEPHONE_RATE, Pcm
from voice.synthesis import VOICES, Voice, synthesise_many
from voice.wav import WavError, read_wav, write_wav

__all__ = ["PromptsNotRendered", "prompt_name", "prompt_path", "render_hold_music", "render_prompts"]

#: seconds of music between two offers to a waiting caller
_MUSIC_S = 24.0
#: texts spoken in one go of the synthesiser's process
_BATCH = 16

#: called with (done, total) after each batch
PromptProgress = Callable[[int, int], None]


class PromptsNotRendered(HotlineError):
    """Prompts could not be rendered."""

    error_id = "prompts-not-rendered"


def prompt_path(text: str, folder: Path) -> Path:
    """The sound file of a text below the PBX's sounds folder."""
    return folder / f"{prompt_name(text)}.wav"


def render_prompts(
    texts: Iterable[str],
    folder: Path,
    progress: PromptProgress | None = None,
    voice: Voice = VOICES["prompt"],
) -> int:
    """Speak the texts that are not there yet; returns how many were new.

    Files appear whole or not at all (8 kHz, 16 bit, mono WAV); a broken one is made again.
    Blocks for some milliseconds for every second of speech: call it in a thread.

    Args:
        folder: the PBX's sounds folder (``settings.sounds``).

    Raises:
        PromptsNotRendered: the synthesiser or the disk refused.
    """
    wanted = [
        text for text in dict.fromkeys(texts) if text.strip() and not _is_there(prompt_path(text, folder))
    ]
    for first in range(0, len(wanted), _BATCH):
        batch = wanted[first : first + _BATCH]
        _speak(batch, [prompt_path(text, folder) for text in batch], voice)
        if progress:
            progress(first + len(batch), len(wanted))
    return len(wanted)


def render_hold_music(spoken: Iterable[str], folder: Path, voice: Voice = VOICES["prompt"]) -> bool:
    """What waiting callers hear, below ``folder``/moh: ``waiting`` (a file a text), ``hold``; and the beep.

    Returns whether anything was new. Old texts go, so that a changed one is heard alone.
    """
    texts = [text for text in dict.fromkeys(spoken) if text.strip()]
    render_prompts(texts, folder, voice=voice)
    sources = {path.name: path for path in (prompt_path(text, folder) for text in texts)}
    waiting, music = folder / "moh" / "waiting", folder / "moh" / "hold" / "music.wav"
    beep = folder / f"{BEEP}.wav"
    try:
        missing = [name for name, source in sources.items() if not _is_current(waiting / name, source)]
        pause = np.zeros(TELEPHONE_RATE // 2, dtype=np.int16)
        for name in missing:
            write_wav(waiting / name, np.concatenate([pause, read_wav(sources[name]), pause]))
        tones = [(path, make) for path, make in ((music, _music), (beep, tone)) if not _is_there(path)]
        for path, make in tones:
            write_wav(path, make())
        for path in waiting.glob("*.wav"):
            if path.name not in sources:
                path.unlink()
    except (WavError, OSError) as problem:
        raise _not_rendered(problem, folder) from problem
    return bool(missing or tones)


def _is_current(path: Path, source: Path) -> bool:
    return _is_there(path) and path.stat().st_mtime_ns >= source.stat().st_mtime_ns


def _music() -> Pcm:
    return hold_music(_MUSIC_S)


def _speak(texts: list[str], paths: list[Path], voice: Voice) -> None:
    try:
        for path, samples in zip(paths, synthesise_many([(text, voice) for text in texts]), strict=True):
            write_wav(path, samples)
    except (EspeakError, OSError) as problem:
        raise _not_rendered(problem, paths[0].parent) from problem


def _not_rendered(problem: Exception, folder: Path) -> PromptsNotRendered:
    return PromptsNotRendered(
        f"prompts could not be rendered into {folder}: {problem}",
        fix="make room on the disk and see that the folder is yours; then start again",
    )


def _is_there(path: Path) -> bool:
    try:
        return len(read_wav(path)) > 0
    except (WavError, OSError):
        return False
