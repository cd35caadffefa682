"""Names of places and units: how they are said, and where the language model expects them.

A name becomes one word of the graph. It stands where names of its kind stand in the texts of the model: after
the words after which they come, before those that follow them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from asr.demo_model import texts
from asr.demo_model.language import (
    BITS,
    END_ID,
    START_ID,
    Keys,
    LanguageModel,
    NGrams,
    Numbers,
    find,
    with_backoff,
)
from asr.demo_model.lexicon import Lexicon
from voice.pinyin import pinyin, segment, word_counts
from voice.reading import COMMA, STOP, read_aloud

_MOST_CONTEXTS, _MOST_FOLLOWING = 60, 30
_MOST_BIGRAMS = 40_000
_LEAST_EXPECTED = 0.005
"""A history is a place for a name when this much of its probability is names of that kind already."""
_UNIT_ENDINGS = ("局", "委", "会", "公司", "集团", "队", "所", "办", "院", "中心", "厅", "处", "管委会")
Units = tuple[int, ...]


class Kind(StrEnum):
    """What a name names."""

    PLACE = "place"
    UNIT = "unit"


_BEFORE = {Kind.PLACE: ("place_word", "known_road"), Kind.UNIT: ("unit",)}
_AFTER = {
    Kind.PLACE: ("known_road", "side", "estate_end", "village_end", "hall_end"),
    Kind.UNIT: ("unit",),
}


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is said: hanzi only."""

    said: str
    kind: Kind


def said_name(text: str) -> str:
    """A name as it is read aloud: figures and letters become hanzi.

    >>> said_name("G6 京藏高速")
    '记六京藏高速'
    """
    return "".join(sign for sign in read_aloud(text) if sign not in (COMMA, STOP))


def kind_of(name: str) -> Kind:
    """What a name of a plain list probably names, by its ending."""
    return Kind.UNIT if name.endswith(_UNIT_ENDINGS) else Kind.PLACE


def ways(word: str, lexicon: Lexicon) -> tuple[Units, ...]:
    """The ways to say a word: a name piece by piece as the voices say it, and as pypinyin reads the whole.

    Empty when a character of it has no sound.
    """
    pieces = [word] if word in word_counts() else segment(word)
    by_piece = [pinyin(piece) for piece in pieces]
    if sum(map(len, by_piece)) < len(word):
        return ()
    said = {tuple(token for piece in by_piece for token in piece), pinyin(word)}
    units = {tuple(unit for token in tokens for unit in lexicon.syllable_units(token)) for tokens in said}
    return tuple(sorted(units))


def with_names(model: LanguageModel, names: Sequence[Name]) -> LanguageModel:
    """The model with names it does not know yet; those it knows stay as they are."""
    known = set(model.words)
    new = {kind: sorted({n.said for n in names if n.kind is kind} - known) for kind in Kind}
    new[Kind.UNIT] = [name for name in new[Kind.UNIT] if name not in set(new[Kind.PLACE])]
    for kind, listed in new.items():
        if listed:
            model = _with_kind(model, kind, listed)
    return model


def _with_kind(model: LanguageModel, kind: Kind, listed: Sequence[str]) -> LanguageModel:
    numbers = {word: number for number, word in enumerate(model.words)}
    first = len(model.words)
    added = np.arange(first, first + len(listed), dtype=np.uint64)
    ones, twos, threes = model.orders
    alike = _numbers(_BEFORE[kind], numbers)
    each = float(np.mean(ones.probability[alike]))
    singles = np.concatenate([ones.probability, np.full(len(added), each)])
    ones = NGrams(np.arange(len(singles), dtype=np.uint64), singles / singles.sum(), np.ones(len(singles)))
    contexts, expected = _contexts(twos, singles, alike, len(listed))
    rescaled = _rescaled(twos, contexts, 1 / (1 + expected))
    before = ((contexts[:, None] << np.uint64(BITS)) | added[None, :]).ravel()
    chance = np.repeat(expected / (1 + expected) / len(listed), len(listed))
    following, follows = _following(twos, _numbers(_AFTER[kind], numbers))
    after = ((added[:, None] << np.uint64(BITS)) | following[None, :]).ravel()
    twos = _joined(rescaled, (before, after), (chance, np.tile(follows, len(listed))))
    return LanguageModel((*model.words, *listed), with_backoff((ones, twos, threes)))


def _numbers(slots: Sequence[str], numbers: Mapping[str, int]) -> list[int]:
    """The model's numbers of the words in some slots of the texts."""
    return sorted({numbers[word] for slot in slots for word in texts.slots()[slot] if word in numbers})


def _contexts(twos: NGrams, singles: Numbers, alike: Sequence[int], many: int) -> tuple[Keys, Numbers]:
    """The histories after which such names are expected, and how much; the most useful ones first."""
    last = (twos.keys & np.uint64((1 << BITS) - 1)).astype(np.int64)
    mine = np.isin(last, alike)
    histories, of = np.unique(twos.keys[mine] >> np.uint64(BITS), return_inverse=True)
    expected = np.bincount(of, twos.probability[mine])
    often = singles[histories.astype(np.int64)]
    often[histories == START_ID] = singles[END_ID]
    use = expected >= _LEAST_EXPECTED
    most = max(5, min(_MOST_CONTEXTS, _MOST_BIGRAMS // many))
    best = np.argsort(-(expected * often)[use])[:most]
    found: Numbers = expected[use][best].astype(np.float64)
    return histories[use][best], found


def _following(twos: NGrams, alike: Sequence[int]) -> tuple[Keys, Numbers]:
    """What comes after names of this kind, and how probably."""
    mine = np.isin((twos.keys >> np.uint64(BITS)).astype(np.int64), alike)
    words, of = np.unique(twos.keys[mine] & np.uint64((1 << BITS) - 1), return_inverse=True)
    chance = np.bincount(of, twos.probability[mine]) / max(1, len(alike))
    best = np.argsort(-chance)[:_MOST_FOLLOWING]
    found: Numbers = chance[best].astype(np.float64)
    return words[best], found


def _rescaled(twos: NGrams, histories: Keys, factors: Numbers) -> NGrams:
    """The bigrams of some histories made less probable, so that others have room."""
    order = np.argsort(histories)
    at, found = find(histories[order], twos.keys >> np.uint64(BITS))
    scale = np.where(found, factors[order][at], 1.0)
    return NGrams(twos.keys, twos.probability * scale, twos.backoff)


def _joined(twos: NGrams, keys: Sequence[Keys], chances: Sequence[Numbers]) -> NGrams:
    everything, probability = np.concatenate([twos.keys, *keys]), np.concatenate([twos.probability, *chances])
    order = np.argsort(everything)
    return NGrams(everything[order], probability[order], np.ones(len(order)))
