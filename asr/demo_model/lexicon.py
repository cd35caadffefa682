"""Words, their syllables, and the acoustic units of the model.

A unit is a phoneme of espeak-ng; phonemes that carry the voice of a syllable come once for each tone. Unit 0
is silence. Every other unit has four phones (begin, end, inside and single in a word) that share its
distribution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from voice.espeak import speak
from voice.pinyin import pinyin, syllables
from voice.voices import Voice

SILENCE = 0
POSITIONS = ("begin", "end", "internal", "singleton")
_VOWEL_STARTS = "@aAeioueUyE"
_GAP_MARK = "_"
_SYLLABLES = "phones/syllables.txt"


def phoneme_name(mnemonic: str) -> str:
    """An espeak mnemonic without its stress marks."""
    return mnemonic.lstrip("',%=")


def is_silence(mnemonic: str) -> bool:
    """Pauses and gaps of espeak begin with an underscore."""
    return mnemonic.startswith(_GAP_MARK)


def measured_syllables(voice: Voice = Voice()) -> dict[str, tuple[str, ...]]:  # noqa: B008 - frozen
    """The phonemes of every toneless syllable, as the synthesiser itself says them."""
    table: dict[str, tuple[str, ...]] = {}
    for syllable in sorted(syllables()):
        spoken = speak([f"{syllable}1"], voice).phonemes
        table[syllable] = tuple(phoneme_name(name) for _, name in spoken if not is_silence(name))
    return table


def write_syllables(graph: Path, table: Mapping[str, tuple[str, ...]]) -> None:
    """Keep the sounds of all syllables with a graph, so that words can be added without the synthesiser."""
    (graph / _SYLLABLES).parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{syllable} {' '.join(phonemes)}\n" for syllable, phonemes in sorted(table.items()))
    (graph / _SYLLABLES).write_text("".join(lines), "utf-8")


def read_syllables(graph: Path) -> dict[str, tuple[str, ...]]:
    """The sounds of all syllables as a graph was made with them; OSError when it has none."""
    rows = (line.split() for line in (graph / _SYLLABLES).read_text("utf-8").splitlines())
    return {syllable: tuple(phonemes) for syllable, *phonemes in rows}


@dataclass(frozen=True)
class Lexicon:
    """All units and the way from words to them."""

    syllable_phonemes: dict[str, tuple[str, ...]]

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Names of the units; their places are the numbers of the network's outputs."""
        names = {"SIL"}
        for phonemes in self.syllable_phonemes.values():
            for phoneme in phonemes:
                names.update(_unit(phoneme, str(tone)) for tone in range(1, 6))
        return ("SIL", *sorted(names - {"SIL"}))

    @cached_property
    def _unit_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.units)}

    def syllable_units(self, token: str) -> tuple[int, ...]:
        """The units of one toned syllable such as ``hao3``."""
        phonemes = self.syllable_phonemes[token[:-1]]
        return tuple(self._unit_numbers[_unit(phoneme, token[-1])] for phoneme in phonemes)

    def word_units(self, word: str) -> tuple[int, ...]:
        """The units of a word; empty when it cannot be said."""
        return tuple(unit for token in pinyin(word) for unit in self.syllable_units(token))

    def pronounceable(self, words: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Every word that has a sound, with its units."""
        spoken = {word: self.word_units(word) for word in sorted(words)}
        return {word: units for word, units in spoken.items() if units}

    @property
    def phone_count(self) -> int:
        """Silence and four phones for each other unit; phones are numbered from 1."""
        return 1 + len(POSITIONS) * (len(self.units) - 1)

    def phone_units(self) -> list[int]:
        """The unit of every phone, phone 1 first."""
        return [SILENCE] + [unit for unit in range(1, len(self.units)) for _ in POSITIONS]

    def phone_positions(self) -> list[str]:
        """Where in a word every phone stands, phone 1 first."""
        return ["nonword"] + [position for _ in self.units[1:] for position in POSITIONS]


def phone(unit: int, position: str) -> int:
    """The number of the phone of ``unit`` at ``position`` in its word (silence is 1 wherever it stands)."""
    return 1 if unit == SILENCE else 2 + len(POSITIONS) * (unit - 1) + POSITIONS.index(position)


def word_phones(units: tuple[int, ...]) -> tuple[int, ...]:
    """Position-dependent phones of a word."""
    if len(units) == 1:
        return (phone(units[0], "singleton"),)
    inside = tuple(phone(unit, "internal") for unit in units[1:-1])
    return (phone(units[0], "begin"), *inside, phone(units[-1], "end"))


def _unit(phoneme: str, tone: str) -> str:
    return phoneme + tone if phoneme[0] in _VOWEL_STARTS else phoneme
