"""When somebody must act, before the target is lost. Pure: how things stand in, alerts out.

What counts is what matters at the day's volume (misses still allowed, waits now, nobody free), not how a
percentage wavers: at two hundred calls a day one miss moves it by half a point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from config.alerts import AlertRules
from ticketing_bridge.rate.allowance import Allowance


class AlertKind(StrEnum):
    """What is wrong."""

    #: few further misses are allowed today
    TARGET_NEAR = "target_near"
    #: today's target cannot be reached any more
    TARGET_LOST = "target_lost"
    #: callers wait for longer than they should
    WAITING = "waiting"
    #: somebody waits, and no agent is free
    NOBODY_FREE = "nobody_free"
    #: nobody is signed in for a queue
    NOBODY_SIGNED_IN = "nobody_signed_in"


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """How one queue stands."""

    queue: str
    waiting: int
    free_agents: int
    agents: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand. ``queues`` None: the PBX is not heard, nothing is known of now."""

    allowance: Allowance
    base: int
    #: seconds since arrival of those who wait for an agent
    waits_s: Sequence[float] = ()
    queues: Sequence[QueueStanding] | None = ()


def wrong_now(standing: Standing, rules: AlertRules) -> dict[AlertKind, Mapping[str, Any]]:
    """What is wrong at this moment, with the figures that say so."""
    found: dict[AlertKind, Mapping[str, Any]] = {}
    allowed = standing.allowance
    left = allowed.today if allowed.today is not None else allowed.now
    # without a forecast, a handful of calls says nothing about the day
    judged = allowed.today is not None or standing.base >= rules.least_calls
    figures = {"misses_left": left, "expected": allowed.expected, "calls": standing.base}
    if judged and left < 0:
        found[AlertKind.TARGET_LOST] = figures
    elif judged and left <= rules.misses_left:
        found[AlertKind.TARGET_NEAR] = figures
    # while the PBX is not heard, calls that seem to wait may be over long since
    long = [it for it in standing.waits_s if it > rules.wait_s] if standing.queues is not None else []
    if len(long) >= rules.waiting:
        found[AlertKind.WAITING] = {"waiting": len(long), "longest_s": round(max(long))}
    for queue in standing.queues or ():
        if not queue.agents and queue.queue in rules.staffed:
            found[AlertKind.NOBODY_SIGNED_IN] = {"queue": queue.queue, "waiting": queue.waiting}
        elif queue.agents and queue.waiting > 0 and not queue.free_agents:
            found.setdefault(AlertKind.NOBODY_FREE, {"queue": queue.queue, "waiting": queue.waiting})
    return found


#: what cannot be said while the PBX is not heard
_OF_NOW = frozenset({AlertKind.WAITING, AlertKind.NOBODY_FREE, AlertKind.NOBODY_SIGNED_IN})


@dataclass(slots=True)
class AlertWatch:
    """Raises what lasts and clears what is over, so that nothing flickers."""

    rules: AlertRules
    _since: dict[AlertKind, datetime] = field(default_factory=dict)
    _gone: dict[AlertKind, datetime] = field(default_factory=dict)

    def look(
        self, standing: Standing, raised: Sequence[AlertKind], now: datetime
    ) -> tuple[dict[AlertKind, Mapping[str, Any]], list[AlertKind]]:
        """Alerts that stand now (new and old, with their figures of now), and those that are over."""
        wrong = wrong_now(standing, self.rules)
        unknown = _OF_NOW if standing.queues is None else frozenset()
        for kind in AlertKind:
            if kind in wrong:
                self._since.setdefault(kind, now)
                self._gone.pop(kind, None)
            elif kind not in unknown:
                self._since.pop(kind, None)
                self._gone.setdefault(kind, now)
        holds = timedelta(seconds=self.rules.hold_s)
        over = timedelta(seconds=self.rules.clear_s)
        stand = {it: facts for it, facts in wrong.items() if it in raised or now - self._since[it] >= holds}
        gone = [it for it in raised if it in self._gone and now - self._gone[it] >= over]
        return stand, gone
