"""What a stream may be limited to: a few phrases, as the answers to a spoken question."""

from __future__ import annotations

from collections.abc import Sequence

from facts.errors import HotlineError

#: a grammar is a menu's phrases; thousands of them are a mistake
MOST_PHRASES = 2000
LONGEST_GRAMMAR = 100_000


class GrammarRefused(HotlineError):
    """These phrases are no grammar."""

    error_id = "grammar-refused"


def checked_grammar(phrases: Sequence[str] | None) -> tuple[str, ...] | None:
    """Phrases (words with spaces between them, and ``[unk]`` for anything else), or None for all words.

    Raises:
        GrammarRefused: there is no phrase, or there are too many.
    """
    if phrases is None:
        return None
    kept = tuple(" ".join(phrase.split()) for phrase in phrases if phrase.strip())
    if not kept:
        raise GrammarRefused("a grammar without phrases", fix="name a phrase, or no grammar for all words")
    if len(kept) > MOST_PHRASES or sum(map(len, kept)) > LONGEST_GRAMMAR:
        raise GrammarRefused(f"a grammar of {len(kept)} phrases", fix=f"at most {MOST_PHRASES} short ones")
    return kept
