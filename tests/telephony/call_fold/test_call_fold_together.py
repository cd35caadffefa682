"""A flow calls an emergency service and an agent to the caller, both at once: one call, counted once."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from recorded import RULES, only_call

from facts.call import Call, CallState, EndedBy, Outcome
from facts.identity import CallKey
from telephony.ami import events as ev
from telephony.call_fold import fold_call
from telephony.call_fold.order import KINDS_IN_ORDER
from telephony.call_fold.seen import READ
from ticketing_bridge.rate import measure, shipped

BEGIN = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
CALLER, FIRE, DESK, TELEPHONE = "city-1.1", "city-1.2", "city-1.4", "city-1.6"
#: the halves that are in the room, the agent's telephone, the caller
CHANNELS = {
    CALLER: "PJSIP/hotline-trunk-00000001",
    FIRE: "Local/fire@hotline-together-service-00000001;1",
    DESK: "Local/main@hotline-together-agent-00000002;1",
    TELEPHONE: "PJSIP/agent102-00000003",
}
ROOM, BEHIND = "room", "behind the agent's halves"
TALKING, GONE = "survey", "transfer"


@dataclass
class Together:
    """What the PBX says of a caller in danger; ``later`` is in seconds."""

    events: list[ev.PbxEvent] = field(default_factory=list)
    now: datetime = BEGIN

    def __post_init__(self) -> None:
        self.say(ev.ChannelNew, CALLER, caller_number="13900000028", context="hotline-from-trunk", state=4)
        self.stage("ARRIVED", line="main", did="12345")
        self.stage("NOTICE", status="played")
        self.stage("FLOW", status="entered", flow="main", stage="flow")
        self.stage("FLOW", status="left", flow="main", stage="flow")
        self.stage("TRANSFER", status="dialing", target="fire")
        self.enters(CALLER)

    def say(self, event: type[Any], uniqueid: str, later: float = 1, **more: Any) -> None:
        self.now += timedelta(seconds=later)
        told = {"uniqueid": uniqueid, "linkedid": CALLER, "channel": CHANNELS[uniqueid]}
        self.events.append(event(at=self.now, pbx_id="city", **told, **more))

    def stage(self, name: str, **more: Any) -> None:
        self.say(ev.Stage, CALLER, name=ev.StageName[name], **more)

    def enters(self, uniqueid: str, room: str = ROOM) -> None:
        self.say(ev.BridgeEntered, uniqueid, 0.002, bridge_id=room, technology="softmix")

    def leaves(self, uniqueid: str, room: str = ROOM, later: float = 1) -> None:
        self.say(ev.BridgeLeft, uniqueid, later, bridge_id=room, technology="softmix")

    def service(self, status: str) -> None:
        self.say(ev.DeskMove, FIRE, call=CALLER, move="with", status=status, kind="emergency", target="fire")
        if status == "connected":
            self.enters(FIRE)

    def agent(self) -> None:
        """Queue() joins the telephone with the far half; the near half comes to the caller."""
        self.enters(TELEPHONE, BEHIND)
        self.say(
            ev.DeskMove, DESK, call=CALLER, move="with", status="connected", kind="agent", target="agent102"
        )
        self.enters(DESK)

    def agent_goes(self, talk_s: float) -> None:
        self.leaves(DESK, later=talk_s)
        self.leaves(TELEPHONE, BEHIND, later=0)

    def ends(self, stage: str, *, by_caller: bool = True, **more: Any) -> Call:
        self.leaves(CALLER, later=0)
        if by_caller:
            self.say(ev.HangupRequested, CALLER, by_peer=True)
        told = {"cause": 16, "by": CHANNELS[CALLER] if by_caller else "", "abandoned": False}
        self.stage("ENDED", stage=stage, line="main", did="12345", queue_status="", **told, **more)
        self.say(ev.ChannelHangup, CALLER, 0, cause=16)
        return only_call(self.events)


def counted(call: Call) -> dict[str, tuple[int, int]]:
    """Base and reached of this call alone, by every shipped definition that asks for no time and no queue."""
    return {
        it.name: (rate.base, rate.reached)
        for it in shipped().values()
        if it.within_s is None and not it.queued_only
        for rate in (measure(it, [call]),)
    }


def both() -> Together:
    """The service is there after 1 s, the agent 1 s later; the service leaves 1 s after that."""
    made = Together()
    made.service("connected")
    made.agent()
    made.leaves(FIRE)
    made.agent_goes(talk_s=30)
    return made


def test_service_and_agent_are_one_call_that_was_answered_once() -> None:
    call = both().ends(
        TALKING, by_caller=False, answered=True, results="transfer:Target=fire&Status=connected;"
    )
    assert (call.outcome, call.state, call.ended_by) == (Outcome.ANSWERED, CallState.ENDED, EndedBy.AGENT)
    assert (call.transfer_target, call.agent) == ("fire", "agent102")
    (leg,) = call.agent_legs
    assert (leg.agent, leg.uniqueid, leg.left_at) == (
        "agent102",
        DESK,
        leg.bridged_at + timedelta(seconds=31),
    )
    assert call.transferred_at is not None
    assert call.transferred_at < leg.bridged_at == call.answered_at, "the service first, then the agent"
    figures = counted(call)
    assert len(figures) > 2
    assert {*figures.values()} == {(1, 1)}


def test_the_order_in_which_it_is_heard_does_not_matter() -> None:
    told = both()
    whole = told.ends(TALKING, answered=True)
    for seed in range(5):
        mixed = [*told.events, *told.events[::3]]
        random.Random(seed).shuffle(mixed)
        assert fold_call(CallKey("city", CALLER), mixed, RULES) == whole


def test_who_comes_is_known_before_the_bridge_of_the_same_moment() -> None:
    """A half in the caller's room is the agent only once the dialplan has said so."""
    told = both()
    moments = {id(it): it.at for it in told.events}
    for move, entered in itertools.pairwise(told.events):
        if isinstance(move, ev.DeskMove) and isinstance(entered, ev.BridgeEntered):
            moments[id(move)] = entered.at
    whole = told.ends(TALKING, answered=True)
    told.events = [replace(it, at=moments.get(id(it), it.at)) for it in told.events]
    again = fold_call(CallKey("city", CALLER), told.events[::-1], RULES)
    assert again is not None
    assert again.agent_legs == whole.agent_legs
    assert not READ - {*KINDS_IN_ORDER}, "every kind that is read has its place"


def test_while_both_are_there_the_call_is_with_the_agent() -> None:
    told = Together()
    assert only_call(told.events).state is not CallState.TALKING
    told.service("connected")
    told.agent()
    call = only_call(told.events)
    assert (call.state, call.agent, call.outcome) == (CallState.TALKING, "agent102", None)


def test_a_service_that_is_busy_leaves_the_caller_to_the_agent() -> None:
    told = Together()
    told.service("failed")
    told.agent()
    told.agent_goes(talk_s=12)
    call = told.ends(TALKING, by_caller=False, answered=True)
    assert (call.outcome, call.transfer_target, call.transferred_at) == (Outcome.ANSWERED, "fire", None)
    assert [it.agent for it in call.agent_legs] == ["agent102"]


@pytest.mark.parametrize(
    ("came", "outcome", "reached"),
    [("connected", Outcome.TRANSFERRED_EMERGENCY, 1), ("failed", Outcome.ABANDONED_IVR, 0)],
)
def test_without_the_agent_it_is_the_services_call_or_nobodys(
    came: str, outcome: Outcome, reached: int
) -> None:
    told = Together()
    told.service(came)
    call = told.ends("talk" if reached else GONE, results=f"transfer:Target=fire&Status={came};")
    assert (call.outcome, call.transfer_target, call.agent_legs) == (outcome, "fire", ())
    assert (call.transferred_at is not None, call.answered_at) == (bool(reached), None)
    assert counted(call)["person"] == (1, reached)
