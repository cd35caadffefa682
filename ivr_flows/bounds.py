"""The longest walk through a flow, by time and by keys: an upper bound that the interpreter keeps.

A node is entered at most ``max_visits`` times, so a part of the flow that runs in circles costs
at most its nodes' sum times ``max_visits``; between such parts the longest path is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from ivr_flows.graph import END, Edge, Graph, question_of
from ivr_flows.nodes import (
    Ask,
    Asking,
    CallbackOffer,
    Collect,
    HangUp,
    Lookup,
    Menu,
    Part,
    Queue,
    Record,
    Say,
    Survey,
    Transfer,
)
from ivr_flows.questions import CONFIRM_MS
from ivr_flows.walk import SERVICE_S

#: milliseconds that a walk may wait for one answer of the house
SERVICE_MS = round(SERVICE_S * 1000)
#: names that are asked of the house when they are to be said; the notice of the hour is in memory
_ASKED_NAMES = ("{outlook.", "{follow_up.")


class Costs:
    """Most milliseconds of one visit of a node."""

    def __init__(self, speech_ms: Callable[[str], int]) -> None:
        self._speech_ms = speech_ms

    def of(self, node: Part) -> int:
        """Whatever the caller does."""
        return self._asking(node, waits=_longest_wait(node), worst=True)

    def silent(self, node: Part) -> int:
        """When the caller does nothing."""
        return self._asking(node, waits=_silent_wait(node), worst=False)

    def _asking(self, node: Part, *, waits: int, worst: bool) -> int:
        question = self.speech(question_of(node)) + _service_ms(question_of(node))
        match node:
            case Ask():
                return self._ask(node, question + waits, worst=worst)
            case CallbackOffer():
                promise = SERVICE_MS + self.speech(node.unavailable or ()) if worst else 0
                return self._tries(node, question + waits, worst=worst) + promise
            case Asking():
                return self._tries(node, question + waits, worst=worst)
            case Record():
                repeat = self.speech(node.too_short or ())
                return node.attempts * (question + waits) + node.retries * repeat
            case Lookup():
                cases = (node.found, node.unknown, node.locked, node.unavailable)
                return question + SERVICE_MS + max(self.speech(case.say) for case in cases)
        return question

    def _tries(self, node: Asking, once: int, *, worst: bool) -> int:
        wrong = self.speech(node.wrong or ()) if worst else 0
        unclear = self.speech(node.unclear or ()) if worst and isinstance(node, Ask) else 0
        repeat = max(wrong, unclear, self.speech(node.silence or ()))
        return node.attempts * once + node.retries * repeat

    def _ask(self, node: Ask, once: int, *, worst: bool) -> int:
        """Nobody listening is found out within a second, or when the question is over; then come the keys."""
        by_keys = self.speech(node.by_keys) + 2 * node.keys_timeout_ms if node.by_keys else 0
        away = max(SERVICE_MS, self.speech(node.ask)) + by_keys
        if not worst:
            return self._tries(node, once, worst=False) - once + max(once, away)
        confirm = self.speech(node.confirm) + 2 * CONFIRM_MS if node.confirm else 0
        return self._tries(node, once + confirm, worst=True) + away

    def speech(self, texts: Iterable[str]) -> int:
        """Milliseconds of texts that are said one after the other."""
        return sum(map(self._speech_ms, texts))


def _service_ms(texts: Iterable[str]) -> int:
    return SERVICE_MS if any(name in text for text in texts for name in _ASKED_NAMES) else 0


def _longest_wait(node: Part) -> int:
    """After the question is asked, once."""
    match node:
        case Collect():
            return node.first_timeout_ms + node.between_timeout_ms * (node.max_digits + 1)
        case Ask():
            return node.first_timeout_ms + node.most_ms
        case Record():
            return node.most_ms
        case Menu() | Survey() | CallbackOffer():
            return 2 * node.timeout_ms  # a late key that only ended a number before is waited past
    return 0


def _silent_wait(node: Part) -> int:
    match node:
        case Collect() | Ask():
            return node.first_timeout_ms
        case Record():
            return node.silence_ms
        case Menu() | Survey() | CallbackOffer():
            return node.timeout_ms
    return 0


def keys_of(node: Part) -> int:
    """Most keys that a caller may press in one visit."""
    match node:
        case Menu() | Survey() | CallbackOffer():
            return node.attempts
        case Collect():
            return node.attempts * (node.max_digits + (1 if node.terminator else 0))
        case Ask():
            return 2 * node.attempts + 1
        case Record():
            return node.attempts
    return 0


@dataclass(frozen=True, slots=True)
class Way:
    """One walk: what it costs in all, and the nodes that it costs something at."""

    cost: int = 0
    nodes: tuple[tuple[str, int], ...] = ()

    def after(self, name: str, cost: int) -> Way:
        """The same walk with a node before it."""
        return Way(self.cost + cost, ((name, cost), *self.nodes) if cost else self.nodes)


def longest_way(
    graph: Graph,
    cost: Callable[[Part], int],
    keep: Callable[[Edge], bool],
    *,
    person_only: bool = False,
    stop: Callable[[str], bool] = lambda _: False,
) -> Way | None:
    """Most expensive walk from the start to an end (to a person only, if asked). ``stop`` ends it early.

    None when no such end can be reached.
    """
    part_of = {name: frozenset({name}) for name in graph.nodes}
    rounds: set[frozenset[str]] = set()
    for circle in graph.circles(keep):
        rounds.add(circle)
        part_of.update(dict.fromkeys(circle, circle))

    def on(edge: Edge) -> Way | None:
        return Way() if edge.target is None else from_part(part_of[edge.target])

    @cache
    def from_part(part: frozenset[str]) -> Way | None:
        if part in rounds:
            edges = [edge for name in sorted(part) for edge in graph.edges[name] if keep(edge)]
            leaves = [way for edge in edges if edge.target not in part and (way := on(edge))]
            best = max([Way(), *leaves], key=lambda way: way.cost)
            for name in sorted(part):
                best = best.after(name, cost(graph.nodes[name]) * graph.visits[name])
            return best
        (name,) = part
        node = graph.nodes[name]
        ways = [Way()] if stop(name) or isinstance(node, Queue | Transfer) else []
        if isinstance(node, HangUp) and not person_only:
            ways.append(Way().after(name, cost(node)))
        if not stop(name):
            kept = [(edge, way) for edge in graph.edges[name] if keep(edge) and (way := on(edge))]
            ways += [way.after(name, _way(node, edge, cost)) for edge, way in kept]
        return max(ways, key=lambda way: way.cost) if ways else None

    return from_part(part_of[graph.start])


def longest(
    graph: Graph,
    cost: Callable[[Part], int],
    keep: Callable[[Edge], bool],
    *,
    person_only: bool = False,
    stop: Callable[[str], bool] = lambda _: False,
) -> int | None:
    """The cost of ``longest_way``."""
    way = longest_way(graph, cost, keep, person_only=person_only, stop=stop)
    return way.cost if way else None


def _way(node: Part, edge: Edge, cost: Callable[[Part], int]) -> int:
    """What the way by this edge costs: a say with nothing to say costs nothing."""
    return 0 if isinstance(node, Say) and edge.how == "empty" else cost(node)


def fewest_keys(graph: Graph, is_person: Callable[[str], bool]) -> int | None:
    """Fewest answers that a caller must give before a person; None when there is no way to one."""
    best = {graph.start: 0}
    todo = [graph.start]
    found: list[int] = []
    while todo:
        name = todo.pop(0)
        if is_person(name):
            found.append(best[name])
            continue
        for edge in graph.edges[name]:
            keys = best[name] + edge.by_caller
            if edge.target in {None, END}:
                found.append(keys)
            elif keys < best.get(edge.target or "", keys + 1):
                best[edge.target or ""] = keys
                todo.append(edge.target or "")
    return min(found) if found else None
