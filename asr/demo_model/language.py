"""The language model: word trigrams, each source of text estimated by itself, mixed and pruned.

An n-gram is a whole number: 16 bits a word, the oldest word highest. So the n-grams of one length are one
sorted array in which all that begin with the same history stand together, and everything below is
arithmetic on arrays: a million words of text take seconds and 300 MB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

START, END = "<s>", "</s>"
START_ID, END_ID = 0, 1
ORDER = 3
BITS = 16
_LAST = (1 << BITS) - 1
_LEAST = 1e-9
"""Below this a rest of probability is taken for rounding."""

Keys = NDArray[np.uint64]
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Counts = tuple[Keys, Places]
"""n-grams of one length, and how often each comes."""


@dataclass(frozen=True, slots=True)
class NGrams:
    """All n-grams of one length, sorted; ``backoff`` is what each, as a history, leaves to shorter ones."""

    keys: Keys
    probability: Numbers
    backoff: Numbers


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Probabilities of words after up to two words; ``orders[n - 1]`` are the n-grams of n words."""

    words: tuple[str, ...]
    orders: tuple[NGrams, ...]

    def probability(self, history: Sequence[str], word: str) -> float:
        """The probability of ``word`` after ``history``; 0 for a word that the model does not know."""
        numbers = {known: number for number, known in enumerate(self.words)}
        spoken = [*history[-ORDER + 1 :], word]
        if not set(spoken) <= set(numbers):
            return 0.0
        key = sum(numbers[said] << (BITS * place) for place, said in enumerate(reversed(spoken)))
        return float(probabilities(self.orders, np.array([key], dtype=np.uint64), len(spoken))[0])


@dataclass(frozen=True, slots=True)
class Source:
    """Sentences of one kind, cut into words, and their share of the model; all shares sum to one.

    What is not ``whole`` is a piece out of a sentence and tells nothing of its beginning and its end.
    """

    sentences: Sequence[Sequence[str]]
    share: float
    whole: bool = True


def estimate(
    sources: Sequence[Source], table: Mapping[str, float], table_share: float, most: int
) -> LanguageModel:
    """A mixture of one model for each source, pruned to at most ``most`` n-grams of each length.

    ``table`` has the frequencies of all words there are; ``table_share`` is how much of every unigram comes
    from it, so that any word can be heard. Sentences with a word that is not in it are left out.
    """
    words = (START, END, *sorted(table))
    if len(words) > _LAST:
        raise ValueError(f"{len(words)} words are too many: {_LAST} fit into {BITS} bits")
    general = np.array([0.0, 0.0, *(table[word] for word in words[2:])])
    general /= general.sum()
    counts = [_counted(source, words) for source in sources]
    shares = [source.share for source in sources]
    orders = _mixed([_kneser_ney(part, general, table_share) for part in counts], shares)
    return LanguageModel(words, _pruned(orders, counts, shares, most))


def probabilities(orders: Sequence[NGrams], keys: Keys, length: int) -> Numbers:
    """The probability of the last word of each n-gram after its others, backing off where it must."""
    known = orders[length - 1]
    at, found = find(known.keys, keys)
    if length == 1:
        return np.where(found, known.probability[at], 0.0)
    result = np.empty(len(keys))
    result[found] = known.probability[at[found]]
    rest = keys[~found]
    history, there = find(orders[length - 2].keys, rest >> np.uint64(BITS))
    left = np.where(there, orders[length - 2].backoff[history], 1.0) if len(rest) else 1.0
    result[~found] = left * probabilities(orders, shorter(rest, length), length - 1)
    return result


def with_backoff(orders: Sequence[NGrams]) -> tuple[NGrams, ...]:
    """The same n-grams, with the back-off weights that make every history's probabilities sum to one."""
    done = [replace(order, backoff=np.ones(len(order.keys))) for order in orders]
    for length in range(2, ORDER + 1):
        keys = done[length - 1].keys
        histories, of = np.unique(keys >> np.uint64(BITS), return_inverse=True)
        lower = probabilities(done, shorter(keys, length), length - 1)
        given, saved = np.bincount(of, done[length - 1].probability), np.bincount(of, lower)
        left = np.maximum(1 - given, _LEAST) / np.maximum(1 - saved, _LEAST)
        done[length - 2] = _leaving(done[length - 2], histories, left)
    return tuple(done)


def find(keys: Keys, wanted: Keys) -> tuple[Places, NDArray[np.bool_]]:
    """Where each of ``wanted`` stands among sorted ``keys``, and whether it is there at all."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return at, keys[at] == wanted


def shorter(keys: Keys, length: int) -> Keys:
    """n-grams of ``length`` words without the oldest one."""
    return keys & np.uint64((1 << (BITS * (length - 1))) - 1)


def _leaving(order: NGrams, histories: Keys, left: Numbers) -> NGrams:
    """The n-grams with the back-off weights of some of them set."""
    backoff = order.backoff.copy()
    at, found = find(order.keys, histories)
    backoff[at[found]] = left[found]
    return replace(order, backoff=backoff)


def _counted(source: Source, words: Sequence[str]) -> list[Counts]:
    """How often each n-gram comes, for every length."""
    numbers = {word: number for number, word in enumerate(words)}
    before, after = ([START_ID], [END_ID]) if source.whole else ([], [])
    spoken: list[int] = []
    lengths: list[int] = []
    for sentence in source.sentences:
        cut = [numbers.get(word, -1) for word in sentence]
        if cut and min(cut) >= 0:
            cut = [*before, *cut, *after]
            spoken += cut
            lengths.append(len(cut))
    text = np.array(spoken, dtype=np.uint64)
    sentence_of = np.repeat(np.arange(len(lengths)), lengths)
    found: list[Counts] = []
    keys = text
    for length in range(1, ORDER + 1):
        if length > 1:
            keys = (keys[:-1] << np.uint64(BITS)) | text[length - 1 :]
        whole = sentence_of[length - 1 :] == sentence_of[: len(keys)]
        found.append(np.unique(keys[whole], return_counts=True))
    return found


def _kneser_ney(counts: Sequence[Counts], general: Numbers, table_share: float) -> tuple[NGrams, ...]:
    """Interpolated Kneser-Ney: shorter n-grams count in how many contexts they came, not how often."""
    orders: list[NGrams] = []
    for length in range(1, ORDER + 1):
        keys, seen = counts[length - 1]
        if length < ORDER:
            contexts, different = np.unique(shorter(counts[length][0], length + 1), return_counts=True)
            at, found = find(contexts, keys)
            opening = keys >> np.uint64(BITS * (length - 1)) == START_ID
            seen = np.where(found & ~opening, different[at] if len(different) else 0, seen)
        if length == 1:
            spread = np.zeros(len(general))
            spread[keys.astype(np.int64)] = seen
            spread[START_ID] = 0.0
            mixed = (1 - table_share) * spread / max(1.0, spread.sum()) + table_share * general
            orders.append(NGrams(np.arange(len(general), dtype=np.uint64), mixed, np.ones(len(general))))
            continue
        histories, of = np.unique(keys >> np.uint64(BITS), return_inverse=True)
        totals, off = np.bincount(of, seen), _discounts(seen)
        left = np.bincount(of, off) / totals
        lower = probabilities(orders, shorter(keys, length), length - 1)
        orders.append(NGrams(keys, (seen - off) / totals[of] + left[of] * lower, np.ones(len(keys))))
        orders[length - 2] = _leaving(orders[length - 2], histories, left)
    return tuple(orders)


def _discounts(seen: Places) -> Numbers:
    """What is taken from a count of one, of two, and of three or more (Chen and Goodman 1998, 5.3)."""
    ones, twos, threes, fours = (max(1, int(np.sum(seen == count))) for count in (1, 2, 3, 4))
    share = ones / (ones + 2 * twos)
    steps = np.array(
        [1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes]
    )
    bounded: Numbers = np.clip(steps, (0.3, 0.5, 0.6), (0.95, 1.5, 2.0))[np.minimum(seen, 3) - 1]
    return bounded


def _mixed(models: Sequence[Sequence[NGrams]], shares: Sequence[float]) -> tuple[NGrams, ...]:
    """One model whose n-grams are those of all models, each with its mean probability."""
    orders: list[NGrams] = []
    for length in range(1, ORDER + 1):
        keys = np.unique(np.concatenate([model[length - 1].keys for model in models]))
        mean = np.zeros(len(keys))
        for model, share in zip(models, shares, strict=True):
            mean += share * probabilities(model, keys, length)
        orders.append(NGrams(keys, mean, np.ones(len(keys))))
    return with_backoff(orders)


def _pruned(
    orders: Sequence[NGrams], counts: Sequence[Sequence[Counts]], shares: Sequence[float], most: int
) -> tuple[NGrams, ...]:
    """Leave out the n-grams whose absence changes the model least (Stolcke 1998, relative entropy)."""
    kept = list(orders)
    for length in range(ORDER, 1, -1):
        order = kept[length - 1]
        histories = np.unique(order.keys >> np.uint64(BITS))
        loss = _loss(kept, length, _frequencies(counts, shares, histories, length - 1))
        if length < ORDER:  # what begins a longer n-gram must stay
            at, found = find(order.keys, np.unique(kept[length].keys >> np.uint64(BITS)))
            loss[at[found]] = np.inf
        worth = np.sort(loss)[max(0, len(loss) - most)] if len(loss) else 0.0
        stay = (loss >= worth) & (loss > 0)
        kept[length - 1] = NGrams(order.keys[stay], order.probability[stay], np.ones(int(stay.sum())))
        kept = list(with_backoff(kept))
    return tuple(kept)


def _frequencies(
    counts: Sequence[Sequence[Counts]], shares: Sequence[float], keys: Keys, length: int
) -> Numbers:
    """How often n-grams come in the texts, each source by its share."""
    often = np.zeros(len(keys))
    for part, share in zip(counts, shares, strict=True):
        known, seen = part[length - 1]
        at, found = find(known, keys)
        if len(known):
            often += share * np.where(found, seen[at], 0) / part[0][1].sum()
    return often


def _loss(orders: Sequence[NGrams], length: int, often: Numbers) -> Numbers:
    """The relative entropy of the model without each n-gram to the model with it."""
    order = orders[length - 1]
    _, of = np.unique(order.keys >> np.uint64(BITS), return_inverse=True)
    here = order.probability
    lower = probabilities(orders, shorter(order.keys, length), length - 1)
    left = np.maximum(1 - np.bincount(of, here)[of], _LEAST)
    saved = 1 - np.bincount(of, lower)[of]
    before = left / np.maximum(saved, _LEAST)
    after = (left + here) / np.maximum(saved + lower, _LEAST)
    change = here * (np.log(lower) + np.log(after) - np.log(here)) + left * (np.log(after) - np.log(before))
    loss: Numbers = -often[of] * change
    return loss
