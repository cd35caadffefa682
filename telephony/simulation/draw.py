"""Scenarios drawn from a seed: any seed, any number of calls, the same calls every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from random import Random

import yaml
from pydantic import BaseModel, ConfigDict, Field

from telephony.simulation.scenario import Agents, HangUp, IgnoreHow, Moment, ScenarioCall, Turn, Who

#: seconds between two calls on average when agents are enough; some begin together
SPACING_S = 3.2
LINES = ("main", "business", "environment", "safety", "stuck")


class Kind(StrEnum):
    """What sort of call it is; the names are the keys of ``mix`` in the data."""

    TALK = "talk"
    AGENT_ENDS = "agent_ends"
    FIRST_IGNORES = "first_ignores"
    SILENT = "silent"
    WITHHELD = "withheld"
    IN_NOTICE = "hangs_up_in_notice"
    IN_GREETING = "hangs_up_in_greeting"
    ABANDONS = "abandons_queue"


class Matter(BaseModel):
    """What a citizen phones about, and what they want."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    says: str
    wish: str


class TalkData(BaseModel):
    """The lists of ``data/talk.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    #: what an agent says when a script gives the agent nothing
    default_opening: str
    default_closing: str
    agent_openings: tuple[str, ...]
    agent_ask_place: tuple[str, ...]
    agent_ask_wish: tuple[str, ...]
    agent_closings: tuple[str, ...]
    agent_no_answer: tuple[str, ...] = Field(min_length=3)
    citizen_openings: tuple[str, ...]
    citizen_thanks: tuple[str, ...]
    place_wording: tuple[str, ...]
    times: tuple[str, ...]
    places: tuple[str, ...]
    spots: tuple[str, ...]
    matters: Mapping[str, tuple[Matter, ...]]
    mix: Mapping[Kind, int]


@cache
def talk_data() -> TalkData:
    """What people say, from the package's data."""
    text = files("telephony.simulation").joinpath("data/talk.yaml").read_text(encoding="utf-8")
    return TalkData.model_validate(yaml.safe_load(text))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is settled about a call before its kind fills in the rest."""

    dice: Random
    data: TalkData
    number: str | None
    line: str
    at_s: float

    def seconds(self, earliest_s: float, latest_s: float) -> float:
        """A time between the two, in tenths of a second."""
        return round(self.dice.uniform(earliest_s, latest_s), 1)


def draw(seed: int | str, calls: int, lines: Sequence[str] = LINES) -> list[ScenarioCall]:
    """``calls`` calls of this seed over these lines (ids), in order of their start.

    From eight calls on every kind of call is there at least once; callers' numbers differ.
    """
    data = talk_data()
    dice = Random(f"hotline demo {seed}")
    kinds = _kinds(dice, calls, data)
    numbers = _numbers(dice, calls)
    at_s = 0.0
    drawn: list[ScenarioCall] = []
    for kind, number in zip(kinds, numbers, strict=True):
        line = lines[0] if dice.random() < 0.6 else dice.choice(lines)
        drawn.append(_MAKERS[kind](_Frame(dice, data, number, line, round(at_s, 1))))
        # a quarter begins together with the one before
        at_s += 0.0 if dice.random() < 0.25 else dice.uniform(0.5, 2 * SPACING_S)
    return drawn


def _kinds(dice: Random, calls: int, data: TalkData) -> list[Kind]:
    names = list(data.mix)
    weights = [data.mix[name] for name in names]
    kinds = list(names) if calls >= len(names) else [Kind.TALK] * min(1, calls)
    kinds += dice.choices(names, weights, k=calls - len(kinds))
    dice.shuffle(kinds)
    return kinds


def _numbers(dice: Random, calls: int) -> list[str]:
    """Different numbers: mostly mobiles, some of the fixed network with and without area code."""
    found: Counter[str] = Counter()
    while len(found) < calls:
        tail = f"{dice.randrange(10**8):08d}"
        roll = dice.random()
        number = (
            f"84{tail[:5]}"
            if roll < 0.1
            else f"0979{tail[:7]}"
            if roll < 0.25
            else f"1{dice.choice('35789')}9{tail}"
        )
        found[number] += 1
    return list(found)


def _dialogue(dice: Random, data: TalkData, line: str) -> tuple[Turn, ...]:
    matter = dice.choice(data.matters.get(line) or data.matters["general"])
    words = {
        "place": dice.choice(data.places),
        "spot": dice.choice(data.spots),
        "time": dice.choice(data.times),
    }
    said = dice.choice(data.citizen_openings) + matter.says.format(**words)
    turns = [(Who.AGENT, dice.choice(data.agent_openings)), (Who.CITIZEN, said)]
    if dice.random() < 0.3:
        turns += [
            (Who.AGENT, dice.choice(data.agent_ask_place)),
            (Who.CITIZEN, dice.choice(data.place_wording).format(**words)),
        ]
    if dice.random() < 0.2:
        turns.append((Who.AGENT, dice.choice(data.agent_ask_wish)))
        turns.append((Who.CITIZEN, matter.wish))
    turns.append((Who.AGENT, dice.choice(data.agent_closings)))
    if dice.random() < 0.2:
        turns.append((Who.CITIZEN, dice.choice(data.citizen_thanks)))
    return tuple(Turn(who=who, text=text, pause_s=round(dice.uniform(0.3, 0.7), 2)) for who, text in turns)


def _talk(frame: _Frame) -> ScenarioCall:
    return ScenarioCall(
        says=_dialogue(frame.dice, frame.data, frame.line),
        number=frame.number,
        line=frame.line,
        at_s=frame.at_s,
        agents=Agents(answer_after_s=frame.seconds(0.8, 2.5)),
    )


def _agent_ends(frame: _Frame) -> ScenarioCall:
    return _talk(frame).model_copy(update={"hangs_up": HangUp(who=Who.AGENT)})


def _first_ignores(frame: _Frame) -> ScenarioCall:
    how = frame.dice.choice((IgnoreHow.DECLINE, IgnoreHow.DECLINE, IgnoreHow.RING_OUT))
    agents = Agents(answer_after_s=frame.seconds(0.8, 2.5), first_ignores=1, ignore_how=how)
    return _talk(frame).model_copy(update={"agents": agents})


def _silent(frame: _Frame) -> ScenarioCall:
    said = [frame.dice.choice(frame.data.agent_openings), *frame.dice.sample(frame.data.agent_no_answer, 2)]
    turns = tuple(Turn(who=Who.AGENT, text=text, pause_s=1.2) for text in said)
    return _talk(frame).model_copy(update={"says": turns, "hangs_up": HangUp(who=Who.AGENT)})


def _withheld(frame: _Frame) -> ScenarioCall:
    return _talk(replace(frame, number=None))


def _gone(frame: _Frame, moment: Moment, earliest_s: float, latest_s: float) -> ScenarioCall:
    """A caller who gives up before any agent answers."""
    hang_up = HangUp(when=moment, after_s=frame.seconds(earliest_s, latest_s))
    return _talk(frame).model_copy(update={"hangs_up": hang_up, "agents": Agents(none=True)})


_MAKERS: Mapping[Kind, Callable[[_Frame], ScenarioCall]] = {
    Kind.TALK: _talk,
    Kind.AGENT_ENDS: _agent_ends,
    Kind.FIRST_IGNORES: _first_ignores,
    Kind.SILENT: _silent,
    Kind.WITHHELD: _withheld,
    Kind.IN_NOTICE: lambda frame: _gone(frame, Moment.NOTICE, 0.4, 1.8),
    Kind.IN_GREETING: lambda frame: _gone(frame, Moment.GREETING, 0.5, 1.2),
    Kind.ABANDONS: lambda frame: _gone(frame, Moment.QUEUE, 2.5, 6.0),
}
