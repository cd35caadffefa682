"""Who joined and left queues and went on pause, from queue_log.

Whole seconds are all that it has. What an agent did by the telephone's keys is in CEL, too
(``HotlineAgent``, microseconds), a moment before: then that time is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from telephony.ami.events import AgentKeyed, MemberAdded, MemberPause, MemberRemoved, PbxEvent
from telephony.pbx_logs.queue_log import QueueLogLine

#: a line's second and the key press that it comes of are at most so far apart
_OF_A_KEY = timedelta(seconds=1.2)
_KINDS = frozenset({"ADDMEMBER", "REMOVEMEMBER", "PAUSE", "UNPAUSE"})
#: device states are not written down: taken for free (1), as the queue rings it
_FREE = 1


def members_of(queue_log: Sequence[QueueLogLine], known: Iterable[PbxEvent], pbx_id: str) -> list[PbxEvent]:
    """The members' events of these lines, in their order. ``known``: events from CEL of the same time."""
    keyed = [event for event in known if isinstance(event, AgentKeyed)]
    found: list[PbxEvent] = []
    for line in queue_log:
        if line.event in _KINDS and line.queue not in ("", "NONE"):
            at = _time_of(line, keyed) + timedelta(microseconds=1 + len(found) % 1000)
            found.append(_event(line, at, pbx_id))
    return found


def _time_of(line: QueueLogLine, keyed: Sequence[AgentKeyed]) -> datetime:
    near = (
        event.at
        for event in keyed
        if event.agent == line.agent and timedelta(0) <= event.at - line.at <= _OF_A_KEY
    )
    return min(near, default=line.at)


def _event(line: QueueLogLine, at: datetime, pbx_id: str) -> PbxEvent:
    whom: dict[str, Any] = {
        "at": at,
        "pbx_id": pbx_id,
        "queue": line.queue,
        "interface": f"PJSIP/{line.agent}",
        "member": line.agent,
    }
    if line.event == "REMOVEMEMBER":
        return MemberRemoved(**whom)
    whom |= {"status": _FREE, "in_call": False, "calls_taken": 0}
    if line.event == "ADDMEMBER":
        return MemberAdded(**whom, paused=line.value(0) == "PAUSED")
    paused = line.event == "PAUSE"
    return MemberPause(**whom, paused=paused, reason=line.value(0) if paused else "")
