"""The call as it was seen: what its events say together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from facts.call import Call, CallFlag, EndedBy, Outcome
from telephony.call_fold.outcomes import ended_by, outcome_of
from telephony.call_fold.seen import Seen
from telephony.call_fold.states import Signal

#: whoever sends a caller on is out of the bridge within this time
_SENT_ON = timedelta(milliseconds=500)
_SHORT_OUTCOMES = (Outcome.ABANDONED_IVR, Outcome.ABANDONED_QUEUE)


def row_of(it: Seen) -> Call | None:
    """The call, or None when neither its arrival nor a snapshot shows it. Ends what was seen: ask once."""
    if "arrived_at" not in it.known:
        return None
    swept = it.gaps.swept and it.hung_up_at is None
    over = swept or it.hung_up_at is not None
    stopped = swept and it.gaps.swept_filled and it.reported_at is None
    ended_at = it.hung_up_at or (it.reported_at if swept else None)
    if stopped:
        # it was on as long as the PBX was: to the last that was heard of either
        ended_at = max((at for at in (it.last_at, it.gaps.lost_at) if at), default=None)
        it.flags.add(CallFlag.BACKFILLED)
    gap = it.gaps.unfilled or (swept and not it.gaps.swept_filled) or not it.arrival_seen
    if gap:
        _missed(it)
    if over:
        _close(it, ended_at)
    legs = it.bridges.legs()
    answered_at = it.bridges.first_at or (None if legs else it.connected_at)
    agent = bool(legs or it.connected_at)
    it.seen = replace(it.seen, agent=agent, gap=gap, end_seen=ended_at is not None, stopped=stopped)
    _journey_seen(it)
    found, cause = outcome_of(it.seen) if over else (None, None)
    by = ended_by(it.seen) if over else None
    _flag(it, found, by, ended_at)
    return Call(
        key=it.key,
        linkedid=it.known.get("linkedid", ""),
        channel=it.known.get("channel", ""),
        caller_number=it.known.get("caller_number"),
        did=it.known.get("did", ""),
        line=it.known.get("line", ""),
        arrived_at=it.known["arrived_at"],
        state=it.state,
        notice_at=it.known.get("notice_at"),
        recording=it.known.get("recording"),
        flow_entered_at=it.known.get("flow_entered_at"),
        flow_left_at=it.known.get("flow_left_at"),
        queue_legs=it.queues.legs(),
        rings=tuple(ring.fact() for ring in it.rings.values()),
        agent_legs=legs,
        answered_at=answered_at,
        ended_at=ended_at,
        ended_by=by,
        hangup_cause=it.seen.cause,
        outcome=found,
        cause=cause,
        flags=frozenset(it.flags),
        steps=tuple(it.journey.steps),
        answers=tuple(it.journey.answers.items()),
        survey_score=it.journey.survey_score,
        voicemail=it.journey.voicemail,
        voicemail_ms=it.journey.voicemail_ms,
        callback_requested=it.journey.callback,
        self_service=it.journey.self_service,
        transfer_target=it.journey.target,
        transferred_at=it.journey.connected_at,
    )


def _journey_seen(it: Seen) -> None:
    """What the journey says to the outcome."""
    it.seen = replace(
        it.seen,
        queued=bool(it.queues.legs()),
        emergency=it.journey.connected,
        self_service=it.journey.self_service is not None and it.self_service_held is not False,
        voicemail_ms=it.journey.voicemail_ms,
        callback=it.journey.callback,
        closed=it.journey.closed,
    )


def _missed(it: Seen) -> None:
    """What the report of the ending says of stages unheard; a recording is named by its call."""
    it.flags.add(CallFlag.GAP)
    if it.known.get("notice") == "played":
        it.first("recording", it.key.uniqueid)
    elif it.known.get("notice") == "failed":
        it.flags.add(CallFlag.NOT_RECORDED)


def _close(it: Seen, ended_at: datetime | None) -> None:
    """Nothing of an ended call goes on; what ended unseen has no time."""
    it.signal(Signal.END)
    for ring in it.rings.values():
        ring.end(ended_at, "cancelled")
    it.bridges.close(ended_at)
    it.queues.close(ended_at, it.seen.queue_status, abandoned=it.seen.abandoned)


def _flag(it: Seen, found: Outcome | None, by: EndedBy | None, ended_at: datetime | None) -> None:
    if ended_at is None:
        return
    if found is Outcome.SELF_SERVICE and it.self_service_held is None:
        it.flags.add(CallFlag.PROVISIONAL)
    lasted_s = (ended_at - it.known["arrived_at"]).total_seconds()
    if found in _SHORT_OUTCOMES and lasted_s < it.rules.t_short_s:
        it.flags.add(CallFlag.SHORT)
    if found is Outcome.ANSWERED and _lost_after_answer(it):
        it.flags.add(CallFlag.LOST_AFTER_ANSWER)
    talk_s = it.bridges.talk_s
    alone = it.sent_on_at is None and not it.thirds.any_reached
    if by is EndedBy.AGENT and alone and talk_s is not None and talk_s < it.rules.answered_short_s:
        it.flags.add(CallFlag.ANSWERED_SHORT)


def _lost_after_answer(it: Seen) -> bool:
    """Sent on to another queue, agent or unit, and nobody was with the caller since."""
    if it.sent_on_at is None or it.reached:
        return False
    connected = it.journey.connected_at
    emergency = connected is not None and connected > it.sent_on_at
    return not emergency and not it.bridges.person_after(it.sent_on_at + _SENT_ON)
