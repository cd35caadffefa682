"""Each recorded shape of a call has its row: from what was heard, and from the PBX's own records."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import (
    CITIES,
    EXAMPLES,
    OUTAGES,
    RULES,
    SHAPES,
    WHOLE,
    alike,
    calls_of,
    expected_rows,
    filled,
    found_out,
    of_a_city,
    raw_ami,
    raw_logs,
    row_of,
)

from facts.call import CallFlag, CallState
from telephony.ami.events import (
    AgentCompleted,
    LinkLost,
    LinkUp,
    PbxEvent,
    SnapshotBegin,
    SnapshotEnd,
)
from telephony.call_fold import CallTracker
from telephony.pbx_logs.matching import unheard


@pytest.mark.parametrize("name", WHOLE)
def test_the_row_of_a_recorded_call(name: str) -> None:
    assert [row_of(call) for call in calls_of(raw_ami(name))] == expected_rows(name)


@pytest.mark.parametrize("name", CITIES)
def test_the_row_of_a_citys_masked_recording(name: str) -> None:
    assert [row_of(call) for call in of_a_city(name)] == expected_rows(name)


@pytest.mark.parametrize("name", SHAPES)
def test_the_pbxs_own_records_give_the_same_row(name: str) -> None:
    heard, recorded = calls_of(raw_ami(name)), calls_of(raw_logs(name))
    assert [alike(one, other) for one, other in zip(heard, recorded, strict=True)] == [[] for _ in heard]


@pytest.mark.parametrize("name", OUTAGES)
def test_calls_that_an_outage_cut_off_are_unresolved_until_the_gap_is_filled(name: str) -> None:
    assert [row_of(call) for call in calls_of(raw_ami(name))] == expected_rows(name)
    late = CallTracker("city", RULES, forgets=False)
    assert [row_of(call) for call in calls_of(filled(name), late)] == expected_rows(f"{name}.filled")


def with_a_hole(name: str, begin: float, length: float) -> tuple[list[PbxEvent], LinkUp, datetime]:
    """What is heard of a recording when the link is away for a part of it; its return; since when."""
    events = raw_ami(name)
    first, last = events[0].at - timedelta(seconds=1), events[-1].at + timedelta(seconds=1)
    lost_at = first + begin * (last - first)
    up_at = lost_at + length * (last - lost_at) + timedelta(microseconds=1)
    kept = [event for event in events if not lost_at <= event.at <= up_at]
    heard: list[PbxEvent] = [event for event in kept if event.at < lost_at]
    up = LinkUp(at=up_at, pbx_id="city")
    heard += [LinkLost(at=lost_at, pbx_id="city"), up]
    heard += [event for event in kept if event.at > up_at]
    return heard, up, lost_at


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.sampled_from(SHAPES), st.floats(0, 1), st.floats(0, 1))
def test_whatever_was_missed_is_known_in_the_end(name: str, begin: float, length: float) -> None:
    """The link is away for any part of a call, or all of it: the same row, and nothing is unresolved."""
    heard, up, lost_at = with_a_hole(name, begin, length)
    found = found_out(name, heard, lost_at, up.at)
    end = up.at + timedelta(minutes=1)
    sweep = [
        SnapshotBegin(at=end, pbx_id="city", number=1),
        SnapshotEnd(at=end, pbx_id="city", number=1, complete=True),
    ]
    place = heard.index(up)
    late = CallTracker("city", RULES, forgets=False)
    whole = calls_of(raw_ami(name))
    calls = calls_of([*heard[:place], *found, *heard[place:], *sweep], late)
    assert [alike(one, other) for one, other in zip(calls, whole, strict=True)] == [[] for _ in whole]
    for call in calls:
        assert call.state is CallState.ENDED
        touched = any(it.gap_end for it in late.events(call.key))
        assert (CallFlag.BACKFILLED in call.flags) == touched


def test_nothing_is_missing_where_everything_was_heard() -> None:
    for name in SHAPES:
        events = raw_ami(name)
        extra = unheard(events, raw_logs(name), events[0].at, events[-1].at)
        # of a talk that is taken out of Queue() the manager interface does not say how it ended
        assert [it for it in extra if not isinstance(it, AgentCompleted)] == [], name
