"""Standings of calls and owners of tickets, without a PBX: what the real one shows only now and then."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from facts.call_control import Standing, Target, TargetKind
from facts.identity import CallKey
from telephony.ami.events import (
    AgentConnected,
    ChannelHangup,
    ChannelRenamed,
    DeskMove,
    LinkUp,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
)
from ticketing_bridge.agents.call_moves import CallMoves

CALL, LEG, THIRD = "city-1.1", "city-1.2", "city-1.3"
KEY = CallKey("city", CALL)
T = Standing


@dataclass
class Desk:
    """Moves of one call, and a clock that goes on with every event."""

    moves: CallMoves = field(default_factory=lambda: CallMoves("city"))
    now: datetime = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)

    def _later(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def connected(self, agent: str = "agent101", leg: str = LEG, channel: str = "PJSIP/t-1") -> None:
        self.moves.take(
            AgentConnected(
                at=self._later(), pbx_id="city", uniqueid=CALL, channel=channel, queue="main",
                interface=f"PJSIP/{agent}", member=agent, agent_channel=f"PJSIP/{agent}-1",
                agent_uniqueid=leg, hold_s=1, ring_s=1,
            )
        )  # fmt: skip

    def move(self, move: str, status: str, kind: str = "", target: str = "", by: str = LEG) -> None:
        self.moves.take(
            DeskMove(
                at=self._later(), pbx_id="city", uniqueid=by, call=CALL, move=move, status=status,
                kind=kind or None, target=target or None,
            )
        )  # fmt: skip

    def gone(self, uniqueid: str) -> None:
        self.moves.take(ChannelHangup(at=self._later(), pbx_id="city", uniqueid=uniqueid))

    @property
    def stands(self) -> tuple[Standing, str] | None:
        call = self.moves.get(KEY)
        return (call.standing, call.owner) if call else None

    @property
    def history(self) -> list[tuple[str, str]]:
        return [(it.standing, it.owner) for it in self.moves.moves()]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.connected()
    return made


@pytest.mark.parametrize("order", list(itertools.permutations(("talk", "enter"))), ids=str)
def test_both_come_to_the_caller_in_either_order(desk: Desk, order: tuple[str, ...]) -> None:
    desk.move("consult", "dialing", "agent", "agent102")
    assert desk.stands == (T.CONSULT_RINGING, "agent101")
    desk.move("consult", "connected", "agent", "agent102", by=THIRD)
    for move in order:
        desk.move(move, "done", *(("agent", "agent102", THIRD) if move == "enter" else ()))
    assert desk.stands == (T.THREE_WAY, "agent101")
    desk.gone(LEG)
    assert desk.stands == (T.TALK, "agent102")
    call = desk.moves.get(KEY)
    assert call is not None
    assert (call.agent_channel, call.roomed, desk.moves.of_agent("agent102")) == (THIRD, True, call)


def test_who_consults_and_hangs_up_has_handed_over(desk: Desk) -> None:
    desk.move("consult", "dialing", "unit", "u7")
    desk.moves.unit("u7", Target(TargetKind.UNIT, "住建局", "8413371"))
    desk.move("consult", "connected", "unit", "u7", by=THIRD)
    desk.gone(LEG)
    assert desk.stands is None, "nobody of ours handles it"
    desk.move("enter", "done", "unit", "u7", by=THIRD)
    desk.gone(THIRD)
    desk.gone(CALL)
    assert desk.history[-4:] == [
        ("consult", "agent101"),
        ("handed_over", "agent101"),
        ("handed_over", "agent101"),
        ("over", "agent101"),
    ]


@pytest.mark.parametrize("status", ["no_answer", "busy", "failed"])
def test_a_target_that_is_not_reached(desk: Desk, status: str) -> None:
    desk.move("join", "dialing", "emergency", "fire", by="rings")
    desk.move("join", status, "emergency", "fire", by="rings")
    assert desk.stands == (T.TALK, "agent101")
    assert desk.moves.moves()[-1].missed == status
    desk.move("consult", "dialing", "agent", "agent102")
    desk.move("consult", status, "agent", "agent102")
    desk.move("talk", "done")
    call = desk.moves.get(KEY)
    assert call is not None
    assert (call.standing, call.target) == (T.TALK, None)


def test_a_third_party_that_goes_leaves_the_two_together(desk: Desk) -> None:
    desk.move("join", "dialing", "emergency", "fire", by="rings")
    desk.move("join", "connected", "emergency", "fire", by=THIRD)
    desk.move("enter", "done", "emergency", "fire", by="local")
    assert desk.stands == (T.THREE_WAY, "agent101")
    desk.gone(THIRD)
    desk.move("join", "done", "emergency", "fire", by="rings")
    assert desk.stands == (T.TALK, "agent101")


def test_ringing_that_is_given_up(desk: Desk) -> None:
    desk.move("join", "dialing", "emergency", "fire", by="rings")
    desk.gone("rings")
    assert desk.stands == (T.TALK, "agent101")


def test_an_agent_who_goes_while_a_service_rings_and_one_who_goes_from_a_hold(desk: Desk) -> None:
    desk.move("join", "dialing", "emergency", "fire", by="rings")
    desk.gone(LEG)
    assert desk.stands is None
    desk.move("join", "connected", "emergency", "fire", by=THIRD)
    assert desk.history[-1] == ("handed_over", "agent101")
    unreached = Desk()
    unreached.connected()
    unreached.move("join", "dialing", "emergency", "fire", by="rings")
    unreached.gone(LEG)
    unreached.move("join", "no_answer", "emergency", "fire", by="rings")
    assert unreached.history[-2:] == [("join_ringing", "agent101"), ("over", "agent101")]
    held = Desk()
    held.connected()
    held.move("hold", "done")
    held.gone(LEG)
    held.gone(CALL)
    assert held.history == [("talk", "agent101"), ("held", "agent101"), ("over", "agent101")]


def test_sent_on_to_a_queue_the_ticket_goes_to_whoever_takes_it(desk: Desk) -> None:
    desk.moves.pause(KEY, desk.now, paused=True)
    desk.move("blind", "dialing", "queue", "resident", by=CALL)
    desk.gone(LEG)
    desk.connected("agent103", "city-1.9")
    assert desk.stands == (T.TALK, "agent103")
    assert desk.moves.to_resume() == [KEY], "whoever takes it did not ask for the pause"
    assert desk.history[-2:] == [("handed_over", "agent101"), ("talk", "agent103")]


def test_sent_on_to_an_agent(desk: Desk) -> None:
    desk.moves.pause(KEY, desk.now, paused=True)
    desk.move("blind", "dialing", "agent", "agent102", by=CALL)
    desk.move("blind", "connected", "agent", "agent102", by=THIRD)
    assert desk.stands == (T.TALK, "agent102")
    assert desk.moves.to_resume() == [KEY]
    call = desk.moves.get(KEY)
    assert call is not None
    assert not call.roomed, "the caller dialled: a room must be made first"
    desk.move("blind", "done", "agent", "agent102", by=CALL)
    desk.move("close", "done", "close", "silent", by=CALL)
    last = desk.moves.moves()[-1]
    assert (last.standing, last.target_kind, last.target) == ("over", "close", "silent")


def test_what_is_no_citizen_s_call_is_not_handled() -> None:
    desk = Desk()
    desk.connected(channel="Local/main@hotline-callback-1;1")
    desk.move("hold", "done")
    desk.moves.pause(KEY, desk.now, paused=True)
    desk.moves.take(LinkUp(at=desk.now, pbx_id="city"))
    assert (desk.stands, desk.history, desk.moves.of_agent("agent101")) == (None, [], None)


@pytest.mark.parametrize(
    ("there", "stands"),
    [
        ((CALL, LEG, THIRD), (T.THREE_WAY, "agent101")),
        ((CALL, LEG), (T.TALK, "agent101")),
        ((CALL, THIRD), (T.TALK, "agent102")),
        ((LEG, THIRD), None),
    ],
)
def test_what_ended_unheard_is_swept(desk: Desk, there: tuple[str, ...], stands: object) -> None:
    desk.move("consult", "dialing", "agent", "agent102")
    desk.move("consult", "connected", "agent", "agent102", by=THIRD)
    desk.move("talk", "done")
    desk.move("enter", "done", "agent", "agent102", by=THIRD)
    desk.moves.take(SnapshotBegin(at=desk.now, pbx_id="city", number=1))
    for uniqueid in there:
        desk.moves.take(SnapshotChannel(at=desk.now, pbx_id="city", uniqueid=uniqueid))
    desk.moves.take(SnapshotEnd(at=desk.now, pbx_id="city", number=1, complete=False))
    assert desk.stands == (T.THREE_WAY, "agent101"), "half a snapshot says nothing"
    desk.moves.take(SnapshotEnd(at=desk.now, pbx_id="city", number=1, complete=True))
    assert desk.stands == stands


def test_a_channel_that_is_renamed_keeps_its_call(desk: Desk) -> None:
    desk.moves.take(ChannelRenamed(at=desk.now, pbx_id="city", uniqueid=CALL, new_name="PJSIP/t-2"))
    desk.moves.take(ChannelRenamed(at=desk.now, pbx_id="city", uniqueid="x", new_name="PJSIP/x"))
    call = desk.moves.get(KEY)
    assert call is not None
    assert call.caller == "PJSIP/t-2"
    assert call.view().owner == "agent101"


SERVICE = ("emergency", "fire", THIRD)
COLLEAGUE = ("agent", "agent102", LEG)


@pytest.mark.parametrize("order", list(itertools.permutations((SERVICE, COLLEAGUE))), ids=str)
def test_a_flow_calls_a_service_and_an_agent_who_owns_the_ticket(order: tuple[tuple[str, ...], ...]) -> None:
    desk = Desk()
    for whom in order:
        desk.move("with", "connected", *whom)
    call = desk.moves.get(KEY)
    assert call is not None
    assert desk.stands == (T.THREE_WAY, "agent102")
    assert (call.target, call.agent_channel, call.roomed) == (Target(TargetKind.EMERGENCY, "fire"), LEG, True)
    assert desk.moves.of_agent("agent102") is call
    desk.gone(THIRD)
    assert desk.stands == (T.TALK, "agent102"), "the agent stays when the service goes"
    assert call.target is None
    desk.gone(LEG)
    desk.gone(CALL)
    assert desk.history == [
        ("talk", "agent102"),
        ("three_way", "agent102"),
        ("talk", "agent102"),
        ("over", "agent102"),
    ]


def test_the_agent_of_a_flow_s_transfer_goes_before_the_service() -> None:
    desk = Desk()
    for whom in (SERVICE, COLLEAGUE):
        desk.move("with", "connected", *whom)
    desk.gone(LEG)
    assert desk.stands is None, "the service has the caller, and never the ticket"
    assert desk.history[-1] == ("handed_over", "agent102")


def test_who_comes_after_the_service_has_gone_is_alone_with_the_caller() -> None:
    desk = Desk()
    desk.move("with", "connected", *SERVICE)
    desk.gone(THIRD)
    desk.move("with", "connected", *COLLEAGUE)
    assert desk.stands == (T.TALK, "agent102")
    unreached = Desk()
    unreached.move("with", "failed", *SERVICE)
    assert unreached.history == [], "nobody of ours has the caller yet"
    unreached.move("with", "connected", *COLLEAGUE)
    assert unreached.stands == (T.TALK, "agent102")
    assert unreached.moves.get(KEY) is unreached.moves.of_agent("agent102")


def test_a_caller_who_goes_before_the_agent_comes_leaves_nothing_behind() -> None:
    desk = Desk()
    desk.move("with", "connected", *SERVICE)
    desk.gone(CALL)
    desk.move("with", "connected", *COLLEAGUE)
    assert desk.stands == (T.TALK, "agent102"), "a service of a call that is over is nobody's third party"


def test_a_call_that_is_gone_through_once_more_stands_as_before(desk: Desk) -> None:
    """After an outage the call's events come again, with those that were missed."""
    desk.move("hold", "done")
    before = desk.stands
    desk.moves.forget(KEY)
    desk.moves.forget(CallKey("city", "never heard of"))
    assert desk.stands is None
    desk.connected()
    desk.move("consult", "dialing", "agent", "agent102")
    desk.move("hold", "done")
    assert desk.stands == before == (T.HELD, "agent101")


def test_a_third_party_of_a_kind_that_is_not_known_is_rung_all_the_same(desk: Desk) -> None:
    desk.move("join", "dialing", "oracle", "delphi", by="rings")
    call = desk.moves.get(KEY)
    assert call is not None
    assert (call.standing, call.target) == (T.JOIN_RINGING, None)
