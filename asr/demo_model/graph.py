"""The decoding graph: lexicon and phones as ``HCLr.fst``, the language model as ``Gr.fst``.

The two are composed while decoding, with look-ahead, so that a grammar can take the language model's place in
a call. Both are written by this project's own hands in a few seconds: no tool of OpenFst is needed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr.demo_model.kaldi_files import forward_id, self_loop_id
from asr.demo_model.language import END, START, LanguageModel
from asr.demo_model.lexicon import word_phones
from asr.demo_model.openfst import Arc, Transducer, look_ahead_file, ngram_file

UNKNOWN = "[unk]"
Units = tuple[int, ...]
Ranges = list[tuple[int, int]]
_SILENCE_PHONE = 1
_HALF = math.log(2.0)
_UNKNOWN_COST = 1.5
_START, _LOOP, _SILENCE, _END, _OPENED, _INSIDE = range(6)


def write_graph(
    directory: Path,
    lexicon: Mapping[str, Sequence[Units]],
    phone_positions: Sequence[str],
    model: LanguageModel,
) -> None:
    """``HCLr.fst``, ``Gr.fst``, ``words.txt``, ``disambig_tid.int``; a word may be said in several ways."""
    directory.mkdir(parents=True, exist_ok=True)
    spoken, ids, marks = _told_apart(lexicon, len(phone_positions))
    builder = _Builder(ids[UNKNOWN])
    builder.add_frame(phone_positions)
    builder.add_words(spoken, 0, _LOOP)
    graph = _with_states(builder, len(phone_positions))
    (directory / "HCLr.fst").write_bytes(look_ahead_file(graph))
    labels = [ids.get(word, 0) for word in model.words]
    (directory / "Gr.fst").write_bytes(ngram_file(model, labels))
    lines = (f"{word} {number}\n" for word, number in sorted(ids.items(), key=lambda pair: pair[1]))
    (directory / "words.txt").write_text("".join(lines), "utf-8")
    first = 2 * len(phone_positions) + 1
    (directory / "disambig_tid.int").write_text(
        "".join(f"{first + mark}\n" for mark in range(marks)), "ascii"
    )


def read_words(directory: Path) -> dict[str, int]:
    """``words.txt``: every word of a graph with its number."""
    rows = (line.rsplit(" ", 1) for line in (directory / "words.txt").read_text("utf-8").splitlines())
    return {word: int(number) for word, number in rows}


def spoken_words(words: Mapping[str, int]) -> list[str]:
    """The words that a language model of this graph knows, without the graph's own signs."""
    return [word for word in words if word not in ("<eps>", UNKNOWN, START, END)]


Spoken = list[tuple[tuple[int, ...], int]]
"""Labels of a word's phones with a mark where words sound the same, and the word's number."""


def _told_apart(lexicon: Mapping[str, Sequence[Units]], phones: int) -> tuple[Spoken, dict[str, int], int]:
    """All ways to say all words, sorted by sound; the words' numbers in that order; how many marks there are.

    Mark 0 ends a silence, mark 1 opens the unknown word, the others tell words of the same sound apart.
    """
    ways = sorted({(word_phones(units), word) for word, said in lexicon.items() for units in said})
    same_sound = Counter(sound for sound, _ in ways)
    turn: Counter[tuple[int, ...]] = Counter()
    ids = {"<eps>": 0}
    spoken: Spoken = []
    for sound, word in ways:
        number = ids.setdefault(word, len(ids))
        mark = (phones + 3 + turn[sound],) if same_sound[sound] > 1 else ()
        turn[sound] += 1
        spoken.append((sound + mark, number))
    ids[UNKNOWN] = len(ids)
    return spoken, ids, 2 + max(same_sound.values())


@dataclass
class _Builder:
    """Phones to words as a tree that is shared at its ends; every state knows which words can come next."""

    unknown: int
    arcs: list[list[Arc]] = field(default_factory=lambda: [[] for _ in range(6)])
    ahead: list[Ranges] = field(init=False)
    _chains: dict[tuple[int, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ahead = [self.any_word] * len(self.arcs)

    @property
    def end_label(self) -> int:
        return self.unknown + 1

    @property
    def any_word(self) -> Ranges:
        """All words, the unknown one, and the end of the sentence."""
        return [(1, self.end_label + 1)]

    def state(self, ahead: Ranges) -> int:
        self.arcs.append([])
        self.ahead.append(ahead)
        return len(self.arcs) - 1

    def add_frame(self, positions: Sequence[str]) -> None:
        """Silence between words, and a word of any phones, heard only where a grammar names it."""
        mark = len(positions) + 1
        for state in (_START, _END):
            self.arcs[state] += [(0, 0, _HALF, _LOOP), (_SILENCE_PHONE, 0, _HALF, _SILENCE)]
        self.arcs[_SILENCE].append((mark, 0, 0.0, _LOOP))
        self.arcs[_LOOP].append((mark + 1, self.unknown, 0.0, _OPENED))
        where = {"begin": (_OPENED, _INSIDE), "internal": (_INSIDE, _INSIDE), "end": (_INSIDE, _END)}
        for number, position in enumerate(positions, start=1):
            if position in where:
                start, end = where[position]
                self.arcs[start].append((number, 0, _UNKNOWN_COST, end))

    def add_words(self, spoken: Spoken, depth: int, state: int) -> None:
        """The words of one branch of the tree; a word is told where no other can be meant any more."""
        for label, branch in _branches(spoken, depth):
            if len(branch) == 1:
                sound, word = branch[0]
                self.arcs[state].append((label, word, 0.0, self._chain(sound[depth:])))
                continue
            following = self.state(_ranges(word for _, word in branch))
            self.arcs[state].append((label, 0, 0.0, following))
            self.add_words(branch, depth + 1, following)

    def _chain(self, labels: tuple[int, ...]) -> int:
        """The state after the first label, with the others before it: the same for all words that end so."""
        if len(labels) == 1:
            return _END
        if labels not in self._chains:
            self._chains[labels] = state = self.state(self.any_word)
            self.arcs[state].append((labels[1], 0, 0.0, self._chain(labels[1:])))
        return self._chains[labels]


def _branches(spoken: Spoken, depth: int) -> Iterator[tuple[int, Spoken]]:
    """Sorted words grouped by the label at ``depth``."""
    first = 0
    for place in range(1, len(spoken) + 1):
        label = spoken[first][0][depth]
        if place == len(spoken) or spoken[place][0][depth] != label:
            yield label, spoken[first:place]
            first = place


def _ranges(numbers: Iterator[int]) -> Ranges:
    """Whole numbers as ranges (first, after the last)."""
    found: Ranges = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return found


def _with_states(builder: _Builder, phones: int) -> Transducer:
    """Phones become transitions of their one state: enter it first, stay in it afterwards."""
    into: defaultdict[int, set[int]] = defaultdict(set)
    for arcs in builder.arcs:
        for label, _, _, end in arcs:
            into[end].add(label)
    ahead = list(builder.ahead)
    made: list[list[Arc]] = [[] for _ in builder.arcs]
    entered: dict[tuple[int, int], int] = {}
    for state, arcs in enumerate(builder.arcs):
        for label, word, cost, end in arcs:
            if label == 0 or label > phones:
                made[state].append((label + phones if label else 0, word, cost, end))
                continue
            if (label, end) not in entered:
                place = end
                if into[end] != {label}:
                    place = len(made)
                    made.append([(0, 0, 0.0, end)])
                    ahead.append(ahead[end])
                made[place].append((self_loop_id(label), 0, 0.0, place))
                entered[label, end] = place
            made[state].append((forward_id(label), word, cost, entered[label, end]))
    return Transducer(_START, made, {_LOOP: 0.0}, ahead, builder.end_label)
