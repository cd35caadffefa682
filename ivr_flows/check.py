"""Proves what a flow promises: every path ends at a person or a goodbye, and how long that may take.

Bounds: a node is entered at most ``max_visits`` times (the interpreter keeps that), so a
part of the flow that runs in circles costs at most its nodes' sum times ``max_visits``;
between such parts the longest path is taken. Times of speech are estimates unless the
caller of ``check_flow`` gives a measure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ivr_flows.problems import Problem
from ivr_flows.schema import (
    Asking,
    Collect,
    Flow,
    HangUp,
    Menu,
    Part,
    Queue,
    Set,
    targets_of,
    texts_of,
)
from ivr_flows.texts import CONTEXT_NAMES, collected_names, fill, names_in

#: the implied end of a branch without a target
END = "line_queue"
#: milliseconds of speech a character, at an unhurried telephone pace
CHARACTER_MS = 240


@dataclass(frozen=True, slots=True)
class FlowReport:
    """Every problem, and the citizen's guarantee: times in milliseconds, None when not walkable."""

    problems: tuple[Problem, ...]
    #: longest walk to any end
    longest_ms: int | None = None
    #: longest walk to a queue, and most keys pressed on one
    person_ms: int | None = None
    person_keys: int | None = None
    #: walk of a caller who never presses a key
    silent_ms: int | None = None

    @property
    def ok(self) -> bool:
        return not self.problems


def estimated_speech_ms(text: str) -> int:
    """Rough length of a spoken text."""
    return CHARACTER_MS * len(text)


def check_flow(
    flow: Flow,
    *,
    file: str | None = None,
    queues: Collection[str] | None = None,
    contexts: Sequence[Mapping[str, str]] = (),
    speech_ms: Callable[[str], int] = estimated_speech_ms,
    most_silent_ms: int | None = None,
) -> FlowReport:
    """All problems of a flow that is well formed, each with its node and fix.

    Args:
        flow: what ``schema`` accepted.
        file: name for messages; default: the flow's id.
        queues: ids of the hotline's queues; None: not checked.
        contexts: what the templates say on each line that uses the flow: the longest counts.
        speech_ms: length of a text, in milliseconds.
        most_silent_ms: the longest that a silent caller may take to a queue; None: no limit.
    """
    found = _Checker(flow, file or f"{flow.flow}.yaml")
    found.targets()
    found.names(CONTEXT_NAMES.union(*contexts) | collected_names(flow))
    found.queues(queues)
    if not found.problems:
        found.reachable()
        found.circles()
    if found.problems:
        return FlowReport(tuple(found.problems))
    bounds = Bounds(flow, _longest_speech(flow, contexts, speech_ms))
    silent_ms = bounds.longest(bounds.silent_cost, _silent_targets)
    if most_silent_ms is not None and silent_ms > most_silent_ms:
        found.add(
            flow.start,
            f"a silent caller reaches a person only after {silent_ms} ms (limit {most_silent_ms} ms)",
            "shorten the prompts, timeouts or retries",
        )
    return FlowReport(
        tuple(found.problems),
        longest_ms=bounds.longest(bounds.cost, _all_targets),
        person_ms=bounds.longest(bounds.cost, _all_targets, person_only=True),
        person_keys=bounds.longest(lambda name: _keys_of(flow.nodes[name]), _all_targets, person_only=True),
        silent_ms=silent_ms,
    )


def _longest_speech(
    flow: Flow, contexts: Sequence[Mapping[str, str]], speech_ms: Callable[[str], int]
) -> Callable[[str], int]:
    """Length of a text on the line that has the longest words for it."""
    keyed = {
        f"collected.{node.variable}": "0" * node.max_digits
        for node in flow.nodes.values()
        if isinstance(node, Collect)
    }

    def longest(text: str) -> int:
        if not names_in(text) or not contexts:
            return speech_ms(text)
        return max(speech_ms(fill(text, {**context, **keyed})) for context in contexts)

    return longest


class _Checker:
    def __init__(self, flow: Flow, file: str) -> None:
        self.flow = flow
        self.file = file
        self.problems: list[Problem] = []

    def add(self, node: str, what: str, fix: str) -> None:
        self.problems.append(Problem(self.file, node, what, fix))

    def targets(self) -> None:
        known = ", ".join(self.flow.nodes)
        if self.flow.start not in self.flow.nodes:
            self.add("", f"start: there is no node {self.flow.start}", f"name one of {known}")
        for name, node in self.flow.nodes.items():
            for how, target in targets_of(node):
                if target is not None and target not in self.flow.nodes:
                    self.add(name, f"{how or 'next'}: there is no node {target}", f"name one of {known}")
            if isinstance(node, Collect) and node.min_digits > node.max_digits:
                self.add(name, "min_digits is more than max_digits", "exchange them")

    def names(self, known: frozenset[str]) -> None:
        for name, node in self.flow.nodes.items():
            for text in _templates(node):
                for unknown in sorted(names_in(text) - known):
                    self.add(name, f"unknown name {{{unknown}}}", f"use one of {', '.join(sorted(known))}")
                if text.count("{") != text.count("}"):
                    self.add(name, f"a bracket is not closed in {text!r}", "write names as {line.greeting}")

    def queues(self, known: Collection[str] | None) -> None:
        for name, node in self.flow.nodes.items():
            fixed = node.queue if isinstance(node, Queue) and not names_in(node.queue) else None
            if fixed and known is not None and fixed not in known:
                self.add(name, f"there is no queue {fixed}", f"name one of {', '.join(sorted(known))}")
            if isinstance(node, Set) and "HOTLINE_QUEUE" in node.set:
                self.add(name, "HOTLINE_QUEUE is set by hand", "use a queue node")

    def reachable(self) -> None:
        seen = _reach(self.flow, self.flow.start)
        for name in self.flow.nodes:
            if name not in seen:
                self.add(name, "no path leads here", "name it as a target or remove it")

    def circles(self) -> None:
        """A circle is an error unless a key of the caller is what closes it.

        Without keys every walk then comes to an end, because there is no other way not to.
        """
        for part in circles(self.flow, _keyless_targets):
            self.add(
                min(part),
                f"runs in a circle without any key: {', '.join(sorted(part))}",
                "lead it to a queue",
            )


def _templates(node: Part) -> Iterable[str]:
    yield from texts_of(node)
    if isinstance(node, Queue):
        yield node.queue
    if isinstance(node, Set):
        yield from node.set.values()


Targets = Callable[[Part], set[str]]


def _all_targets(node: Part) -> set[str]:
    return {target or END for _, target in targets_of(node)}


def _keyless_targets(node: Part) -> set[str]:
    """Where a node leads without a right key: a menu or collect only by its last resort."""
    return {target or END for how, target in targets_of(node) if how in {"", "otherwise"}}


_silent_targets = _keyless_targets


def _reach(flow: Flow, start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name not in seen and name in flow.nodes:
            seen.add(name)
            todo += _all_targets(flow.nodes[name])
    return seen


def circles(flow: Flow, targets: Targets) -> list[frozenset[str]]:
    """Sets of nodes that can each reach all others of their set (and itself)."""

    def after(name: str) -> set[str]:
        seen: set[str] = set()
        todo = list(targets(flow.nodes[name]))
        while todo:
            it = todo.pop()
            if it not in seen and it in flow.nodes:
                seen.add(it)
                todo += targets(flow.nodes[it])
        return seen

    reach = {name: after(name) for name in flow.nodes}
    return sorted(
        {
            frozenset(it for it in reach[name] if name in reach[it])
            for name in flow.nodes
            if name in reach[name]
        },
        key=sorted,
    )


def _keys_of(node: Part) -> int:
    """Most keys that a caller may press in one visit."""
    match node:
        case Menu():
            return node.attempts
        case Collect():
            return node.attempts * (node.max_digits + (1 if node.terminator else 0))
    return 0


class Bounds:
    """Longest walks through a checked flow, by any cost of a node."""

    def __init__(self, flow: Flow, speech_ms: Callable[[str], int]) -> None:
        self.flow = flow
        self._speech_ms = speech_ms

    def cost(self, name: str) -> int:
        """Longest time of one visit, in milliseconds."""
        node = self.flow.nodes[name]
        if not isinstance(node, Asking):
            return self._speech(texts_of(node))
        between = node.between_timeout_ms * node.max_digits if isinstance(node, Collect) else 0
        repeat = max(self._speech(node.wrong or ()), self._speech(node.silence or ()))
        return node.attempts * (self._question(node) + _first_ms(node) + between) + node.retries * repeat

    def silent_cost(self, name: str) -> int:
        """Time of one visit of a caller who does nothing, in milliseconds."""
        node = self.flow.nodes[name]
        if not isinstance(node, Asking):
            return self._speech(texts_of(node))
        once = self._question(node) + _first_ms(node)
        return node.attempts * once + node.retries * self._speech(node.silence or ())

    def longest(self, cost: Callable[[str], int], targets: Targets, *, person_only: bool = False) -> int:
        """Most expensive walk from the start to an end (to a queue only, if asked)."""
        part_of = {name: frozenset({name}) for name in self.flow.nodes}
        rounds: set[frozenset[str]] = set()
        for circle in circles(self.flow, targets):
            rounds.add(circle)
            part_of.update(dict.fromkeys(circle, circle))
        nodes = self.flow.nodes

        @cache
        def from_part(part: frozenset[str]) -> int | None:
            own = sum(map(cost, part)) * (self.flow.max_visits if part in rounds else 1)
            leaves = set().union(*(targets(nodes[name]) for name in part)) - part
            ends = [0] if END in leaves or part in rounds else []
            ends += [0 for name in part if isinstance(nodes[name], Queue)]
            ends += [0 for name in part if isinstance(nodes[name], HangUp) and not person_only]
            on = [it for leaf in leaves - {END} if (it := from_part(part_of[leaf])) is not None]
            return own + max(ends + on) if ends + on else None

        return from_part(part_of[self.flow.start]) or 0

    def _question(self, node: Asking) -> int:
        return self._speech(node.menu if isinstance(node, Menu) else node.collect)  # type: ignore[attr-defined]

    def _speech(self, texts: Iterable[str]) -> int:
        return sum(map(self._speech_ms, texts))


def _first_ms(node: Asking) -> int:
    return node.timeout_ms if isinstance(node, Menu) else node.first_timeout_ms  # type: ignore[attr-defined]
