"""Vosk behind the engine's Protocol (``asr.protocols``). Nothing else calls Vosk.

The fences around Vosk 0.3.45, each a crash or a hang without it: only rates that a model can have, only
whole samples, only ``bytes``, no empty grammar, one owner for every recogniser.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facts.transcript import Word

#: what Vosk calls sounds that are no words
NOT_WORDS = frozenset({"[unk]", "<unk>", "<UNK>", "[noise]", "<eps>", "[laughter]", "[spk]", "[SPK]", ""})


class VoskModel:
    """A loaded model. Loading may end the process: only in a process that may be lost."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        import vosk  # noqa: PLC0415 — only a recogniser process pays for it

        vosk.SetLogLevel(0)  # what is wrong with a model is only said in this log
        self.rate_hz = rate_hz
        self._vosk = vosk
        self._model = vosk.Model(model_path=str(path))

    def hush(self) -> None:
        """No log from now on."""
        self._vosk.SetLogLevel(-1)

    def knows(self, word: str) -> bool:
        """Whether the model can hear this word."""
        return bool(word) and self._model.vosk_model_find_word(word) >= 0

    def recogniser(self, grammar: Sequence[str] | None = None) -> VoskRecogniser:
        """For one stream; a grammar must have at least one phrase (Vosk would not survive)."""
        phrases = () if not grammar else (json.dumps(list(grammar), ensure_ascii=False),)
        recogniser = self._vosk.KaldiRecognizer(self._model, self.rate_hz, *phrases)
        recogniser.SetWords(True)
        return VoskRecogniser(recogniser)


class VoskRecogniser:
    """One stream's recogniser; see ``asr.protocols.Recogniser``."""

    def __init__(self, recogniser: Any) -> None:
        self._recogniser = recogniser
        #: the last partial as Vosk wrote it, and its text: half of them only repeat the one before
        self._written = ""
        self._partial = ""

    def accept(self, pcm: bytes) -> bool:
        """Hear whole samples; True: a segment has ended."""
        return bool(self._recogniser.AcceptWaveform(pcm))

    def partial(self) -> str:
        """The open segment so far."""
        written: str = self._recogniser.PartialResult()
        if written != self._written:
            self._written, self._partial = written, json.loads(written).get("partial", "")
        return self._partial

    def result(self) -> list[Word]:
        """The segment that has just ended."""
        return _words(self._recogniser.Result())

    def final(self) -> list[Word]:
        """End the open segment."""
        return _words(self._recogniser.FinalResult())


def _words(result: str) -> list[Word]:
    return [
        Word(entry["word"], entry["start"], entry["end"], min(1.0, max(0.0, entry.get("conf", 1.0))))
        for entry in json.loads(result).get("result", ())
        if entry["word"] not in NOT_WORDS
    ]
