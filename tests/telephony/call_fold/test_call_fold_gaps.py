"""Gaps: what was missed is not guessed; what is certain is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from recorded import RULES, alike, calls_of, found_out, not_by_the_caller, only_call, raw_ami

from facts.call import CallFlag, CallState, EndedBy, Outcome
from telephony.ami.events import (
    AgentConnected,
    BridgeEntered,
    BridgeLeft,
    ChannelHangup,
    ChannelNew,
    GapFilled,
    HangupRequested,
    LinkLost,
    LinkUp,
    MemberPause,
    PbxEvent,
    QueueJoined,
    SelfServiceSettled,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
    Stage,
    StageName,
)
from telephony.call_fold import CallTracker


def gap(name: str, after: type, *, until: type | None = None) -> list:  # type: ignore[type-arg]
    """A recording in which we heard nothing from the first ``after`` to the first ``until`` (or the end)."""
    events = raw_ami(name)
    first = next(i for i, it in enumerate(events) if isinstance(it, after)) + 1
    last = len(events) if until is None else next(i for i, it in enumerate(events) if isinstance(it, until))
    return [*events[:first], LinkUp(at=events[last - 1].at, pbx_id="city"), *events[last:]]


def swept(at: timedelta = timedelta(0), name: str = "answered_caller_hangs_up") -> list:  # type: ignore[type-arg]
    moment = raw_ami(name)[-1].at + timedelta(seconds=1) + at
    return [
        SnapshotBegin(at=moment, pbx_id="city", number=2),
        SnapshotEnd(at=moment, pbx_id="city", number=2, complete=True),
    ]


@pytest.mark.parametrize("after", [ChannelNew, QueueJoined, AgentConnected])
def test_what_ended_unheard_is_unresolved(after: type) -> None:
    events = gap("answered_caller_hangs_up", after)
    if after is ChannelNew:
        events[1:1] = raw_ami("answered_caller_hangs_up")[1:2]
    call = only_call([*events, *swept()])
    assert (call.outcome, call.state, call.ended_at, call.ended_by) == (
        Outcome.UNRESOLVED, CallState.ENDED, None, None,
    )  # fmt: skip
    assert CallFlag.GAP in call.flags
    assert ("answered before" in str(call.cause)) == (after is AgentConnected)


def test_what_went_on_through_the_gap_keeps_its_certain_outcome() -> None:
    call = only_call(gap("answered_caller_hangs_up", BridgeEntered, until=HangupRequested))
    assert (call.outcome, call.flags) == (Outcome.ANSWERED, {CallFlag.GAP})
    waited = only_call(gap("hangs_up_in_queue", QueueJoined, until=HangupRequested))
    assert (waited.outcome, waited.flags) == (Outcome.ABANDONED_QUEUE, {CallFlag.GAP, CallFlag.SHORT})


def test_answered_in_the_gap_is_known_from_the_queue_but_not_when() -> None:
    """QUEUESTATUS is CONTINUE only when an agent had the caller."""
    call = only_call(gap("answered_caller_hangs_up", QueueJoined, until=HangupRequested))
    assert (call.outcome, call.answered_at, call.wait_s) == (Outcome.ANSWERED, None, None)
    assert [leg.ending for leg in call.queue_legs] == ["answered"]


def test_report_without_hangup_is_final_when_the_channel_is_gone() -> None:
    events = [it for it in raw_ami("hangs_up_in_queue") if not isinstance(it, ChannelHangup)]
    assert only_call(events).outcome is None
    call = only_call([*events, *swept(name="hangs_up_in_queue")])
    assert (call.outcome, call.ended_by) == (Outcome.ABANDONED_QUEUE, EndedBy.CALLER)
    report = next(it for it in events if isinstance(it, Stage) and it.name is StageName.ENDED)
    assert call.ended_at == report.at


def test_uncertain_ending_in_a_gap_is_unresolved() -> None:
    told = [not_by_the_caller(it) for it in raw_ami("hangs_up_in_flow")]
    events = [it for it in told if not isinstance(it, HangupRequested)]
    lost = LinkLost(at=events[3].at, pbx_id="city")
    call = only_call([*events[:4], lost, *events[4:]])
    assert (call.outcome, call.ended_by) == (Outcome.UNRESOLVED, None)
    assert only_call([*events[:4], lost, events[-1]]).outcome is Outcome.UNRESOLVED


def test_what_is_no_citizens_is_left_alone() -> None:
    member = MemberPause(
        at=raw_ami("hangs_up_in_queue")[0].at,
        pbx_id="city",
        queue="main",
        interface="PJSIP/agent101",
        member="agent101",
        status=1,
        paused=True,
        in_call=False,
        calls_taken=0,
    )
    snapshot = raw_ami("snapshot_of_two_calls")
    colleague = next(it for it in snapshot if isinstance(it, SnapshotChannel))
    internal = replace(
        colleague,
        uniqueid="city-5.5",
        linkedid="city-5.5",
        context="hotline-from-agents",
        channel="PJSIP/agent103-1",
    )
    assert calls_of([member]) == []
    assert calls_of([*snapshot[:-1], internal, snapshot[-1]]) == calls_of(snapshot)
    alone = [
        replace(it, uniqueid="city-5.5", linkedid="city-5.5")
        for it in raw_ami("answered_caller_hangs_up")
        if isinstance(it, BridgeEntered | BridgeLeft) and it.channel.startswith("PJSIP/agent")
    ]
    assert calls_of(alone) == []


def test_an_incomplete_snapshot_sweeps_nothing() -> None:
    begin, end = swept()
    call = only_call([*gap("answered_caller_hangs_up", QueueJoined), begin, replace(end, complete=False)])
    assert (call.outcome, call.state) == (None, CallState.QUEUED)


def test_calls_that_arrive_during_the_snapshot_are_not_swept() -> None:
    begin, end = swept(at=timedelta(days=-3))
    events = raw_ami("hangs_up_in_queue")
    call = only_call([begin, *events[:4], end])
    assert call.outcome is None


def test_taken_up_from_a_snapshot_with_known_facts_only() -> None:
    talking, waiting = calls_of(raw_ami("snapshot_of_two_calls"))
    assert (talking.state, talking.agent, talking.answered_at) == (CallState.TALKING, "agent101", None)
    assert (waiting.state, [leg.queue for leg in waiting.queue_legs]) == (CallState.QUEUED, ["main"])
    assert waiting.queue_legs[0].position == 1
    for call in (talking, waiting):
        assert (call.line, call.did, call.outcome, call.flags) == ("", "", None, {CallFlag.GAP})
        assert call.caller_number


def test_calls_first_seen_in_a_snapshot_end_with_what_is_certain() -> None:
    """The real stream before the snapshot is lost; what follows it is real too."""
    snapshot = raw_ami("snapshot_of_two_calls")
    later = [it for it in raw_ami("two_calls_across_a_snapshot") if it.at > snapshot[-1].at]
    talked, waited = calls_of([*snapshot, *later])
    assert (talked.outcome, talked.ended_by, talked.line, talked.did) == (
        Outcome.ANSWERED, EndedBy.CALLER, "main", "12345",
    )  # fmt: skip
    assert (waited.outcome, waited.queue_legs[0].ending) == (Outcome.ABANDONED_QUEUE, "abandoned")
    whole = {call.key: call for call in calls_of(raw_ami("two_calls_across_a_snapshot"))}
    for call in (talked, waited):
        assert call.flags == {CallFlag.GAP}
        assert call.recording == call.key.uniqueid
        assert call.outcome is whole[call.key].outcome
        assert abs((call.arrived_at - whole[call.key].arrived_at).total_seconds()) < 1.1


def test_a_failed_notice_is_known_from_the_report() -> None:
    snapshot = raw_ami("snapshot_of_two_calls")
    later = [
        replace(it, notice="failed") if isinstance(it, Stage) else it
        for it in raw_ami("two_calls_across_a_snapshot")
        if it.at > snapshot[-1].at
    ]
    for call in calls_of([*snapshot, *later]):
        assert (call.recording, call.flags) == (None, {CallFlag.GAP, CallFlag.NOT_RECORDED})


def test_a_snapshot_changes_nothing_of_calls_that_were_heard_throughout() -> None:
    snapshot = raw_ami("snapshot_of_two_calls")
    events = raw_ami("two_calls_across_a_snapshot")
    before = [it for it in events if it.at <= snapshot[0].at]
    later = [it for it in events if it.at > snapshot[0].at]
    for kept, whole in zip(calls_of([*before, *snapshot, *later]), calls_of(events), strict=True):
        assert replace(kept, flags=kept.flags - {CallFlag.GAP}) == whole
    tracker = CallTracker("city", RULES)
    calls_of([*before, *snapshot], tracker)
    assert [call.state for call in tracker.open_calls()] == [CallState.TALKING, CallState.QUEUED]


def test_a_call_that_a_snapshot_shows_again_was_not_over() -> None:
    snapshot = raw_ami("snapshot_of_two_calls")
    before = [it for it in raw_ami("two_calls_across_a_snapshot") if it.at <= snapshot[0].at]
    begin, end = snapshot[1], snapshot[-1]
    assert isinstance(begin, SnapshotBegin)
    assert isinstance(end, SnapshotEnd)
    empty = [replace(begin, at=snapshot[0].at), replace(end, at=snapshot[0].at, complete=True)]
    tracker = CallTracker("city", RULES)
    assert {call.outcome for call in calls_of([*before, *empty], tracker)} == {Outcome.UNRESOLVED}
    assert {call.outcome for call in calls_of(snapshot, tracker)} == {None}
    gone = [it for it in snapshot if not isinstance(it, SnapshotChannel)]
    assert {call.outcome for call in calls_of(gone, tracker)} == {Outcome.UNRESOLVED}


def an_outage(name: str, after: type, until: type) -> tuple[list[PbxEvent], LinkUp, list[PbxEvent]]:
    """What is heard of a recording without a part; the link's return; what the PBX's own records fill in."""
    events = raw_ami(name)
    first = next(i for i, it in enumerate(events) if isinstance(it, after))
    last = next(i for i, it in enumerate(events) if isinstance(it, until))
    lost = LinkLost(at=events[first].at + timedelta(microseconds=1), pbx_id="city")
    up = LinkUp(at=events[last].at - timedelta(microseconds=1), pbx_id="city")
    kept = [it for it in events if not lost.at <= it.at <= up.at]
    before, rest = ([it for it in kept if it.at < lost.at], [it for it in kept if it.at > up.at])
    heard: list[PbxEvent] = [*before, lost, up, *rest]
    return heard, up, found_out(name, heard, lost.at, up.at)


def test_a_call_in_memory_takes_over_what_was_found_out_about_it() -> None:
    name = "answered_caller_hangs_up"
    heard, _, found = an_outage(name, QueueJoined, HangupRequested)
    tracker = CallTracker("city", RULES)
    (missed,) = calls_of(heard, tracker)
    assert (missed.outcome, missed.agent) == (Outcome.ANSWERED, None), "by whom, nobody knows"
    assert tracker.changed_calls() == []
    assert tracker.adopt(missed.key, found)
    (known,) = tracker.changed_calls()
    assert alike(known, only_call(raw_ami(name))) == []
    assert known.flags == {CallFlag.BACKFILLED}
    count = len(tracker.events(known.key))
    assert tracker.adopt(known.key, found)
    assert len(tracker.events(known.key)) == count, "what is known already is not told twice"
    assert not tracker.adopt(replace(known.key, uniqueid="city-0.0"), found), "not in memory: its row is ours"


def test_what_comes_later_of_a_channel_that_was_found_out_about_is_the_calls() -> None:
    """The agent came in the gap, and leaves after it."""
    name = "answered_agent_hangs_up"
    heard, up, found = an_outage(name, QueueJoined, HangupRequested)
    tracker = CallTracker("city", RULES)
    place = heard.index(up) + 1
    (waiting,) = calls_of(heard[:place], tracker)
    assert waiting.state is CallState.QUEUED
    assert tracker.adopt(waiting.key, found)
    talking = tracker.call(waiting.key)
    assert talking is not None
    assert (talking.state, talking.agent, talking.outcome) == (CallState.TALKING, "agent101", None)
    (ended,) = calls_of(heard[place:], tracker)
    assert alike(ended, only_call(raw_ami(name))) == []


def test_after_a_gap_that_is_filled_the_snapshot_has_nothing_to_add() -> None:
    """It shows whole seconds and no beginnings: where the PBX's records speak, it is silent."""
    events = raw_ami("two_calls_across_a_snapshot")
    snapshot = raw_ami("snapshot_of_two_calls")
    at = snapshot[0].at
    lost = LinkLost(at=at - timedelta(milliseconds=3), pbx_id="city")
    up = LinkUp(at=at - timedelta(milliseconds=2), pbx_id="city")
    mark = GapFilled(at=up.at, pbx_id="city", begin=lost.at)
    before = [it for it in events if it.at < lost.at]
    later = [it for it in events if it.at > at]
    told = [it for it in snapshot if not isinstance(it, LinkLost | LinkUp)]
    assert calls_of([*before, lost, mark, up, *told, *later]) == calls_of(events)


def test_a_place_in_the_queue_is_no_citizen() -> None:
    """The caller's place, a Local channel, is in a citizens' context in the snapshot, too."""
    snapshot = raw_ami("snapshot_of_two_calls")
    caller = next(it for it in snapshot if isinstance(it, SnapshotChannel))
    place = replace(
        caller, uniqueid="city-5.6", linkedid="city-5.6", context="hotline-queue", channel="Local/main@x-1;2"
    )
    assert calls_of([*snapshot[:-1], place, snapshot[-1]]) == calls_of(snapshot)


def test_a_service_whose_channel_went_unheard_says_itself_that_it_is_there() -> None:
    events = raw_ami("emergency_connected")
    word = next(
        it
        for it in events
        if isinstance(it, Stage) and it.name is StageName.TRANSFER and it.linkedid != it.uniqueid
    )
    kept = [it for it in events if it is word or it.uniqueid != word.uniqueid]
    call = only_call(kept)
    assert (call.outcome, call.transferred_at) == (Outcome.TRANSFERRED_EMERGENCY, word.at)
    stranger = replace(word, linkedid="city-0.0")
    assert len(calls_of([stranger, *kept])) == 1, "a call that is not known does not begin with it"


@pytest.mark.parametrize(
    ("held", "outcome"), [(True, Outcome.SELF_SERVICE), (False, Outcome.ABANDONED_QUEUE)]
)
def test_an_answer_that_was_heard_counts_until_the_number_rings_again(held: bool, outcome: Outcome) -> None:
    events = raw_ami("hangs_up_in_queue")
    left = next(
        it for it in events if isinstance(it, Stage) and it.name is StageName.FLOW and it.status == "left"
    )
    fact = replace(left, name=StageName.FACT, fact="self_service", of_kind="progress", status=None)
    place = events.index(left)
    heard = [*events[:place], fact, *events[place:]]
    assert only_call(heard).outcome is Outcome.SELF_SERVICE
    key = only_call(heard).key
    settled = SelfServiceSettled(
        at=events[-1].at + timedelta(hours=1), pbx_id="city", uniqueid=key.uniqueid, held=held
    )
    call = only_call([*heard, settled])
    assert (call.outcome, call.self_service) == (outcome, "progress")
