"""Faults put into flows that are good: each with the node and the words that must be named."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ivr_flows import Flow, Purpose
from ivr_flows.graph import edges_of
from ivr_flows.nodes import Ask, Asking, Hours, Menu, Queue, Survey, Transfer

Content = dict[str, Any]
#: fields that name another node
TARGETS = ("next", "otherwise", "empty", "open", "closed", "withheld", "refused")
QUESTIONS = ("say", "menu", "collect", "ask", "record", "callback_offer", "survey")


_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken file, and what the check must say: words, at one of these nodes (empty: the file)."""

    kind: str
    text: str
    nodes: frozenset[str]
    words: str


def faults(flow: Flow, text: str) -> Iterator[Fault]:
    """Every fault of every kind that this flow can be given."""
    content = yaml.safe_load(text)
    for name in flow.nodes:
        for make in (_lost_targets, _wrong_fields, _wrong_references, _wrong_questions):
            yield from make(flow, content, name)
        yield from _removed(flow, content, name)
        yield Fault("node twice", f"{text}\n  {name}: {{queue: main}}\n", frozenset({name}), "is there twice")
    yield from _whole_file(flow, content, text)


def _changed(
    content: Content, kind: str, nodes: set[str], words: str, change: Callable[[Content], object]
) -> Fault:
    broken = copy.deepcopy(content)
    change(broken)
    return Fault(
        kind, yaml.dump(broken, Dumper=_Dumper, allow_unicode=True, sort_keys=False), frozenset(nodes), words
    )


def _lost_targets(flow: Flow, content: Content, name: str) -> Iterator[Fault]:
    node = content["nodes"][name]
    places: list[tuple[str, ...]] = [(field,) for field in TARGETS if field in node]
    places += [("keys", key) for key, to in node.get("keys", {}).items() if isinstance(to, str)]
    places += [("keys", key, "to") for key, to in node.get("keys", {}).items() if isinstance(to, dict)]
    places += [("choices", value, "to") for value, it in node.get("choices", {}).items() if "to" in it]
    places += [
        (case, "next")
        for case in ("found", "unknown", "locked", "unavailable")
        if isinstance(node.get(case), dict)
    ]
    if isinstance(node.get("goto"), str):
        places.append(("goto",))
    for place in places:
        yield _changed(
            content, f"target {'.'.join(map(str, place))}", {name}, "there is no node nowhere",
            lambda it, place=place: _put(it["nodes"][name], place, "nowhere"),
        )  # fmt: skip
    for field in ("next", "otherwise", "goto", "open"):
        edge = {"open": "open", "otherwise": "otherwise"}.get(field, "")
        silent = any(
            it.how == edge and not it.by_caller and it.flow is None for it in edges_of(flow.nodes[name])
        )
        if silent and isinstance(node.get(field), str) and not isinstance(flow.nodes[name], Transfer):
            yield _changed(
                content, f"{field} to itself", {name}, "circle|no path leads here",
                lambda it, field=field: _put(it["nodes"][name], (field,), name),
            )  # fmt: skip


def _put_in(
    content: Content, name: str, kind: str, words: str, place: tuple[str, ...], value: object
) -> Fault:
    return _changed(content, kind, {name}, words, lambda it: _put(it["nodes"][name], place, value))


def _put(node: Any, place: tuple[Any, ...], value: object) -> None:
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value


def _wrong_fields(flow: Flow, content: Content, name: str) -> Iterator[Fault]:
    def change(kind: str, words: str, field: str, value: object) -> Fault:
        return _changed(content, kind, {name}, words, lambda it: _put(it["nodes"][name], (field,), value))

    yield change("unknown field", "unknown key", "colour", "red")
    second = "goto" if isinstance(flow.nodes[name], Queue) else "queue"
    yield change("two kinds", "needs exactly one of|unknown key", second, "main")
    times = ("timeout_ms", "first_timeout_ms", "between_timeout_ms", "silence_ms", "keys_timeout_ms")
    for field in times:
        if field in type(flow.nodes[name]).model_fields:
            yield change(f"{field} beyond limits", "less than or equal to 30000", field, 60_000)
    if isinstance(flow.nodes[name], Asking):
        yield change("retries beyond limits", "less than or equal to 3", "retries", 9)
    if "min_digits" in type(flow.nodes[name]).model_fields:
        yield change("digits upside down", "min_digits is more than max_digits", "min_digits", 25)


def _wrong_references(flow: Flow, content: Content, name: str) -> Iterator[Fault]:
    def change(kind: str, words: str, place: tuple[str, ...], value: object) -> Fault:
        return _changed(content, kind, {name}, words, lambda it: _put(it["nodes"][name], place, value))

    match flow.nodes[name]:
        case Queue():
            yield change("unknown queue", "there is no queue nirvana", ("queue",), "nirvana")
            yield change("unknown name", "unknown name {line.qeue}", ("queue",), "{line.qeue}")
        case Transfer():
            yield change("unknown emergency", "there is no emergency number x999", ("transfer",), "x999")
            if any(not isinstance(it, Queue) for it in flow.nodes.values()):
                other = next(it for it, node in flow.nodes.items() if not isinstance(node, Queue))
                yield change("fallback is no queue", "is no queue", ("otherwise",), other)
        case Hours():
            yield change("unknown hours", "there is no opening hours night", ("hours",), "night")
    if isinstance(content["nodes"][name].get("goto"), dict):
        yield change("unknown flow", "there is no flow nirvana", ("goto", "flow"), "nirvana")
    if "digits_variable" in content["nodes"][name]:
        yield change("nothing collected", "nothing collects other", ("digits_variable",), "other")


def _wrong_questions(flow: Flow, content: Content, name: str) -> Iterator[Fault]:
    node = content["nodes"][name]
    for field in (it for it in QUESTIONS if it in node):
        question = field not in {"say", "record"}
        for kind, words, value in (
            ("unknown name", "unknown name {line.greting}", "{line.greting}"),
            ("open bracket", "a bracket is not closed", "您好{line.greeting"),
            ("long text", "text too long", "请您耐心等待，" * (25 if question else 50)),
            ("very long text", "text too long", "请您耐心等待，" * 90),
            ("unspeakable", "missing prompt: no voice can say", "☎"),
            ("empty text", "at least 1", ""),
        ):
            if not (kind in {"unspeakable", "long text"} and "empty" in node):
                yield _put_in(content, name, kind, words, (field,), value)
        yield _changed(
            content,
            "no text",
            {name},
            "exactly one of|unknown key|Field required",
            lambda it, field=field: it["nodes"][name].pop(field),
        )
    kept = flow.nodes[name]
    if isinstance(kept, Menu):
        key, to = next(iter(node["keys"].items()))
        words = f"says key {key}, which is not there"
        yield _put_in(content, name, "another key", words, ("keys",), {"*": to})
    if isinstance(kept, Survey):
        words = "says key 5, which is not there"
        yield _put_in(content, name, "another key", words, ("scores",), {"1": 1, "2": 2})
    if isinstance(kept, Ask) and len(kept.by_key) > 1:
        one, other = list(node["choices"])[:2]
        for field, kind in (("key", "key twice"), ("words", "word twice")):
            value = node["choices"][other][field]
            yield _put_in(content, name, kind, "is there twice", ("choices", one, field), value)


def _removed(flow: Flow, content: Content, name: str) -> Iterator[Fault]:
    naming = {it for it, node in flow.nodes.items() if any(edge.target == name for edge in edges_of(node))}
    if name in {flow.start, *flow.entries.values()}:
        naming.add("")
    if len(flow.nodes) > 1:
        yield _changed(
            content, "node removed", naming - {name} or {""}, f"there is no node {name}",
            lambda it: it["nodes"].pop(name),
        )  # fmt: skip


def _whole_file(flow: Flow, content: Content, text: str) -> Iterator[Fault]:
    def change(kind: str, nodes: set[str], words: str, do: Callable[[Content], object]) -> Fault:
        return _changed(content, kind, nodes, words, do)

    yield change(
        "island", {"island"}, "no path leads here", lambda it: it["nodes"].update(island={"queue": "main"})
    )
    yield change("start", {""}, "start: there is no node nowhere", lambda it: it.update(start="nowhere"))
    yield change("no start", {""}, "start: Field required", lambda it: it.pop("start"))
    yield change("name", {""}, "calls itself other", lambda it: it.update(flow="other"))
    yield change("purpose", {""}, "purpose: Input should be", lambda it: it.update(purpose="fun"))
    yield change(
        "unknown exempt",
        {""},
        "there is no flow nirvana",
        lambda it: it.update(exempt=["nirvana"], exempt_reason="x"),
    )
    yield change(
        "exempt without reason",
        {""},
        "exempt without a reason",
        lambda it: it.update(exempt=[flow.flow], exempt_reason=""),
    )
    yield Fault(
        "no YAML",
        text.replace("nodes:\n", "nodes:\n\t", 1),
        frozenset({""}),
        "cannot start any token|found character",
    )
    for name, node in content["nodes"].items():
        if "callback_offer" in node:
            yield change(
                "waits for a call-back",
                {name},
                "whom it promises a call-back goes on to a queue",
                lambda it, name=name: it["nodes"][name].pop("next"),
            )
    yield change("round trip", {"round_a", "round_b"}, "circle", lambda it: _begin(it, _ROUND, flow.start))
    if flow.purpose is Purpose.ARRIVAL:
        yield from _arrival(flow, change)
    if flow.purpose is Purpose.NO_AGENT:
        for name, node in content["nodes"].items():
            if "otherwise" in node:
                yield change(
                    "no otherwise",
                    {name},
                    "goes back to the queue",
                    lambda it, name=name: it["nodes"][name].pop("otherwise"),
                )
            if "record" in node:
                yield change(
                    "no next",
                    {name},
                    "goes back to the queue",
                    lambda it, name=name: it["nodes"][name].pop("next"),
                )


_ROUND = {
    "round_a": {"say": "{hour.notice}", "empty": "START", "next": "round_b"},
    "round_b": {"goto": "round_a"},
}
_GATE = {
    "gate": {"menu": "找话务员请按一。", "keys": {"1": "START"}, "otherwise": "bye"},
    "bye": {"hang_up": "再见。"},
}
_SLOW = {
    "slow": {"menu": "重听请按一。", "keys": {"1": "START"}, "timeout_ms": 9000, "otherwise": "START"},
}


def _begin(content: Content, nodes: Content, start: str) -> None:
    """Put nodes before the start."""
    named = yaml.safe_load(yaml.safe_dump(nodes).replace("START", start))
    content["nodes"].update(named)
    content["start"] = next(iter(nodes))


def _arrival(flow: Flow, change: Callable[..., Fault]) -> Iterator[Fault]:
    yield change(
        "a key before a person",
        {"gate", "bye"},
        "person only after|dead end|hung up on",
        lambda it: _begin(it, _GATE, flow.start),
    )
    yield change("slow", {"slow"}, "a silent caller on line", lambda it: _begin(it, _SLOW, flow.start))
    for name, node in flow.nodes.items():
        naming = {
            it for it, other in flow.nodes.items() if any(edge.target == name for edge in edges_of(other))
        }
        silent = any(
            edge.target == name and not edge.by_caller for it in naming for edge in edges_of(flow.nodes[it])
        )
        if isinstance(node, Queue) and silent:
            yield change(
                "hang up for a queue",
                {name, *naming},
                "hung up on|dead end|is no queue",
                lambda it, name=name: it["nodes"].update({name: {"hang_up": "再见。"}}),
            )
