"""Erlang A (M/M/n+M): Poisson arrivals, exponential talks and patience. Pure.

Palm's queue as in Mandelbaum & Zeltyn, "The Palm/Erlang-A queue". The steady state is a birth-death chain;
the time until service of somebody who finds k others waiting is a sum of exponentials whose rates rise by the
same step, so that ``exp(-patience rate × time)`` has a beta distribution: no integral is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, lgamma, log

#: states that hold less than this of all are left out
_TINY = 1e-13
#: weights that grow beyond this are scaled down, all together
_HUGE = 1e100
#: longer patience is none: Erlang C
MOST_PATIENCE_S = 1e7


@dataclass(frozen=True, slots=True)
class Performance:
    """The steady state of a queue. Shares of all arrivals; times in seconds."""

    #: must wait at all
    waits: float
    #: gives up
    abandons: float
    #: reaches an agent within the threshold that was asked for
    within: float
    #: mean wait of all, those who give up included
    wait_s: float
    queue_length: float
    #: share of time that agents talk
    occupancy: float

    @property
    def answered(self) -> float:
        return 1.0 - self.abandons


def erlang_a(
    calls_per_s: float, handle_s: float, patience_s: float, agents: int, within_s: float = 15.0
) -> Performance:
    """The steady state; all is well when nobody calls, and all is lost without agents.

    >>> it = erlang_a(48 / 60, 60, 120, 50)  # Mandelbaum & Zeltyn: 3.1 % give up, 3.7 s wait, 93 % busy
    >>> round(it.abandons, 3), round(it.wait_s, 1), round(it.occupancy, 2)
    (0.031, 3.7, 0.93)
    """
    if calls_per_s <= 0:
        return Performance(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    if agents <= 0:
        patience = min(patience_s, MOST_PATIENCE_S)
        return Performance(1.0, 1.0, 0.0, patience, calls_per_s * patience, 0.0)
    mu, theta = 1 / handle_s, 1 / min(patience_s, MOST_PATIENCE_S)
    below, above = _weights(calls_per_s, mu, theta, agents)
    total = below + sum(above)
    waiting = [it / total for it in above]
    served = _within(waiting, agents * mu, theta, within_s)
    length = sum(at * it for at, it in enumerate(waiting))
    abandons = theta * length / calls_per_s
    return Performance(
        waits=sum(waiting),
        abandons=abandons,
        within=below / total + served,
        wait_s=length / calls_per_s,
        queue_length=length,
        occupancy=calls_per_s * (1 - abandons) * handle_s / agents,
    )


def _weights(calls_per_s: float, mu: float, theta: float, agents: int) -> tuple[float, list[float]]:
    """Weights of the states: all with a free agent together, then all busy with 0, 1, 2 … who wait.

    Counted from the state in which the last agent is taken; only their shares mean something.
    """
    below, weight, taken = 0.0, 1.0, 1.0
    for busy in range(agents, 0, -1):
        weight *= busy * mu / calls_per_s
        below += weight
        if below > _HUGE:
            below, weight, taken = below / _HUGE, weight / _HUGE, taken / _HUGE
        if weight < _TINY * below:
            break
    above, weight, total = [taken], taken, taken
    while weight > _TINY * (total + below):
        weight *= calls_per_s / (agents * mu + len(above) * theta)
        above.append(weight)
        total += weight
        if total > _HUGE:
            above = [it / _HUGE for it in above]
            below, weight, total = below / _HUGE, weight / _HUGE, total / _HUGE
    return below, above


def _within(waiting: list[float], service: float, theta: float, within_s: float) -> float:
    """Share of arrivals that wait and are served within the time.

    Who finds k waiting is served with ``service ÷ (service + (k+1) θ)``, and then within t with
    ``1 − I_x(a + 1, k + 1)``, where ``x = exp(−θ t)`` and ``a = service ÷ θ``.
    """
    a, x = service / theta + 1, exp(-theta * within_s)
    log_x, log_y = -theta * within_s, log(1 - x) if x < 1 else -inf
    # the incomplete beta function grows term by term:
    # I_x(a, b + 1) = I_x(a, b) + x^a y^b Γ(a + b) ÷ (Γ(a) Γ(b + 1)), in logarithms, for a may be thousands
    cumulated, served = exp(a * log_x), 0.0
    for ahead, share in enumerate(waiting):
        b = ahead + 1
        served += share * service / (service + b * theta) * max(0.0, 1 - cumulated)
        if log_y > -inf:
            cumulated += exp(a * log_x + b * log_y + lgamma(a + b) - lgamma(a) - lgamma(b + 1))
    return served


@dataclass(frozen=True, slots=True)
class Goal:
    """What agents must be enough for."""

    #: share that may give up at most
    abandons: float
    #: agents talk no longer than this share of the time
    occupancy: float = 0.85
    #: share within ``within_s`` of entering the queue; 0: no matter
    within: float = 0.0
    within_s: float = 15.0
    least: int = 1

    def met(self, it: Performance) -> bool:
        return it.abandons <= self.abandons and it.occupancy <= self.occupancy and it.within >= self.within


def agents_needed(calls_per_s: float, handle_s: float, patience_s: float, goal: Goal) -> int:
    """The fewest agents that meet the goal.

    >>> agents_needed(48 / 60, 60, 120, Goal(abandons=0.031, occupancy=1.0))
    50
    """
    low, high = goal.least, max(goal.least, int(calls_per_s * handle_s) + 1)

    def enough(agents: int) -> bool:
        return goal.met(erlang_a(calls_per_s, handle_s, patience_s, agents, goal.within_s))

    while not enough(high):
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
