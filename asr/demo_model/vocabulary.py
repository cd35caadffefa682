"""The table of words and frequencies that ``voice.pinyin`` cuts by and the demo model hears by.

It is made of jieba's dictionary (the frequent words of two to four characters and the frequent characters)
and of the words in ``text/``. Numbers stay out: a numeral inside a number is a word of its own.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from asr.demo_model import texts
from asr.demo_model.extras import need
from voice.pinyin import NUMERALS

GENERAL_WORDS = 34_000
CHARACTERS = 4_500
LEAST_TERM_COUNT = 500
_LONGEST = 5
_MEASURES = frozenset("号月年点分路万亿元楼层日时米秒块毛角栋幢室周环")
_COUNTED = _MEASURES | frozenset(
    "个天次名人家件条张只本位辆台种届期级倍套户组间份里斤度岁章节课回集段句批排口线班大者载中国小"
)
_WHOLE = frozenset({"统一", "唯一", "之一", "万一", "周一"})
_TERM_SLOTS = (
    "place_word", "company_word", "company_end", "hall_end", "estate_end", "village_end", "side", "relative",
    "near", "known_road", "surname", "thing", "verb", "glue",
)  # fmt: skip


def acceptable(word: str) -> bool:
    """Whether a word may stand in the table: hanzi only, and no number or part of one."""
    if not word or len(word) > _LONGEST or not all("\u4e00" <= character <= "\u9fff" for character in word):
        return False
    numerals = [place for place, character in enumerate(word) if character in NUMERALS]
    if len(word) == 1 or not numerals or word in _WHOLE:
        return True
    if len(numerals) > 1 or numerals[0] == len(word) - 1:
        return False
    if numerals[0] > 0:
        return True
    return word[1] not in (_MEASURES if len(word) > 2 or word[0] in "一两" else _COUNTED)


def general_counts() -> dict[str, int]:
    """jieba's words with their counts, acceptable ones only, without names of foreign people."""
    jieba = need("jieba")
    rows = Path(jieba.__file__).with_name("dict.txt").read_text("utf-8").splitlines()
    counts: dict[str, int] = {}
    for row in rows:
        word, count, kind = row.split(" ")
        if acceptable(word) and kind not in ("nrt", "nrfg"):
            counts[word] = int(count)
    return counts


def table(general: Mapping[str, int], domain: Iterable[str]) -> dict[str, int]:
    """The words to know and how often they come: domain words are never rare."""
    by_count = sorted(general, key=lambda word: (-general[word], word))
    characters = [word for word in by_count if len(word) == 1][:CHARACTERS]
    words = [word for word in by_count if 2 <= len(word) <= 4][:GENERAL_WORDS]
    known = {word: max(1, general[word]) for word in characters + words}
    for word in domain:
        if acceptable(word):
            floor = LEAST_TERM_COUNT if len(word) > 1 else 50
            known[word] = max(general.get(word, 0), floor)
    return known


def domain_words() -> set[str]:
    """All words of the trade, of places and of people in ``text/``."""
    slots = texts.slots()
    return set(texts.terms()) | {word for name in _TERM_SLOTS for word in slots[name] if "{" not in word}


def write_word_table(path: Path | None = None) -> Path:
    """Write the table where ``voice.pinyin`` reads it (or at ``path``); needed when ``text/`` changed."""
    rows = sorted(table(general_counts(), domain_words()).items())
    data = "".join(f"{word}\t{count}\n" for word, count in rows).encode("utf-8")
    target = path or Path(str(resources.files("voice").joinpath("data/words.tsv.gz")))
    target.write_bytes(gzip.compress(data, 9, mtime=0))
    return target
