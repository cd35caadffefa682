"""From AMI messages to typed events: one table of builders, no exception ever leaves.

``read_event`` tells a message that does not matter (None) from one that is broken
(``MalformedMessage``), so that broken ones can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from telephony.ami.event_types import (
    AgentCalled,
    AgentCompleted,
    AgentConnected,
    AgentDump,
    AgentKeyed,
    AgentRingNoAnswer,
    BridgeEntered,
    BridgeLeft,
    CallbackStage,
    ChannelHangup,
    ChannelNew,
    ChannelRenamed,
    ChannelUp,
    DeskMove,
    FollowUpStage,
    HangupRequested,
    LinkLost,
    LinkUp,
    MemberAdded,
    MemberPause,
    MemberRemoved,
    MemberStatus,
    PbxEvent,
    QueueAbandoned,
    QueueJoined,
    QueueLeft,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
    SnapshotQueueEntry,
    SnapshotQueueMember,
    Stage,
    StageName,
)

Headers: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MalformedMessage:
    """A message that ought to matter and cannot be read: ``why`` is for the log, without values."""

    event: str
    why: str


def read_event(headers: Headers, pbx_id: str) -> PbxEvent | MalformedMessage | None:
    """The typed event of a message; None when it does not matter, ``MalformedMessage`` when it is broken."""
    kind = headers.get("Event", "")
    build = _BUILDERS.get(kind)
    if build is None:
        return None
    try:
        return build(headers, _base(headers, pbx_id))
    except KeyError as missing:
        return MalformedMessage(kind, f"no header {missing.args[0]}")
    except (ValueError, OverflowError, OSError) as wrong:
        return MalformedMessage(kind, f"a value is wrong ({type(wrong).__name__})")


def pbx_time(text: str) -> datetime:
    """AMI's Timestamp (epoch seconds, a point, microseconds) as aware UTC.

    >>> pbx_time("1763683200.5").isoformat()
    '2025-11-21T00:00:00.500000+00:00'
    """
    seconds, _, fraction = text.partition(".")
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=micros)


def _base(headers: Headers, pbx_id: str) -> dict[str, Any]:
    return {
        "at": pbx_time(headers["Timestamp"]),
        "pbx_id": pbx_id,
        "uniqueid": headers.get("Uniqueid", ""),
        "linkedid": headers.get("Linkedid", ""),
        "channel": headers.get("Channel", ""),
    }


def _number(headers: Headers, name: str = "CallerIDNum") -> str | None:
    text = headers.get(name, "")
    return text if text.removeprefix("+").isdigit() and text.isascii() else None


def _maybe_int(text: str | None) -> int | None:
    return int(text) if text else None


def _on_channel(headers: Headers, base: dict[str, Any]) -> dict[str, Any]:
    """For events that are worth nothing without their channel."""
    if not headers["Uniqueid"]:
        raise KeyError("Uniqueid")
    return base


def _channel_new(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return ChannelNew(
        **_on_channel(headers, base),
        caller_number=_number(headers),
        context=headers.get("Context", ""),
        exten=headers.get("Exten", ""),
        state=int(headers.get("ChannelState", "0")),
    )


def _state(headers: Headers, base: dict[str, Any]) -> PbxEvent | None:
    return ChannelUp(**_on_channel(headers, base)) if headers["ChannelState"] == "6" else None


def _renamed(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return ChannelRenamed(**_on_channel(headers, base), new_name=headers["Newname"])


def _hangup_asked(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return HangupRequested(
        **_on_channel(headers, base),
        by_peer=headers["Event"] == "HangupRequest",
        cause=_maybe_int(headers.get("Cause")),
    )


def _hangup(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return ChannelHangup(
        **_on_channel(headers, base),
        cause=_maybe_int(headers.get("Cause")),
        cause_text=headers.get("Cause-txt", ""),
    )


def _bridge(kind: type[BridgeEntered] | type[BridgeLeft]) -> _Builder:
    def build(headers: Headers, base: dict[str, Any]) -> PbxEvent:
        return kind(
            **_on_channel(headers, base),
            bridge_id=headers["BridgeUniqueid"],
            technology=headers["BridgeTechnology"],
            bridge_type=headers.get("BridgeType", ""),
            channels=int(headers.get("BridgeNumChannels", "0")),
        )

    return build


def _queue(kind: type[QueueJoined] | type[QueueLeft]) -> _Builder:
    def build(headers: Headers, base: dict[str, Any]) -> PbxEvent:
        return kind(
            **_on_channel(headers, base),
            queue=headers["Queue"],
            position=int(headers["Position"]),
            count=int(headers.get("Count", "0")),
        )

    return build


def _abandoned(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return QueueAbandoned(
        **_on_channel(headers, base),
        queue=headers["Queue"],
        position=int(headers["Position"]),
        original_position=int(headers["OriginalPosition"]),
        hold_s=int(headers["HoldTime"]),
    )


def _with_agent(headers: Headers, base: dict[str, Any]) -> dict[str, Any]:
    return {
        **_on_channel(headers, base),
        "queue": headers["Queue"],
        "interface": headers["Interface"],
        "member": headers.get("MemberName", ""),
        "agent_channel": headers.get("DestChannel", ""),
        "agent_uniqueid": headers.get("DestUniqueid", ""),
    }


def _agent_connected(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return AgentConnected(
        **_with_agent(headers, base), hold_s=int(headers["HoldTime"]), ring_s=int(headers["RingTime"])
    )


def _agent_completed(headers: Headers, base: dict[str, Any]) -> PbxEvent | None:
    """None without a channel: seen of call-backs whose citizen was not reached (Asterisk 22.10.1)."""
    if "Uniqueid" not in headers:
        return None
    return AgentCompleted(
        **_with_agent(headers, base),
        hold_s=int(headers["HoldTime"]),
        talk_s=int(headers["TalkTime"]),
        reason=headers.get("Reason", ""),
    )


def _member(headers: Headers, base: dict[str, Any]) -> dict[str, Any]:
    return {
        **base,
        "queue": headers["Queue"],
        # QueueMember (a list's item) names the interface Location, and the member Name
        "interface": headers.get("Interface") or headers["Location"],
        "member": headers.get("MemberName") or headers.get("Name", ""),
        "status": int(headers["Status"]),
        "paused": headers.get("Paused", "0") == "1",
        "in_call": headers.get("InCall", "0") == "1",
        "calls_taken": int(headers.get("CallsTaken", "0")),
        "reason": headers.get("PausedReason", ""),
    }


def _member_removed(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    known = _member(headers, base)
    return MemberRemoved(**base, queue=known["queue"], interface=known["interface"], member=known["member"])


def _member_there(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    known = _member(headers, base)
    paused = _maybe_int(headers.get("LastPause")) if known["paused"] else None
    return SnapshotQueueMember(**known, paused_at=datetime.fromtimestamp(paused, UTC) if paused else None)


_STAGES = frozenset(StageName)


def _stage(headers: Headers, base: dict[str, Any]) -> PbxEvent | None:
    name = headers["UserEvent"]
    if name in _ERRANDS:
        return _ERRANDS[name](headers, base)
    if name not in _STAGES:
        return None
    abandoned, answered = headers.get("Abandoned"), headers.get("Answered")
    return Stage(
        **_on_channel(headers, base),
        name=StageName(name),
        caller_number=_number(headers),
        line=headers.get("Line"),
        did=headers.get("Did"),
        status=headers.get("Status"),
        file=headers.get("File"),
        agi=headers.get("Agi"),
        flow=headers.get("Flow"),
        node=headers.get("Node"),
        key=headers.get("Key"),
        ms=_maybe_int(headers.get("Ms")),
        queue=headers.get("Queue"),
        version=headers.get("Version"),
        before=headers.get("Before"),
        fact=headers.get("Fact"),
        subject=headers.get("Name"),
        value=headers.get("Value"),
        of_kind=headers.get("Kind"),
        score=_maybe_int(headers.get("Score")),
        target=headers.get("Target"),
        stage=headers.get("Stage"),
        queue_status=headers.get("QueueStatus"),
        abandoned=None if abandoned is None else abandoned.upper() == "TRUE",
        answered=None if answered is None else answered == "yes",
        cause=_maybe_int(headers.get("Cause")),
        by=headers.get("By"),
        notice=headers.get("Notice"),
        member=headers.get("Member"),
        results=headers.get("Results"),
    )


def _callback(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return CallbackStage(
        **base,
        callback=int(headers["Id"]),
        status=headers["Status"],
        queue=headers.get("Queue"),
        agent=headers.get("Agent"),
        file=headers.get("File"),
        dial=headers.get("Dial"),
        queue_status=headers.get("QueueStatus"),
    )


def _follow_up(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return FollowUpStage(
        **base,
        task=int(headers["Task"]),
        status=headers["Status"],
        agent=headers.get("Agent"),
        file=headers.get("File"),
        dial=headers.get("Dial"),
        results=headers.get("Results"),
    )


def _desk_move(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return DeskMove(
        **base,
        call=headers["Call"],
        move=headers["Move"],
        status=headers["Status"],
        kind=headers.get("Kind") or None,
        target=headers.get("Target") or None,
    )


def _agent_keyed(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return AgentKeyed(**base, agent=headers["Agent"], do=headers["Do"], reason=headers.get("Reason", ""))


def _clock_s(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def _snapshot_channel(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return SnapshotChannel(
        **_on_channel(headers, base),
        caller_number=_number(headers),
        connected_number=_number(headers, "ConnectedLineNum"),
        context=headers.get("Context", ""),
        exten=headers.get("Exten", ""),
        state=int(headers.get("ChannelState", "0")),
        application=headers.get("Application", ""),
        application_data=headers.get("ApplicationData", ""),
        bridge_id=headers.get("BridgeId", ""),
        duration_s=_clock_s(headers.get("Duration", "0:0:0")),
    )


def _snapshot_entry(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return SnapshotQueueEntry(
        **_on_channel(headers, base),
        queue=headers["Queue"],
        position=int(headers["Position"]),
        wait_s=int(headers["Wait"]),
        caller_number=_number(headers),
    )


def _snapshot_end(headers: Headers, base: dict[str, Any]) -> PbxEvent:
    return SnapshotEnd(
        **base,
        number=int(headers["Number"]),
        complete=headers["Complete"] == "yes",
        channels=int(headers.get("Channels", "0")),
    )


_Builder: TypeAlias = Callable[[Headers, dict[str, Any]], "PbxEvent | None"]

#: user events that are no stage of a citizen's journey: calls that the hotline makes, wishes of agents
_ERRANDS: dict[str, _Builder] = {
    "HotlineCallback": _callback,
    "HotlineFollowUp": _follow_up,
    "HotlineMove": _desk_move,
    "HotlineAgent": _agent_keyed,
}

#: AMI event name → its builder; the last four are written by ``AmiLink`` itself
_BUILDERS: dict[str, _Builder] = {
    "Newchannel": _channel_new,
    "Newstate": _state,
    "Rename": _renamed,
    "HangupRequest": _hangup_asked,
    "SoftHangupRequest": _hangup_asked,
    "Hangup": _hangup,
    "BridgeEnter": _bridge(BridgeEntered),
    "BridgeLeave": _bridge(BridgeLeft),
    "QueueCallerJoin": _queue(QueueJoined),
    "QueueCallerLeave": _queue(QueueLeft),
    "QueueCallerAbandon": _abandoned,
    "AgentCalled": lambda h, base: AgentCalled(**_with_agent(h, base)),
    "AgentConnect": _agent_connected,
    "AgentComplete": _agent_completed,
    "AgentRingNoAnswer": lambda h, base: AgentRingNoAnswer(
        **_with_agent(h, base), ring_ms=int(h["RingTime"])
    ),
    "AgentDump": lambda h, base: AgentDump(**_with_agent(h, base)),
    "QueueMemberStatus": lambda h, base: MemberStatus(**_member(h, base)),
    "QueueMemberPause": lambda h, base: MemberPause(**_member(h, base)),
    "QueueMemberAdded": lambda h, base: MemberAdded(**_member(h, base)),
    "QueueMemberRemoved": _member_removed,
    "UserEvent": _stage,
    "CoreShowChannel": _snapshot_channel,
    "QueueEntry": _snapshot_entry,
    "QueueMember": _member_there,
    "HotlineSnapshotBegin": lambda h, base: SnapshotBegin(**base, number=int(h["Number"])),
    "HotlineSnapshotEnd": _snapshot_end,
    "HotlineLinkUp": lambda h, base: LinkUp(**base, asterisk=h.get("Asterisk", "")),
    "HotlineLinkLost": lambda h, base: LinkLost(**base, reason=h.get("Reason", "")),
}

#: events of a PBX (as they stand on the wire) of which anything can be read
READ_EVENTS = frozenset(name.encode() for name in _BUILDERS)
