"""Reads recorded manager messages, and tells calls from them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from facts.call import Call
from telephony.ami.events import PbxEvent, parse_event
from telephony.call_fold import CallTracker, FoldRules

FOLDER = Path(__file__).parent / "evidence"
RULES = FoldRules(frozenset({"agent101", "agent102", "agent103"}))
#: recordings of whole calls, from arrival to hang-up
WHOLE = sorted(path.stem for path in FOLDER.glob("*.ami") if path.stem != "snapshot_of_two_calls")


def raw_messages(name: str) -> list[dict[str, str]]:
    """Headers of each message of a recording."""
    blocks = (FOLDER / f"{name}.ami").read_text(encoding="utf-8").strip().split("\n\n")
    pairs = ([line.partition(": ") for line in block.splitlines()] for block in blocks)
    return [{key.rstrip(":"): value for key, _, value in block} for block in pairs]


def raw_ami(name: str) -> list[PbxEvent]:
    """The typed events of a recording; every message of it must be readable."""
    events = [parse_event(headers, "city") for headers in raw_messages(name)]
    assert all(events), name
    return [event for event in events if event is not None]


def calls_of(events: Iterable[PbxEvent], tracker: CallTracker | None = None) -> list[Call]:
    """What a fresh tracker makes of a stream, by arrival."""
    tracker = tracker or CallTracker("city", RULES)
    for event in events:
        tracker.take(event)
    return sorted(tracker.changed_calls(), key=lambda call: call.key)


def only_call(events: Iterable[PbxEvent]) -> Call:
    """The one call of a stream."""
    (call,) = calls_of(events)
    return call
