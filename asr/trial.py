"""Letting a model hear one sentence that everybody knows: what it understood, and what that cost."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from asr.files import Transcriber
from voice.pcm import join, silence
from voice.synthesis import synthesise_many
from voice.voices import VOICES
from voice.wav import write_wav

#: said by a synthetic voice in the telephone's band
SENTENCE = "我们小区的暖气一点都不热"
_VOICE = "citizen_f1"
#: beside the sentence, so that its cost is not that of a beginning alone
_TIMES = 4


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model made of the sentence."""

    said: str
    heard: str
    #: processor seconds for a second of sound, at the second hearing
    cpu_per_s: float


async def hear_sentence(model: Path) -> Trial:
    """Synthesise the sentence and let the model hear it in a process of its own.

    Raises:
        ModelInvalid: the model cannot be used.
    """
    (spoken,) = synthesise_many([(SENTENCE, VOICES[_VOICE])])
    with tempfile.TemporaryDirectory(prefix="hotline-trial-") as folder:
        once, often = Path(folder) / "once.wav", Path(folder) / "often.wav"
        write_wav(once, join(silence(0.3), spoken, silence(0.7)))
        write_wav(often, join(*([silence(0.3), spoken, silence(0.7)] * _TIMES)))
        async with Transcriber(model) as transcriber:
            first = await transcriber.file(once)
            second = await transcriber.file(often)
    return Trial(SENTENCE, first.transcript.text(), second.cpu_s / second.duration_s)
