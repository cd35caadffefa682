"""Typed PBX events: what they are, how they are read, stored and keyed.

``parse_event`` never raises: a message that does not matter, or one that is broken, is
``None``; ``read_event`` tells the two apart for whoever counts broken ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

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
    EventBase,
    FollowUpStage,
    GapFilled,
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
    SelfServiceSettled,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
    SnapshotQueueEntry,
    SnapshotQueueMember,
    Stage,
    StageName,
)
from telephony.ami.parsing import Headers, MalformedMessage, read_event

__all__ = [
    "AgentCalled",
    "AgentCompleted",
    "AgentConnected",
    "AgentDump",
    "AgentKeyed",
    "AgentRingNoAnswer",
    "BridgeEntered",
    "BridgeLeft",
    "CallbackStage",
    "ChannelHangup",
    "ChannelNew",
    "ChannelRenamed",
    "ChannelUp",
    "DeskMove",
    "EventBase",
    "FollowUpStage",
    "GapFilled",
    "HangupRequested",
    "LinkLost",
    "LinkUp",
    "MalformedMessage",
    "MemberAdded",
    "MemberPause",
    "MemberRemoved",
    "MemberStatus",
    "PbxEvent",
    "QueueAbandoned",
    "QueueJoined",
    "QueueLeft",
    "SelfServiceSettled",
    "SnapshotBegin",
    "SnapshotChannel",
    "SnapshotEnd",
    "SnapshotQueueEntry",
    "SnapshotQueueMember",
    "Stage",
    "StageName",
    "event_digest",
    "event_from_json",
    "event_to_json",
    "parse_event",
    "read_event",
]


def parse_event(headers: Headers, pbx_id: str) -> PbxEvent | None:
    """The typed event of a message, or None when it does not matter or cannot be read."""
    event = read_event(headers, pbx_id)
    return None if isinstance(event, MalformedMessage) else event


_KINDS: dict[str, type[EventBase]] = {kind.__name__: kind for kind in get_args(PbxEvent)}


def event_to_json(event: PbxEvent) -> dict[str, Any]:
    """What is stored: ``{"kind": class name, …}``; no None, no empty plain text."""
    found: dict[str, Any] = {"kind": type(event).__name__}
    for name, stored, plain_text in _STORED[type(event)]:
        value = getattr(event, name)
        if value is None or (plain_text and value == ""):
            continue
        found[stored] = value.isoformat() if isinstance(value, datetime) else value
    return found


def _stored_name(field: str) -> str:
    """``kind`` is the class's name: a field of that name is kept under another one."""
    return "of_kind" if field == "kind" else field


def event_from_json(stored: Mapping[str, Any]) -> PbxEvent:
    """The event that was stored; unknown fields of later versions are ignored.

    Raises:
        ValueError: the kind is unknown or a field is missing.
    """
    kind = _KINDS.get(str(stored.get("kind")))
    if kind is None:
        raise ValueError(f"unknown kind of stored event: {stored.get('kind')!r}")
    names = {_stored_name(field.name): field.name for field in fields(kind)}
    values = {names[name]: value for name, value in stored.items() if name in names and name != "kind"}
    try:
        for name in values.keys() & _TIMES:
            values[name] = datetime.fromisoformat(values[name])
        if kind is Stage:
            values["name"] = StageName(values["name"])
        event: PbxEvent = kind(**dict.fromkeys(_TEXTS[kind], "") | values)  # type: ignore[assignment]
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"stored {kind.__name__} lacks a field: {wrong}") from None
    return event


#: class → (field, its stored name, whether an empty one is left out)
_STORED: dict[type[EventBase], tuple[tuple[str, str, bool], ...]] = {
    kind: tuple((field.name, _stored_name(field.name), field.type == "str") for field in fields(kind))
    for kind in _KINDS.values()
}
_TIMES = frozenset({"at", "gap_end", "begin"})
#: fields that must be given and may be empty texts, so that leaving them out is lossless
_TEXTS: dict[type[EventBase], tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind) if field.type == "str" and field.name != "pbx_id")
    for kind in _KINDS.values()
}


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def event_digest(headers: Headers) -> str:
    """SHA-256 (hex) of a message's canonical bytes: its headers in order of their names.

    AMI gives no sequence number: an event's key is this digest and its ordinal among
    identical ones (``telephony.ami.identity.EventKeys``).
    """
    canonical = _CANONICAL.encode(sorted(headers.items()))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
