"""What every agent does, from the PBX's events. Pure: time comes with the events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from config.hotline import Hotline
from config.work import OFF, WRAPPING_UP
from facts.agents import AgentNow, AgentState
from facts.call import Call, CallState
from telephony.ami.events import (
    AgentCalled,
    AgentConnected,
    AgentKeyed,
    AgentRingNoAnswer,
    ChannelHangup,
    DeskMove,
    LinkLost,
    MemberAdded,
    MemberPause,
    MemberRemoved,
    MemberStatus,
    PbxEvent,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
    SnapshotQueueMember,
)
from ticketing_bridge.store.agent_repository import StateChange

#: Asterisk's device states: nobody at the telephone (unknown, invalid, gone); free
_ABSENT = frozenset({0, 4, 5})
_FREE, _IN_USE, _ABSENT_NOW = 1, 2, 5
#: who has just wished something by the web is named with the change that comes of it, so long
_NAMED = timedelta(seconds=5)


@dataclass(slots=True)
class _Member:
    paused: bool
    reason: str


@dataclass(frozen=True, slots=True)
class _Talk:
    """One talk: the agent's channel, the call, the queue that gave it."""

    uniqueid: str
    call: str
    queue: str


@dataclass(slots=True)
class _Agent:
    """What is known of one agent."""

    now: AgentNow
    members: dict[str, _Member] = field(default_factory=dict)
    status: int = 0
    rings: dict[str, _Talk] = field(default_factory=dict)
    talk: _Talk | None = None
    #: the talk after which the ticket is being finished
    wrap: _Talk | None = None
    #: when that is to end by itself; None: it is kept
    until: datetime | None = None
    signed_in_at: datetime | None = None
    wished_by: tuple[str, datetime] | None = None

    @property
    def paused(self) -> str | None:
        """Why not to be rung; None when at least one queue may ring."""
        reasons = [it.reason for it in self.members.values() if it.paused]
        return reasons[0] if reasons and len(reasons) == len(self.members) else None


def roster_of(hotline: Hotline, pbx_id: str) -> Roster:
    """The configured agents at one PBX."""
    return Roster(
        pbx_id,
        [agent.id for agent in hotline.agents],
        {queue.id: queue.wrap_up_s for queue in hotline.queues},
        by_telephone=hotline.work.sign_in == "phone",
    )


class Roster:
    """The agents of one PBX. ``take`` events, then ask for ``changes``; ``due`` says whose wrap-up is over.

    Args:
        wrap_up_s: seconds after a talk, by queue.
        by_telephone: a registered telephone takes calls without anybody's signing in.
    """

    def __init__(
        self, pbx_id: str, agents: Iterable[str], wrap_up_s: Mapping[str, int], *, by_telephone: bool
    ) -> None:
        self._pbx_id = pbx_id
        self._wrap_up_s = wrap_up_s
        self._by_telephone = by_telephone
        begin = datetime.fromtimestamp(0).astimezone()
        self._agents = {agent: _Agent(AgentNow(agent, pbx_id, AgentState.UNKNOWN, begin)) for agent in agents}
        #: queue that gave a call
        self._queues: dict[str, str] = {}
        self._known = False
        self._changes: list[StateChange] = []
        #: who must be paused by the PBX because a talk is over
        self._to_wrap: list[str] = []
        self._counted: dict[str, dict[str, _Member]] | None = None
        self._channels: set[str] = set()

    # -- what is told to it

    def restore(self, states: Iterable[AgentNow], calls: Iterable[Call]) -> None:
        """What the last process knew, and who is in a talk that began before us."""
        for now in states:
            if agent := self._agents.get(now.agent):
                agent.now, agent.signed_in_at = now, now.signed_in_at
                if now.state is AgentState.WRAP_UP:
                    agent.wrap, agent.until = _Talk("", now.call, now.queue), now.until
        for call in calls:
            if call.state is CallState.ENDED or not call.agent_legs:
                continue
            leg = call.agent_legs[-1]
            queue = call.queue_legs[-1].queue if call.queue_legs else ""
            self._queues[call.key.uniqueid] = queue
            if agent := self._agents.get(leg.agent):
                agent.talk = _Talk(leg.uniqueid, str(call.key), queue)

    def stood(self, states: Iterable[AgentNow], queues: Mapping[str, Iterable[str]]) -> None:
        """How agents stood when the events begin that come next; ``queues``: whose members they are then.

        For a past that is gone through once more. Talks and rings come with their own events.
        """
        self._known = True
        for now in states:
            agent = self._agents.get(now.agent)
            if agent is None:
                continue
            off, away = now.state is AgentState.OFF, now.state is AgentState.AWAY
            agent.status = _ABSENT_NOW if off or away else _IN_USE if now.state is AgentState.BUSY else _FREE
            agent.signed_in_at = None if off else now.since
            paused = now.reason or (WRAPPING_UP if now.state is AgentState.WRAP_UP else "")
            if not off or self._by_telephone:
                agent.members = {queue: _Member(bool(paused), paused) for queue in queues.get(now.agent, ())}
            if now.state is AgentState.WRAP_UP:
                agent.wrap = _Talk("", now.call, now.queue)
            agent.now = replace(now, signed_in_at=agent.signed_in_at)

    def adopt(self, calls: Iterable[Call], at: datetime) -> None:
        """Talks that began while the PBX was not heard, and go on."""
        for call in calls:
            leg = next((it for it in reversed(call.agent_legs) if it.left_at is None), None)
            agent = self._agents.get(leg.agent) if leg is not None else None
            if leg is None or agent is None or call.state is CallState.ENDED or agent.talk is not None:
                continue
            queue = call.queue_legs[-1].queue if call.queue_legs else ""
            self._queues[call.key.uniqueid] = queue
            agent.talk = _Talk(leg.uniqueid, str(call.key), queue)
            agent.rings.clear()
            self._settle(agent, at)

    def wished(self, agent_id: str, by: str, at: datetime) -> None:
        """Somebody asked for what is to come."""
        if agent := self._agents.get(agent_id):
            agent.wished_by = (by, at)

    def signed_in(self, agent_id: str, at: datetime) -> None:
        """Somebody has signed this agent in (a member that is there for ever does not show it)."""
        if agent := self._agents.get(agent_id):
            agent.signed_in_at = agent.signed_in_at or at
            self._settle(agent, at)

    def keep_wrap_up(self, agent_id: str, at: datetime) -> None:
        """The wrap-up's time does not end it any more."""
        if (agent := self._agents.get(agent_id)) and agent.wrap:
            agent.until = None
            self._settle(agent, at)

    def not_wrapped(self, agent_id: str, at: datetime) -> None:
        """The PBX would not pause this agent: no wrap-up then."""
        if agent := self._agents.get(agent_id):
            agent.wrap = agent.until = None
            self._settle(agent, at)

    # -- what is asked of it

    def now(self, agent_id: str) -> AgentNow | None:
        """How an agent stands."""
        agent = self._agents.get(agent_id)
        return agent.now if agent else None

    def everyone(self) -> list[AgentNow]:
        """How all stand."""
        return [agent.now for agent in self._agents.values()]

    def changes(self) -> list[StateChange]:
        """What has changed since this was last asked, in order."""
        changes, self._changes = self._changes, []
        return changes

    def to_wrap(self) -> list[str]:
        """Whose talk has ended: to be paused now."""
        agents, self._to_wrap = self._to_wrap, []
        return agents

    def due(self, now: datetime) -> list[str]:
        """Whose wrap-up is over; each is named once a second at most by whoever asks."""
        return [
            agent.now.agent
            for agent in self._agents.values()
            if agent.wrap and agent.until is not None and agent.until <= now
        ]

    def wraps_up(self, agent_id: str) -> bool:
        """Whether the talk that an agent has now will be followed by a wrap-up."""
        agent = self._agents.get(agent_id)
        return bool(
            agent and agent.talk and agent.paused is None and self._wrap_up_s.get(agent.talk.queue, 0)
        )

    def talk_channel(self, agent_id: str) -> str | None:
        """Uniqueid of the channel on which an agent talks; None when the agent does not."""
        agent = self._agents.get(agent_id)
        return agent.talk.uniqueid if agent and agent.talk else None

    # -- events

    def take(self, event: PbxEvent) -> None:
        """One event, in order."""
        match event:
            case MemberStatus() | MemberPause() | MemberAdded() | SnapshotQueueMember():
                self._member(event)
            case MemberRemoved():
                if agent := self._of(event.interface):
                    agent.members.pop(event.queue, None)
                    self._settle(agent, event.at)
            case AgentCalled():
                self._rings(event)
            case AgentConnected():
                self._queues[event.uniqueid] = event.queue
                self._talks(event.interface, event.agent_uniqueid, event)
            case AgentRingNoAnswer():
                self._channel_gone(event.agent_uniqueid, event)
            case ChannelHangup():
                self._channel_gone(event.uniqueid, event)
            case DeskMove(kind="agent", status="connected"):
                self._talks(event.target or "", event.uniqueid, event)
            case AgentKeyed():
                self._keyed(event)
            case _:
                self._gaps(event)

    def _of(self, interface: str) -> _Agent | None:
        return self._agents.get(interface.rpartition("/")[2])

    def _member(self, event: MemberStatus | MemberPause | MemberAdded | SnapshotQueueMember) -> None:
        agent = self._of(event.interface)
        if agent is None:
            return
        member = _Member(event.paused, event.reason)
        if self._counted is not None:
            self._counted.setdefault(agent.now.agent, {})[event.queue] = member
        agent.members[event.queue] = member
        agent.status = event.status
        if isinstance(event, MemberAdded):
            agent.signed_in_at = agent.signed_in_at or event.at
        if isinstance(event, MemberPause):
            self._paused(agent, event)
        self._settle(agent, event.at)

    def _paused(self, agent: _Agent, event: MemberPause) -> None:
        """By whoever's hand: a wrap-up begins, ends, or becomes a pause."""
        if not event.paused or event.reason != WRAPPING_UP:
            agent.wrap = agent.until = None
        elif agent.wrap is None:
            agent.wrap, agent.until = _Talk("", "", ""), None

    def _rings(self, event: AgentCalled) -> None:
        if agent := self._of(event.interface):
            agent.rings[event.agent_uniqueid] = _Talk(
                event.agent_uniqueid, f"{self._pbx_id}:{event.uniqueid}", event.queue
            )
            self._settle(agent, event.at)

    def _talks(self, interface: str, uniqueid: str, event: AgentConnected | DeskMove) -> None:
        agent = self._of(interface)
        if agent is None:
            return
        call = event.uniqueid if isinstance(event, AgentConnected) else event.call
        agent.rings.clear()
        agent.wrap = agent.until = None
        agent.talk = _Talk(uniqueid, f"{self._pbx_id}:{call}", self._queues.get(call, ""))
        self._settle(agent, event.at)

    def _channel_gone(self, uniqueid: str, event: PbxEvent) -> None:
        self._queues.pop(uniqueid, None)
        for agent in self._agents.values():
            if uniqueid in agent.rings:
                del agent.rings[uniqueid]
                self._settle(agent, event.at)
            elif agent.talk is not None and agent.talk.uniqueid == uniqueid:
                self._talk_over(agent, agent.talk, event.at)

    def _talk_over(self, agent: _Agent, talk: _Talk, at: datetime) -> None:
        """The telephone is free now, whatever its last reported state says."""
        agent.talk, agent.status = None, _FREE if agent.status not in _ABSENT else agent.status
        wrap_up_s = self._wrap_up_s.get(talk.queue, 0)
        if wrap_up_s and agent.members and agent.paused in (None, WRAPPING_UP):
            agent.wrap, agent.until = talk, at + timedelta(seconds=wrap_up_s)
            if agent.paused is None:
                self._to_wrap.append(agent.now.agent)
        self._settle(agent, at)

    def _keyed(self, event: AgentKeyed) -> None:
        self.wished(event.agent, "phone", event.at)
        if event.do == "sign_in":
            self.signed_in(event.agent, event.at)
        if event.do == "keep_wrap_up":
            self.keep_wrap_up(event.agent, event.at)

    def _gaps(self, event: PbxEvent) -> None:
        """Snapshots say what there is; while the PBX is not heard, nobody knows anything."""
        match event:
            case SnapshotBegin():
                self._counted, self._channels = {}, set()
            case SnapshotChannel() if self._counted is not None:
                self._channels.add(event.uniqueid)
            case SnapshotEnd() if self._counted is not None:
                if event.complete:
                    self._take_up(self._counted, event.at)
                self._counted = None
            case LinkLost():
                self._known, self._counted = False, None
                for agent in self._agents.values():
                    self._settle(agent, event.at)

    def _take_up(self, members: Mapping[str, dict[str, _Member]], at: datetime) -> None:
        self._known = True
        self._queues = {call: queue for call, queue in self._queues.items() if call in self._channels}
        for agent in self._agents.values():
            agent.members = members.get(agent.now.agent, {})
            agent.rings = {key: ring for key, ring in agent.rings.items() if key in self._channels}
            if agent.talk is not None and agent.talk.uniqueid not in self._channels:
                agent.talk = None
            if agent.wrap is not None and agent.paused != WRAPPING_UP:
                agent.wrap = agent.until = None
            self._settle(agent, at)

    # -- the state

    def _settle(self, agent: _Agent, at: datetime) -> None:
        """Say how the agent stands now, if that is new."""
        before = agent.now
        state, reason, of = self._state(agent)
        if state is AgentState.OFF:
            agent.signed_in_at = None
        elif before.state is AgentState.OFF and before.reason == OFF:
            agent.signed_in_at = agent.signed_in_at or at
        now = AgentNow(
            before.agent,
            self._pbx_id,
            state,
            before.since,
            reason,
            of.queue if of else "",
            of.call if of else "",
            agent.signed_in_at,
            agent.until if state is AgentState.WRAP_UP else None,
        )
        if now == before:
            return
        same = (before.state, before.reason, before.call) == (state, reason, now.call)
        agent.now = now if same else replace(now, since=max(at, before.since))
        by = ""
        if not same and agent.wished_by is not None:
            (name, wished_at), agent.wished_by = agent.wished_by, None
            by = name if at - wished_at < _NAMED else ""
        self._changes.append(StateChange(agent.now, by, begins=not same))

    def _state(self, agent: _Agent) -> tuple[AgentState, str, _Talk | None]:
        """The first that holds: state, reason, and the call that it is about."""
        paused, reason = agent.paused, ""
        ring = next(iter(agent.rings.values()), None)
        absent = agent.status in _ABSENT
        unwatched = absent and self._by_telephone and agent.signed_in_at is None
        of: _Talk | None = None
        if not self._known:
            state = AgentState.UNKNOWN
        elif agent.talk:
            state, of = AgentState.TALKING, agent.talk
        elif not agent.members or paused == OFF or (unwatched and paused is None):
            state, reason = AgentState.OFF, paused or ""
        elif ring:
            state, of = AgentState.RINGING, ring
        elif agent.wrap:
            state, of = AgentState.WRAP_UP, agent.wrap
        elif paused is not None:
            state, reason = AgentState.PAUSED, paused
        elif absent:
            state = AgentState.AWAY
        else:
            state = AgentState.READY if agent.status == _FREE else AgentState.BUSY
        return state, reason, of
