"""From what a real PBX said (recorded from Asterisk 22.10.1) to typed events and back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.ami import events as ev
from telephony.ami.codec import MessageFramer, parse_message

RECORDED = Path(__file__).with_name("abandoned_call.ami").read_bytes()
ANSWERED = Path(__file__).with_name("answered_call.ami").read_bytes()


def raw_ami(text: str) -> list[dict[str, str]]:
    """Messages as they are pasted: a blank line ends one."""
    wire = "\r\n".join(line.strip() for line in text.strip().splitlines()) + "\r\n\r\n"
    return [headers for block in MessageFramer().feed(wire.encode()) if (headers := parse_message(block))]


def one(text: str) -> ev.PbxEvent:
    (headers,) = raw_ami(text)
    event = ev.parse_event(headers, "city")
    assert event is not None
    return event


def recorded(wire: bytes = RECORDED) -> list[dict[str, str]]:
    messages = [parse_message(block) for block in MessageFramer().feed(wire)]
    # items of lists carry no time of their own; the link gives them the PBX's
    return [{"Timestamp": "1795224811.0", **message} for message in messages if message]


def test_a_recorded_call_that_waited_and_went() -> None:
    events = [event for headers in recorded() if (event := ev.read_event(headers, "city"))]
    assert not [event for event in events if isinstance(event, ev.MalformedMessage)]
    caller = "city-1795224811.57"
    story = [
        event.name.value if isinstance(event, ev.Stage) else type(event).__name__
        for event in events
        if event.uniqueid == caller
    ]
    assert story == [
        "ChannelNew",
        "HotlineArrived",
        "ChannelUp",
        "HotlineNotice",
        "HotlineRecording",
        "HotlineFlow",
        "HotlineFlow",
        "HotlineQueue",
        "QueueJoined",
        "SnapshotChannel",
        "SnapshotQueueEntry",
        "HangupRequested",
        "QueueAbandoned",
        "QueueLeft",
        "HangupRequested",
        "HotlineEnded",
        "ChannelHangup",
    ]
    waiting = next(event for event in events if isinstance(event, ev.SnapshotChannel))
    assert (waiting.application, waiting.duration_s, waiting.context) == ("Queue", 5, "hotline-queue")
    entry = next(event for event in events if isinstance(event, ev.SnapshotQueueEntry))
    assert (entry.queue, entry.position, entry.wait_s) == ("main", 1, 2)
    assert sum(isinstance(event, ev.SnapshotQueueMember) for event in events) >= 20
    joined = next(event for event in events if isinstance(event, ev.QueueJoined))
    assert joined.at == datetime(2026, 11, 21, 1, 33, 35, 144827, UTC), (
        "the PBX's own time, to the microsecond"
    )


def test_a_recorded_call_that_an_agent_took() -> None:
    events = [event for headers in recorded(ANSWERED) if (event := ev.read_event(headers, "city"))]
    assert not [event for event in events if isinstance(event, ev.MalformedMessage)]
    talk = [event for event in events if not isinstance(event, ev.MemberStatus | ev.Stage)]
    assert [type(event).__name__ for event in talk] == [
        "ChannelNew",
        "ChannelUp",
        "QueueJoined",
        "ChannelNew",
        "AgentCalled",
        "ChannelUp",
        "QueueLeft",
        "AgentConnected",
        "BridgeEntered",
        "BridgeEntered",
        "HangupRequested",
        "AgentCompleted",
        "BridgeLeft",
        "BridgeLeft",
        "HangupRequested",
        "ChannelHangup",
        "ChannelHangup",
    ]
    caller, agent = talk[0].uniqueid, talk[3].uniqueid
    connected, entered, asked, completed = talk[7], talk[8:10], talk[10], talk[11]
    assert isinstance(connected, ev.AgentConnected)
    assert (connected.uniqueid, connected.agent_uniqueid) == (caller, agent)
    assert {event.uniqueid for event in entered} == {caller, agent}
    assert len({event.bridge_id for event in entered if isinstance(event, ev.BridgeEntered)}) == 1
    assert isinstance(asked, ev.HangupRequested)
    assert (asked.by_peer, asked.uniqueid) == (True, caller), "the caller's own side hung up"
    assert isinstance(completed, ev.AgentCompleted)
    assert completed.reason == "caller"
    assert isinstance(talk[-1], ev.ChannelHangup)
    assert talk[-1].cause == 16
    ended = next(
        event for event in events if isinstance(event, ev.Stage) and event.name is ev.StageName.ENDED
    )
    assert (ended.stage, ended.line, ended.did, ended.cause) == ("queue", "main", "12345", 16)
    assert (ended.queue_status, ended.abandoned, ended.notice, ended.member) == (
        "CONTINUE",
        False,
        "played",
        "agent101",
    )


def test_stored_and_read_again_is_the_same() -> None:
    for headers in recorded() + recorded(ANSWERED):
        event = ev.parse_event(headers, "city")
        if event is not None:
            stored = json.loads(json.dumps(ev.event_to_json(event)))
            assert ev.event_from_json({**stored, "from_a_later_version": 1}) == event


def test_an_agent_takes_the_call_and_ring_times_have_their_units() -> None:
    base = """Timestamp: 1795224811.5
        Channel: PJSIP/trunk-1
        Uniqueid: city-1.1
        Linkedid: city-1.1
        DestChannel: PJSIP/agent101-2
        DestUniqueid: city-1.2
        Queue: main
        Interface: PJSIP/agent101
        MemberName: agent101"""
    connected = one(f"Event: AgentConnect\n{base}\nHoldTime: 7\nRingTime: 3")
    assert isinstance(connected, ev.AgentConnected)
    assert (connected.member, connected.agent_uniqueid, connected.ring_s) == ("agent101", "city-1.2", 3)
    vain = one(f"Event: AgentRingNoAnswer\n{base}\nRingTime: 12034")
    assert isinstance(vain, ev.AgentRingNoAnswer)
    assert vain.ring_ms == 12034
    done = one(f"Event: AgentComplete\n{base}\nHoldTime: 7\nTalkTime: 61\nReason: caller")
    assert isinstance(done, ev.AgentCompleted)
    assert (done.talk_s, done.reason) == (61, "caller")


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("13997361508", "13997361508"),
        ("+8613997361508", "+8613997361508"),
        ("<unknown>", None),
        ("anonymous", None),
    ],
)
def test_a_withheld_number_is_none(number: str, read: str | None) -> None:
    event = one(f"Event: Newchannel\nTimestamp: 1.5\nUniqueid: a\nCallerIDNum: {number}")
    assert isinstance(event, ev.ChannelNew)
    assert event.caller_number == read


def test_what_does_not_matter_is_none_and_what_is_broken_is_told_apart() -> None:
    assert ev.read_event({"Event": "VarSet", "Timestamp": "1.0"}, "city") is None
    assert ev.read_event({"Event": "UserEvent", "UserEvent": "Other", "Timestamp": "1.0"}, "city") is None
    for broken in (
        {"Event": "Newchannel", "Uniqueid": "a"},
        {"Event": "Newchannel", "Uniqueid": "a", "Timestamp": "soon"},
        {"Event": "Newchannel", "Timestamp": "1.0", "Uniqueid": ""},
        {"Event": "QueueCallerJoin", "Timestamp": "1.0", "Uniqueid": "a", "Queue": "q", "Position": "first"},
    ):
        assert isinstance(ev.read_event(broken, "city"), ev.MalformedMessage)
        assert ev.parse_event(broken, "city") is None


KNOWN = [headers["Event"] for headers in recorded() if "Event" in headers] + [
    "AgentConnect",
    "QueueMemberStatus",
]
NAMES = [
    "Timestamp",
    "Uniqueid",
    "Queue",
    "Position",
    "Count",
    "Status",
    "UserEvent",
    "Ms",
    "Cause",
    "Duration",
]


@settings(deadline=None)
@given(
    st.sampled_from(sorted(set(KNOWN))),
    st.dictionaries(
        st.sampled_from(NAMES), st.text(max_size=8) | st.sampled_from(["1", "1.0", "9" * 30, "-1"])
    ),
)
def test_no_message_can_raise(name: str, headers: dict[str, str]) -> None:
    ev.read_event({"Event": name, **headers}, "city")


def test_every_kind_can_be_stored_and_an_unknown_kind_is_refused() -> None:
    assert {kind.__name__ for kind in get_args(ev.PbxEvent)} >= {"Stage", "LinkLost", "SnapshotEnd"}
    with pytest.raises(ValueError, match="unknown kind"):
        ev.event_from_json({"kind": "Nonsense"})
    with pytest.raises(ValueError, match="lacks a field"):
        ev.event_from_json({"kind": "QueueJoined", "at": "2026-01-01T00:00:00+00:00", "pbx_id": "city"})


def test_ten_thousand_events_a_second_are_framed_and_parsed() -> None:
    began = time.process_time()
    count = 0
    for _ in range(40):
        for block in MessageFramer().feed(RECORDED):
            headers = parse_message(block)
            assert headers is not None
            ev.parse_event({"Timestamp": "1.0", **headers}, "city")
            count += 1
    assert count / (time.process_time() - began) > 10_000
