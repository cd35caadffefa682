"""A flow as a graph: what each node may say, and which ways lead out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ivr_flows.nodes import (
    Answer,
    Ask,
    CallbackOffer,
    Collect,
    FlowRef,
    Goto,
    HangUp,
    Hours,
    Lookup,
    Menu,
    Part,
    Queue,
    Record,
    Say,
    Set,
    Survey,
    Transfer,
    target_of,
)
from ivr_flows.schema import Flow, Purpose

#: the implied end of a branch without a target
END = "line_queue"


@dataclass(frozen=True, slots=True)
class Edge:
    """One way out of a node. A target of None is the implied queue; ``flow`` is another flow's id."""

    how: str
    target: str | None
    #: only a caller who presses or says something comes this way
    by_caller: bool = False
    flow: str | None = None


def edges_of(node: Part) -> tuple[Edge, ...]:  # noqa: PLR0911, PLR0912, C901 - one case a kind
    """Every way out of a node; none out of an end."""
    match node:
        case Say():
            ways = (Edge("", node.next),)
            return (*ways, Edge("empty", node.empty)) if node.empty else ways
        case Menu():
            return (*_keys(node.keys), Edge("otherwise", node.otherwise))
        case Collect():
            return (Edge("digits", node.next, True), Edge("otherwise", node.otherwise))
        case Ask():
            answers = [Edge(value, it.to or node.next, True) for value, it in node.choices.items()]
            said = answers or [Edge("said", node.next, True)]
            return (*said, Edge("otherwise", node.otherwise))
        case Record():
            return (Edge("recorded", node.next, True), Edge("otherwise", node.otherwise))
        case CallbackOffer():
            return (
                Edge(node.key, node.next, True),
                *_keys(node.keys),
                Edge("withheld", node.withheld or node.otherwise),
                Edge("refused", node.refused or node.otherwise, True),
                Edge("otherwise", node.otherwise),
            )
        case Lookup():
            cases = ("found", "unknown", "locked", "unavailable")
            return tuple(Edge(case, getattr(node, case).next) for case in cases)
        case Survey():
            return (Edge("scored", node.next, True), Edge("otherwise", node.otherwise))
        case Hours():
            return (Edge("open", node.open), Edge("closed", node.closed))
        case Set() | Answer():
            return (Edge("", node.next),)
        case Goto(goto=FlowRef() as other):
            return (Edge("", None, flow=other.flow),)
        case Goto():
            return (Edge("", str(node.goto)),)
        case Transfer():
            return (Edge("otherwise", node.otherwise),)
    return ()


def _keys(keys: Mapping[str, object]) -> tuple[Edge, ...]:
    return tuple(Edge(key, target_of(keys[key]), True) for key in sorted(keys))  # type: ignore[arg-type]


def targets_of(node: Part) -> tuple[tuple[str, str | None], ...]:
    """Where a node may lead: (what the caller did, target); a target of None is the queue."""
    return tuple((edge.how, edge.target) for edge in edges_of(node) if edge.flow is None)


def question_of(node: Part) -> tuple[str, ...]:  # noqa: PLR0911 - one case a kind
    """What a node says first, as written."""
    match node:
        case Say():
            return node.say
        case Menu():
            return node.menu
        case Collect():
            return node.collect
        case Ask():
            return node.ask
        case Record():
            return node.record
        case CallbackOffer():
            return node.callback_offer
        case Lookup():
            return node.lookup
        case Survey():
            return node.survey
        case HangUp():
            return node.hang_up
    return ()


def texts_of(node: Part) -> tuple[str, ...]:
    """Every text that a node may play, as written (templates unfilled)."""
    optional = ("wrong", "silence", "unclear", "confirm", "by_keys", "too_short")
    texts = list(question_of(node))
    for name in optional:
        texts += getattr(node, name, None) or ()
    if isinstance(node, CallbackOffer):
        texts += node.unavailable or ()
    if isinstance(node, Lookup):
        for branch in (node.found, node.unknown, node.locked, node.unavailable):
            texts += branch.say
    return tuple(texts)


@dataclass(frozen=True, slots=True)
class Graph:
    """A flow and the flows that it goes on in, as one graph. Nodes of others are ``flow/node``."""

    flow: Flow
    start: str
    nodes: dict[str, Part] = field(default_factory=dict)
    edges: dict[str, tuple[Edge, ...]] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, flow: Flow, others: Mapping[str, Flow], start: str | None = None) -> Graph:
        """The graph from ``start`` (default: the flow's own); flows that are not known lead to END."""
        graph = cls(flow, start or flow.start)
        graph._add(flow, "", others)
        return graph

    def _add(self, flow: Flow, prefix: str, others: Mapping[str, Flow]) -> None:
        self.nodes.update({prefix + name: node for name, node in flow.nodes.items()})
        self.visits.update({prefix + name: flow.max_visits for name in flow.nodes})
        for name, node in flow.nodes.items():
            self.edges[prefix + name] = tuple(
                self._resolved(edge, flow, prefix, others) for edge in edges_of(node)
            )

    def _resolved(self, edge: Edge, flow: Flow, prefix: str, others: Mapping[str, Flow]) -> Edge:
        """A target that is not there is that flow's own fault; here it is the end."""
        if edge.flow is None:
            there = edge.target is not None and edge.target in flow.nodes
            return Edge(edge.how, f"{prefix}{edge.target}" if there else None, edge.by_caller)
        if edge.flow == self.flow.flow:
            return Edge(edge.how, self.flow.start, edge.by_caller)
        other = others.get(edge.flow)
        if other is None or other.start not in other.nodes:
            return Edge(edge.how, None, edge.by_caller)
        if f"{edge.flow}/{other.start}" not in self.nodes:
            self._add(other, f"{edge.flow}/", others)
        return Edge(edge.how, f"{edge.flow}/{other.start}", edge.by_caller)

    def own(self, name: str) -> bool:
        """Whether a node is of the flow itself."""
        return "/" not in name

    def after(self, name: str, keep: Callable[[Edge], bool]) -> set[str]:
        """Targets of the edges that are kept, END for the implied queue."""
        return {edge.target or END for edge in self.edges[name] if keep(edge)}

    def reach(
        self,
        starts: Iterable[str],
        keep: Callable[[Edge], bool],
        stop: Callable[[str], bool] = lambda _: False,
    ) -> set[str]:
        """Every node that these lead to, themselves included; nothing beyond a node that stops."""
        seen: set[str] = set()
        todo = list(starts)
        while todo:
            name = todo.pop()
            if name not in seen and name in self.nodes:
                seen.add(name)
                todo += () if stop(name) else self.after(name, keep)
        return seen

    def circles(self, keep: Callable[[Edge], bool]) -> list[frozenset[str]]:
        """Sets of nodes that can each reach all others of their set (and itself)."""
        reach = {name: self.reach(self.after(name, keep), keep) for name in self.nodes}
        round_trips = (name for name in self.nodes if name in reach[name])
        return sorted(
            {frozenset(it for it in reach[name] if name in reach[it]) for name in round_trips}, key=sorted
        )

    def is_end(self, name: str) -> bool:
        """Whether the walk of this flow ends at the node."""
        return isinstance(self.nodes[name], Queue | Transfer | HangUp)


def any_way(edge: Edge) -> bool:
    """All edges."""
    del edge
    return True


def without_caller(edge: Edge) -> bool:
    """The ways of a caller who does nothing, or nothing right."""
    return not edge.by_caller


def starts_of(flow: Flow) -> dict[Purpose, str]:
    """Every purpose that callers come in with, and where."""
    return {flow.purpose: flow.start, **flow.entries}
