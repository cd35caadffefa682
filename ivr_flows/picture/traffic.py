"""How many callers went which way through a flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from facts.call import JourneyStep


def into(flow: str) -> str:
    """What comes next when a caller goes on in another flow: no node has such a name."""
    return f"flow:{flow}"


@dataclass(slots=True)
class NodeTraffic:
    """One node: how often it was entered; what came next: a node, ``into`` a flow, "" where it ended."""

    visits: int = 0
    next: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Traffic:
    """One flow in a period: calls that were in it, and its nodes."""

    calls: int = 0
    nodes: dict[str, NodeTraffic] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """How often the way was gone that was gone most."""
        return max((count for it in self.nodes.values() for count in it.next.values()), default=0)

    def add(self, steps: Sequence[JourneyStep], flow: str) -> None:
        """Count one call's steps; those of other flows part its visits."""
        if all(step.flow != flow for step in steps):
            return
        self.calls += 1
        places = [step.node if step.flow == flow else into(step.flow) for step in steps]
        for step, after in zip(steps, [*places[1:], ""], strict=True):
            if step.flow == flow:
                entered = self.nodes.setdefault(step.node, NodeTraffic())
                entered.visits += 1
                entered.next[after] += 1

    @classmethod
    def of_ways(cls, calls: int, ways: Iterable[tuple[str, str, int]]) -> Traffic:
        """The traffic as the database counts it: (node, what came next as in ``NodeTraffic``, how often)."""
        made = cls(calls)
        for node, after, count in ways:
            here = made.nodes.setdefault(node, NodeTraffic())
            here.visits += count
            here.next[after] += count
        return made

    @classmethod
    def of(cls, journeys: Iterable[Sequence[JourneyStep]], flow: str) -> Traffic:
        """The traffic of many calls' steps."""
        made = cls()
        for steps in journeys:
            made.add(steps, flow)
        return made
