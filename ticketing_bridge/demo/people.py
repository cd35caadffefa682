"""The simulated people as witnesses: what the caller's and the agents' own telephones saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from facts.call import Call, CallFlag, EndedBy, Outcome
from telephony.simulation.diary import PhoneSide
from telephony.simulation.play import PlayedCall
from ticketing_bridge.demo.findings import Comparison, Witness
from ticketing_bridge.demo.helpers import HARDLY_RANG_S

WITHIN_S = 1.0
#: a row with another number is still taken for this citizen's when nothing else arrived then
_SAME_MOMENT_S = 1.0
_SAME_CALL_S = 3.0
_GAVE_UP = frozenset({Outcome.ABANDONED_IVR, Outcome.ABANDONED_QUEUE})
#: the queue gave up, and its caller may hang up in what is offered then
_QUEUE_GAVE_UP = frozenset({Outcome.TIMEOUT, Outcome.LEAVE_EMPTY, Outcome.FULL, Outcome.JOIN_EMPTY})


def match_rows(played: Sequence[PlayedCall], rows: Sequence[Call]) -> tuple[dict[str, Call], list[Call]]:
    """Which row is which citizen's, by number and time; and the rows that are nobody's.

    Numbers first; then, by the moment alone, so that a changed number is one wrong field.
    """
    found: dict[str, Call] = {}
    left = list(rows)
    for within_s, by_number in ((_SAME_CALL_S, True), (_SAME_MOMENT_S, False)):
        pairs = _pairs(played, left, found, within_s, by_number)
        for _, call, row in pairs:
            if call.plan.id not in found and row in left:
                found[call.plan.id] = row
                left.remove(row)
    return found, left


def _pairs(
    played: Sequence[PlayedCall],
    rows: Sequence[Call],
    found: dict[str, Call],
    within_s: float,
    by_number: bool,
) -> list[tuple[float, PlayedCall, Call]]:
    pairs = [
        (abs((row.arrived_at - call.citizen.began_at).total_seconds()), call, row)
        for call in played
        for row in rows
        if call.plan.id not in found
        and (not by_number or (row.caller_number, row.did) == (call.plan.number, call.plan.did))
    ]
    return sorted((pair for pair in pairs if pair[0] <= within_s), key=lambda pair: pair[0])


def compare_people(
    row: Call, played: PlayedCall, found: Comparison, rung_by_helpers: Sequence[str] = ()
) -> None:
    """The call row against the diaries.

    ``rung_by_helpers``: agents whose telephones were rung for the caller, but not by the caller's channel.
    """
    people = Witness.PEOPLE
    agent = played.answered_by
    found.same(people, "caller_number", row.caller_number, played.plan.number)
    found.same(people, "did", row.did, played.plan.did)
    found.same(people, "line", row.line, played.plan.line)
    gap = CallFlag.GAP in row.flags
    if not gap:
        found.near(people, "arrived_at", row.arrived_at, played.citizen.began_at, WITHIN_S)
    found.same(people, "answered", bool(row.answered_at or row.agent_legs), agent is not None)
    fits = _outcome_fits(row, played, rung_by_helpers)
    found.check(people, "outcome", fits, row.outcome, _seen_outcome(played))
    if agent is not None:
        found.same(people, "agent", row.agent, agent.person)
        if not gap:
            found.near(people, "answered_at", row.answered_at, agent.answered_at, WITHIN_S)
    found.near(people, "ended_at", row.ended_at, played.citizen.ended_at, WITHIN_S)
    if row.ended_by is not None or not gap:
        found.same(people, "ended_by", row.ended_by, _ended_by(played))
    if not gap:
        found.same(people, "emergency", row.transferred_at is not None, _emergency(played))
        rings, seen = _row_rings(row), _seen_rings(played)
        if rung_by_helpers:  # in which order among the caller's own, no record tells
            rings, seen = tuple(sorted((*rings, *rung_by_helpers))), tuple(sorted(seen))
        found.same(people, "rings", rings, seen)


def _ended_by(played: PlayedCall) -> EndedBy:
    """Who ended the talk; a caller who was asked how it was ends no talk any more."""
    agent = played.answered_by
    if agent is not None and _stayed(played.emergency, agent):
        agent = None
    if played.citizen.hung_up and not (agent is not None and agent.hung_up):
        return EndedBy.CALLER
    return EndedBy.AGENT if agent is not None and agent.hung_up else EndedBy.SYSTEM


def _stayed(service: PhoneSide | None, agent: PhoneSide) -> bool:
    """The emergency service was still with the caller when the agent had hung up."""
    if service is None or service.answered_at is None or not agent.hung_up or agent.ended_at is None:
        return False
    return service.ended_at is None or service.ended_at > agent.ended_at


def _seen_outcome(played: PlayedCall) -> str:
    if played.answered_by is not None:
        return "an agent answered"
    if _emergency(played):
        return "an emergency service answered"
    rang = f"{len(played.rings)} rang, none answered" if played.rings else "no agent rang"
    rang += f", {sum(len(it.digits) for it in played.plan.call.keys)} keys in the script"
    rang += ", a message was left" if played.citizen.left_at else ""
    return f"{rang}, {'the caller' if played.citizen.hung_up else 'the hotline'} ended it"


def _outcome_fits(row: Call, played: PlayedCall, rung_by_helpers: Sequence[str]) -> bool:
    if played.answered_by is not None:
        return row.outcome is Outcome.ANSWERED
    if row.outcome in (Outcome.ANSWERED, Outcome.TRANSFERRED_EMERGENCY) or _emergency(played):
        return row.outcome is Outcome.TRANSFERRED_EMERGENCY and _emergency(played)
    if row.outcome is Outcome.VOICEMAIL:
        return played.citizen.left_at is not None
    if row.outcome in (Outcome.CALLBACK_REQUESTED, Outcome.SELF_SERVICE):
        return bool(played.plan.call.keys)
    return _miss_fits(row, played, rung_by_helpers)


def _emergency(played: PlayedCall) -> bool:
    """An emergency service's telephone answered this caller."""
    return played.emergency is not None and played.emergency.answered_at is not None


def _miss_fits(row: Call, played: PlayedCall, rung_by_helpers: Sequence[str]) -> bool:
    """Nobody answered, and nothing else was reached. Who rings an agent by itself is in a queue."""
    if not played.citizen.hung_up:
        return row.outcome not in _GAVE_UP
    if Counter(_seen_rings(played)) - Counter(rung_by_helpers):
        return row.outcome is Outcome.ABANDONED_QUEUE or row.outcome in _QUEUE_GAVE_UP
    return row.outcome in _GAVE_UP | _QUEUE_GAVE_UP | {Outcome.CLOSED}


def _row_rings(row: Call) -> tuple[str, ...]:
    return tuple(
        ring.agent
        for ring in sorted(row.rings, key=lambda ring: ring.rang_at)
        if ring.ended_at is None or (ring.ended_at - ring.rang_at).total_seconds() >= HARDLY_RANG_S
    )


def _seen_rings(played: PlayedCall) -> tuple[str, ...]:
    seen: list[str] = []
    for ring in played.rings:
        over_at = ring.answered_at or ring.ended_at
        if over_at is None or (over_at - ring.began_at).total_seconds() >= HARDLY_RANG_S:
            seen.append(ring.person)
    return tuple(seen)
