"""The citizen's guarantee: who does nothing reaches a person, soon, without a key, on every line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ivr_flows.bounds import SERVICE_MS, Costs, Way, fewest_keys, longest_way
from ivr_flows.faults import Faults
from ivr_flows.graph import Graph, any_way, starts_of, without_caller
from ivr_flows.nodes import HangUp, Queue, Transfer
from ivr_flows.schema import Flow, Purpose
from ivr_flows.surroundings import PBX_MS, Surroundings

#: makes the costs of a flow on these lines
CostsOn = Callable[[Sequence[Mapping[str, str]]], Costs]


def keep_guarantee(found: Faults, costs_on: CostsOn) -> None:
    """Add what breaks the guarantee; a flow that is exempt by its name is asked for nothing here."""
    flow = found.flow
    if flow.flow in flow.exempt:
        return
    whole = Graph.of(flow, found.around.flows or {})
    for purpose, start in starts_of(flow).items():
        guarantee = _Guarantee(found, replace(whole, start=start), costs_on)
        if purpose is Purpose.ARRIVAL:
            guarantee.arrival()
        else:
            guarantee.others(purpose)


def is_exempt(flow: Flow, name: str) -> bool:
    """Whether a node belongs to another flow of which the limits are not asked."""
    other, slash, _ = name.partition("/")
    return bool(slash) and other in flow.exempt


def before_flow_ms(around: Surroundings) -> int:
    """From arrival to the flow: the PBX itself, and the dialplan's notice."""
    return PBX_MS + around.speech_ms(around.notice) if around.notice else 0


class _Guarantee:
    def __init__(self, found: Faults, graph: Graph, costs_on: CostsOn) -> None:
        self.found = found
        self.graph = graph
        self.costs_on = costs_on
        self.limits = found.around.limits

    def _exempt(self, name: str) -> bool:
        return is_exempt(self.found.flow, name)

    def arrival(self) -> None:
        """A silent caller comes to a queue in time on every line, with no more keys than allowed."""
        keys = fewest_keys(self.graph, self._is_person)
        if keys is None or keys > self.limits.most_keys:
            what = "no way to a person" if keys is None else f"a person only after {keys} keys"
            what = f"{what} (limit {self.limits.most_keys} keys)"
            self.found.add(self.graph.start, what, "lead who presses nothing to a queue")
        if self.limits.most_keys == 0:
            self._nobody_hung_up("the call is ended")
        notice_ms = before_flow_ms(self.found.around)
        for context in self.found.around.contexts or [{}]:
            way = self._silent_way([context])
            silent_ms = notice_ms + max(SERVICE_MS, way.cost)
            on_line = f" on line {context['line.id']}" if "line.id" in context else ""
            if self.limits.most_silent_ms is not None and silent_ms > self.limits.most_silent_ms:
                what = f"a silent caller{on_line} reaches a person only after {silent_ms} ms"
                notice = Way().after("notice", notice_ms).nodes
                self._too_long(what, self.limits.most_silent_ms, way, notice)
        self._bearable()

    def others(self, purpose: Purpose) -> None:
        """Who does nothing is not kept, and while waiting not sent away."""
        if purpose is Purpose.WAITING:
            self._nobody_hung_up("the place in the queue is lost")
        way = self._silent_way(self.found.around.contexts)
        if way.cost > self.limits.most_other_silent_ms:
            what = f"who does nothing is kept for {way.cost} ms"
            self._too_long(what, self.limits.most_other_silent_ms, way)

    def _bearable(self) -> None:
        costs = self.costs_on(self.found.around.contexts)
        way = longest_way(self.graph, costs.of, any_way, person_only=True, stop=self._exempt)
        most_ms = self.limits.most_person_ms
        if most_ms is not None and way is not None and way.cost > most_ms:
            self._too_long(f"the longest way to a person takes {way.cost} ms", most_ms, way)

    def _too_long(self, what: str, limit_ms: int, way: Way, before: tuple[tuple[str, int], ...] = ()) -> None:
        """Blame the node that takes longest, and tell what each of them takes."""
        own = [(ms, name) for name, ms in way.nodes if self.graph.own(name)]
        parts = ", ".join(f"{name} {ms}" for name, ms in (*before, *way.nodes))
        what = f"{what} (limit {limit_ms} ms; {parts})"
        fix = "shorten texts, timeouts, retries or max_visits, or ask later"
        self.found.add(max(own)[1] if own else self.graph.start, what, fix)

    def _nobody_hung_up(self, what: str) -> None:
        for name in sorted(self.graph.reach([self.graph.start], without_caller, self._exempt)):
            if isinstance(self.graph.nodes[name], HangUp) and not self._exempt(name):
                place = name if self.graph.own(name) else self.graph.start
                self.found.add(place, f"a silent caller is hung up on: {what}", "lead it to a queue")

    def _is_person(self, name: str) -> bool:
        return isinstance(self.graph.nodes[name], Queue | Transfer) or self._exempt(name)

    def _silent_way(self, contexts: Sequence[Mapping[str, str]]) -> Way:
        costs = self.costs_on(contexts)
        return longest_way(self.graph, costs.silent, without_caller, stop=self._exempt) or Way()
