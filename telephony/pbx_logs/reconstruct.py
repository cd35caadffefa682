"""Events as the manager interface would have given them, from CEL and queue_log.

CEL has the times (microseconds) and what each channel did; queue_log says what only the queue knew: the
place in it, who was tried in vain, who ended a talk. A time in whole seconds is used to tell which lines
belong together, never as an event's time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from telephony.ami.events import (
    AgentCalled,
    AgentCompleted,
    AgentConnected,
    AgentDump,
    AgentRingNoAnswer,
    BridgeEntered,
    BridgeLeft,
    ChannelHangup,
    ChannelNew,
    ChannelUp,
    HangupRequested,
    PbxEvent,
    QueueJoined,
    QueueLeft,
    parse_event,
)
from telephony.pbx_logs.cel import CelLine
from telephony.pbx_logs.members import members_of
from telephony.pbx_logs.queue_log import QueueLogLine

#: a queue_log line is written in the same second as what it is about, or just after its turn
_SECOND = timedelta(seconds=1.6)
#: who hangs up is out of the bridge, and the channel is gone, within this time
_AT_ONCE = timedelta(milliseconds=500)
#: Asterisk's channel state of a call that comes in
_RINGS_IN = 4
#: how a talk is over, by the line that says so
_REASONS: Mapping[str, str] = {
    "COMPLETECALLER": "caller",
    "COMPLETEAGENT": "agent",
    "BLINDTRANSFER": "transfer",
    "ATTENDEDTRANSFER": "transfer",
}


def events_of(cel: Sequence[CelLine], queue_log: Sequence[QueueLogLine], pbx_id: str) -> list[PbxEvent]:
    """All events that these lines show, by time. Lines of other calls in between do not matter."""
    lines = sorted(cel, key=lambda line: line.at)
    told = _Told(queue_log)
    reader = _Reader(pbx_id, told)
    for line in lines:
        reader.take(line)
    found = reader.finish()
    return sorted([*found, *members_of(queue_log, found, pbx_id)], key=lambda event: event.at)


class _Told:
    """queue_log by caller and kind; each line is used once."""

    def __init__(self, lines: Iterable[QueueLogLine]) -> None:
        self._lines: dict[tuple[str, str], list[QueueLogLine]] = defaultdict(list)
        for line in lines:
            self._lines[line.uniqueid, line.event].append(line)

    def take(
        self, uniqueid: str, kind: str, fits: Callable[[QueueLogLine], bool] = lambda line: True
    ) -> QueueLogLine | None:
        """The first such line that is left."""
        lines = self._lines.get((uniqueid, kind), [])
        for place, line in enumerate(lines):
            if fits(line):
                return lines.pop(place)
        return None

    def rest(self, uniqueid: str, kind: str) -> list[QueueLogLine]:
        """What is left of a kind."""
        return self._lines.get((uniqueid, kind), [])


@dataclass(slots=True)
class _Ring:
    """One agent's telephone that was called for a waiting caller."""

    caller: _Caller
    agent: str
    channel: str
    uniqueid: str
    began_at: datetime
    queue: str
    interface: str


@dataclass(slots=True)
class _Caller:
    """A channel that is, or was, in Queue()."""

    uniqueid: str
    linkedid: str
    channel: str
    queue: str | None = None
    joined: bool = False
    #: an agent had the caller in this stay
    served: bool = False
    connected: _Ring | None = None
    #: halves of Local members that have not called their telephone yet
    halves: int = 0


@dataclass(slots=True)
class _Reader:
    pbx_id: str
    told: _Told
    events: list[PbxEvent] = field(default_factory=list)
    #: channels in Queue(), by Uniqueid
    callers: dict[str, _Caller] = field(default_factory=dict)
    rings: dict[str, _Ring] = field(default_factory=dict)
    #: when a channel left its last bridge: who hangs up there has asked for it by then
    exits: dict[str, datetime] = field(default_factory=dict)
    #: channels that can hang up: a telephone that refuses a call asks for no hang-up
    up: set[str] = field(default_factory=set)

    def take(self, line: CelLine) -> None:
        """One line."""
        read = _KINDS.get(line.kind)
        if read is not None:
            read(self, line)
        elif line.said:
            self._said(line)

    def finish(self) -> list[PbxEvent]:
        """Everything found."""
        return self.events

    def _base(self, line: CelLine) -> dict[str, Any]:
        return {
            "at": line.at,
            "pbx_id": self.pbx_id,
            "uniqueid": line.uniqueid,
            "linkedid": line.linkedid,
            "channel": line.channel,
        }

    def _of(self, caller: _Caller, at: datetime) -> dict[str, Any]:
        return {
            "at": at,
            "pbx_id": self.pbx_id,
            "uniqueid": caller.uniqueid,
            "linkedid": caller.linkedid,
            "channel": caller.channel,
        }

    def _said(self, line: CelLine) -> None:
        """An event of our dialplan."""
        headers = {
            "Event": "UserEvent",
            "UserEvent": line.kind,
            "Timestamp": f"{line.at.timestamp():.6f}",
            "Uniqueid": line.uniqueid,
            "Linkedid": line.linkedid,
            "Channel": line.channel,
            "CallerIDNum": line.caller,
            **line.said,
        }
        event = parse_event(headers, self.pbx_id)
        if event is not None:
            self.events.append(replace(event, at=line.at))

    # -- channels

    def _started(self, line: CelLine) -> None:
        number = line.caller if line.caller.removeprefix("+").isdigit() else None
        inbound = line.context == "hotline-from-trunk" and line.exten not in ("", "s")
        self.events.append(
            ChannelNew(
                **self._base(line),
                caller_number=number,
                context=line.context,
                exten=line.exten,
                state=_RINGS_IN if inbound else 0,
            )
        )
        if inbound:
            self.up.add(line.uniqueid)
        caller = self.callers.get(line.linkedid)
        if caller is not None and caller.queue is not None and line.uniqueid != line.linkedid:
            self._ring(line, caller)

    def _ring(self, line: CelLine, caller: _Caller) -> None:
        """A channel that begins while the caller waits is an agent's telephone, but for a Local's own."""
        if line.channel.endswith(";2"):
            return
        if caller.halves and not line.channel.startswith("Local/"):
            caller.halves -= 1
            return
        interface = line.channel.removesuffix(";1").rpartition("-")[0]
        caller.halves += line.channel.startswith("Local/")
        agent = self._member(line, caller) or interface.rpartition("/")[2]
        ring = _Ring(caller, agent, line.channel, line.uniqueid, line.at, caller.queue or "", interface)
        self.rings[line.uniqueid] = ring
        self.events.append(AgentCalled(**self._of(caller, line.at), **self._agent(ring)))

    def _member(self, line: CelLine, caller: _Caller) -> str:
        """The member's name: the queue says it when the telephone answered."""
        connects = self.told.rest(caller.uniqueid, "CONNECT")
        return next((it.agent for it in connects if it.value(1) == line.uniqueid), "")

    def _agent(self, ring: _Ring) -> dict[str, Any]:
        return {
            "queue": ring.queue,
            "interface": ring.interface,
            "member": ring.agent,
            "agent_channel": ring.channel,
            "agent_uniqueid": ring.uniqueid,
        }

    def _up(self, line: CelLine) -> None:
        self.up.add(line.uniqueid)
        self.events.append(ChannelUp(**self._base(line)))

    def _hung_up(self, line: CelLine) -> None:
        cause = line.extra.get("hangupcause")
        number = cause if isinstance(cause, int) else None
        if line.extra.get("hangupsource") == line.channel and line.uniqueid in self.up:
            left_at = self.exits.get(line.uniqueid, line.at)
            at = left_at if line.at - left_at <= _AT_ONCE else line.at
            asked = self._base(line) | {"at": at}
            self.events.append(HangupRequested(**asked, by_peer=True, cause=number))
        ring = self.rings.pop(line.uniqueid, None)
        if ring is not None:
            self._in_vain(ring, line.at)
        self.events.append(ChannelHangup(**self._base(line), cause=number))
        self.callers.pop(line.uniqueid, None)
        self.exits.pop(line.uniqueid, None)
        self.up.discard(line.uniqueid)

    def _in_vain(self, ring: _Ring, at: datetime) -> None:
        """The telephone is down again and nobody spoke: the queue says whether it was tried in vain."""
        near: Callable[[QueueLogLine], bool] = lambda it: (  # noqa: E731
            it.agent == ring.agent and abs(it.at - at) <= _SECOND
        )
        line = self.told.take(ring.caller.uniqueid, "RINGNOANSWER", near)
        if line is not None:
            ring_ms = _number(line.value(0))
            self.events.append(
                AgentRingNoAnswer(**self._of(ring.caller, at), **self._agent(ring), ring_ms=ring_ms)
            )
        elif self.told.take(ring.caller.uniqueid, "AGENTDUMP", near):
            self.events.append(AgentDump(**self._of(ring.caller, at), **self._agent(ring)))

    # -- bridges

    def _entered(self, line: CelLine) -> None:
        caller = self.callers.get(line.uniqueid)
        ring = self.rings.get(line.uniqueid)
        if ring is not None and ring.caller.queue is not None:
            self._connected(ring, line.at)
        elif caller is not None and caller.queue is not None and caller.connected is None:
            self._caller_first(caller, line.at)
        self.events.append(BridgeEntered(**self._base(line), **_bridge(line)))
        self.exits.pop(line.uniqueid, None)

    def _caller_first(self, caller: _Caller, at: datetime) -> None:
        """The caller is in the bridge before the agent's channel."""
        connects = self.told.rest(caller.uniqueid, "CONNECT")
        ring = next((self.rings[it.value(1)] for it in connects if it.value(1) in self.rings), None)
        if ring is not None:
            self._connected(ring, at)

    def _connected(self, ring: _Ring, at: datetime) -> None:
        caller = ring.caller
        if caller.connected is not None:
            return
        self.rings.pop(ring.uniqueid, None)
        line = self.told.take(caller.uniqueid, "CONNECT", lambda it: it.value(1) == ring.uniqueid)
        hold_s, ring_s = (_number(line.value(0)), _number(line.value(2))) if line else (0, 0)
        caller.connected, caller.served = ring, True
        if caller.joined:
            self.events.append(QueueLeft(**self._of(caller, at), queue=ring.queue, position=0, count=0))
        self.events.append(
            AgentConnected(**self._of(caller, at), **self._agent(ring), hold_s=hold_s, ring_s=ring_s)
        )

    def _left(self, line: CelLine) -> None:
        self.events.append(BridgeLeft(**self._base(line), **_bridge(line)))
        self.exits[line.uniqueid] = line.at
        for caller in self.callers.values():
            ring = caller.connected
            if ring is not None and line.uniqueid in (caller.uniqueid, ring.uniqueid):
                self._completed(caller, line.at)
                return

    def _completed(self, caller: _Caller, at: datetime) -> None:
        """One of the two left: who ended the talk is the queue's to say."""
        ring = caller.connected
        if ring is None:
            return
        near: Callable[[QueueLogLine], bool] = lambda it: abs(it.at - at) <= _SECOND  # noqa: E731
        for kind, reason in _REASONS.items():
            if line := self.told.take(caller.uniqueid, kind, near):
                hold_s, talk_s = _number(line.value(0)), _number(line.value(1))
                whom = self._of(caller, at) | self._agent(ring)
                self.events.append(AgentCompleted(**whom, hold_s=hold_s, talk_s=talk_s, reason=reason))
                caller.connected = None
                return

    # -- the queue

    def _app_began(self, line: CelLine) -> None:
        if line.app != "Queue":
            return
        queue = line.appdata.partition(",")[0]
        caller = self.callers.get(line.uniqueid) or _Caller(line.uniqueid, line.linkedid, line.channel)
        caller.queue, caller.joined, caller.served, caller.connected = queue, False, False, None
        self.callers[line.uniqueid] = caller
        near: Callable[[QueueLogLine], bool] = lambda it: (  # noqa: E731
            it.queue == queue and abs(it.at - line.at) <= _SECOND
        )
        entered = self.told.take(line.uniqueid, "ENTERQUEUE", near)
        if entered is not None:
            caller.joined = True
            position = _number(entered.value(2))
            self.events.append(QueueJoined(**self._base(line), queue=queue, position=position, count=0))

    def _app_ended(self, line: CelLine) -> None:
        caller = self.callers.get(line.uniqueid)
        if line.app != "Queue" or caller is None or caller.queue is None:
            return
        if caller.joined and not caller.served:
            self.events.append(QueueLeft(**self._base(line), queue=caller.queue, position=0, count=0))
        caller.queue = None


def _bridge(line: CelLine) -> dict[str, Any]:
    return {
        "bridge_id": str(line.extra.get("bridge_id", "")),
        "technology": str(line.extra.get("bridge_technology", "")),
    }


def _number(text: str) -> int:
    return int(text) if text.isdigit() and text.isascii() else 0


_KINDS: Mapping[str, Callable[[_Reader, CelLine], None]] = {
    "CHAN_START": _Reader._started,
    "ANSWER": _Reader._up,
    "HANGUP": _Reader._hung_up,
    "BRIDGE_ENTER": _Reader._entered,
    "BRIDGE_EXIT": _Reader._left,
    "APP_START": _Reader._app_began,
    "APP_END": _Reader._app_ended,
}
