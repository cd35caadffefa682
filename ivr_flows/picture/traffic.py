"""How many callers went which way through a flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from facts.call import JourneyStep


@dataclass(slots=True)
class NodeTraffic:
    """One node: how often it was entered, and what came next ("" where the flow ended there)."""

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
        own = [step.node if step.flow == flow else "" for step in steps]
        if not any(own):
            return
        self.calls += 1
        for node, after in zip(own, [*own[1:], ""], strict=True):
            if node:
                entered = self.nodes.setdefault(node, NodeTraffic())
                entered.visits += 1
                entered.next[after] += 1

    @classmethod
    def of_ways(cls, calls: int, ways: Iterable[tuple[str, str, int]]) -> Traffic:
        """The traffic as the database counts it: (node, what came next or "", how often)."""
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
