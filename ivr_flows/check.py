"""Proves what a flow promises: every path ends well, and how long it may take.

Times of speech are estimates unless the caller of ``check_flow`` gives a measure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ivr_flows.bounds import SERVICE_MS, Costs, keys_of, longest
from ivr_flows.faults import Faults
from ivr_flows.graph import END, Graph, any_way, starts_of, without_caller
from ivr_flows.guarantee import before_flow_ms, is_exempt, keep_guarantee
from ivr_flows.problems import Problem
from ivr_flows.schema import Flow, Purpose
from ivr_flows.speech_length import estimated_speech_ms
from ivr_flows.surroundings import Limits, Surroundings
from ivr_flows.texts import HOUR_NOTICE, fill, longest_words, names_in

__all__ = ["END", "FlowReport", "LineReport", "check_flow", "estimated_speech_ms"]


@dataclass(frozen=True, slots=True)
class LineReport:
    """The guarantee on one line: milliseconds from arrival, the dialplan's notice included."""

    line: str
    #: of a caller who does nothing, while the longest notice of the hour is on, and while none is
    silent_ms: int
    usual_ms: int
    person_ms: int
    person_keys: int


@dataclass(frozen=True, slots=True)
class FlowReport:
    """Every problem, and the citizen's guarantee: times in milliseconds, None when not walkable."""

    problems: tuple[Problem, ...]
    #: longest walk to any end, wherever callers come in
    longest_ms: int | None = None
    #: longest walk to a person, and most keys pressed on one; None when there is no way to one
    person_ms: int | None = None
    person_keys: int | None = None
    #: walk of a caller who does nothing, from the flow's own start to the queue or another end
    silent_ms: int | None = None
    #: each line whose callers arrive here
    lines: tuple[LineReport, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def check_flow(
    flow: Flow,
    *,
    file: str | None = None,
    queues: Collection[str] | None = None,
    contexts: Sequence[Mapping[str, str]] = (),
    speech_ms: Callable[[str], int] | None = None,
    most_silent_ms: int | None = None,
    surroundings: Surroundings | None = None,
) -> FlowReport:
    """All problems of a flow that is well formed, each with its node and fix.

    Args:
        flow: what ``schema`` accepted.
        file: name for messages; default: the flow's id.
        queues: ids of the hotline's queues; None: not checked.
        contexts: what the templates say on each line that uses the flow: the longest counts.
        speech_ms: length of a text, in milliseconds.
        most_silent_ms: the longest that a silent caller may take to a queue; None: no limit.
        surroundings: all of this together, and more; what is given beside it counts.
    """
    around = surroundings or Surroundings(limits=Limits(most_silent_ms=most_silent_ms))
    if queues is not None:
        around = replace(around, queues=frozenset(queues))
    if contexts:
        around = replace(around, contexts=tuple(contexts))
    if speech_ms is not None:
        around = replace(around, speech_ms=speech_ms)

    around = around.narrowed_to(flow.flow)

    def costs_on(lines: Sequence[Mapping[str, str]]) -> Costs:
        return Costs(_speech_on(lines, flow, around))

    found = Faults(flow, file or f"{flow.flow}.yaml", around)
    found.form()
    if not found.problems:
        found.paths()
    if found.problems:
        return FlowReport(tuple(found.problems))
    found.lengths(costs_on(around.contexts))
    keep_guarantee(found, costs_on)
    graph, costs = Graph.of(flow, around.flows or {}), costs_on(around.contexts)
    entries = [replace(graph, start=start) for start in starts_of(flow).values()]
    return FlowReport(
        tuple(found.problems),
        longest_ms=_most(longest(it, costs.of, any_way) for it in entries),
        person_ms=_most(longest(it, costs.of, any_way, person_only=True) for it in entries),
        person_keys=_most(longest(it, keys_of, any_way, person_only=True) for it in entries),
        silent_ms=_silent_ms(graph, costs),
        lines=_lines(graph, around, costs_on),
    )


def _most(found: Iterable[int | None]) -> int | None:
    return max((it for it in found if it is not None), default=None)


def _silent_ms(graph: Graph, costs: Costs) -> int:
    silent = longest(graph, costs.silent, without_caller, stop=lambda name: is_exempt(graph.flow, name)) or 0
    # at the queue the walk may wait for what was asked of the house at arrival
    return max(silent, SERVICE_MS) if graph.flow.purpose is Purpose.ARRIVAL else silent


def _lines(
    graph: Graph, around: Surroundings, costs_on: Callable[[Sequence[Mapping[str, str]]], Costs]
) -> tuple[LineReport, ...]:
    """The guarantee of a flow of arrival, line by line."""
    if graph.flow.purpose is not Purpose.ARRIVAL or (around.lines and graph.flow.flow not in around.lines):
        return ()
    before_ms = before_flow_ms(around)
    keys = longest(graph, keys_of, any_way, person_only=True) or 0
    reports = []
    for context in around.contexts:
        if "line.id" in context:
            costs = costs_on([context])
            usual = Costs(_speech_on([context], graph.flow, around, hour_ms=0))
            report = LineReport(
                context["line.id"],
                silent_ms=before_ms + _silent_ms(graph, costs),
                usual_ms=before_ms + _silent_ms(graph, usual),
                person_ms=before_ms + (longest(graph, costs.of, any_way, person_only=True) or 0),
                person_keys=keys,
            )
            reports.append(report)
    return tuple(reports)


def _speech_on(
    lines: Sequence[Mapping[str, str]], flow: Flow, around: Surroundings, hour_ms: int | None = None
) -> Callable[[str], int]:
    """Length of a text on the line that has the longest words for it.

    A notice of the hour is as long as is likely, or ``hour_ms``; none that takes more time than
    the guarantee leaves can be switched on.
    """
    words: dict[str, str] = {}
    for it in (*(around.flows or {}).values(), flow):
        words |= longest_words(it)
    if hour_ms is None:
        hour_ms = around.speech_ms(words[HOUR_NOTICE])
        if around.limits.most_silent_ms is not None and around.notice:
            hour_ms = max(0, min(hour_ms, around.limits.most_silent_ms - before_flow_ms(around)))
    words[HOUR_NOTICE] = ""

    def longest_of(text: str) -> int:
        names = names_in(text)
        if not names:
            return around.speech_ms(text)
        filled = (fill(text, {**dict.fromkeys(names, ""), **line, **words}) for line in lines or [{}])
        return max(map(around.speech_ms, filled)) + (hour_ms if HOUR_NOTICE in names else 0)

    return longest_of
