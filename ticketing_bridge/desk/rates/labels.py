"""What causes, remedies and alerts are called on the pages, read from ``labels.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from config.hotline import Hotline
from config.rates import RateDefinition
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.views import agent_name, queue_name
from ticketing_bridge.rate.alerts import AlertKind
from ticketing_bridge.rate.exclusions import ExclusionKind, Refusal
from ticketing_bridge.rate.live import RateNow
from ticketing_bridge.rate.misses import Cause, Miss, Remedy

FILE = Path(__file__).parent / "labels.yaml"


@dataclass(frozen=True, slots=True)
class RateLabels:
    """All of them; ``KeyError`` at start names one that is missing."""

    causes: Mapping[Cause, Mapping[str, str]]
    remedies: Mapping[Remedy, str]
    alerts: Mapping[AlertKind, Mapping[str, str]]
    exclusions: Mapping[ExclusionKind, str]
    refusals: Mapping[str, str]
    groups: Mapping[str, str]
    waits: Mapping[str, str]
    no_queue: str
    #: Monday first
    weekdays: tuple[str, ...]
    kinds: Mapping[str, str]
    slot: str
    before: Mapping[str, str]
    formula: Mapping[str, Any]


@cache
def rate_labels() -> RateLabels:
    """The labels of this installation."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    missing = [it for it in Refusal if it.value not in raw["refusals"]]
    if missing:
        raise KeyError(*missing)
    return RateLabels(
        causes={it: raw["causes"][it.value] for it in Cause},
        remedies={it: raw["remedies"][it.value] for it in Remedy},
        alerts={it: raw["alerts"][it.value] for it in AlertKind},
        exclusions={it: raw["exclusions"][it.value] for it in ExclusionKind},
        refusals=raw["refusals"],
        groups=raw["groups"],
        waits=raw["waits"],
        no_queue=raw["no_queue"],
        weekdays=tuple(raw["weekdays"]),
        kinds=raw["kinds"],
        slot=raw["slot"],
        before=raw["before"],
        formula=raw["formula"],
    )


def formula_text(definition: RateDefinition) -> str:
    """The formula in Chinese, always that of the definition.

    >>> formula_text(shipped()["person"])
    '（已接通＋转紧急电话）÷（全部来电－自助办结）'
    """
    words, names = rate_labels().formula, labels().outcomes
    above = words["plus"].join(names[it].text for it in definition.reached)
    if definition.within_s is not None:
        since = words["since"][definition.clock.value]
        above += words["within"].format(since=since, s=definition.within_s)
    if definition.recovered_min is not None:
        above += words["recovered"].format(min=definition.recovered_min)
    parts = [words["queued" if definition.queued_only else "all"]]
    parts += [names[it].text for it in definition.left_out]
    parts += [words["short"]] if definition.without_short else []
    return str(words["ratio"].format(above=above, below=words["minus"].join(parts)))


def miss_detail(miss: Miss, hotline: Hotline) -> str:
    """How it stood, in one sentence."""
    return (
        rate_labels()
        .causes[miss.cause]["detail"]
        .format(
            queue=queue_name(hotline, miss.queue) if miss.queue else "",
            waited=_seconds(miss.waited_s),
            lasted=_seconds(miss.lasted_s),
            before=rate_labels().before["some" if miss.ahead else "none"].format(ahead=miss.ahead),
            busy=miss.busy or 0,
            rang="、".join(agent_name(hotline, it) for it in miss.rang),
            place=miss.place,
        )
    )


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"


def alert_text(kind: str, facts: Mapping[str, Any], hotline: Hotline) -> tuple[str, str]:
    """What an alert says, and in which tone."""
    label = rate_labels().alerts[AlertKind(kind)]
    left = int(facts.get("misses_left", 0))
    queue = queue_name(hotline, str(facts.get("queue", "")))
    return label["text"].format(**{**facts, "queue": queue, "over": -left}), label["tone"]


@dataclass(frozen=True, slots=True)
class StandingView:
    """Beside today's rate: what the target still allows, who is owed something, what is wrong."""

    misses_left: int
    #: by the day's end at the volume that is expected; else of the next calls
    by_forecast: bool
    missed_callers: int
    missed_withheld: int
    #: text and tone
    alerts: tuple[tuple[str, str], ...]


def standing_view(seen: RateNow, hotline: Hotline) -> StandingView:
    """As people read it; no numbers of callers."""
    allowed = seen.allowance
    return StandingView(
        misses_left=allowed.now if allowed.today is None else allowed.today,
        by_forecast=allowed.today is not None,
        missed_callers=seen.missed_callers,
        missed_withheld=seen.missed_withheld,
        alerts=tuple(alert_text(it.kind, it.facts, hotline) for it in seen.alerts),
    )
