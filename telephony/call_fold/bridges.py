"""When the caller and which agents were in one mixing bridge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from facts.call import AgentLeg

#: a channel takes another's place in a bridge within this time
_AT_ONCE = timedelta(milliseconds=100)


@dataclass(slots=True)
class _Presence:
    #: None: somebody else, such as a unit's telephone
    agent: str | None
    channel: str
    uniqueid: str
    bridge: str
    entered_at: datetime
    certain: bool


@dataclass(slots=True)
class _Talk:
    who: _Presence
    bridged_at: datetime
    certain: bool
    left_at: datetime | None = None
    over: bool = False


@dataclass(slots=True)
class Bridges:
    """Grows with the events; ``certain`` False is what a snapshot shows: since when is unknown."""

    _caller_in: str | None = None
    _caller_certain: bool = True
    _agents: dict[str, _Presence] = field(default_factory=dict)
    _talks: list[_Talk] = field(default_factory=list)

    def caller_enters(self, bridge: str, at: datetime, *, certain: bool) -> None:
        """The caller is in this bridge from now (or, from a snapshot, since some time)."""
        if self._caller_in == bridge:
            return
        self._caller_in, self._caller_certain = bridge, certain
        self._meet(at)

    def other_enters(
        self, bridge: str, agent: str | None, channel: str, uniqueid: str, at: datetime, *, certain: bool
    ) -> None:
        """An agent, or (None) somebody else, is in this bridge."""
        known = self._agents.get(uniqueid)
        if known is None or known.bridge != bridge:
            self._agents[uniqueid] = _Presence(agent, channel, uniqueid, bridge, at, certain)
            self._meet(at)

    def _meet(self, at: datetime) -> None:
        running = {talk.who.uniqueid for talk in self._talks if not talk.over}
        for who in self._agents.values():
            if who.bridge == self._caller_in and who.uniqueid not in running:
                self._talks.append(_Talk(who, at, self._caller_certain and who.certain))

    def caller_leaves(self, at: datetime) -> None:
        """The caller left whatever bridge it was in."""
        self._caller_in = None
        for talk in self._talks:
            _end(talk, at)

    def other_leaves(self, uniqueid: str, at: datetime) -> None:
        """One of the others left."""
        self._agents.pop(uniqueid, None)
        for talk in self._talks:
            if talk.who.uniqueid == uniqueid:
                _end(talk, at)

    def close(self, at: datetime | None) -> None:
        """The call is over."""
        for talk in self._talks:
            _end(talk, at)

    @property
    def talking(self) -> bool:
        """Whether caller and agent are together now."""
        return any(not talk.over for talk in self._with_agents())

    def with_caller(self, uniqueid: str) -> bool:
        """Whether this one is with the caller now, and nobody else is."""
        running = [talk.who.uniqueid for talk in self._talks if not talk.over]
        return running == [uniqueid]

    def _with_agents(self) -> list[_Talk]:
        return [talk for talk in self._talks if talk.who.agent is not None]

    def person_after(self, moment: datetime) -> bool:
        """Whether somebody, an agent or not, was with the caller after this moment."""
        return any(talk.left_at is None or talk.left_at > moment for talk in self._talks)

    @property
    def first_at(self) -> datetime | None:
        """When the first agent was there, None when that is not known."""
        talks = self._with_agents()
        return talks[0].bridged_at if talks and talks[0].certain else None

    @property
    def talk_s(self) -> float | None:
        """Seconds of all talks together, None when there was none or a time is not known."""
        talks = self._with_agents()
        if not talks or not all(talk.certain for talk in talks):
            return None
        spans = [leg.left_at - leg.bridged_at for leg in self.legs() if leg.left_at]
        return sum(span.total_seconds() for span in spans)

    def legs(self) -> tuple[AgentLeg, ...]:
        """The talks; one agent who goes on with another channel (a Local member's telephone) is one talk."""
        legs: list[AgentLeg] = []
        for it in self._with_agents():
            leg = AgentLeg(it.who.agent or "", it.who.channel, it.who.uniqueid, it.bridged_at, it.left_at)
            place = next((i for i, before in enumerate(legs) if _goes_on(before, leg)), None)
            if place is None:
                legs.append(leg)
            else:
                left_at = max((t for t in (legs[place].left_at, leg.left_at) if t), default=None)
                over = legs[place].left_at and leg.left_at
                legs[place] = replace(
                    leg, bridged_at=legs[place].bridged_at, left_at=left_at if over else None
                )
        return tuple(legs)


def _goes_on(before: AgentLeg, leg: AgentLeg) -> bool:
    """Whether the same agent is there again in the moment in which the one channel left."""
    if before.agent != leg.agent:
        return False
    return before.left_at is None or leg.bridged_at - before.left_at <= _AT_ONCE


def _end(talk: _Talk, at: datetime | None) -> None:
    if not talk.over:
        talk.over, talk.left_at = True, at
