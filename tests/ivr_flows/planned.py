"""A caller who walks a path of the flow's graph: at each node does what its edge says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from facts.caller_session import (
    FollowUpTask,
    Keys,
    ProgressAnswer,
    QueueOutlook,
    Recorded,
    TicketProgress,
    Utterance,
)
from facts.identity import CallKey
from ivr_flows.graph import Edge, Graph, any_way
from ivr_flows.nodes import Ask, CallbackOffer, Collect, Hours, Lookup, Menu, Part, Record, Say, Survey
from ivr_flows.testing import ScriptedCaller
from tests.ivr_flows.house import TASK

#: (node, edge) one after the other
Path = tuple[tuple[str, Edge], ...]


def paths(graph: Graph) -> dict[tuple[str, str], Path]:
    """For every edge that can be reached, a shortest path that ends with it."""
    first: dict[str, Path] = {graph.start: ()}
    todo = deque([graph.start])
    while todo:
        name = todo.popleft()
        for edge in graph.edges[name]:
            if edge.target and edge.target not in first:
                first[edge.target] = (*first[name], (name, edge))
                todo.append(edge.target)
    return {
        (name, edge.how): (*path, (name, edge))
        for name, path in first.items()
        for edge in graph.edges[name]
        if any_way(edge)
    }


@dataclass(slots=True)
class Plan:
    """Where the caller is on the path: one step further with each node that is done."""

    graph: Graph
    path: Path
    done: int = 0

    @property
    def here(self) -> tuple[Part | None, str]:
        """The node that is being done, and the way that is to be taken; silence after the path."""
        if self.done >= len(self.path):
            return None, "otherwise"
        name, edge = self.path[self.done]
        return self.graph.nodes[name], edge.how

    def asks(self, kind: type[Part]) -> str | None:
        """The way to be taken when the node is of this kind."""
        node, how = self.here
        return how if isinstance(node, kind) else None


@dataclass(slots=True)
class PlannedCaller(ScriptedCaller):
    """Answers as the plan says; by speech where there is an open question."""

    plan: Plan = field(default_factory=lambda: Plan(None, ()))  # type: ignore[arg-type]
    script: Sequence[object] = ()  # type: ignore[assignment]

    async def collect(
        self,
        prompts: Sequence[str],
        *,
        max_digits: int,
        terminator: str,
        first_timeout_ms: int,
        between_timeout_ms: int,
    ) -> Keys:
        self._play(prompts)
        node, how = self.plan.here
        match node:
            case Menu() if how in node.keys:
                return Keys(how)
            case Survey() if how == "scored":
                return Keys(next(iter(node.scores)))
            case CallbackOffer() if how == "refused":
                return Keys(node.key)
            case CallbackOffer() if how == node.key or how in node.keys:
                return Keys(how)
            case Collect() if how == "digits":
                return Keys("1" * max(node.min_digits, min(node.max_digits, 8)), terminated=True)
        self._wait(first_timeout_ms)
        return Keys("", timed_out=True)

    async def listen(
        self, prompts: Sequence[str], *, phrases: Sequence[str], first_timeout_ms: int, most_ms: int
    ) -> Utterance:
        self._play(prompts)
        node, how = self.plan.here
        if isinstance(node, Ask) and how in node.choices:
            return Utterance(f"嗯{max(node.choices[how].words, key=len)}", 0.9)
        if isinstance(node, Ask) and how == "said":
            return Utterance("格尔木", 0.9)
        self._wait(first_timeout_ms)
        return Utterance()

    async def record(self, *, most_ms: int, silence_ms: int, finish_keys: str = "#") -> Recorded:
        spoken_ms = 5000 if self.plan.asks(Record) == "recorded" else 0
        self._wait(spoken_ms or silence_ms)
        return Recorded("message", spoken_ms)

    async def enter(self, step: str, details: Mapping[str, str]) -> None:
        pass

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        await ScriptedCaller.mark(self, step, details)
        self.plan.done += 1


@dataclass(slots=True)
class PlannedHouse:
    """Services that answer as the plan needs."""

    plan: Plan

    async def ticket_progress(
        self, number: str, last_digits: str, caller_number: str | None
    ) -> TicketProgress | None:
        how = self.plan.asks(Lookup)
        return None if how in {None, "unavailable"} else TicketProgress(ProgressAnswer(how), "正在办理。")

    async def queue_outlook(self, queue: str) -> QueueOutlook | None:
        return QueueOutlook(3, 0, 4, 180.0)

    async def hour_notice(self, line: str) -> str | None:
        return "城东停水。" if self.plan.asks(Say) == "" else ""

    async def calls_back(self, call: CallKey, caller_number: str | None) -> bool | None:
        return False

    async def request_callback(self, call: CallKey, number: str, line: str, queue: str) -> bool | None:
        return self.plan.asks(CallbackOffer) != "refused"

    async def follow_up(self, task: int) -> FollowUpTask | None:
        return TASK if self.plan.asks(Say) == "" else None

    async def follow_up_answer(self, task: int, question: str, answer: str) -> bool | None:
        return True


def is_open(plan: Plan) -> bool:
    """Whether the hours node of the path is to be open."""
    return plan.asks(Hours) == "open"
