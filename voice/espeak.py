"""libespeak-ng through ctypes: one utterance of pinyin at a time, from a freshly loaded library each time.

The library keeps state from one utterance to the next (its flutter runs on), so the same words would sound a
little different the second time. Loading it anew takes about 5 ms and makes every utterance repeatable (with
a fixed seed, for it would take the clock's). Some
voice variants crash it; whoever must not die calls it through a throw-away process
(``voice.synthesis.synthesise_many``).
"""

from __future__ import annotations

import _ctypes
import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np

from voice.pcm import Pcm, join, silence
from voice.reading import COMMA, STOP
from voice.voices import Voice

ESPEAK_RATE = 22050
"""Samples a second that espeak-ng delivers."""
STOP_S = 0.32
"""Silence added after a sentence, in seconds; espeak's own tail comes on top."""

_VOICE_NAME = "cmn-latn-pinyin"
# espeak-ng 1.52 says the true spellings letter by letter in English.
_SPELLING = {"jiong": "jong", "qiong": "qong", "xiong": "xong"}
_LONGEST_RUN = 60  # syllables without a pause; espeak cuts a much longer run in the middle of a syllable
_OUTPUT_SYNCHRONOUS, _PHONEME_EVENTS, _CHARS_UTF8, _POSITION_CHARACTER = 2, 1, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_PHONEME = 7
_ONE_AT_A_TIME = threading.Lock()


class EspeakError(RuntimeError):
    """The synthesiser could not be loaded, refused the voice or the text, or gave no sound."""


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Sound at 22,050 Hz and its phonemes: (first sample, espeak's mnemonic); silences begin with "_"."""

    samples: Pcm
    phonemes: tuple[tuple[int, str], ...]


def speak(tokens: Sequence[str], voice: Voice, data: Path | None = None) -> Utterance:
    """Say toned syllables and pauses (as ``voice.pinyin.tokens`` gives them); blocks until all is said.

    ``data`` is another folder of espeak-ng's data, for voices that it does not ship.
    """
    folder = data or Path(espeakng_loader.get_data_path())
    with _ONE_AT_A_TIME:
        library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        try:
            return _speak_with(library, tokens, voice, folder)
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)


def _speak_with(library: ctypes.CDLL, tokens: Sequence[str], voice: Voice, data: Path) -> Utterance:
    parts: list[Pcm] = []
    phonemes: list[tuple[int, str]] = []
    base = 0

    def collect(wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            parts.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type:
            if events[index].type == _EVENT_PHONEME:
                name = events[index].id.string.decode("utf-8", "replace")
                phonemes.append((base + events[index].sample, name))
            index += 1
        return 0

    callback = _Callback(collect)
    _prepare(library, voice, data, callback)
    for sentence in _sentences(tokens):
        if parts:
            phonemes.append((sum(map(len, parts)), "_"))
            parts.append(silence(STOP_S, ESPEAK_RATE))
        base = sum(map(len, parts))
        _synthesise(library, sentence)
    if not parts:
        raise EspeakError(f"No sound for {' '.join(tokens)!r}")
    return Utterance(join(*parts), tuple(phonemes))


def _prepare(library: ctypes.CDLL, voice: Voice, data: Path, callback: Any) -> None:
    # espeak-ng takes its plain voice for a variant that it does not have, and says nothing.
    if voice.variant and not (data / "voices" / "!v" / voice.variant).exists():
        raise EspeakError(f"espeak-ng has no voice variant {voice.variant!r} in {data}")
    rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, str(data).encode(), _PHONEME_EVENTS)
    if rate != ESPEAK_RATE:
        raise EspeakError(f"espeak-ng did not start with its data in {data} (answer {rate})")
    library.espeak_ng_SetRandSeed(
        ctypes.c_long(1)
    )  # else it takes the clock, and no two processes sound alike
    library.espeak_SetSynthCallback(callback)
    name = f"{_VOICE_NAME}+{voice.variant}" if voice.variant else _VOICE_NAME
    if library.espeak_SetVoiceByName(name.encode("ascii")) != 0:
        raise EspeakError(f"espeak-ng has no voice {name}")
    for parameter, value in ((_RATE, voice.rate_wpm), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)


def _synthesise(library: ctypes.CDLL, text: bytes) -> None:
    status = library.espeak_Synth(
        text, ctypes.c_size_t(len(text) + 1), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
    )
    if status != 0 or library.espeak_Synchronize() != 0:
        raise EspeakError(f"espeak-ng refused {text!r} (answer {status})")


def _sentences(tokens: Sequence[str]) -> list[bytes]:
    """The text for espeak, sentence by sentence: a comma is written after its syllable."""
    sentences: list[list[str]] = [[]]
    run = 0
    for token in tokens:
        if token == STOP:
            sentences.append([])
            run = 0
        elif token == COMMA:
            if sentences[-1]:
                sentences[-1][-1] = sentences[-1][-1].rstrip(",") + ","
            run = 0
        else:
            if run == _LONGEST_RUN:
                sentences[-1][-1] += ","
                run = 0
            sentences[-1].append(_SPELLING.get(token[:-1], token[:-1]) + token[-1])
            run += 1
    return [" ".join(sentence).encode("ascii") for sentence in sentences if sentence]
