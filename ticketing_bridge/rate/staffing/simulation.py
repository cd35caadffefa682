"""A queue played event by event: it checks what formulas of a steady state say of a changing day. Pure."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Played:
    """What became of all calls."""

    calls: int
    answered: int
    within: int
    #: of all, those who gave up included; seconds
    wait_s: float
    busy_s: float
    staffed_s: float

    @property
    def abandons(self) -> float:
        return 1 - self.answered / self.calls if self.calls else 0.0

    @property
    def within_share(self) -> float:
        return self.within / self.calls if self.calls else 1.0

    @property
    def occupancy(self) -> float:
        return self.busy_s / self.staffed_s if self.staffed_s else 0.0


def play(
    calls: Sequence[float],
    agents: Sequence[int],
    interval_s: float,
    handle_s: float,
    patience_s: float,
    *,
    seed: int,
    within_s: float = 15.0,
) -> Played:
    """Play a stretch of intervals: so many expected calls and so many agents in each.

    Arrivals are Poisson, talks and patience exponential. An agent whose time is over ends the talk first.
    Calls that wait at the end are served as if the last interval went on.
    """
    chance = Random(seed)
    arrivals = _arrivals(calls, interval_s, chance)
    changes = [(at * interval_s, count) for at, count in enumerate(agents)]
    busy: list[float] = []
    #: arrival, and until when the caller waits
    waiting: deque[tuple[float, float]] = deque()
    answered = within = 0
    wait_s = busy_s = 0.0
    count = 0

    def serve(now: float) -> None:
        nonlocal answered, within, wait_s, busy_s
        while waiting and len(busy) < count:
            came, until = waiting.popleft()
            if until <= now:
                wait_s += until - came
                continue
            talk = chance.expovariate(1 / handle_s)
            heapq.heappush(busy, now + talk)
            answered += 1
            within += now - came <= within_s
            wait_s += now - came
            busy_s += talk

    def free_until(now: float) -> None:
        while busy and busy[0] <= now:
            at = heapq.heappop(busy)
            serve(at)

    events = sorted([*((at, -1) for at in arrivals), *changes])
    for at, staff in events:
        free_until(at)
        if staff < 0:
            waiting.append((at, at + chance.expovariate(1 / patience_s)))
        else:
            count = staff
        serve(at)
    free_until(float("inf"))
    for came, until in waiting:
        wait_s += until - came
    staffed_s = sum(agents) * interval_s
    return Played(len(arrivals), answered, within, wait_s / max(1, len(arrivals)), busy_s, staffed_s)


def _arrivals(calls: Sequence[float], interval_s: float, chance: Random) -> list[float]:
    found = []
    for at, expected in enumerate(calls):
        moment = 0.0
        while expected > 0:
            moment += chance.expovariate(expected / interval_s)
            if moment >= interval_s:
                break
            found.append(at * interval_s + moment)
    return found
