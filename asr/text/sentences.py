"""Where sentences end and begin again: from pauses, particles and question words. Pure.

A recogniser prints words only. A pause says that something ends; what stands before it says what: 吗 ends a
question, 了 a statement, anything else goes on after a comma.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from asr.text.words import WordSpan

#: a recogniser's words touch each other within a phrase; a comma's pause is at least this long
COMMA_PAUSE_S = 0.12
#: behind a particle or a question a pause of this length ends the sentence
CLOSING_PAUSE_S = 0.25
#: a pause of this length ends any sentence
STOP_PAUSE_S = 0.5

COMMA, STOP, QUESTION = "，", "。", "？"

_NUMERAL = re.compile(r"[0-9*零〇幺一二两三四五六七八九]")
_CLOSED = re.compile(r"(?:[了的啊呀嘛呗哦噢啦哎]|谢谢|再见|你好|您好|不客气)$")
_ASKED = re.compile(
    r"吗[啊呀]?$|(?:对|是|没错|可以|是这样)吧$|[过了]没(?:有)?$|(?<!不)([是对行好能要会])不\1$|[^不]不$|(?:对不对|是不是|行不行|好不好)[啊呀呢]?$"
)
_STILL = re.compile(r"[还正才着].*呢$")
_EITHER_OR = re.compile(r"(?:可不可以|知不知道|(?<!不)([是能有要会行好对该用归管算让给])[不没]\1)")
_ASKING = re.compile(
    r"什么|啥|哪[里儿个些位天种]?|谁|怎么|咋|多少|多久|多长|多大|几[点号楼层栋个天月次]|几单元|为何|如何"
)
#: question words that ask nothing: 没什么, 不知道怎么, 什么都
_NOT_ASKING = re.compile(
    r"没什么|没啥|不知道|不晓得|不清楚|说不清|不管|无论|不论|看看|什么的$|好几|(?:什么|啥|谁|哪[里儿]?|怎么|咋)[都也]|"
    r"不怎么|怎么着|几[天月个次]了$|告诉|[说讲]清楚|说不上|不[想让]|(咋|怎么|什么|啥|谁|哪).*就.{0,2}\1|[什么啥].{0,4}[都也]没"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A punctuation mark behind character ``place`` − 1 of what was said, and the word before it."""

    place: int
    mark: str


def is_question(sentence: str) -> bool:
    """Does it ask something, as far as its words tell?

    >>> is_question("有什么可以帮您"), is_question("没什么事了"), is_question("修好就行吧")
    (True, False, False)
    """
    if _ASKED.search(sentence):
        return True
    if _NOT_ASKING.search(sentence) or _STILL.search(sentence):
        return False
    if sentence.endswith("呢"):
        return True
    return bool(_EITHER_OR.search(sentence) or _ASKING.search(sentence))


def marks(text: str, spans: Sequence[WordSpan], *, closing: bool = True) -> tuple[Mark, ...]:
    """The punctuation of one turn, in order; ``closing`` says whether the turn's end ends a sentence."""
    found: list[Mark] = []
    begin = 0
    for before, after in pairwise(spans):
        mark = _mark(text, begin, before, after)
        if mark is not None:
            found.append(Mark(before.end, mark))
            begin = begin if mark == COMMA else before.end
    if closing and text:
        found.append(Mark(len(text), QUESTION if is_question(text[begin:]) else STOP))
    return tuple(found)


def _mark(text: str, begin: int, before: WordSpan, after: WordSpan) -> str | None:
    pause_s = after.word.start_s - before.word.end_s
    if pause_s < COMMA_PAUSE_S or before.end != after.first:
        return None
    if _NUMERAL.match(text[before.end - 1]) and _NUMERAL.match(text[after.first]):
        return None  # a telephone number is said in groups
    sentence = text[begin : before.end]
    asked = is_question(sentence) and (pause_s >= CLOSING_PAUSE_S or _ASKED.search(sentence) is not None)
    if asked:
        return QUESTION
    closed = pause_s >= CLOSING_PAUSE_S and _CLOSED.search(sentence) is not None
    return STOP if closed or pause_s >= STOP_PAUSE_S else COMMA
