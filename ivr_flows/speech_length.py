"""How long a text takes to say: measured where its sound is there, estimated where it is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from voice.pcm import TELEPHONE_RATE
from voice.wav import WavError, read_wav

#: milliseconds of speech a syllable, and of the pause at a mark within a text: the prompt voice needs
#: 250 to 300 and 200 to 300
SYLLABLE_MS = 280
PAUSE_MS = 250

_PAUSE = re.compile(r"[，。；：、！？,;:!?…—\n]+")
_SILENT = re.compile(r"[\s，。；：、！？,;:!?…—“”‘’（）()《》「」'\"-]+")


def estimated_speech_ms(text: str) -> int:
    """Rough length of a spoken text.

    >>> estimated_speech_ms("您好"), estimated_speech_ms("您好，请稍候。")
    (560, 1650)
    """
    words = _SILENT.sub("", text)
    if not words:
        return 0
    pauses = len(_PAUSE.findall(text.strip().strip("，。；：、！？,;:!?…—")))
    return SYLLABLE_MS * len(words) + PAUSE_MS * pauses


def measured_speech_ms(sound_ms: Callable[[str], int | None]) -> Callable[[str], int]:
    """Length of a text's sound when there is one, else the estimate."""

    def speech_ms(text: str) -> int:
        measured = sound_ms(text)
        return estimated_speech_ms(text) if measured is None else measured

    return speech_ms


def wav_ms(path: Path) -> int | None:
    """Length of a telephone WAV file; None when there is none that can be played."""
    try:
        return round(len(read_wav(path)) * 1000 / TELEPHONE_RATE) or None
    except (WavError, OSError):
        return None
