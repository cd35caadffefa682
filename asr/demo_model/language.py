"""The language model: trigrams with absolute discount and Kneser-Ney counts below them, in back-off form."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

START, END = "<s>", "</s>"
DISCOUNT = 0.7
LEAST_COUNT = 2
"""Pairs and triples of words read less often than this are left out of the model."""
TABLE_SHARE = 0.15
"""How much of the unigrams comes from the general table of words, so that anything can be heard."""

History = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Probabilities of words after up to two words, and the weight of forgetting the oldest of these."""

    words: dict[History, dict[str, float]]
    backoff: dict[History, float] = field(default_factory=dict)

    def probability(self, history: History, word: str) -> float:
        """The probability of ``word`` after ``history``; 0 for a word that the model does not know."""
        while history not in self.words:
            history = history[1:]
        known = self.words[history].get(word)
        if known is not None:
            return known
        if not history:
            return 0.0
        return self.backoff[history] * self.probability(history[1:], word)


def estimate(
    sentences: Iterable[Sequence[str]], table: Mapping[str, float], known: frozenset[str]
) -> LanguageModel:
    """A model of sentences (cut into words) over the words of ``known``; ``table`` has their frequencies."""
    threes: Counter[tuple[str, str, str]] = Counter()
    starts: Counter[str] = Counter()
    for sentence in sentences:
        if not sentence or not known.issuperset(sentence):
            continue
        starts[sentence[0]] += 1
        padded = [START, START, *sentence, END]
        threes.update(zip(padded, padded[1:], padded[2:], strict=False))
    twos = _continuations(threes)
    twos[START] = starts
    ones: Counter[str] = Counter()
    for history, after in twos.items():
        if history != START:
            ones.update(dict.fromkeys(after, 1))
    model = LanguageModel({(): _unigrams(ones, table, known)})
    pairs: Counter[tuple[str, str]] = Counter()
    for (_, second, third), count in threes.items():
        pairs[second, third] += count
    for word, after in twos.items():
        _add(model, (word,), after, {then for then in after if pairs[word, then] >= LEAST_COUNT})
    grouped: defaultdict[History, Counter[str]] = defaultdict(Counter)
    for (first, second, third), count in threes.items():
        if second != START:
            grouped[first, second][third] = count
    for pair, after in grouped.items():
        _add(model, pair, after, {then for then, count in after.items() if count >= LEAST_COUNT})
    return model


def _continuations(threes: Mapping[tuple[str, str, str], int]) -> defaultdict[str, Counter[str]]:
    """After each word, in how many different contexts each next word came."""
    twos: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, second, third in threes:
        if second != START:
            twos[second][third] += 1
    return twos


def _unigrams(ones: Counter[str], table: Mapping[str, float], known: frozenset[str]) -> dict[str, float]:
    seen = sum(ones.values())
    general = sum(table.get(word, 0.0) for word in known)
    mixed = {
        word: (1 - TABLE_SHARE) * ones[word] / seen + TABLE_SHARE * table.get(word, 0.0) / general
        for word in known
    }
    mixed[END] = ones[END] / seen
    total = math.fsum(mixed.values())
    return {word: value / total for word, value in mixed.items() if value > 0}


def _add(model: LanguageModel, history: History, after: Counter[str], keep: set[str]) -> None:
    """Add what to keep of the words seen after a history; what is left goes to the shorter history."""
    total = sum(after.values())
    kept = {word: (count - DISCOUNT) / total for word, count in after.items() if word in keep}
    if not kept:
        return
    left = 1.0 - math.fsum(kept.values())
    lower = {word: model.probability(history[1:], word) for word in kept}
    model.words[history] = {word: value + left * lower[word] for word, value in kept.items()}
    model.backoff[history] = left
