"""How a Zammad searches: Lucene's query language with Elasticsearch, and its triggers' conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.delivery.cities.base import Asked, Refused

#: a field's name, and a phrase in quotes or a word without what means something to Lucene
PART = re.compile(r"""(?:([\w.]+):)?(?:"((?:[^"\\]|\\.)*)"|((?:[^\s\\"\[\]{}()^~/!:]|\\.)+))(?=\s|$)""")


def condition(asked: Asked) -> dict[str, dict[str, Any]]:
    """``condition[ticket.title][operator]=contains`` as Rails reads it."""
    rules: dict[str, dict[str, Any]] = {}
    for name, value in parse_qsl(asked.query, keep_blank_values=True):
        if found := re.fullmatch(r"condition\[([^\]]+)\]\[([^\]]+)\](\[\])?", unquote(name)):
            rules.setdefault(found[1], {})[found[2]] = value
    return rules


def words(text: str) -> list[str]:
    """As Elasticsearch's standard analyzer: words whole, Chinese letter by letter."""
    return re.findall(r"[㐀-鿿]|[^\W_㐀-鿿]+(?:_[^\W㐀-鿿]+)*", text.lower())


def within(phrase: Sequence[str], text: Sequence[str]) -> bool:
    return bool(phrase) and any(
        list(text[at : at + len(phrase)]) == list(phrase) for at in range(len(text) - len(phrase) + 1)
    )


def lucene(query: str) -> list[tuple[str, list[str]]] | None:
    """Fields and words that must all be there (joined by AND); None: cannot be parsed, nothing is found."""
    parts: list[tuple[str, list[str]]] = []
    rest = query
    while rest := rest.strip():
        found = PART.match(rest)
        if found is None:
            return None
        name, phrase, word = found.groups()
        text = re.sub(r"\\(.)", r"\1", phrase if phrase is not None else word)
        rest = rest[found.end() :]
        if word in ("AND", "&&"):
            continue
        parts.append((name or "", words(text)))
    return parts


def holds(values: Mapping[str, Any], name: str, rule: Mapping[str, Any]) -> bool:
    """Whether a ticket with these values meets one rule of a condition."""
    column = name.removeprefix("ticket.")
    if column not in values:
        raise Refused(422, f"Invalid condition {name}")
    value, wanted = values[column], rule.get("value")
    match rule.get("operator"):
        case "contains":
            return str(wanted).lower() in str(value or "").lower()
        case "is":
            return str(value) in [str(it) for it in (wanted if isinstance(wanted, list) else [wanted])]
        case operator:
            raise Refused(422, f"Invalid operator '{operator}'")
