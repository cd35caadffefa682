"""Whatever the order, the pieces and the repetitions in which events come: the same calls."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import EXAMPLES, RULES, WHOLE, calls_of, raw_ami

from facts.call import Call, CallFlag, CallState, Outcome
from facts.identity import CallKey
from telephony.ami.events import LinkLost, LinkUp, PbxEvent, SnapshotBegin, SnapshotEnd
from telephony.call_fold import CallTracker, fold_call

SINGLE = [name for name in WHOLE if len(calls_of(raw_ami(name))) == 1]


def moved(name: str, copy: int, by: timedelta) -> list[PbxEvent]:
    """A recording as another call: other channels, other time, the same happening."""

    def other(text: str) -> str:
        return f"{text}-{copy}" if text else ""

    events = []
    for event in raw_ami(name):
        changes: dict[str, object] = {
            "at": event.at + by,
            "uniqueid": other(event.uniqueid),
            "linkedid": other(event.linkedid),
        }
        for field in ("agent_uniqueid", "bridge_id", "call"):
            if hasattr(event, field):
                changes[field] = other(getattr(event, field))
        events.append(replace(event, **changes))  # type: ignore[arg-type]
    return events


def mixed(names: list[str], seed: int) -> list[PbxEvent]:
    """Several calls at the same time: each call's events in their order, calls interleaved at random."""
    chance = random.Random(seed)
    start = raw_ami(names[0])[0].at
    streams = [
        moved(name, copy, start - raw_ami(name)[0].at + timedelta(seconds=chance.random()))
        for copy, name in enumerate(names)
    ]
    merged: list[PbxEvent] = []
    while streams := [stream for stream in streams if stream]:
        merged.append(chance.choice(streams).pop(0))
    return merged


def plain(call: Call) -> tuple[object, ...]:
    return call.outcome, call.ended_by, call.agent, len(call.rings), len(call.queue_legs), call.flags


many = st.lists(st.sampled_from(SINGLE), min_size=1, max_size=6)
seeds = st.integers(0, 2**32)


@settings(deadline=None, max_examples=EXAMPLES)
@given(many, seeds)
def test_calls_at_the_same_time_do_not_disturb_each_other(names: list[str], seed: int) -> None:
    alone = {copy: plain(calls_of(raw_ami(name))[0]) for copy, name in enumerate(names)}
    together = {
        int(call.key.uniqueid.rpartition("-")[2]): plain(call) for call in calls_of(mixed(names, seed))
    }
    assert together == alone


@settings(deadline=None, max_examples=EXAMPLES)
@given(many, seeds, st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_chunks_and_repetitions_do_not_matter(names: list[str], seed: int, chunks: list[int]) -> None:
    stream = mixed(names, seed)
    whole = calls_of(stream)
    tracker = CallTracker("city", RULES)
    rows: dict[CallKey, Call] = {}
    at = 0
    while at < len(stream):
        size = chunks[at % len(chunks)]
        piece = stream[at : at + size]
        for event in [*piece, *piece[-3:]]:
            tracker.take(event)
        rows.update((call.key, call) for call in tracker.changed_calls())
        at += size
    assert sorted(rows.values(), key=lambda call: call.key) == whole


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.sampled_from(SINGLE), seeds)
def test_the_order_of_a_calls_events_does_not_matter_to_the_fold(name: str, seed: int) -> None:
    events = raw_ami(name)
    (call,) = calls_of(events)
    shuffled = random.Random(seed).sample(events, len(events))
    assert fold_call(call.key, shuffled, RULES) == call


@settings(deadline=None, max_examples=EXAMPLES)
@given(many, seeds, st.floats(0, 1), st.floats(0, 1))
def test_every_citizen_call_has_one_outcome_in_the_end_whatever_was_missed(
    names: list[str], seed: int, begin: float, length: float
) -> None:
    stream = mixed(names, seed)
    whole = {call.key: call for call in calls_of(stream)}
    first = int(begin * len(stream))
    last = first + int(length * (len(stream) - first))
    last_at: datetime = max(event.at for event in stream) + timedelta(seconds=5)
    lost = stream[first].at if first < len(stream) else last_at
    heard = [
        *stream[:first],
        LinkLost(at=lost, pbx_id="city"),
        LinkUp(at=stream[last - 1].at if last else lost, pbx_id="city"),
        *stream[last:],
        SnapshotBegin(at=last_at, pbx_id="city", number=1),
        SnapshotEnd(at=last_at, pbx_id="city", number=1, complete=True),
    ]
    calls = calls_of(heard)
    assert {call.key for call in calls} <= whole.keys()
    for call in calls:
        assert call.state is CallState.ENDED
        assert call.outcome is not None
        if call.outcome is Outcome.UNRESOLVED:
            assert call.cause
            assert CallFlag.GAP in call.flags
        elif CallFlag.GAP in call.flags:
            assert call.outcome is whole[call.key].outcome
