"""The PBX's queue_log as a witness: the complete set of a call's lines, no more and no fewer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from facts.call import Call, CallFlag, EndedBy, Outcome, QueueLeg
from telephony.pbx_logs.queue_log import QueueLogLine
from ticketing_bridge.demo.findings import Comparison, Witness

#: whole seconds on the one side, microseconds on the other
WITHIN_S = 1.5
#: lines about members and the queue itself, not about a call
_NO_CALL = ("NONE", "REALTIME", "MANAGER", "")
_ANONYMOUS = frozenset({"", "anonymous", "unknown", "<unknown>"})
#: the dialplan's own line about a call that the hotline makes
ERRAND = "HOTLINEERRAND"
#: a ring that the caller's own end cut off; newer versions write it, older ones do not
_CUT_OFF = "RINGCANCELED"


def by_call(lines: Sequence[QueueLogLine]) -> dict[str, list[QueueLogLine]]:
    """Lines about citizens' calls, by Uniqueid, in the log's order."""
    errands = {line.uniqueid for line in lines if line.event == ERRAND}
    calls: dict[str, list[QueueLogLine]] = defaultdict(list)
    for line in lines:
        if line.uniqueid not in _NO_CALL and line.uniqueid not in errands:
            calls[line.uniqueid].append(line)
    return calls


#: a queue leg's ending to the line that says so
_ENDINGS: Mapping[str, str] = {
    "abandoned": "ABANDON",
    "timeout": "EXITWITHTIMEOUT",
    "exit_key": "EXITWITHKEY",
    "leaveempty": "EXITEMPTY",
    "leave_empty": "EXITEMPTY",
    "leaveunavail": "EXITEMPTY",
}

#: endings of callers whom the queue did not let in: it logs nothing of them
_NEVER_WAITED = frozenset({"full", "joinempty", "joinunavail"})


def compare_queue_log(
    call: Call, lines: Sequence[QueueLogLine], found: Comparison, helpers: Sequence[QueueLogLine] = ()
) -> None:
    """The call's lines against its row. ``helpers``: lines of whom a flow called into the caller's room."""
    # who was called to the caller may have come; where they waited, the caller did not
    known = [*lines, *(line for line in helpers if line.event == "CONNECT")]
    if CallFlag.GAP in call.flags:
        # queue times of a call taken up from a snapshot are not its own
        _outcome(call, known, found)
        _ended(call, lines, found)
        return
    seen = sorted(line.event for line in lines if line.event != _CUT_OFF)
    found.same(Witness.QUEUE_LOG, "lines", tuple(sorted(_expected_events(call))), tuple(seen))
    _outcome(call, known, found)
    entered = [line for line in lines if line.event == "ENTERQUEUE"]
    waited = [leg for leg in call.queue_legs if leg.ending not in _NEVER_WAITED]
    for leg, line in zip(waited, entered, strict=False):
        _entered(call, leg, line, found)
    _answered(call, lines, found)
    _left(call, lines, found)
    _rings(call, lines, found)
    _ended(call, lines, found, helped=bool(helpers))
    _order(lines, found)


def _expected_events(call: Call) -> list[str]:
    events = ["HOTLINEENDED"]
    for leg in call.queue_legs:
        if leg.ending in _NEVER_WAITED:
            continue
        events.append("ENTERQUEUE")
        if leg.ending == "answered":
            events += ["CONNECT", "COMPLETEAGENT" if call.ended_by is EndedBy.AGENT else "COMPLETECALLER"]
        elif (ending := _ENDINGS.get(leg.ending or "")) is not None:
            events.append(ending)
    return events + ["RINGNOANSWER" for ring in call.rings if ring.result == "no_answer"]


def _outcome(call: Call, lines: Sequence[QueueLogLine], found: Comparison) -> None:
    """How the last stay in a queue ended, when that decides the outcome."""
    events = [line.event for line in lines]
    if "CONNECT" in events or call.outcome is Outcome.ANSWERED:
        seen = Outcome.ANSWERED if "CONNECT" in events else None
        found.same(Witness.QUEUE_LOG, "outcome", call.outcome, seen)
    elif "ENTERQUEUE" not in events:
        never_queued = call.outcome not in (Outcome.ABANDONED_QUEUE, Outcome.TIMEOUT)
        found.check(Witness.QUEUE_LOG, "outcome", never_queued, call.outcome, "never in a queue")
    elif call.outcome not in _REACHED_OTHERWISE and not _last_refused(call):
        last = next((_OUTCOMES[event] for event in reversed(events) if event in _OUTCOMES), None)
        if last is not None:
            found.same(Witness.QUEUE_LOG, "outcome", call.outcome, last)


#: the line that ends a stay to the outcome of a caller who got nothing else
_OUTCOMES: Mapping[str, Outcome] = {
    "ABANDON": Outcome.ABANDONED_QUEUE,
    "EXITWITHKEY": Outcome.ABANDONED_QUEUE,
    "EXITWITHTIMEOUT": Outcome.TIMEOUT,
    "EXITEMPTY": Outcome.LEAVE_EMPTY,
}
#: what a caller may get whatever became of the waiting
_REACHED_OTHERWISE = frozenset(
    {
        Outcome.TRANSFERRED_EMERGENCY,
        Outcome.SELF_SERVICE,
        Outcome.VOICEMAIL,
        Outcome.CALLBACK_REQUESTED,
        Outcome.CLOSED,
    }
)


def _last_refused(call: Call) -> bool:
    return bool(call.queue_legs) and call.queue_legs[-1].ending in _NEVER_WAITED


def _entered(call: Call, leg: QueueLeg, line: QueueLogLine, found: Comparison) -> None:
    found.same(Witness.QUEUE_LOG, "queue", leg.queue, line.queue)
    found.near(Witness.QUEUE_LOG, "queue_joined_at", leg.joined_at, line.at, WITHIN_S)
    number = line.value(1)
    found.same(
        Witness.QUEUE_LOG, "caller_number", call.caller_number, None if number in _ANONYMOUS else number
    )
    if leg.position is not None:
        found.same(Witness.QUEUE_LOG, "position", str(leg.position), line.value(2))


def _answered(call: Call, lines: Sequence[QueueLogLine], found: Comparison) -> None:
    legs = [leg for leg in call.queue_legs if leg.ending == "answered"]
    connects = [line for line in lines if line.event == "CONNECT"]
    for leg, agent_leg, line in zip(legs, call.agent_legs, connects, strict=False):
        found.same(Witness.QUEUE_LOG, "agent", agent_leg.agent, line.agent)
        found.near(Witness.QUEUE_LOG, "answered_at", agent_leg.bridged_at, line.at, WITHIN_S)
        found.same(Witness.QUEUE_LOG, "agent_channel", agent_leg.uniqueid, line.value(1))
        wait_s = (agent_leg.bridged_at - leg.joined_at).total_seconds()
        _seconds(found, "queue_wait_s", wait_s, line.value(0))


def _left(call: Call, lines: Sequence[QueueLogLine], found: Comparison) -> None:
    for line in lines:
        if line.event in ("COMPLETEAGENT", "COMPLETECALLER") and call.agent_legs:
            leg = call.agent_legs[-1]
            found.same(Witness.QUEUE_LOG, "agent", leg.agent, line.agent)
            found.near(Witness.QUEUE_LOG, "talk_ended_at", leg.left_at, line.at, WITHIN_S)
            if leg.left_at is not None:
                talk_s = (leg.left_at - leg.bridged_at).total_seconds()
                _seconds(found, "talk_s", talk_s, line.value(1))
        elif line.event == "ABANDON" and call.queue_legs and call.queue_legs[-1].ending == "abandoned":
            last = call.queue_legs[-1]
            found.near(Witness.QUEUE_LOG, "queue_left_at", last.left_at, line.at, WITHIN_S)
            if last.left_at is not None:
                _seconds(
                    found, "queue_wait_s", (last.left_at - last.joined_at).total_seconds(), line.value(2)
                )


def _rings(call: Call, lines: Sequence[QueueLogLine], found: Comparison) -> None:
    ignored = [ring for ring in call.rings if ring.result == "no_answer"]
    told = [line for line in lines if line.event == "RINGNOANSWER"]
    found.same(
        Witness.QUEUE_LOG,
        "no_answer_agents",
        tuple(sorted(ring.agent for ring in ignored)),
        tuple(sorted(line.agent for line in told)),
    )
    for ring, line in zip(ignored, told, strict=False):
        found.near(Witness.QUEUE_LOG, "ring_ended_at", ring.ended_at, line.at, WITHIN_S)


def _ended(call: Call, lines: Sequence[QueueLogLine], found: Comparison, *, helped: bool = False) -> None:
    endings = [line for line in lines if line.event == "HOTLINEENDED"]
    found.same(Witness.QUEUE_LOG, "endings", 1, len(endings))
    for line in endings:
        found.near(Witness.QUEUE_LOG, "ended_at", call.ended_at, line.at, WITHIN_S)
        found.same(Witness.QUEUE_LOG, "line", call.line, line.value(3))
        cause = None if call.hangup_cause is None else str(call.hangup_cause)
        found.same(Witness.QUEUE_LOG, "hangup_cause", cause, line.value(4))
        stage = line.value(0)
        # who was helped in a room of its own may never have been in a queue
        if CallFlag.GAP not in call.flags and stage not in _ANYWHERE and not helped:
            queued = stage not in _BEFORE_A_QUEUE
            found.same(Witness.QUEUE_LOG, "reached_queue", bool(call.queue_legs), queued)


#: stages of the ending that a caller comes to before any queue, and those that say nothing of it
_BEFORE_A_QUEUE = frozenset({"notice", "flow"})
_ANYWHERE = frozenset({"done", "transfer"})


def _order(lines: Sequence[QueueLogLine], found: Comparison) -> None:
    """The log is written in order: a time that runs backwards was not written by the PBX."""
    times = [line.at for line in lines]
    backwards = any(later < before for before, later in pairwise(times))
    found.check(Witness.QUEUE_LOG, "order", not backwards, "in order", "times run backwards")


def _seconds(found: Comparison, name: str, expected_s: float, seen: str) -> None:
    if seen.isdigit():
        found.close(Witness.QUEUE_LOG, name, expected_s, float(seen), WITHIN_S)
    else:
        found.check(Witness.QUEUE_LOG, name, False, f"{expected_s:.1f} s", seen or "nothing")
