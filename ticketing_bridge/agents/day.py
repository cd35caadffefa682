"""An agent's day in seconds, from the history of states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from facts.agents import AgentSpan, AgentState

#: able to take a call, or at work on one
_ON_CALLS = (AgentState.TALKING, AgentState.WRAP_UP)
_FOR_CALLS = (*_ON_CALLS, AgentState.READY, AgentState.RINGING)


@dataclass(frozen=True, slots=True)
class AgentDay:
    """What one agent did. All in seconds; what nobody heard of (``unknown``) is in no sum."""

    agent: str
    talks: int
    seconds: Mapping[AgentState, float]

    def of(self, *states: AgentState) -> float:
        return sum(self.seconds.get(state, 0.0) for state in states)

    @property
    def signed_in_s(self) -> float:
        """At work."""
        return sum(lasted for state, lasted in self.seconds.items() if state.signed_in)

    @property
    def occupancy(self) -> float | None:
        """Talk and wrap-up ÷ the time for calls (those, ready and ringing); None: no such time."""
        whole = self.of(*_FOR_CALLS)
        return self.of(*_ON_CALLS) / whole if whole else None

    @property
    def handle_s(self) -> float | None:
        """Talk and wrap-up, a talk; None: no talk."""
        return self.of(*_ON_CALLS) / self.talks if self.talks else None


def agent_days(spans: Iterable[AgentSpan]) -> dict[str, AgentDay]:
    """By agent; spans must have ended (be cut at now)."""
    seconds: dict[str, dict[AgentState, float]] = {}
    talks: dict[str, set[str]] = {}
    for span in spans:
        if span.end is None:
            continue
        of_agent = seconds.setdefault(span.agent, {})
        of_agent[span.state] = of_agent.get(span.state, 0.0) + span.seconds(span.end)
        if span.state is AgentState.TALKING:
            talks.setdefault(span.agent, set()).add(span.call or span.begin.isoformat())
    return {agent: AgentDay(agent, len(talks.get(agent, ())), of) for agent, of in seconds.items()}
