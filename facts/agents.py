"""Agents at work: their states, how they come and go, and who may have them moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from facts.errors import HotlineError


class AgentState(StrEnum):
    """What an agent is doing now; exactly one holds."""

    #: not signed in
    OFF = "off"
    #: signed in, but the telephone is not to be reached
    AWAY = "away"
    READY = "ready"
    RINGING = "ringing"
    TALKING = "talking"
    #: after a talk: finishing the ticket
    WRAP_UP = "wrap_up"
    #: signed in and not to be rung; ``AgentNow.reason`` says why
    PAUSED = "paused"
    #: on a call that no queue gave (a colleague, a unit, a call-out of one's own)
    BUSY = "busy"
    #: the PBX is not heard: nobody knows
    UNKNOWN = "unknown"

    @property
    def signed_in(self) -> bool:
        """Whether this agent is at work, as far as anybody knows."""
        return self not in (AgentState.OFF, AgentState.UNKNOWN)


class AgentRefusal(StrEnum):
    """Why an agent's wish is not fulfilled; the page has words for each."""

    #: there is no such agent, or none belongs to this account
    NO_AGENT = "no_agent"
    NOT_SIGNED_IN = "not_signed_in"
    NO_REASON = "no_reason"
    NOT_ALLOWED = "not_allowed"
    #: the agent does not talk: nothing to listen to
    NO_CALL = "no_call"
    #: nobody does it: the telephony role, the PBX or the database is away
    UNREACHABLE = "unreachable"
    PBX_REFUSED = "pbx_refused"


class AgentRefused(HotlineError):
    """What was asked of an agent's state was not done."""

    error_id = "agent-refused"

    def __init__(self, kind: AgentRefusal, detail: str = "") -> None:
        super().__init__(f"{kind.value}{': ' if detail else ''}{detail}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class AgentNow:
    """One agent at this moment. Times are the PBX's own (UTC)."""

    agent: str
    pbx_id: str
    state: AgentState
    since: datetime
    #: why paused; empty otherwise
    reason: str = ""
    #: of what is done now (ringing, talking, wrap-up), where known
    queue: str = ""
    call: str = ""
    #: since when signed in today; None: nobody signed this agent in (a registered telephone may still ring)
    signed_in_at: datetime | None = None
    #: when the wrap-up time of the queue is over, while it runs: then the agent is ready again
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentSpan:
    """One stretch of one agent's day: from ``begin`` to ``end`` in one state. None: still so."""

    agent: str
    state: AgentState
    begin: datetime
    end: datetime | None
    reason: str = ""
    queue: str = ""
    call: str = ""

    def seconds(self, now: datetime) -> float:
        """How long, up to ``now`` when it is still so."""
        return ((self.end or now) - self.begin).total_seconds()


class AgentDesk(Protocol):
    """Signing in and out, ready and pause: the same from the web and from the telephone.

    ``actor`` is the web account that asks; it is put on record. Every method raises
    ``AgentRefused``; what became of it is seen in ``now`` (within a second).
    """

    def agent_of(self, account: str) -> str | None:
        """The agent that this web account is, by the configuration."""

    def pause_reasons(self) -> Mapping[str, str]:
        """Id and Chinese name of every reason for a pause."""

    async def now(self, agent: str) -> AgentNow | None:
        """How this agent stands; None: never heard of."""

    async def everyone(self) -> Sequence[AgentNow]:
        """Every configured agent, in the configuration's order."""

    async def sign_in(self, actor: str, agent: str) -> None:
        """Take the place in the queues of the configuration, ready."""

    async def ready(self, actor: str, agent: str) -> None:
        """Take calls (again): ends a pause and a wrap-up."""

    async def pause(self, actor: str, agent: str, reason: str) -> None:
        """Take no calls; ``reason`` is an id of ``pause_reasons``. A running talk goes on."""

    async def keep_wrap_up(self, actor: str, agent: str) -> None:
        """Stay in wrap-up beyond its time, until ``ready`` is said: nobody is forced."""

    async def sign_out(self, actor: str, agent: str, reason: str = "") -> None:
        """Leave the queues. By somebody else's hand (a shift leader) it needs a ``reason``."""
