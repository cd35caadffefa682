"""What the wall must say loudly: facts about people who wait, never the noise of a trend. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from facts.agents import AgentNow, AgentState
from ticketing_bridge.rate.live import RateNow
from ticketing_bridge.store.wall_repository import WaitingCall

#: the answering time of GB/T 33358-2016, seconds
LONG_WAIT_S = 15
#: with no more misses left than this, the day's target is at stake
FEW_MISSES = 3


class AlertKind(StrEnum):
    """What is wrong; the labels have the words."""

    NOBODY_SIGNED_IN = "nobody_signed_in"
    NOBODY_FREE = "nobody_free"
    LONG_WAITS = "long_waits"
    TARGET_LOST = "target_lost"
    FEW_MISSES_LEFT = "few_misses_left"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is wrong now; ``count`` belongs to its words."""

    kind: AlertKind
    count: int = 0


def alerts(
    rate: RateNow, waiting: Sequence[WaitingCall], agents: Sequence[AgentNow], now: datetime
) -> list[Alert]:
    """What is wrong now, the most urgent first."""
    states = [agent.state for agent in agents]
    known = [state for state in states if state is not AgentState.UNKNOWN]
    found = []
    if known and not any(state.signed_in for state in known):
        found.append(Alert(AlertKind.NOBODY_SIGNED_IN))
    elif waiting and known and AgentState.READY not in known:
        found.append(Alert(AlertKind.NOBODY_FREE, len(waiting)))
    long_ = sum((now - call.arrived_at).total_seconds() > LONG_WAIT_S for call in waiting)
    if long_:
        found.append(Alert(AlertKind.LONG_WAITS, long_))
    left = misses_left(rate)
    if rate.below_target:
        found.append(Alert(AlertKind.TARGET_LOST, -rate.allowance.now))
    elif left is not None and left <= FEW_MISSES and rate.rate.base:
        found.append(Alert(AlertKind.FEW_MISSES_LEFT, max(0, left)))
    return found


def misses_left(rate: RateNow) -> int | None:
    """Further misses that today's target allows; None while there is nothing to say it from."""
    if rate.allowance.today is not None:
        return rate.allowance.today
    return rate.allowance.now if rate.rate.base else None
