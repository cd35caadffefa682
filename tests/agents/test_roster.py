"""States of agents from events, without a PBX: what the real one shows only now and then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.hotline import load_hotline
from config.work import OFF, WRAPPING_UP
from facts.agents import AgentNow, AgentSpan, AgentState
from facts.call import AgentLeg, Call, CallState, QueueLeg
from facts.identity import CallKey
from telephony.ami import events as ev
from ticketing_bridge.agents.day import agent_days
from ticketing_bridge.agents.roster import Roster, roster_of

BEGIN = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
CALL = "city-1.1"
S = AgentState


@dataclass
class Shift:
    """A roster, and a clock that goes on with every event."""

    by_telephone: bool = False
    roster: Roster = field(init=False)
    now: datetime = BEGIN

    def __post_init__(self) -> None:
        self.roster = Roster("city", ["agent101", "agent102"], {"main": 10}, by_telephone=self.by_telephone)

    def say(self, event: type[Any], later_s: float = 1.0, **more: Any) -> None:
        self.now += timedelta(seconds=later_s)
        self.roster.take(event(at=self.now, pbx_id="city", **more))

    def member(self, kind: type[Any], status: int = 1, *, agent: str = "agent101", **more: Any) -> None:
        known = {"queue": "main", "member": agent, "paused": False, "in_call": False, "calls_taken": 0}
        self.say(kind, interface=f"PJSIP/{agent}", status=status, **(known | more))

    def snapshot(self, *channels: str, members: tuple[tuple[str, int, str | None], ...] = ()) -> None:
        self.say(ev.SnapshotBegin, number=1)
        for uniqueid in channels:
            self.say(ev.SnapshotChannel, uniqueid=uniqueid)
        for agent, status, reason in members:
            paused = {"paused": reason is not None, "reason": reason or ""}
            self.member(ev.SnapshotQueueMember, status, agent=agent, **paused)
        self.say(ev.SnapshotEnd, number=1, complete=True)

    def rings(self, kind: type[Any], **more: Any) -> None:
        names = {"queue": "main", "interface": "PJSIP/agent101", "member": "agent101"}
        self.say(
            kind, uniqueid=CALL, channel="PJSIP/t-1", agent_channel="PJSIP/agent101-1",
            agent_uniqueid="leg", **names, **more,
        )  # fmt: skip

    def talks(self) -> None:
        self.rings(ev.AgentCalled)
        self.rings(ev.AgentConnected, hold_s=1, ring_s=1)

    @property
    def state(self) -> tuple[AgentState, str]:
        now = self.roster.now("agent101")
        assert now is not None
        return now.state, now.reason


@pytest.fixture
def shift() -> Shift:
    """Signed in and ready."""
    made = Shift()
    made.snapshot(members=(("agent101", 1, None),))
    made.roster.changes()
    return made


def test_nobody_is_known_before_the_pbx_was_heard() -> None:
    shift = Shift()
    shift.member(ev.MemberStatus)
    assert shift.state == (S.UNKNOWN, "")
    shift.snapshot(members=(("agent101", 1, None),))
    assert shift.state == (S.READY, "")
    assert [it.now.agent for it in shift.roster.changes()] == ["agent101", "agent102"]
    assert shift.roster.now("agent103") is None


@pytest.mark.parametrize(
    ("status", "paused", "state"),
    [(1, None, S.READY), (5, None, S.AWAY), (2, None, S.BUSY), (1, "meal", S.PAUSED), (1, OFF, S.OFF)],
)
def test_the_telephone_and_the_pause(shift: Shift, status: int, paused: str | None, state: S) -> None:
    shift.member(ev.MemberStatus, status, paused=paused is not None, reason=paused or "")
    assert shift.state == (state, paused or "")


def test_an_agent_of_two_queues_is_paused_when_both_say_so(shift: Shift) -> None:
    shift.member(ev.MemberAdded, queue="other")
    shift.member(ev.MemberPause, paused=True, reason="meal")
    assert shift.state == (S.READY, "")
    shift.member(ev.MemberPause, queue="other", paused=True, reason="meal")
    assert shift.state == (S.PAUSED, "meal")
    for queue in ("main", "other"):
        shift.say(ev.MemberRemoved, queue=queue, interface="PJSIP/agent101", member="agent101")
    assert shift.state == (S.OFF, "")
    shift.say(ev.MemberRemoved, queue="main", interface="PJSIP/stranger", member="stranger")


def test_after_a_talk_the_ticket_is_finished_then_calls_come_again(shift: Shift) -> None:
    shift.talks()
    assert shift.roster.talk_channel("agent101") == "leg"
    shift.member(ev.MemberStatus, 2, in_call=True)
    assert shift.state == (S.TALKING, "")
    shift.say(ev.ChannelHangup, uniqueid="leg")
    assert shift.state == (S.WRAP_UP, "")
    assert shift.roster.to_wrap() == ["agent101"]
    shift.member(ev.MemberStatus, 1)
    assert shift.state == (S.WRAP_UP, ""), "the pause has not come yet"
    shift.member(ev.MemberPause, paused=True, reason=WRAPPING_UP)
    assert shift.roster.due(shift.now) == []
    assert shift.roster.due(shift.now + timedelta(seconds=10)) == ["agent101"]
    shift.member(ev.MemberPause, paused=False)
    assert shift.state == (S.READY, "")
    states = [it.now.state for it in shift.roster.changes() if it.begins]
    assert states == [S.RINGING, S.TALKING, S.WRAP_UP, S.READY], "no flicker between them"


def test_a_wrap_up_is_kept_and_one_that_the_pbx_refuses_is_none(shift: Shift) -> None:
    shift.talks()
    shift.say(ev.ChannelHangup, uniqueid="leg")
    shift.say(ev.AgentKeyed, agent="agent101", do="keep_wrap_up")
    assert shift.roster.due(shift.now + timedelta(hours=1)) == []
    shift.roster.not_wrapped("agent101", shift.now)
    assert shift.state == (S.READY, "")
    shift.member(ev.MemberPause, paused=True, reason=WRAPPING_UP)
    assert shift.state == (S.WRAP_UP, ""), "by the telephone's key, without a talk before"


def test_a_wrap_up_that_was_begun_before_the_talk_was_over_ends_by_itself_too(shift: Shift) -> None:
    assert not shift.roster.wraps_up("agent101")
    shift.talks()
    assert shift.roster.wraps_up("agent101")
    shift.member(ev.MemberPause, paused=True, reason=WRAPPING_UP)
    assert shift.state == (S.TALKING, "")
    shift.say(ev.ChannelHangup, uniqueid="leg")
    assert shift.state == (S.WRAP_UP, "")
    assert shift.roster.to_wrap() == [], "the PBX knows"
    assert shift.roster.due(shift.now + timedelta(seconds=10)) == ["agent101"]


def test_who_paused_during_a_talk_is_paused_after_it(shift: Shift) -> None:
    shift.talks()
    shift.member(ev.MemberPause, paused=True, reason="meal")
    shift.say(ev.ChannelHangup, uniqueid="leg")
    assert shift.state == (S.PAUSED, "meal")
    assert shift.roster.to_wrap() == []


def test_a_ring_that_is_not_answered(shift: Shift) -> None:
    shift.rings(ev.AgentCalled)
    assert shift.state == (S.RINGING, "")
    shift.rings(ev.AgentRingNoAnswer, ring_ms=5000)
    assert shift.state == (S.READY, "")


def test_a_colleague_who_is_asked_talks_too_and_wraps_up_for_the_calls_queue(shift: Shift) -> None:
    shift.member(ev.MemberAdded, agent="agent102")
    shift.talks()
    shift.say(
        ev.DeskMove, uniqueid="other", call=CALL, move="consult", status="connected", kind="agent",
        target="agent102",
    )  # fmt: skip
    asked = shift.roster.now("agent102")
    assert asked is not None
    assert (asked.state, asked.call, asked.queue) == (S.TALKING, f"city:{CALL}", "main")
    shift.say(ev.ChannelHangup, uniqueid="other")
    assert shift.roster.to_wrap() == ["agent102"]


def test_a_gap_is_unknown_and_a_talk_that_went_on_is_taken_up(shift: Shift) -> None:
    shift.talks()
    shift.say(ev.LinkLost)
    assert shift.state == (S.UNKNOWN, "")
    shift.snapshot("leg", members=(("agent101", 2, None),))
    assert shift.state == (S.TALKING, "")
    shift.say(ev.LinkLost)
    shift.snapshot(members=(("agent101", 1, None),))
    assert shift.state == (S.READY, ""), "it ended unheard"
    shift.say(ev.SnapshotBegin, number=3)
    shift.say(ev.SnapshotEnd, number=3, complete=False)
    assert shift.state == (S.READY, ""), "half a snapshot says nothing"


def test_another_process_goes_on_where_the_last_one_was() -> None:
    shift = Shift()
    until = BEGIN + timedelta(seconds=8)
    wrapping = AgentNow("agent101", "city", S.WRAP_UP, BEGIN, call=f"city:{CALL}", until=until)
    leg = AgentLeg("agent102", "PJSIP/agent102-1", "leg2", BEGIN)
    talk = Call(
        CallKey("city", CALL), CALL, "PJSIP/t-1", None, "12345", "main", BEGIN, CallState.TALKING,
        queue_legs=(QueueLeg("main", BEGIN),), agent_legs=(leg,),
    )  # fmt: skip
    shift.roster.restore([wrapping, AgentNow("gone", "city", S.OFF, BEGIN)], [talk])
    shift.snapshot("leg2", members=(("agent101", 1, WRAPPING_UP), ("agent102", 2, None)))
    assert shift.state == (S.WRAP_UP, "")
    assert shift.roster.due(until) == ["agent101"]
    talking = shift.roster.now("agent102")
    assert talking is not None
    assert (talking.state, talking.queue) == (S.TALKING, "main")
    again = Shift()
    again.roster.restore([wrapping], [])
    again.snapshot(members=(("agent101", 1, None),))
    assert again.state == (S.READY, ""), "the pause was lifted while nobody looked"


def test_a_registered_telephone_takes_calls_where_nobody_signs_in() -> None:
    shift = Shift(by_telephone=True)
    shift.snapshot(members=(("agent101", 5, None),))
    assert shift.state == (S.OFF, ""), "no telephone, nobody signed in: not at work"
    shift.member(ev.MemberStatus, 1)
    ready = shift.roster.now("agent101")
    assert ready is not None
    assert (ready.state, ready.signed_in_at) == (S.READY, None), "known as signed in by nobody"
    shift.say(ev.AgentKeyed, agent="agent101", do="sign_in")
    shift.member(ev.MemberStatus, 5)
    assert shift.state == (S.AWAY, ""), "at work, and the telephone is gone"
    shift.member(ev.MemberPause, 1, paused=True, reason=OFF)
    assert shift.state == (S.OFF, OFF)
    shift.member(ev.MemberPause, 1, paused=False)
    back = shift.roster.now("agent101")
    assert back is not None
    assert back.signed_in_at == shift.now, "whoever makes a signed-out agent ready has signed in"


def test_a_change_names_who_wished_it_and_no_later_one(shift: Shift) -> None:
    shift.roster.wished("agent101", "zhang", shift.now)
    shift.member(ev.MemberPause, paused=True, reason="meal")
    shift.member(ev.MemberPause, paused=False)
    shift.roster.wished("agent101", "zhang", shift.now)
    shift.member(ev.MemberPause, paused=True, reason="meal", later_s=60)
    assert [(it.now.state, it.by) for it in shift.roster.changes()] == [
        (S.PAUSED, "zhang"),
        (S.READY, ""),
        (S.PAUSED, ""),
    ]
    for unknown in ("wished", "signed_in", "keep_wrap_up", "not_wrapped"):
        arguments = ("nobody", "zhang", shift.now) if unknown == "wished" else ("nobody", shift.now)
        getattr(shift.roster, unknown)(*arguments)
    shift.member(ev.MemberStatus, agent="nobody")
    assert {it.agent for it in shift.roster.everyone()} == {"agent101", "agent102"}


def test_a_day_in_seconds() -> None:
    minutes = [
        (S.READY, 0, 30),
        (S.TALKING, 30, 36),
        (S.WRAP_UP, 36, 40),
        (S.PAUSED, 40, 60),
        (S.OFF, 60, 70),
    ]
    at = [BEGIN + timedelta(minutes=it) for it in range(71)]
    spans = [AgentSpan("agent101", state, at[one], at[two], call="c") for state, one, two in minutes]
    day = agent_days([*spans, AgentSpan("agent101", S.READY, BEGIN, None)])["agent101"]
    assert (day.signed_in_s, day.talks, day.handle_s) == (3600, 1, 600)
    assert day.occupancy == pytest.approx(600 / (40 * 60))
    nothing = agent_days([AgentSpan("agent102", S.OFF, BEGIN, at[5])])["agent102"]
    assert (nothing.occupancy, nothing.handle_s, nothing.signed_in_s) == (None, None, 0)


def test_the_house_has_its_agents_and_the_wrap_up_of_its_queues() -> None:
    shipped = load_hotline()
    queue = shipped.queues[0].model_copy(update={"wrap_up_s": 45})
    hotline = shipped.model_copy(update={"queues": (queue, *shipped.queues[1:])})
    roster = roster_of(hotline, "city")
    assert [it.agent for it in roster.everyone()] == [agent.id for agent in hotline.agents]
    agent = next(it for it in hotline.agents if queue.id in it.queues)
    for event in (
        ev.SnapshotBegin(at=BEGIN, pbx_id="city", number=1),
        ev.SnapshotQueueMember(
            at=BEGIN, pbx_id="city", queue=queue.id, interface=f"PJSIP/{agent.id}", member=agent.id,
            status=1, paused=False, in_call=False, calls_taken=0,
        ),
        ev.SnapshotEnd(at=BEGIN, pbx_id="city", number=1, complete=True),
        ev.AgentConnected(
            at=BEGIN, pbx_id="city", uniqueid=CALL, channel="PJSIP/t-1", queue=queue.id,
            interface=f"PJSIP/{agent.id}", member=agent.id, agent_channel="", agent_uniqueid="leg",
            hold_s=1, ring_s=1,
        ),
        ev.ChannelHangup(at=BEGIN, pbx_id="city", uniqueid="leg"),
    ):  # fmt: skip
        roster.take(event)
    now = roster.now(agent.id)
    assert now is not None
    assert now.until == BEGIN + timedelta(seconds=45)


def a_talk(agent: str = "agent101", leg: str = "leg", **more: Any) -> Call:
    """A call that is with an agent, given by the main queue."""
    call = Call(
        CallKey("city", CALL), CALL, "PJSIP/t-1", None, "12345", "main", BEGIN, CallState.TALKING,
        queue_legs=(QueueLeg("main", BEGIN),), agent_legs=(AgentLeg(agent, f"PJSIP/{agent}-1", leg, BEGIN),),
    )  # fmt: skip
    return replace(call, **more)


def test_a_talk_that_began_in_an_outage_and_goes_on_is_followed_to_its_end(shift: Shift) -> None:
    shift.say(ev.LinkLost)
    shift.snapshot("leg", members=(("agent101", 2, None),))
    assert shift.state == (S.BUSY, ""), "on the telephone, with whom is not known"
    shift.roster.adopt([a_talk()], shift.now)
    talking = shift.roster.now("agent101")
    assert talking is not None
    assert (talking.state, talking.call, talking.queue) == (S.TALKING, f"city:{CALL}", "main")
    assert shift.roster.talk_channel("agent101") == "leg"
    shift.say(ev.ChannelHangup, uniqueid="leg")
    assert shift.state == (S.WRAP_UP, "")
    assert shift.roster.to_wrap() == ["agent101"]


def test_a_ring_that_the_outage_cut_off_is_the_talk_now(shift: Shift) -> None:
    shift.rings(ev.AgentCalled)
    shift.roster.adopt([a_talk(queue_legs=())], shift.now)
    talking = shift.roster.now("agent101")
    assert talking is not None
    assert (talking.state, talking.queue) == (S.TALKING, "")
    shift.say(ev.ChannelHangup, uniqueid="leg")
    assert shift.state == (S.READY, ""), "no queue asks for a wrap-up"


def test_what_is_no_talk_any_more_or_known_already_is_not_adopted(shift: Shift) -> None:
    left = AgentLeg("agent101", "PJSIP/agent101-1", "leg", BEGIN, BEGIN + timedelta(seconds=9))
    shift.roster.adopt(
        [
            a_talk(state=CallState.ENDED),
            a_talk(agent_legs=(left,)),
            a_talk(agent_legs=()),
            a_talk(agent="stranger"),
        ],
        shift.now,
    )
    assert shift.state == (S.READY, "")
    shift.talks()
    shift.roster.adopt([a_talk(leg="another")], shift.now)
    assert shift.roster.talk_channel("agent101") == "leg", "what was heard is true"


def stood(state: AgentState, reason: str = "", **more: Any) -> AgentNow:
    return AgentNow("agent101", "city", state, BEGIN, reason, **more)


STOOD = [
    (stood(S.OFF), None),
    (stood(S.AWAY), BEGIN),
    (stood(S.BUSY), BEGIN),
    (stood(S.READY), BEGIN),
    (stood(S.PAUSED, "meal"), BEGIN),
    (stood(S.WRAP_UP, call=f"city:{CALL}", queue="main"), BEGIN),
]


@pytest.mark.parametrize(("now", "signed_in_at"), STOOD, ids=[str(now.state) for now, _ in STOOD])
def test_an_outage_is_gone_through_from_how_an_agent_stood(
    now: AgentNow, signed_in_at: datetime | None
) -> None:
    """What was missed begins there: the first event changes just what it says."""
    shift = Shift()
    shift.roster.stood([now, replace(now, agent="stranger")], {"agent101": ["main"]})
    assert shift.roster.now("agent101") == replace(now, signed_in_at=signed_in_at)
    assert shift.roster.changes() == []
    shift.say(ev.ChannelHangup, uniqueid="somebody else's")
    assert shift.state == (now.state, now.reason)
    if now.state is S.OFF:
        shift.member(ev.MemberAdded)
        assert shift.state == (S.READY, ""), "signed in during the outage"
        return
    shift.talks()
    assert shift.state == (S.TALKING, "")
    shift.say(ev.ChannelHangup, uniqueid="leg")
    assert shift.state == ((S.PAUSED, "meal") if now.state is S.PAUSED else (S.WRAP_UP, ""))


def test_where_nobody_signs_in_who_was_off_is_there_with_the_telephone() -> None:
    shift = Shift(by_telephone=True)
    shift.roster.stood([stood(S.OFF)], {"agent101": ["main"]})
    assert shift.state == (S.OFF, "")
    shift.member(ev.MemberStatus, 1)
    assert shift.state == (S.READY, "")


def test_who_is_not_of_the_house_and_what_is_over_changes_nobody(shift: Shift) -> None:
    before = shift.roster.everyone()
    shift.say(
        ev.DeskMove, uniqueid="x", call=CALL, move="consult", status="connected", kind="agent",
        target="stranger",
    )  # fmt: skip
    shift.say(
        ev.AgentCalled, uniqueid=CALL, channel="PJSIP/t-1", queue="main", interface="PJSIP/stranger",
        member="stranger", agent_channel="", agent_uniqueid="y",
    )  # fmt: skip
    shift.roster.restore(
        [stood(S.READY)], [a_talk(state=CallState.ENDED), a_talk(agent_legs=()), a_talk("stranger")]
    )
    assert [it.state for it in shift.roster.everyone()] == [it.state for it in before]
    assert shift.roster.talk_channel("agent101") is None
