"""Whom a flow called into a caller's room: an emergency service and an agent, each by a channel of its own.

The PBX's records of these channels are the caller's by one line of queue_log, written when they are made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facts.call import AgentLeg, Call
from telephony.pbx_logs.queue_log import QueueLogLine
from ticketing_bridge.demo import cdr, queue_log
from ticketing_bridge.demo.cdr import CdrLine
from ticketing_bridge.demo.findings import Comparison, Witness
from ticketing_bridge.demo.queue_log import ERRAND

#: the dialplan's errand of a channel that helps a caller: ``with``, and the caller's Uniqueid
_WITH = "with"
#: a row's agent who came so has this in the name of the channel
_CHANNEL = "@hotline-together-agent-"
#: rings shorter than this may be seen on one side only
HARDLY_RANG_S = 0.5


@dataclass(frozen=True, slots=True)
class Helpers:
    """What queue_log and CDR say of those who were called into one caller's room."""

    lines: Sequence[QueueLogLine] = ()
    records: Sequence[CdrLine] = ()

    @property
    def rang(self) -> list[str]:
        """Agents whose telephones rang long enough to be noticed."""
        return [it.called for it in self.records if it.called and it.lasted_s >= HARDLY_RANG_S]


NOBODY = Helpers()


def helpers_of(lines: Sequence[QueueLogLine], records: Sequence[CdrLine]) -> Mapping[str, Helpers]:
    """By the caller's Uniqueid."""
    callers = {it.uniqueid: it.value(1) for it in lines if it.event == ERRAND and it.value(0) == _WITH}
    told: defaultdict[str, list[QueueLogLine]] = defaultdict(list)
    kept: defaultdict[str, list[CdrLine]] = defaultdict(list)
    for line in lines:
        if line.uniqueid in callers and line.event != ERRAND:
            told[callers[line.uniqueid]].append(line)
    for record in records:
        if record.uniqueid in callers:
            kept[callers[record.uniqueid]].append(record)
    return {it: Helpers(told[it], kept[it]) for it in callers.values()}


def compare_helpers(call: Call, helpers: Helpers, found: Comparison) -> None:
    """The row's agents and service against the records of the channels by which they came."""
    came = [leg for leg in call.agent_legs if _CHANNEL in leg.channel]
    if not helpers.lines and not helpers.records and not came:
        return
    connects = [line for line in helpers.lines if line.event == "CONNECT"]
    found.same(Witness.QUEUE_LOG, "with", _agents(came), tuple(line.agent for line in connects))
    for leg, line in zip(came, connects, strict=False):
        found.near(Witness.QUEUE_LOG, "answered_at", leg.bridged_at, line.at, queue_log.WITHIN_S)
    over = [line for line in helpers.lines if line.event in ("COMPLETEAGENT", "COMPLETECALLER")]
    for leg, line in zip(came, over, strict=False):
        found.near(Witness.QUEUE_LOG, "talk_ended_at", leg.left_at, line.at, queue_log.WITHIN_S)
    found.same(Witness.QUEUE_LOG, "with_lines", len(came), len(over))
    agents = [it for it in helpers.records if it.agent]
    found.same(Witness.CDR, "with", _agents(came), tuple(it.agent for it in agents))
    for leg, record in zip(came, agents, strict=False):
        found.near(Witness.CDR, "talk_ended_at", leg.left_at, record.end, cdr.WITHIN_S)


def _agents(legs: Sequence[AgentLeg]) -> tuple[str, ...]:
    return tuple(leg.agent for leg in legs)
