"""Numbers in what is stored: where they stand, and how a token takes their place. Pure.

A token says nothing of its number (it is drawn, see ``store.number_repository``) and stands wherever the
number stood: alone in a column, or within a channel's name, a dial string or a line of a log.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

#: a number that was erased or purged: not withheld, and nobody's any more
ERASED: Final = ""
#: random bytes of a token: 120 bits
_RANDOM: Final = 15
_TOKEN: Final = re.compile(r"~[A-Za-z0-9_-]{20}")
#: Runs of digits that may be a citizen's telephone. None: seconds of a clock and Uniqueids (a point and
#: digits follow), the serial that ends a channel's name (eight signs after a hyphen), parts of a UUID.
_PLACES: Final = re.compile(
    rf"""{_TOKEN.pattern}
    | (?P<number>
        (?:(?<=%2B)|(?<![0-9A-Za-z.~_+]))
        (?<!-[0-9a-f]{{4}}-[0-9a-f]{{4}}-)
        (?!(?<=-)[0-9a-f]{{8}}(?![0-9a-f]))
        \+?[0-9]{{7,15}}
        (?![0-9A-Za-z]|\.[0-9]|-[0-9a-f]{{4}}-)
      )""",
    re.VERBOSE,
)
#: a text without as many digits in a row has no number
_DIGITS: Final = re.compile(r"[0-9]{7}")
#: fields of an event that are a number and nothing else, of whatever length
_NUMBERS: Final = frozenset({"caller_number", "connected_number"})
#: and those that are none: ids, times, names of ours
_NONE: Final = frozenset(
    {
        "kind", "at", "pbx_id", "uniqueid", "linkedid", "gap_end", "begin", "agent_uniqueid", "bridge_id",
        "technology", "bridge_type", "context", "cause_text", "queue", "name", "version", "file", "did",
    }
)  # fmt: skip

Replaced = Callable[[str], str]


def new_token() -> str:
    """A token that nobody has had."""
    return f"~{secrets.token_urlsafe(_RANDOM)}"


def is_token(text: str) -> bool:
    """Whether this is a token and nothing else."""
    return _TOKEN.fullmatch(text) is not None


@lru_cache(maxsize=20_000)
def numbers_in(text: str) -> tuple[str, ...]:
    """Numbers within a text, in order.

    >>> numbers_in("Local/13909790001@hotline-out-00000012;1"), numbers_in("city-1795726446.0")
    (('13909790001',), ())
    """
    if not _DIGITS.search(text):
        return ()
    return tuple(found for it in _PLACES.finditer(text) if (found := it["number"]))


def text_with_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """The text with the tokens of its numbers."""
    return _PLACES.sub(lambda it: tokens[it["number"]] if it["number"] else it[0], text)


def tokens_in(text: str) -> Sequence[str]:
    """Tokens within a text."""
    return _TOKEN.findall(text) if "~" in text else ()


def text_with_numbers(text: str, numbers: Mapping[str, str]) -> str:
    """The text with its numbers; tokens of erased ones stay, so that what they name stays apart."""
    return _TOKEN.sub(lambda it: numbers.get(it[0]) or it[0], text) if "~" in text else text


def numbers_of(payload: Mapping[str, Any]) -> Iterator[str]:
    """Numbers of an event, wherever they stand."""
    for name, value in payload.items():
        if name in _NONE or type(value) is not str or not value:
            continue
        if name in _NUMBERS:
            yield value
        elif len(value) > 6:
            yield from numbers_in(value)


def caller_numbers(payload: Mapping[str, Any]) -> Iterator[str]:
    """Numbers of an event that are somebody's on the line, none of ours."""
    return (it for name in _NUMBERS if (it := payload.get(name)) and numbers_in(it))


def with_tokens(payload: Mapping[str, Any], tokens: Mapping[str, str]) -> Mapping[str, Any]:
    """An event as it is kept. ``tokens``: of all ``numbers_of`` it."""
    changed = {}
    for name, value in payload.items():
        if name in _NONE or type(value) is not str or not value:
            continue
        if name in _NUMBERS:
            changed[name] = tokens[value]
        elif len(value) > 6 and numbers_in(value):
            changed[name] = text_with_tokens(value, tokens)
    return {**payload, **changed} if changed else payload


def tokens_of(payload: Mapping[str, Any]) -> Iterator[str]:
    """Tokens of a stored event."""
    for value in payload.values():
        if type(value) is str and "~" in value:
            yield from tokens_in(value)


def with_numbers(payload: Mapping[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    """A stored event as it was said; a caller's number that was erased is left out."""
    found = {}
    for name, value in payload.items():
        if type(value) is str and "~" in value:
            if name in _NUMBERS and is_token(value):
                if number := numbers.get(value):
                    found[name] = number
                continue
            found[name] = text_with_numbers(value, numbers)
        else:
            found[name] = value
    return found


def each_text(value: Any, replaced: Replaced) -> Any:
    """A JSON value with another text for each of its texts."""
    if isinstance(value, str):
        return replaced(value)
    if isinstance(value, Mapping):
        return {name: each_text(it, replaced) for name, it in value.items()}
    if isinstance(value, list | tuple):
        return [each_text(it, replaced) for it in value]
    return value


def texts_of(value: Any) -> Iterator[str]:
    """All texts of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for it in value.values():
            yield from texts_of(it)
    elif isinstance(value, list | tuple):
        for it in value:
            yield from texts_of(it)
