"""What happened on a real PBX gives the outcome that a person who watched would give it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from recorded import RULES, WHOLE, calls_of, not_by_the_caller, only_call, raw_ami

from facts.call import Call, CallFlag, CallState, EndedBy, Outcome
from facts.identity import CallKey
from telephony.ami.events import (
    AgentCalled,
    AgentCompleted,
    AgentConnected,
    BridgeEntered,
    CallbackStage,
    ChannelNew,
    ChannelRenamed,
    FollowUpStage,
    HangupRequested,
    LinkUp,
    QueueJoined,
    Stage,
    StageName,
)
from telephony.call_fold import CallTracker, FoldRules, fold_call
from telephony.call_fold.states import TRANSITIONS, Signal, check


@pytest.mark.parametrize(
    ("name", "outcome", "ended_by", "queue_ending", "rings"),
    [
        ("answered_caller_hangs_up", "answered", "caller", "answered", ["answered"]),
        ("answered_agent_hangs_up", "answered", "agent", "answered", ["answered"]),
        ("second_agent_answers", "answered", "caller", "answered", ["no_answer", "answered"]),
        ("first_agent_declines", "answered", "agent", "answered", ["no_answer", "answered"]),
        ("hangs_up_at_once", "abandoned_ivr", "caller", None, []),
        ("hangs_up_in_notice", "abandoned_ivr", "caller", None, []),
        ("hangs_up_in_flow", "abandoned_ivr", "caller", None, []),
        ("hangs_up_in_queue", "abandoned_queue", "caller", "abandoned", ["cancelled"]),
        ("queue_timeout", "timeout", "system", "timeout", ["no_answer"]),
        ("join_empty", "join_empty", "system", "joinempty", []),
        ("leave_empty", "leave_empty", "system", "leaveempty", ["no_answer"]),
        ("withheld_number", "answered", "caller", "answered", ["answered"]),
    ],
)
def test_outcome(name: str, outcome: str, ended_by: str, queue_ending: str | None, rings: list[str]) -> None:
    call = only_call(raw_ami(name))
    assert (call.outcome, call.ended_by, call.state) == (outcome, ended_by, CallState.ENDED)
    assert [leg.ending for leg in call.queue_legs] == ([queue_ending] if queue_ending else [])
    assert [ring.result for ring in call.rings] == rings
    assert call.cause is None
    assert call.hangup_cause in (0, 16)
    assert call.ended_at
    assert call.arrived_at < call.ended_at


@pytest.mark.parametrize(
    ("name", "outcome", "ended_by", "legs", "steps"),
    [
        ("key_to_another_queue", "abandoned_queue", "caller", "main exit_key 2, second abandoned", ""),
        ("progress_and_back", "answered", "caller", "main exit_key 5, main answered", "ask_number told"),
        ("progress_heard", "self_service", "caller", "main exit_key 5", "ask_number told"),
        ("wrong_key_three_times", "abandoned_queue", "caller", "main abandoned", ""),
        ("callback_requested", "callback_requested", "system", "main exit_key 9", "offer"),
        ("voicemail", "voicemail", "caller", "empty joinempty", "leave"),
        ("closed", "closed", "system", "", "closed"),
        ("survey", "answered", "agent", "main answered", "ask"),
        ("emergency_connected", "transferred_emergency", "system", "", ""),
        ("emergency_busy", "abandoned_queue", "caller", "second abandoned", ""),
        ("overflow", "answered", "caller", "desk timeout, second answered", ""),
    ],
)
def test_journey(name: str, outcome: str, ended_by: str, legs: str, steps: str) -> None:
    call = only_call(raw_ami(name))
    assert (call.outcome, call.ended_by, call.state) == (outcome, ended_by, CallState.ENDED)
    shown = [" ".join(filter(None, (leg.queue, leg.ending, leg.key))) for leg in call.queue_legs]
    assert ", ".join(shown) == legs
    assert " ".join(step.node for step in call.steps) == steps
    assert (CallFlag.PROVISIONAL in call.flags) == (outcome == "self_service")


def test_what_journeys_leave_behind() -> None:
    message = only_call(raw_ami("voicemail"))
    assert message.voicemail == f"{message.key.uniqueid}-voicemail"
    assert message.voicemail_ms
    assert 2000 < message.voicemail_ms < 4000
    assert only_call(raw_ami("survey")).survey_score == 4
    assert only_call(raw_ami("callback_requested")).callback_requested
    danger = only_call(raw_ami("emergency_connected"))
    assert danger.answers == (("危险", "有人受困"),)
    assert danger.transfer_target == "fire"
    assert danger.transferred_at
    assert not danger.agent_legs
    assert only_call(raw_ami("emergency_busy")).transferred_at is None
    (step,) = only_call(raw_ami("callback_requested")).steps
    assert (step.flow, step.node, step.key, step.ms, step.version) == ("callback", "offer", "1", 40, "3f2a")


def test_what_the_report_of_the_ending_says_alone_is_enough() -> None:
    """Facts that went unheard come with the ending; only the steps in between are not known."""
    for name in (
        "progress_heard",
        "callback_requested",
        "voicemail",
        "closed",
        "survey",
        "emergency_connected",
    ):
        events = raw_ami(name)
        heard = [it for it in events if not (isinstance(it, Stage) and it.name in _TOLD_TWICE)]
        whole, rest = only_call(events), only_call(heard)
        assert rest.transfer_target == whole.transfer_target, name
        assert replace(rest, transferred_at=whole.transferred_at) == whole, name


_TOLD_TWICE = (StageName.FACT, StageName.TRANSFER)


@pytest.mark.parametrize("name", ["callback_reached", "callback_busy", "follow_up"])
def test_calls_that_the_hotline_makes_are_no_citizens_calls(name: str) -> None:
    assert calls_of(raw_ami(name)) == []


def test_the_stages_of_calls_that_the_hotline_makes() -> None:
    def told(name: str) -> list[str]:
        return [it.status for it in raw_ami(name) if isinstance(it, CallbackStage | FollowUpStage)]

    assert told("callback_reached") == ["queued", "agent", "dialing", "reached", "done", "left"]
    assert told("callback_busy") == ["queued", "agent", "dialing", "busy", "done", "left"]
    assert told("follow_up") == ["dialing", "answered", "done"]


def test_two_callers_at_a_full_queue() -> None:
    waited, refused = calls_of(raw_ami("full_no_agent"))
    assert (waited.outcome, refused.outcome) == ("abandoned_queue", "full")
    assert [(step.flow, step.node) for step in refused.steps] == [("no_agent", "sorry")]


def test_everything_that_is_known_of_an_answered_call() -> None:
    call = only_call(raw_ami("answered_caller_hangs_up"))
    assert (call.caller_number, call.did, call.line) == ("13997361508", "12345", "main")
    assert (call.channel, call.linkedid) == ("PJSIP/hotline-trunk-00000000", call.key.uniqueid)
    assert call.recording == call.key.uniqueid
    (leg,) = call.agent_legs
    assert (leg.agent, leg.channel) == ("agent101", "PJSIP/agent101-00000001")
    assert call.answered_at == leg.bridged_at
    assert leg.left_at
    assert (leg.left_at - leg.bridged_at).total_seconds() == pytest.approx(1.5, abs=0.05)
    assert call.wait_s == pytest.approx(2.0, abs=0.1)
    (queue,) = call.queue_legs
    assert (queue.queue, queue.position) == ("main", 1)
    moments = [call.arrived_at, call.notice_at, call.flow_entered_at, call.flow_left_at, queue.joined_at]
    assert moments == sorted(moments)
    assert call.flags == frozenset()
    assert call.agent == "agent101"


def test_flags_of_short_calls() -> None:
    assert only_call(raw_ami("hangs_up_in_notice")).flags == {CallFlag.SHORT}
    assert only_call(raw_ami("queue_timeout")).flags == set()
    assert only_call(raw_ami("answered_agent_hangs_up")).flags == {CallFlag.ANSWERED_SHORT}
    rules = replace(RULES, t_short_s=0.0, answered_short_s=0.0)
    for name in ("hangs_up_in_notice", "answered_agent_hangs_up"):
        assert only_call_by(rules, name).flags == set()


def only_call_by(rules: FoldRules, name: str) -> Call:
    (call,) = calls_of(raw_ami(name), CallTracker("city", rules))
    return call


def test_a_full_queue_is_a_leg_that_never_waited() -> None:
    waited, refused = calls_of(raw_ami("queue_full"))
    assert (waited.outcome, refused.outcome) == (Outcome.ABANDONED_QUEUE, Outcome.FULL)
    (leg,) = refused.queue_legs
    assert (leg.ending, leg.position, leg.left_at) == ("full", None, leg.joined_at)


def test_two_calls_at_once_keep_their_agents_apart() -> None:
    first, second = calls_of(raw_ami("two_at_once"))
    assert (first.agent, first.ended_by) == ("agent101", EndedBy.CALLER)
    assert (second.agent, second.ended_by) == ("agent102", EndedBy.AGENT)


def test_states_while_it_goes_on() -> None:
    tracker = CallTracker("city", RULES)
    states: list[CallState] = []
    for event in raw_ami("answered_caller_hangs_up"):
        tracker.take(event)
        for call in tracker.changed_calls():
            if not states or states[-1] is not call.state:
                states.append(call.state)
            assert (call.outcome is None) == (call.state is not CallState.ENDED)
            assert (call.key in tracker.open_keys()) == (call.outcome is None)
    assert states == [*CallState]


def test_silent_notice_is_marked_not_recorded() -> None:
    events = [
        replace(event, status="failed")
        if isinstance(event, Stage) and event.name is StageName.NOTICE
        else event
        for event in raw_ami("hangs_up_in_flow")
        if not (isinstance(event, Stage) and event.name is StageName.RECORDING)
    ]
    call = only_call(events)
    assert CallFlag.NOT_RECORDED in call.flags
    assert (call.recording, call.notice_at) == (None, None)


def test_hung_up_by_the_pbx_is_a_system_error_with_its_cause() -> None:
    events = [not_by_the_caller(it) for it in raw_ami("hangs_up_in_flow")]
    call = only_call(it for it in events if not isinstance(it, HangupRequested))
    assert (call.outcome, call.ended_by) == (Outcome.SYSTEM_ERROR, EndedBy.SYSTEM)
    assert call.cause == "hung up by the PBX in stage flow, cause 0"


def test_without_the_dialplans_report_nothing_is_guessed() -> None:
    events = [
        it
        for it in raw_ami("hangs_up_in_queue")
        if not (isinstance(it, Stage) and it.name is StageName.ENDED)
    ]
    assert only_call(events).outcome is Outcome.SYSTEM_ERROR
    assert "report" in str(only_call(events).cause)


def test_agent_connected_alone_is_an_answer() -> None:
    events = [it for it in raw_ami("answered_caller_hangs_up") if not isinstance(it, BridgeEntered)]
    call = only_call(events)
    (connected,) = [it for it in events if isinstance(it, AgentConnected)]
    assert (call.outcome, call.answered_at, call.agent_legs) == (Outcome.ANSWERED, connected.at, ())


def test_waiting_music_is_no_agent() -> None:
    held = [
        replace(it, technology="holding_bridge") if isinstance(it, BridgeEntered) else it
        for it in raw_ami("answered_caller_hangs_up")
        if not isinstance(it, AgentConnected)
    ]
    assert only_call(held).agent_legs == ()


def test_agent_is_known_by_the_endpoint_when_the_queue_said_nothing() -> None:
    mute = [
        it
        for it in raw_ami("answered_caller_hangs_up")
        if not isinstance(it, AgentConnected | AgentCalled | AgentCompleted)
    ]
    call = only_call(mute)
    assert (call.outcome, call.agent, call.ended_by) == (Outcome.ANSWERED, "agent101", EndedBy.CALLER)
    assert only_call_of_strangers(mute).agent_legs == ()


def only_call_of_strangers(events: list) -> Call:  # type: ignore[type-arg]
    (call,) = calls_of(events, CallTracker("city", FoldRules()))
    return call


def test_an_agent_of_another_linkedid_belongs_to_whom_it_meets() -> None:
    """An attended transfer brings a channel whose Linkedid is another call's."""
    events = raw_ami("answered_caller_hangs_up")
    place = next(i for i, it in enumerate(events) if isinstance(it, HangupRequested))
    enter = next(it for it in events if isinstance(it, BridgeEntered))
    second = replace(
        enter,
        at=events[place].at - timedelta(milliseconds=500),
        uniqueid="city-9.9",
        linkedid="city-9.9",
        channel="PJSIP/agent102-00000077",
    )
    after = only_call([*events[:place], second, *events[place:]])
    assert [leg.agent for leg in after.agent_legs] == ["agent101", "agent102"]
    before = only_call([*events[: events.index(enter)], second, *events[events.index(enter) :]])
    assert [leg.agent for leg in before.agent_legs] == ["agent101", "agent102"]


def test_a_second_queue_is_a_second_leg() -> None:
    events = raw_ami("hangs_up_in_queue")
    joined = next(it for it in events if isinstance(it, QueueJoined))
    place = events.index(joined) + 1
    later = replace(joined, queue="safety", at=joined.at + timedelta(milliseconds=1), position=3)
    call = only_call([*events[:place], later, *events[place:]])
    assert [(leg.queue, leg.ending) for leg in call.queue_legs] == [
        ("main", "exit_key"),
        ("safety", "abandoned"),
    ]


def test_renamed_channel() -> None:
    events = raw_ami("hangs_up_in_flow")
    new = next(it for it in events if isinstance(it, ChannelNew))
    renamed = ChannelRenamed(
        at=new.at + timedelta(seconds=1),
        pbx_id="city",
        uniqueid=new.uniqueid,
        linkedid=new.linkedid,
        channel=new.channel,
        new_name="PJSIP/other-1",
    )
    assert only_call([*events, renamed]).channel == "PJSIP/other-1"
    answered = raw_ami("answered_caller_hangs_up")
    leg = next(it for it in answered if isinstance(it, BridgeEntered))
    agents = replace(renamed, at=leg.at, uniqueid=leg.uniqueid, linkedid=leg.linkedid, channel=leg.channel)
    assert only_call([*answered, agents]) == only_call(answered)


@pytest.mark.parametrize("channel", ["AudioSocket/127.0.0.1:9092-1a2b", "Local/12345@hotline-from-trunk-1;2"])
def test_taps_and_local_channels_are_never_calls(channel: str) -> None:
    events = raw_ami("answered_caller_hangs_up")
    foreign = [replace(it, channel=channel, uniqueid="city-7.7") for it in events]
    assert calls_of(foreign) == []
    assert calls_of([*events, *foreign]) == calls_of(events)


def test_a_channel_that_never_reached_the_dialplan_is_no_call() -> None:
    events = raw_ami("hangs_up_in_notice")
    tracker = CallTracker("city", RULES)
    assert calls_of([it for it in events if not isinstance(it, Stage)], tracker) == []
    assert tracker.open_calls() == []
    assert fold_call(CallKey("city", "x"), [], RULES) is None
    assert tracker.call(CallKey("city", "x")) is None


def test_late_events_are_taken_and_old_calls_let_go() -> None:
    events = raw_ami("hangs_up_in_queue")
    (last,) = [it for it in events if isinstance(it, Stage) and it.name is StageName.ENDED]
    rest = [it for it in events if it is not last]
    tracker = CallTracker("city", RULES)
    assert only_call_in(tracker, rest).outcome is Outcome.SYSTEM_ERROR
    assert only_call_in(tracker, [last]).outcome is Outcome.ABANDONED_QUEUE
    tracker.take(last)
    tracker.take(LinkUp(at=last.at + timedelta(minutes=3), pbx_id="city"))
    assert tracker.call(CallKey("city", last.uniqueid)) is None
    assert [call.outcome for call in tracker.changed_calls()] == [Outcome.ABANDONED_QUEUE]
    calls_of(rest, tracker)
    tracker.take(LinkUp(at=last.at + timedelta(minutes=9), pbx_id="city"))
    assert tracker.changed_calls() == []


def only_call_in(tracker: CallTracker, events: list) -> Call:  # type: ignore[type-arg]
    (call,) = calls_of(events, tracker)
    return call


# -- the table


def test_the_table_is_checked() -> None:
    check(TRANSITIONS)
    broken = {state: dict(row) for state, row in TRANSITIONS.items()}
    del broken[CallState.FLOW][Signal.QUEUE]
    broken[CallState.QUEUED][Signal.END] = CallState.QUEUED
    for row in broken.values():
        row.pop(Signal.AGENT)
    with pytest.raises(ValueError, match=r"flow/queue.*way to talking.*end of queued"):
        check(broken)


def test_every_recording_is_whole() -> None:
    assert len(WHOLE) >= 48
    for name in WHOLE:
        assert all(call.outcome for call in calls_of(raw_ami(name)))
