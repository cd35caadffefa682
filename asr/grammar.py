"""Grammars for spoken menus: what a caller may say, in the words of the speech model.

Vosk takes a grammar as phrases of words of the model, separated by spaces. It drops words that it does not
know with a mere warning, and an empty grammar ends its process: both are refused here. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path

from facts.errors import HotlineError
from voice.pinyin import segment
from voice.reading import COMMA, STOP, read_aloud

UNKNOWN = "[unk]"
"""Whatever is none of the phrases."""
_SIGNS = frozenset({"<eps>", "<s>", "</s>", "#0", UNKNOWN, "<UNK>", "SIL"})


class GrammarInvalid(HotlineError):
    """The phrases make no grammar for this speech model."""

    error_id = "grammar-invalid"


def model_words(model: Path) -> frozenset[str]:
    """The words that a model can hear, with ``[unk]`` when it has it.

    Raises:
        GrammarInvalid: the model has one fixed graph, so that no grammar can be set.
    """
    file = model / "graph" / "words.txt"
    if not (model / "graph" / "HCLr.fst").is_file() or not file.is_file():
        raise GrammarInvalid(
            f"the model {model} has a fixed graph: it cannot listen for chosen phrases only",
            fix="use a model with graph/HCLr.fst and graph/Gr.fst for spoken menus",
        )
    return _read_words(file, file.stat().st_mtime_ns)


def make_grammar(phrases: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Phrases cut into the model's words, each once, and ``[unk]`` for everything else if the model has it.

    >>> make_grammar(["不满意", "转人工"], {"不", "满意", "转", "人工", "[unk]"})
    ('不 满意', '转 人工', '[unk]')

    Raises:
        GrammarInvalid: there is no phrase, or some cannot be said in the model's words (all are named).
    """
    cut: dict[str, None] = {}
    unsayable: list[str] = []
    for phrase in phrases:
        said = "".join(sign for sign in read_aloud(phrase) if sign not in (COMMA, STOP))
        found = _cut(said, known)
        if found:
            cut[" ".join(found)] = None
        else:
            unsayable.append(phrase)
    if unsayable:
        raise GrammarInvalid(
            f"the speech model has no words for {'、'.join(f'“{phrase}”' for phrase in unsayable)}",
            fix="say it in other words, or add the words with `hotline models adapt`",
        )
    if not cut:
        raise GrammarInvalid("a grammar needs at least one phrase", fix="list what the caller may say")
    return (*cut, UNKNOWN) if UNKNOWN in known else tuple(cut)


def to_json(grammar: Iterable[str]) -> str:
    """A grammar as Vosk takes it."""
    return json.dumps(list(grammar), ensure_ascii=False)


def _cut(said: str, known: Collection[str]) -> tuple[str, ...]:
    """As the voices cut it if the model knows the words, else into as few as possible; () if it cannot."""
    spoken = tuple(segment(said))
    if spoken and all(word in known and word not in _SIGNS for word in spoken):
        return spoken
    best: list[tuple[str, ...] | None] = [()] + [None] * len(said)
    for end in range(1, len(said) + 1):
        for start in range(end):
            before, word = best[start], said[start:end]
            if before is None or word not in known or word in _SIGNS:
                continue
            here = best[end]
            if here is None or len(before) + 1 < len(here):
                best[end] = (*before, word)
    return best[-1] or ()


@lru_cache(maxsize=4)
def _read_words(file: Path, _changed_ns: int) -> frozenset[str]:
    rows = (line.split(" ")[0] for line in file.read_text("utf-8").splitlines())
    return frozenset(word for word in rows if word and (word not in _SIGNS or word == UNKNOWN))
