"""How characters sound, without tones: what a recogniser confuses."""

from __future__ import annotations

from functools import lru_cache

from pypinyin import lazy_pinyin


@lru_cache(maxsize=8192)
def syllable(character: str) -> str:
    """The syllable of one character; other characters stand for themselves."""
    return str(lazy_pinyin(character)[0]).replace(" ", "_")


@lru_cache(maxsize=8192)
def sound(text: str) -> str:
    """One syllable a character, a blank before and after each.

    >>> sound("电梯")
    ' dian ti '
    """
    return " " + "".join(f"{syllable(it)} " for it in text)
