"""Places that the speaker took back: 不是三号楼是五号楼, 九号库不对十九号库, and so across turns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from ticketing_bridge.drafting.address_parts import place_words
from ticketing_bridge.drafting.lexicon import any_of
from ticketing_bridge.drafting.model import CITIZEN, DraftInput, Span
from ticketing_bridge.drafting.numbers import NUMERAL

#: characters between a place and its correction
_FAR = 14


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that was said; ``corrected`` when it replaced another one."""

    span: Span
    sure: float
    corrected: bool = False


@cache
def _part_kinds() -> tuple[re.Pattern[str], ...]:
    """Parts of an address that can stand for each other, each as one expression."""
    number = f"{NUMERAL}{{1,6}}"
    return (
        re.compile(rf"{number}(?:号楼|栋|幢|号院|座)"),
        re.compile(rf"{number}单元"),
        re.compile(rf"{number}(?:楼|层)"),
        re.compile(
            rf"{number}(?:号库|号铺|号商铺|号棚|号厂房|号门面|号车间|车间|号门|号闸口|号站台|号窗口|号摊位|号摊|号仓库|号公寓)"
        ),
        re.compile(rf"{number}(?:社|组|队|连)"),
        re.compile(rf"{number}(?:室|户)?$"),
        re.compile(rf"{number}号(?![楼院库铺棚厂门车闸站窗摊仓公])"),
        re.compile(rf"[东西南北]门|{any_of(place_words('tail'))}$"),
        re.compile(f".{{1,6}}{any_of(place_words('road'))}"),
        re.compile(f".{{1,6}}{any_of(place_words('estate'))}"),
        re.compile(f".{{1,6}}{any_of(place_words('village'))}"),
        re.compile(f".{{1,6}}{any_of(place_words('facility'))}"),
    )


@cache
def _cue() -> re.Pattern[str]:
    return re.compile(any_of(place_words("correction")))


def without_taken_back(call: DraftInput, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions that stand, in the order of speech."""
    kept: list[Mention] = []
    for mention in mentions:
        text = call.turns[mention.span.turn].text
        before = text[: mention.span.start]
        if _denied(before) and not _stands(text, mention.span):
            continue
        if _replaces(call, kept, mention, before):
            before_it = kept.pop()
            left = _left_of(before_it.span, mention.span)
            if left:
                kept.append(replace(before_it, span=left))
            mention = replace(mention, corrected=True)  # noqa: PLW2901 - the same mention, marked
        kept.append(mention)
    return kept


def _denied(before: str) -> bool:
    """不是 just before; 是不是 asks."""
    return before.endswith(place_words("denies")) and not before.endswith(("是不是", "不是不是"))


def _stands(text: str, span: Span) -> bool:
    """不是三号楼吗 is no denial."""
    return text[span.end : span.end + 1] in {"吗", "嘛"}


def _replaces(call: DraftInput, kept: Sequence[Mention], mention: Mention, before: str) -> bool:
    if not kept or _left_kind(kept[-1].span.text, mention.span.text) is None:
        return False
    last = kept[-1].span
    if last.turn == mention.span.turn:
        between = before[last.end :]
        return len(between) <= _FAR and bool(_cue().search(between))
    nearest = mention.span.turn - last.turn <= 3
    own = call.turns[mention.span.turn].speaker == CITIZEN
    return own and nearest and len(before) <= _FAR and bool(_cue().match(before))


def _left_kind(old: str, new: str) -> int | None:
    """Where in ``old`` the part begins that ``new`` is another of; None when nothing corresponds."""
    for kind in _part_kinds():
        first = kind.match(new)
        if first:
            found = [it.start() for it in kind.finditer(old)]
            return found[-1] if found else None
    return None


def _left_of(old: Span, new: Span) -> Span | None:
    """What still stands of the old mention: the estate, when only its building was wrong."""
    at = _left_kind(old.text, new.text) or 0
    stem = old.text[:at]
    if len(stem) < 2 or stem in new.text:
        return None
    return replace(old, end=old.start + at, text=stem)
