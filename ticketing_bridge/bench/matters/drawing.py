"""Calls composed from lists of this benchmark's own, each with what its ticket should say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random

import yaml
from pydantic import BaseModel, ConfigDict

from telephony.simulation.scenario import Agents, ScenarioCall, Turn, Who
from ticketing_bridge.journeys.spoken import spoken_number
from voice.reading import read_digits

_WEEK = "一二三四五六日"


class Matter(BaseModel):
    """What somebody phones about, and where its ticket belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    says: tuple[str, ...]
    where: str
    time: bool
    purpose: str
    appeal: str
    unit: str
    wish: tuple[str, ...]
    emergency: bool = False


class Lists(BaseModel):
    """``lists.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    openings: tuple[str, ...]
    agent_openings: tuple[str, ...]
    agent_place: tuple[str, ...]
    agent_time: tuple[str, ...]
    agent_wish: tuple[str, ...]
    agent_phone: tuple[str, ...]
    agent_closings: tuple[str, ...]
    place_answers: tuple[str, ...]
    time_answers: tuple[str, ...]
    phone_same: tuple[str, ...]
    phone_other: tuple[str, ...]
    roads: tuple[str, ...]
    estates: tuple[str, ...]
    blocks: tuple[str, ...]
    crossings: tuple[str, ...]
    people: tuple[str, ...]
    matters: tuple[Matter, ...]


@cache
def lists() -> Lists:
    """Read from the package's data."""
    text = files("ticketing_bridge.bench.matters").joinpath("lists.yaml").read_text(encoding="utf-8")
    return Lists.model_validate(yaml.safe_load(text))


@dataclass(frozen=True, slots=True)
class Composed:
    """A call, and the fields that its ticket should have; a field that is not there should be empty."""

    call: ScenarioCall
    gold: Mapping[str, str]


def compose(seed: int | str, calls: int, today: date) -> list[Composed]:
    """So many calls; every matter comes about equally often, callers' numbers differ."""
    dice = Random(f"matters {seed}")
    known = lists().matters
    chosen = [it for _ in range(calls // len(known) + 1) for it in dice.sample(known, len(known))][:calls]
    return [_composed(dice, it, f"1390{7000000 + number}", today) for number, it in enumerate(chosen)]


def _composed(dice: Random, matter: Matter, number: str, today: date) -> Composed:
    words, gold = lists(), {"purpose": matter.purpose, "appeal": matter.appeal, "unit": matter.unit}
    if matter.emergency:
        gold["emergency"] = "true"
    says = dice.choice(matter.says)
    slots = {"party": dice.choice(words.people)}
    if "{party}" in says:
        gold["party"] = slots["party"]
    if matter.where != "none":
        slots["place"] = gold["places"] = _place(dice, matter.where)
    told_later = matter.where != "none" and not matter.emergency and dice.random() < 0.35
    opening = dice.choice(words.openings)
    if told_later:
        slots["place"] = "这里" if matter.where == "street" else "小区"
    turns = [(Who.AGENT, dice.choice(words.agent_openings)), (Who.CITIZEN, opening + says.format(**slots))]
    if told_later:
        turns.append((Who.AGENT, dice.choice(words.agent_place)))
        turns.append((Who.CITIZEN, dice.choice(words.place_answers).format(place=gold["places"])))
    if matter.time:
        spoken, day = _time(dice, today)
        gold["when"] = day.isoformat()
        turns.append((Who.AGENT, dice.choice(words.agent_time)))
        turns.append((Who.CITIZEN, dice.choice(words.time_answers).format(time=spoken)))
    if matter.wish and dice.random() < 0.7:
        turns.append((Who.AGENT, dice.choice(words.agent_wish)))
        turns.append((Who.CITIZEN, dice.choice(matter.wish)))
    if not matter.emergency and dice.random() < 0.5:
        turns.append((Who.AGENT, dice.choice(words.agent_phone)))
        other = f"1{dice.choice('358')}9{dice.randrange(10**8):08d}"
        if dice.random() < 0.5:
            gold["callback_phone"] = other
            turns.append((Who.CITIZEN, dice.choice(words.phone_other).format(digits=read_digits(other))))
        else:
            turns.append((Who.CITIZEN, dice.choice(words.phone_same)))
    turns.append((Who.AGENT, dice.choice(words.agent_closings)))
    said = tuple(Turn(who=who, text=text, pause_s=round(dice.uniform(0.4, 0.8), 2)) for who, text in turns)
    return Composed(ScenarioCall(says=said, number=number, agents=Agents(answer_after_s=0.8)), gold)


def _place(dice: Random, shape: str) -> str:
    words = lists()
    road = dice.choice(words.roads)
    if shape == "street":
        return road + dice.choice(words.crossings)
    estate = dice.choice(words.estates) + dice.choice(words.blocks)
    return road + estate if dice.random() < 0.5 else estate


def _time(dice: Random, today: date) -> tuple[str, date]:
    """A moment as people say it, and the day that is meant."""
    back = dice.randrange(1, 25)
    named = today - timedelta(days=back)
    monday = today - timedelta(days=today.weekday() + 7)
    weekday = dice.randrange(7)
    return dice.choice(
        (
            ("昨天晚上", today - timedelta(days=1)),
            ("昨天下午", today - timedelta(days=1)),
            ("前天上午", today - timedelta(days=2)),
            ("今天早上", today),
            (f"上周{_WEEK[weekday]}", monday + timedelta(days=weekday)),
            (f"{spoken_number(named.month)}月{spoken_number(named.day)}号", named),
        )
    )
