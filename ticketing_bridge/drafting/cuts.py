"""Where general words begin and end: an unknown name lies where the text falls into words that nobody uses.

Words are cut by their frequency in general Chinese, from the table that the project reads aloud by.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from voice.pinyin import segment, word_counts

#: a word is rare below the first count, common from the last on
_COUNTS = (300, 3_000, 30_000)


@dataclass(frozen=True, slots=True)
class Cut:
    """One word of a turn: its first character, the one behind it, and how often it is used ("" unknown)."""

    start: int
    end: int
    text: str
    often: str


@lru_cache(maxsize=64)
def cuts(text: str) -> tuple[Cut, ...]:
    """The words of a turn.

    >>> [it.text for it in cuts("楼道里的路灯坏了")]
    ['楼道里', '的', '路灯', '坏', '了']
    """
    found: list[Cut] = []
    at = 0
    for word in segment(text):
        found.append(Cut(at, at + len(word), word, _often(word)))
        at += len(word)
    return tuple(found)


def _often(word: str) -> str:
    count = word_counts().get(word)
    return "" if count is None else str(sum(count >= it for it in _COUNTS))
