"""Templates in a flow's texts, and the texts that are to be rendered beforehand."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from config.hotline import Hotline, Line
from facts.errors import HotlineError
from ivr_flows.schema import TEMPLATE, Collect, Flow, texts_of

#: names that a flow may use; ``collected.<variable>`` comes from its own collect nodes
CONTEXT_NAMES = frozenset({"city", "hotline.name", "line.id", "line.name", "line.greeting", "line.queue"})


class UnknownName(HotlineError):
    """A template names something that is not there."""

    error_id = "flow-unknown-name"


def line_context(hotline: Hotline, line: Line) -> dict[str, str]:
    """What the templates of a flow may say on this line."""
    return {
        "city": hotline.city,
        "hotline.name": hotline.name,
        "line.id": line.id,
        "line.name": line.name,
        "line.greeting": line.greeting,
        "line.queue": line.queue,
    }


def names_in(text: str) -> set[str]:
    """Names in a template.

    >>> sorted(names_in("{city}您好，{line.greeting}"))
    ['city', 'line.greeting']
    """
    return set(TEMPLATE.findall(text))


def fill(text: str, context: Mapping[str, str]) -> str:
    """Put the values in; an unknown name is an error.

    >>> fill("您好，{city}。", {"city": "格尔木市"})
    '您好，格尔木市。'
    """
    missing = sorted(names_in(text) - context.keys())
    if missing:
        raise UnknownName(f"no value for {{{missing[0]}}}", fix=f"use one of {', '.join(sorted(context))}")
    return TEMPLATE.sub(lambda found: context[found[1]], text)


def collected_names(flow: Flow) -> frozenset[str]:
    """Names of what the flow's own collect nodes read."""
    return frozenset(
        f"collected.{node.variable}" for node in flow.nodes.values() if isinstance(node, Collect)
    )


def prompt_texts(flow: Flow, contexts: Iterable[Mapping[str, str]]) -> set[str]:
    """Every text that can be rendered before a call: all but those that say what the caller keyed in."""
    own = collected_names(flow)
    written = itertools.chain.from_iterable(map(texts_of, flow.nodes.values()))
    fixed = [text for text in written if not names_in(text) & own]
    return {fill(text, context) for context in contexts for text in fixed}
