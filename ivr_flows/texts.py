"""Templates in a flow's texts, and the texts that are to be rendered beforehand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from config.hotline import Hotline, Line
from facts.errors import HotlineError
from ivr_flows.graph import texts_of
from ivr_flows.nodes import Ask, Collect
from ivr_flows.schema import Flow

#: a name in a template, e.g. ``{line.greeting}``
TEMPLATE = re.compile(r"\{([^{}]*)\}")

#: names that the configuration gives; known before a call
LINE_NAMES = frozenset(
    {
        *("city", "hotline.name", "queue.id"),
        *("line.id", "line.name", "line.greeting", "line.queue", "line.priority"),
    }
)
#: what the shift leader has switched on
HOUR_NOTICE = "hour.notice"
#: names that only the call gives, with the longest words that are reckoned with.
#: ``collected.<variable>`` comes from a flow's own questions, ``heard`` within one question.
CALL_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "caller.number": "13900000000",
        HOUR_NOTICE: "城东停水，预计十八点恢复，其他事项请稍候。",
        "outlook.waiting": "九十九",
        "outlook.minutes": "五十九",
        "lookup.text": "您的诉求由市住房和城乡建设局办理，预计十二月三十一日前办结，请您耐心等待。",
        "follow_up.matter": "小区电梯经常停运、需要维修的问题",
        "heard": "十个字以内的答案",
    }
)
CONTEXT_NAMES = LINE_NAMES | CALL_NAMES.keys()
#: longest words that are reckoned with for what a caller said
_SAID = "格尔木昆仑经济技术开发区"


class UnknownName(HotlineError):
    """A template names something that is not there."""

    error_id = "flow-unknown-name"


def line_context(hotline: Hotline, line: Line, queue: str | None = None) -> dict[str, str]:
    """What the templates of a flow may say on this line; ``queue`` is the one that the caller waits in."""
    return {
        "city": hotline.city,
        "hotline.name": hotline.name,
        "line.id": line.id,
        "line.name": line.name,
        "line.greeting": line.greeting,
        "line.queue": line.queue,
        "line.priority": line.priority.value,
        "queue.id": queue or line.queue,
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
    """Names of what the flow's own questions read."""
    return frozenset(
        f"collected.{node.variable}"
        for node in flow.nodes.values()
        if isinstance(node, Collect | Ask) and node.variable
    )


def longest_words(flow: Flow) -> dict[str, str]:
    """For every name that only a call gives, the longest words that are reckoned with."""
    words = dict(CALL_NAMES)
    for node in flow.nodes.values():
        if isinstance(node, Collect):
            words[f"collected.{node.variable}"] = "0" * node.max_digits
        elif isinstance(node, Ask) and node.variable:
            words[f"collected.{node.variable}"] = _SAID
    return words


def prompt_texts(flow: Flow, contexts: Iterable[Mapping[str, str]]) -> set[str]:
    """Every text that can be rendered before a call: all but those that say what only the call gives."""
    unknown = collected_names(flow) | CALL_NAMES.keys()
    written = itertools.chain.from_iterable(map(texts_of, flow.nodes.values()))
    fixed = [text for text in written if not names_in(text) & unknown]
    fixed += _confirmations(flow)
    return {fill(text, context) for context in contexts for text in fixed}


def _confirmations(flow: Flow) -> Iterable[str]:
    """What is asked back, once for each answer that may have been heard."""
    for node in flow.nodes.values():
        if isinstance(node, Ask):
            for text, value in itertools.product(node.confirm or (), node.choices):
                if names_in(text) == {"heard"}:
                    yield text.replace("{heard}", value)
