"""Random programmes: what citizens and agents do in a call, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from telephony.simulation.scenario import (
    Agents,
    HangUp,
    IgnoreHow,
    KeyPress,
    Moment,
    ScenarioCall,
    TakeHow,
    Who,
)

#: what a caller may do, and how often (parts of the whole)
Maker = Callable[[Random], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of programme: its weight, the lines on which it makes sense, and what is special in it."""

    weight: int
    lines: Sequence[str]
    make: Maker


_ANY = ("main", "main", "main", "business", "environment", "safety")


#: nobody could tell two of them apart who are on at the same time: they wait for each other (seconds)
WITHHELD_APART_S = 30.0


def _seconds(dice: Random, first: float, last: float) -> float:
    return round(dice.uniform(first, last), 1)


def _agents(dice: Random) -> Agents:
    ignored = dice.choice((0, 0, 0, 0, 1, 1, 2))
    how = dice.choice((IgnoreHow.DECLINE, IgnoreHow.RING_OUT))
    return Agents(answer_after_s=_seconds(dice, 0.3, 2.0), first_ignores=ignored, ignore_how=how)


def _talk(dice: Random) -> Mapping[str, object]:
    return {"agents": _agents(dice), "hangs_up": HangUp(when=Moment.TALK, after_s=_seconds(dice, 0.0, 2.0))}


def _agent_ends(dice: Random) -> Mapping[str, object]:
    when = dice.choice((Moment.ANSWER, Moment.TALK))
    return {"agents": _agents(dice), "hangs_up": HangUp(when=when, after_s=0.6, who=Who.AGENT)}


def _surveyed(dice: Random) -> Mapping[str, object]:
    digit = dice.choice("123456789")
    return {
        "agents": _agents(dice),
        "hangs_up": HangUp(when=Moment.SURVEY, after_s=_seconds(dice, 1.0, 9.0)),
        "keys": (KeyPress(when=Moment.SURVEY, after_s=_seconds(dice, 0.5, 7.0), digits=digit),),
    }


def _gives_up(moment: Moment, first: float, last: float) -> Maker:
    def make(dice: Random) -> Mapping[str, object]:
        return {
            "agents": Agents(none=True),
            "hangs_up": HangUp(when=moment, after_s=_seconds(dice, first, last)),
        }

    return make


def _stays(dice: Random) -> Mapping[str, object]:
    """Nobody answers and the caller does not hang up: the queue gives up, a message may be left to it."""
    return {
        "agents": Agents(none=True),
        "hangs_up": HangUp(when=Moment.QUEUE, after_s=_seconds(dice, 14, 26)),
    }


def _keys(dice: Random) -> Mapping[str, object]:
    """Keys while waiting, right ones and wrong ones; whoever is still there is answered or gives up."""
    presses = []
    at_s = _seconds(dice, 0.8, 2.0)
    for _ in range(dice.randint(1, 3)):
        presses.append(
            KeyPress(
                when=Moment.QUEUE,
                after_s=at_s,
                digits=dice.choice("1234567890*#5599") * dice.choice((1, 1, 2)),
            )
        )
        at_s += _seconds(dice, 0.5, 4.0)
    answered = dice.random() < 0.4
    return {
        "keys": tuple(presses),
        # sooner than any queue gives up ringing, or nobody would ever answer
        "agents": Agents(answer_after_s=_seconds(dice, 1.5, 2.5)) if answered else Agents(none=True),
        "hangs_up": HangUp(when=Moment.TALK, after_s=0.5)
        if answered
        else HangUp(when=Moment.QUEUE, after_s=_seconds(dice, 3.0, 16.0)),
    }


def _danger(dice: Random) -> Mapping[str, object]:
    return {
        "keys": (KeyPress(when=Moment.GREETING, after_s=_seconds(dice, 1.5, 3.0), digits="1"),),
        "emergency": dice.choice((TakeHow.ANSWER, TakeHow.ANSWER, TakeHow.BUSY, TakeHow.RING_OUT)),
        "agents": Agents(none=True),
        "hangs_up": HangUp(when=Moment.QUEUE, after_s=_seconds(dice, 4.0, 16.0)),
    }


KINDS: Mapping[str, Kind] = {
    "talk": Kind(28, _ANY, _talk),
    "agent_ends": Kind(12, _ANY, _agent_ends),
    "surveyed": Kind(8, ("main", "business"), _surveyed),
    "in_dial": Kind(3, _ANY, _gives_up(Moment.DIAL, 0.1, 0.6)),
    "in_notice": Kind(5, _ANY, _gives_up(Moment.NOTICE, 0.1, 2.0)),
    "in_greeting": Kind(5, _ANY, _gives_up(Moment.GREETING, 0.1, 2.0)),
    "abandons": Kind(12, (*_ANY, "stuck"), _gives_up(Moment.QUEUE, 0.5, 7.0)),
    "stays": Kind(9, ("business", "environment", "stuck"), _stays),
    "keys": Kind(12, ("main", "business", "safety"), _keys),
    "danger": Kind(6, ("safety",), _danger),
}


def programmes(seed: int, calls: int, a_second: float) -> list[ScenarioCall]:
    """So many calls of this seed, arriving at this rate; the same ones every time."""
    dice = Random(f"programmes {seed}")
    names, weights = [*KINDS], [kind.weight for kind in KINDS.values()]
    found: list[ScenarioCall] = []
    at_s = free_at_s = 0.0
    for number in range(calls):
        kind = KINDS[dice.choices(names, weights)[0]]
        withheld = dice.random() < 0.06 and at_s >= free_at_s
        free_at_s = at_s + WITHHELD_APART_S if withheld else free_at_s
        values = {
            "says": "",
            "number": None if withheld else f"139{dice.randrange(10**4):04d}{number:04d}",
            "line": dice.choice(kind.lines),
            "at_s": round(at_s, 2),
            **kind.make(dice),
        }
        found.append(ScenarioCall(**values))  # type: ignore[arg-type]
        at_s += dice.expovariate(a_second)
    return found
