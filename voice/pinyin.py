"""Text to words to toned pinyin: the one way everybody in this project speaks and the demo model listens.

The words come from a table of word frequencies shipped with the package (``data/words.tsv.gz``, made by the
builder of the demo model), cut by the most probable segmentation. A word is looked up on its own, never as
part of its sentence, so that a lexicon made word by word agrees with the sound by construction.
"""

from __future__ import annotations

import gzip
import math
import re
from functools import cache, lru_cache
from importlib import resources

from pypinyin import Style, lazy_pinyin

from voice.reading import COMMA, STOP, pauses_between, read_aloud

NUMERALS = frozenset("零一二三四五六七八九幺两十百千")
"""Characters that are always words of their own inside numbers: numbers need no vocabulary."""

_UNSEEN_LOG_PROBABILITY = -20.0
_RESPELLED = {"n": "en", "ng": "en", "m": "en", "hm": "en", "hng": "heng", "r": "er", "wong": "weng"}
_READINGS = {
    "的": "de5", "得": "de5", "地": "di4", "着": "zhe5", "嗯": "en5", "喂": "wei2",
    "处": "chu4", "长": "chang2", "转": "zhuan3", "重": "chong2", "哪儿": "na3 er2", "挨": "ai1",
    "欸": "ei2", "诶": "ei2", "嘞": "lei5", "啦": "la5", "弄": "nong4", "只": "zhi3",
    "为": "wei4", "给": "gei3", "熟": "shu2", "露": "lu4", "尽": "jin4", "差": "cha4",
    "行": "xing2", "乐": "le4", "还": "hai2", "都": "dou1", "没": "mei2", "谁": "shei2",
    "噢": "o1", "哟": "yo1",
}  # fmt: skip
_TOKEN = re.compile(r"([a-z]+)([1-5])")


def tokens(text: str) -> list[str]:
    """The toned pinyin syllables of a text as read aloud, with "，" and "。" where it pauses.

    >>> tokens("12345，您好")
    ['yao1', 'er4', 'san1', 'si4', 'wu3', '，', 'nin2', 'hao3']
    """
    spoken: list[str] = []
    for run, pause in pauses_between(read_aloud(text)):
        for word in segment(run):
            spoken.extend(pinyin(word))
        if pause:
            spoken.append(pause)
    while spoken and spoken[-1] in (COMMA, STOP):
        spoken.pop()
    return spoken


def words(text: str) -> list[str]:
    """The words of a text as read aloud, without its pauses."""
    return [word for run, _ in pauses_between(read_aloud(text)) for word in segment(run)]


def segment(hanzi: str) -> list[str]:
    """A run of hanzi cut into the most probable words of the table; characters unknown to it stand alone.

    >>> segment("我要反映一个问题")
    ['我', '要', '反映', '一个', '问题']
    """
    table, longest = _word_table()
    best = [0.0] * (len(hanzi) + 1)
    back = [0] * (len(hanzi) + 1)
    for end in range(1, len(hanzi) + 1):
        best[end], back[end] = best[end - 1] + table.get(hanzi[end - 1], _UNSEEN_LOG_PROBABILITY), end - 1
        for start in range(max(0, end - longest), end - 1):
            known = table.get(hanzi[start:end])
            if known is not None and best[start] + known > best[end]:
                best[end], back[end] = best[start] + known, start
    cut: list[str] = []
    end = len(hanzi)
    while end:
        cut.append(hanzi[back[end] : end])
        end = back[end]
    return cut[::-1]


@lru_cache(maxsize=65536)
def pinyin(word: str) -> tuple[str, ...]:
    """The toned syllables of one word (tone 5 is neutral, ü is v); what has no sound is left out."""
    known = _READINGS.get(word)
    if known is not None:
        return tuple(known.split())
    syllables = lazy_pinyin(
        word, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False, errors="ignore"
    )
    return tuple(filter(None, (_legal(syllable) for syllable in syllables)))


@cache
def syllables() -> frozenset[str]:
    """All syllables of Mandarin without tones that the synthesiser can say."""
    return frozenset(resources.files("voice").joinpath("data/syllables.txt").read_text("ascii").split())


def _legal(syllable: str) -> str | None:
    match = _TOKEN.fullmatch(syllable)
    toneless, tone = (match[1], match[2]) if match else (syllable.rstrip("12345"), syllable[-1:])
    toneless = _RESPELLED.get(toneless, toneless)
    if toneless not in syllables():
        return None
    return toneless + (tone if tone in "12345" and tone else "5")


@cache
def _word_table() -> tuple[dict[str, float], int]:
    """Log probability of every word, and the length of the longest."""
    counts = word_counts()
    total = math.log(sum(counts.values()))
    return {word: math.log(count) - total for word, count in counts.items()}, max(map(len, counts))


def vocabulary() -> frozenset[str]:
    """Every word the table knows."""
    return frozenset(word_counts())


@cache
def word_counts() -> dict[str, int]:
    """Every word of the table with its frequency."""
    packed = resources.files("voice").joinpath("data/words.tsv.gz").read_bytes()
    rows = (line.split("\t") for line in gzip.decompress(packed).decode("utf-8").splitlines())
    return {word: int(count) for word, count in rows}
