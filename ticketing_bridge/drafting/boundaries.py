"""Where an unknown name begins in text without punctuation: at a function word, or at its longest length."""

from __future__ import annotations

from ticketing_bridge.drafting.lexicon import word_list


def name_start(text: str, end: int, floor: int, longest: int) -> tuple[int, bool]:
    """Start of the name that ends at ``end``, and whether a boundary was seen there.

    Some function words also occur inside names (福来小区): those count only when two
    characters of a name are already there.

    >>> name_start("我住在福来小区", 5, 0, 6)
    (3, True)

    What is said twice in a row begins once: 叫水岸明珠水岸明珠小区.
    """
    for length in range(6, 1, -1):
        said = text[end - length : end]
        if end - 2 * length >= floor and text[end - 2 * length : end - length] == said:
            return end - length, True
    start, bounded = _boundary(text, end, floor, longest)
    while (
        start > floor
        and end - start < longest
        and text[start : start + 1] in word_list("places", "not_first")
    ):
        start, bounded = _boundary(text, start - 2, floor, longest)
    return start, bounded


def _boundary(text: str, end: int, floor: int, longest: int) -> tuple[int, bool]:
    at = max(end, floor)
    stops = word_list("places", "stop_words")
    hard, weak = word_list("places", "hard"), word_list("places", "weak")
    inside = word_list("places", "inside")
    while at > floor:
        held = next((it for it in inside if text.endswith(it, floor, at)), "")
        if held and end - at + len(held) <= longest:
            at -= len(held)
            continue
        if text.endswith(stops, floor, at) or text[at - 1] in hard:
            return at, True
        if text[at - 1] in weak and end - at >= 2:
            return at, True
        if end - at >= longest:
            return at, False
        at -= 1
    return at, True
