"""A call as all witnesses saw it, made up consistently: the start of every tampering test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from facts.call import AgentLeg, AgentRing, Call, CallState, EndedBy, Outcome, QueueLeg
from facts.identity import CallKey
from telephony.pbx_logs.queue_log import QueueLogLine
from telephony.simulation.diary import PhoneSide
from telephony.simulation.play import PlayedCall
from telephony.simulation.scenario import ScenarioCall
from telephony.simulation.scenario_file import PlannedCall
from ticketing_bridge.demo.cdr import CdrLine
from ticketing_bridge.demo.helpers import NOBODY, Helpers

T0 = datetime(2026, 1, 5, 8, 0, 0, 250_000, tzinfo=UTC)
UNIQUEID = "city-1767600000.7"
NUMBER = "13997361508"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class World:
    """A row and what each witness says about the same call."""

    row: Call
    played: PlayedCall
    queue_log: tuple[QueueLogLine, ...]
    cdr: tuple[CdrLine, ...]
    #: whom a flow called to the caller
    helpers: Helpers = NOBODY


def _line(
    seconds: float, agent: str, event: str, *values: str, queue: str = "main", uniqueid: str = UNIQUEID
) -> QueueLogLine:
    return QueueLogLine(at(seconds).replace(microsecond=0), uniqueid, queue, agent, event, values)


def _played(rings: tuple[PhoneSide, ...], ended_s: float, *, hung_up: bool) -> PlayedCall:
    plan = PlannedCall(1, ScenarioCall.model_validate({"says": "你好"}), NUMBER, "12345", "main", 0.0)
    citizen = PhoneSide(
        "citizen",
        "demo-c001",
        "12345",
        at(-0.01),
        at(0.02),
        ended_at=at(ended_s),
        hung_up=hung_up,
        other_hung_up=not hung_up,
    )
    return PlayedCall(plan, citizen, rings, ())


def _call(**known: object) -> Call:
    base = Call(
        CallKey("city", UNIQUEID),
        UNIQUEID,
        "PJSIP/hotline-trunk-00000007",
        NUMBER,
        "12345",
        "main",
        at(0),
        state=CallState.ENDED,
        hangup_cause=16,
    )
    return replace(base, **known)  # type: ignore[arg-type]


def _record(start_s: float, end_s: float, disposition: str, destination: str) -> CdrLine:
    channel = "PJSIP/hotline-trunk-00000007"
    return CdrLine(UNIQUEID, at(start_s), at(end_s), NUMBER, "12345", disposition, channel, destination)


def answered() -> World:
    """Agent 101 declines, agent 102 answers after a queue wait of 5 s, talks 20 s and hangs up."""
    leg = QueueLeg("main", at(6), at(11), "answered", 1)
    row = _call(
        notice_at=at(3),
        queue_legs=(leg,),
        rings=(
            AgentRing("agent101", "main", at(6.1), at(8), "no_answer"),
            AgentRing("agent102", "main", at(9), at(11), "answered"),
        ),
        agent_legs=(AgentLeg("agent102", "PJSIP/agent102-00000009", "city-1767600009.9", at(11.02), at(31)),),
        answered_at=at(11.02),
        ended_at=at(31.01),
        ended_by=EndedBy.AGENT,
        outcome=Outcome.ANSWERED,
    )
    rings = (
        PhoneSide("agent101", "o.1", NUMBER, at(6.11), None, ended_at=at(8), hung_up=True),
        PhoneSide("agent102", "o.2", NUMBER, at(9.01), at(11), ended_at=at(31), hung_up=True),
    )
    queue_log = (
        _line(6, "NONE", "ENTERQUEUE", "", NUMBER, "1"),
        _line(8, "agent101", "RINGNOANSWER", "1900"),
        _line(11, "agent102", "CONNECT", "5", "city-1767600009.9", "2"),
        _line(31, "agent102", "COMPLETEAGENT", "5", "20", "1"),
        _line(31, "NONE", "HOTLINEENDED", "done", "CONTINUE", "", "main", "16"),
    )
    cdr = (
        _record(0, 8, "NO ANSWER", "PJSIP/agent101-00000008"),
        _record(9, 31, "ANSWERED", "PJSIP/agent102-00000009"),
        _record(31, 31.01, "ANSWERED", ""),
    )
    return World(row, _played(rings, 31.02, hung_up=False), queue_log, cdr)


def abandoned() -> World:
    """Agent 103 rings, the caller gives up after 4 s in the queue."""
    leg = QueueLeg("main", at(6), at(10), "abandoned", 1)
    row = _call(
        notice_at=at(3),
        queue_legs=(leg,),
        rings=(AgentRing("agent103", "main", at(6.1), at(10), "cancelled"),),
        ended_at=at(10),
        ended_by=EndedBy.CALLER,
        outcome=Outcome.ABANDONED_QUEUE,
    )
    rings = (PhoneSide("agent103", "o.1", NUMBER, at(6.11), None, ended_at=at(10), other_hung_up=True),)
    queue_log = (
        _line(6, "NONE", "ENTERQUEUE", "", NUMBER, "1"),
        _line(10, "agent103", "RINGCANCELED", "3900"),
        _line(10, "NONE", "ABANDON", "1", "1", "4"),
        _line(10, "NONE", "HOTLINEENDED", "queue", "", "TRUE", "main", "16"),
    )
    cdr = (_record(0, 10, "NO ANSWER", "PJSIP/agent103-00000008"),)
    return World(row, _played(rings, 10.01, hung_up=True), queue_log, cdr)


def left_in_notice() -> World:
    """The caller hangs up during the notice."""
    row = _call(ended_at=at(1.2), ended_by=EndedBy.CALLER, outcome=Outcome.ABANDONED_IVR)
    queue_log = (_line(1.2, "NONE", "HOTLINEENDED", "notice", "", "", "main", "16"),)
    cdr = (_record(0, 1.2, "ANSWERED", ""),)
    return World(row, _played((), 1.21, hung_up=True), queue_log, cdr)


def in_danger() -> World:
    """A flow calls the fire service (there after 8 s) and an agent: 101 ignores it, 102 comes after 12 s and
    leaves first."""
    agents, service = "city-1767600005.9", "city-1767600005.11"
    row = _call(
        notice_at=at(3),
        agent_legs=(
            AgentLeg("agent102", "Local/main@hotline-together-agent-00000001;1", "city-1.8", at(12), at(40)),
        ),
        answered_at=at(12),
        transferred_at=at(8),
        transfer_target="fire",
        ended_at=at(50),
        ended_by=EndedBy.CALLER,
        outcome=Outcome.ANSWERED,
    )
    rings = (
        PhoneSide("agent101", "o.1", NUMBER, at(6), None, ended_at=at(10), other_hung_up=True),
        PhoneSide("agent102", "o.2", NUMBER, at(10.5), at(12), ended_at=at(40), hung_up=True),
    )
    fire = PhoneSide("phoned", "o.3", "119", at(6), at(8), ended_at=at(50), other_hung_up=True)
    played = replace(_played(rings, 50.01, hung_up=True), emergency=fire)
    lines = (
        _line(5, "NONE", "ENTERQUEUE", "", NUMBER, "1", uniqueid=agents),
        _line(10, "agent101", "RINGNOANSWER", "4000", uniqueid=agents),
        _line(12, "agent102", "CONNECT", "7", "city-1.10", "2", uniqueid=agents),
        _line(40, "agent102", "COMPLETEAGENT", "7", "28", "1", uniqueid=agents),
    )
    half = "Local/main@hotline-together-agent-00000001;2"
    records = (
        CdrLine(agents, at(6), at(10), NUMBER, "", "NO ANSWER", half, "PJSIP/agent101-00000003"),
        CdrLine(agents, at(10.5), at(40), NUMBER, "", "ANSWERED", half, "PJSIP/agent102-00000004"),
        CdrLine(
            service, at(6), at(50), NUMBER, "", "ANSWERED",
            "Local/fire@hotline-together-service-00000002;2", "PJSIP/hotline-trunk-00000005",
        ),
    )  # fmt: skip
    ended = (_line(50, "NONE", "HOTLINEENDED", "talk", "", "", "main", "16"),)
    return World(row, played, ended, (_record(0, 50, "ANSWERED", ""),), Helpers(lines, records))


WORLDS = (answered, abandoned, left_in_notice, in_danger)
