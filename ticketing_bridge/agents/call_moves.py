"""Where each call stands between caller, agent and third party, from the PBX's events. Pure.

Whose the ticket is: the agent who answered; after a transfer to an agent, that agent once the one before
has left; after one to a queue, whoever takes the call there. Units and emergency services never own it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from facts.call_control import DeskCall, Standing, Target, TargetKind
from facts.identity import CallKey
from telephony.ami.events import (
    AgentConnected,
    ChannelHangup,
    ChannelRenamed,
    DeskMove,
    PbxEvent,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
)
from telephony.call_fold.rules import NEVER_CITIZENS
from ticketing_bridge.store.agent_repository import Move

#: the standing of a call that is with no agent any more, in the history
OVER = "over"
#: the "kind of target" of a call that our side ended: silent, prank, abusive
CLOSED = "close"
#: how a target was not reached
_MISSED = frozenset({"no_answer", "busy", "failed"})
_TOGETHER = frozenset({Standing.TALK, Standing.THREE_WAY, Standing.JOIN_RINGING})
_RINGING = {"consult": Standing.CONSULT_RINGING, "join": Standing.JOIN_RINGING}


@dataclass(slots=True)
class Handled:
    """One call at the desk: its channels, and where it stands."""

    key: CallKey
    #: name of the caller's channel
    caller: str
    owner: str
    #: the agent who is with the caller, or has the caller wait; None: nobody any more
    agent: str | None
    #: Uniqueid of that agent's channel
    agent_channel: str
    standing: Standing
    since: datetime
    #: whether caller and helpers are in a room of their own already
    roomed: bool = False
    target: Target | None = None
    #: Uniqueid of the third party's channel, once connected; of the channel that rings it, until then
    third: str | None = None
    rings: str | None = None
    #: the third party is with the caller
    entered: bool = False
    paused: bool = False
    #: when the agent's channel went; whether the caller is sent on then, the PBX may tell a moment later
    left_at: datetime | None = None
    #: nobody handles it any more
    over: bool = False

    def view(self) -> DeskCall:
        """As pages see it."""
        return DeskCall(self.key, self.standing, self.since, self.owner, self.target, self.paused)


@dataclass(slots=True)
class CallMoves:
    """The calls of one PBX that are with an agent. Replaying a call's stored events gives the same again."""

    pbx_id: str
    _calls: dict[str, Handled] = field(default_factory=dict)
    #: targets by the id that the dialplan carries: units are known by the wish that named them
    _units: dict[str, Target] = field(default_factory=dict)
    #: by Uniqueid of the caller's channel: the service that a flow has called and that is in the room
    _services: dict[str, DeskMove] = field(default_factory=dict)
    _moves: list[Move] = field(default_factory=list)
    #: calls that came to another agent while their recording rested
    _to_resume: list[CallKey] = field(default_factory=list)
    #: channels of the snapshot that is being taken
    _there: set[str] = field(default_factory=set)

    def get(self, key: CallKey) -> Handled | None:
        """One call; None when it is with no agent."""
        found = self._calls.get(key.uniqueid)
        return found if found is not None and found.agent is not None else None

    def of_agent(self, agent: str) -> Handled | None:
        """The call that an agent has now."""
        return next((it for it in self._calls.values() if it.agent == agent), None)

    def unit(self, carried: str, target: Target) -> None:
        """The dialplan will call this target so."""
        self._units[carried] = target

    def forget(self, key: CallKey) -> None:
        """A call whose events are to be gone through once more."""
        self._calls.pop(key.uniqueid, None)

    def pause(self, key: CallKey, at: datetime, *, paused: bool) -> None:
        """Recording and live transcription rest, or go on."""
        if call := self._calls.get(key.uniqueid):
            call.paused = paused
            self._note(call, at)

    def moves(self) -> list[Move]:
        """What has changed since this was last asked, in order."""
        moves, self._moves = self._moves, []
        return moves

    def to_resume(self) -> list[CallKey]:
        """Calls whose recording must go on: another agent has them, who did not ask for the pause."""
        keys, self._to_resume = self._to_resume, []
        return keys

    # -- events

    def take(self, event: PbxEvent) -> None:
        """One event, in order."""
        match event:
            case AgentConnected():
                self._connected(event)
            case DeskMove(move="with"):
                self._with(event)
            case DeskMove():
                self._moved(event)
            case ChannelHangup():
                self._channel_gone(event.uniqueid, event.at)
            case ChannelRenamed():
                if call := self._calls.get(event.uniqueid):
                    call.caller = event.new_name
            case SnapshotBegin():
                self._there.clear()
            case SnapshotChannel():
                self._there.add(event.uniqueid)
            case SnapshotEnd(complete=True):
                self._sweep(event.at)

    def _sweep(self, at: datetime) -> None:
        """What ended while the PBX was not heard: callers first, then who was with them."""
        for uniqueid in [it for it in self._calls if it not in self._there]:
            self._channel_gone(uniqueid, at)
        for call in [*self._calls.values()]:
            for channel in (call.third, call.agent_channel if call.agent else None):
                if channel is not None and channel not in self._there:
                    self._channel_gone(channel, at)

    def _connected(self, event: AgentConnected) -> None:
        if event.channel.startswith(NEVER_CITIZENS):
            return
        before = self._calls.get(event.uniqueid)
        if before is not None and before.left_at is not None:
            self._over(before, before.left_at)
        call = self._talks(event.uniqueid, event.channel, event.member, event.agent_uniqueid, event.at)
        if before is not None and before.paused:
            self._to_resume.append(call.key)

    def _talks(self, uniqueid: str, caller: str, agent: str, channel: str, at: datetime) -> Handled:
        """An agent has this call from now on."""
        call = Handled(
            CallKey(self.pbx_id, uniqueid),
            caller,
            owner=agent,
            agent=agent,
            agent_channel=channel,
            standing=Standing.TALK,
            since=at,
        )
        self._calls[uniqueid] = call
        self._note(call, at)
        return call

    def _with(self, event: DeskMove) -> None:
        """A flow called both into the room: the agent's half is the agent's channel there."""
        if event.status != "connected":
            return
        if event.kind == TargetKind.EMERGENCY.value:
            self._services[event.call] = event
        call = self._calls.get(event.call)
        if event.kind == TargetKind.AGENT.value and call is None and event.target:
            call = self._talks(event.call, event.call, event.target, event.uniqueid, event.at)
            call.roomed = True
        service = self._services.get(event.call)
        if call is not None and service is not None:
            call.target, call.third, call.entered = self._target(service), service.uniqueid, True
            self._stand(call, Standing.THREE_WAY, event.at)

    def _moved(self, event: DeskMove) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        call.roomed = event.move != "blind"
        if event.status in _MISSED:
            self._third_is_not_there(call, event)
            return
        match event.move, event.status:
            case "hold", _:
                self._stand(call, Standing.HELD, event.at)
            case "talk", _:
                together = call.third is not None and call.entered
                self._stand(call, Standing.THREE_WAY if together else Standing.TALK, event.at)
            case (("consult" | "join"), "dialing"):
                call.target, call.third, call.rings = self._target(event), None, event.uniqueid
                call.entered = False
                self._stand(call, _RINGING[event.move], event.at)
            case "consult", "connected":
                call.third = event.uniqueid
                self._stand(call, Standing.CONSULT, event.at)
            case ("join", "connected") | ("enter", _):
                self._third_is_there(call, event)
            case "blind", _:
                self._sent_on(call, event)
            case "close", _:
                self._over(call, event.at, closed=event.target)
            case _:
                self._third_is_not_there(call, event)

    def _sent_on(self, call: Handled, event: DeskMove) -> None:
        target = self._target(event)
        if event.status == "connected" and target is not None and target.kind is TargetKind.AGENT:
            self._belongs_to(call, target.id, event.uniqueid, event.at)
        elif event.status == "dialing":
            call.agent, call.target, call.third, call.left_at = None, target, None, None
            self._stand(call, Standing.HANDED_OVER, event.at)
        else:
            self._note(call, event.at)

    def _target(self, event: DeskMove) -> Target | None:
        kind = next((kind for kind in TargetKind if kind.value == event.kind), None)
        if kind is None:
            return None
        return self._units.get(event.target or "") or Target(kind, event.target or "")

    def _third_is_there(self, call: Handled, event: DeskMove) -> None:
        """Called into the room, or brought there after a consultation."""
        if event.move == "join":
            call.third = event.uniqueid
        call.entered = True
        if call.agent is None:
            self._handed_over(call, event.at)
        elif call.standing is not Standing.THREE_WAY:
            self._stand(call, Standing.THREE_WAY, event.at)

    def _third_is_not_there(self, call: Handled, event: DeskMove) -> None:
        """Not reached, or gone: who consulted comes back by itself (``talk``)."""
        call.third = None
        if event.move == "join" and call.standing in _TOGETHER and call.agent is not None:
            call.standing, call.since = Standing.TALK, event.at
        self._note(call, event.at, event.status if event.status in _MISSED else None)
        call.target = None
        if call.agent is None:
            self._over(call, event.at)

    def _channel_gone(self, uniqueid: str, at: datetime) -> None:
        for key, service in [*self._services.items()]:
            if uniqueid in (key, service.uniqueid):
                del self._services[key]
        if call := self._calls.pop(uniqueid, None):
            self._over(call, call.left_at or at)
            return
        for call in self._calls.values():
            if call.agent is not None and call.agent_channel == uniqueid:
                self._agent_gone(call, at)
            elif call.rings == uniqueid and call.standing is Standing.JOIN_RINGING:
                call.target = None
                self._stand(call, Standing.TALK, at)
            elif call.third == uniqueid:
                call.third = None
                if call.standing is Standing.THREE_WAY:
                    call.target = None
                    self._stand(call, Standing.TALK, at)

    def _agent_gone(self, call: Handled, at: datetime) -> None:
        call.agent = None
        if call.third is not None:
            self._handed_over(call, at)
        elif call.standing not in (Standing.JOIN_RINGING, Standing.CONSULT_RINGING):
            call.left_at = at

    def _handed_over(self, call: Handled, at: datetime) -> None:
        if call.target is not None and call.target.kind is TargetKind.AGENT and call.third is not None:
            self._belongs_to(call, call.target.id, call.third, at)
        else:
            self._stand(call, Standing.HANDED_OVER, at)

    def _belongs_to(self, call: Handled, agent: str, channel: str, at: datetime) -> None:
        """From here on it is this agent's call."""
        call.owner, call.agent, call.agent_channel = agent, agent, channel
        call.target = call.third = None
        if call.paused:
            self._to_resume.append(call.key)
        self._stand(call, Standing.TALK, at)

    def _stand(self, call: Handled, standing: Standing, at: datetime) -> None:
        call.standing, call.since = standing, at
        if call.third is None and standing in (Standing.TALK, Standing.HELD):
            call.target = None
        self._note(call, at)

    def _over(self, call: Handled, at: datetime, closed: str | None = None) -> None:
        """Nobody handles it any more; ``closed``: why our side ended it."""
        if not call.over:
            call.over = True
            why = CLOSED if closed else None
            self._moves.append(Move(str(call.key), at, OVER, call.owner, why, closed, paused=call.paused))

    def _note(self, call: Handled, at: datetime, missed: str | None = None) -> None:
        target = call.target
        self._moves.append(
            Move(
                str(call.key),
                at,
                call.standing.value,
                call.owner,
                target.kind.value if target else None,
                target.id if target else None,
                missed,
                call.paused,
            )
        )
