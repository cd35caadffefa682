"""The wall as people see it: facts in, view models out. Pure: no clock, no SQL, no HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from config.hotline import Hotline
from facts.agents import AgentNow, AgentState
from ticketing_bridge.desk.picture import Chart, HourCount, RateView, hour_chart, rate_view
from ticketing_bridge.desk.rates.labels import alert_text
from ticketing_bridge.desk.views import agent_name, epoch_ms, line_name, queue_name
from ticketing_bridge.rate.alerts import AlertKind
from ticketing_bridge.rate.live import RateNow
from ticketing_bridge.rate.service import LOCAL
from ticketing_bridge.store.wall_repository import LineCount, WaitingCall

#: so many waiting callers have a row of their own; of the others the number is said
WAITING_SHOWN = 4
#: up to so many agents are shown by name, more as a mosaic
NAMES_SHOWN = 18
LINES_SHOWN = 6
#: people who wait for nobody before what the day comes to
MOST_URGENT_FIRST = tuple(reversed(AlertKind))
#: the order of states on the wall: who can take a call, who is at work on one, who is not
ORDER = (
    AgentState.READY,
    AgentState.RINGING,
    AgentState.TALKING,
    AgentState.WRAP_UP,
    AgentState.PAUSED,
    AgentState.BUSY,
    AgentState.AWAY,
    AgentState.UNKNOWN,
    AgentState.OFF,
)


@cache
def wall_labels() -> Mapping[str, Any]:
    """The wall's words."""
    found: Mapping[str, Any] = yaml.safe_load(
        Path(__file__).with_name("labels.yaml").read_text(encoding="utf-8")
    )
    return found


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """One caller who waits; nothing says who."""

    place: str
    since_ms: int
    late: bool


@dataclass(frozen=True, slots=True)
class WaitingView:
    """Who waits."""

    count: int
    late: int
    longest_ms: int | None
    rows: tuple[WaitingRow, ...]

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


@dataclass(frozen=True, slots=True)
class StateGroup:
    """All agents of one state; ``longest_ms``: since when the one who has been in it longest."""

    state: str
    text: str
    tone: str
    count: int
    longest_ms: int
    #: percent of all who are signed in
    share: float
    #: reasons of pauses with their numbers
    reasons: str


@dataclass(frozen=True, slots=True)
class AgentTile:
    """One agent."""

    name: str
    text: str
    tone: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class AgentsView:
    """Who is at work, and who was not signed in today."""

    signed_in: int
    configured: int
    groups: tuple[StateGroup, ...]
    tiles: tuple[AgentTile, ...]
    named: bool


@dataclass(frozen=True, slots=True)
class LineView:
    """One line's day."""

    name: str
    calls: int
    answered: int
    missed: int
    waiting: int


@dataclass(frozen=True, slots=True)
class AlertView:
    """One thing that is wrong now; ``tone``: bad, or warn."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class WallView:
    """Everything on the wall."""

    rate: RateView
    #: further misses that today's target allows; None: nothing to say it from
    left: int | None
    #: so many calls answered in a row bring the rate back; 0: it is not below
    to_answer: int
    waiting: WaitingView
    agents: AgentsView
    lines: tuple[LineView, ...]
    chart: Chart
    missed_callers: int
    missed_withheld: int
    alerts: tuple[AlertView, ...]


def wall_view(
    hotline: Hotline,
    rate: RateNow,
    waiting: Sequence[WaitingCall],
    agents: Sequence[AgentNow],
    lines: Sequence[LineCount],
    wrong: Mapping[AlertKind, Mapping[str, Any]],
    late_s: float,
    now: datetime,
) -> WallView:
    """The wall at this moment. ``wrong``: by the rules of the alerts; ``late_s``: a wait that is too long."""
    hours = {it.hour: HourCount(it.reached, it.misses) for it in rate.hours}
    return WallView(
        rate=rate_view(rate.rate, rate.target_percent),
        left=misses_left(rate),
        to_answer=max(0, -rate.allowance.now) if rate.below_target else 0,
        waiting=waiting_view(hotline, waiting, late_s, now),
        agents=agents_view(hotline, agents),
        lines=_lines(hotline, lines, waiting),
        chart=hour_chart(hours, now.astimezone(LOCAL).hour),
        missed_callers=rate.missed_callers,
        missed_withheld=rate.missed_withheld,
        alerts=tuple(
            AlertView(*alert_text(kind, wrong[kind], hotline)) for kind in MOST_URGENT_FIRST if kind in wrong
        ),
    )


def misses_left(rate: RateNow) -> int | None:
    """Further misses that today's target allows; None while there is nothing to say it from."""
    if rate.allowance.today is not None:
        return rate.allowance.today
    return rate.allowance.now if rate.rate.base else None


def waiting_view(
    hotline: Hotline, waiting: Sequence[WaitingCall], late_s: float, now: datetime
) -> WaitingView:
    """The longest first."""

    def late(call: WaitingCall) -> bool:
        return (now - call.arrived_at).total_seconds() > late_s

    return WaitingView(
        count=len(waiting),
        late=sum(late(call) for call in waiting),
        longest_ms=epoch_ms(waiting[0].arrived_at) if waiting else None,
        rows=tuple(
            WaitingRow(queue_name(hotline, call.queue), epoch_ms(call.arrived_at), late(call))
            for call in waiting[:WAITING_SHOWN]
        ),
    )


def agents_view(hotline: Hotline, agents: Sequence[AgentNow]) -> AgentsView:
    """By state, in the order of the wall; within one the longest first."""
    words = wall_labels()["states"]
    pauses = {pause.id: pause.name for pause in hotline.work.pauses}
    signed_in = sum(agent.state.signed_in for agent in agents)
    groups, tiles = [], []
    for state in ORDER:
        here = sorted((agent for agent in agents if agent.state is state), key=lambda it: it.since)
        if not here:
            continue
        label = words[state.value]
        counts: dict[str, int] = {}
        for agent in here:
            if agent.state is AgentState.PAUSED:
                name = pauses.get(agent.reason, agent.reason)
                counts[name] = counts.get(name, 0) + 1
        groups.append(
            StateGroup(
                state.value,
                label["text"],
                label["tone"],
                len(here),
                epoch_ms(here[0].since),
                round(100 * len(here) / signed_in, 2) if state.signed_in and signed_in else 0.0,
                "、".join(f"{name} {count}" for name, count in counts.items() if name),
            )
        )
        tiles += [
            AgentTile(
                agent_name(hotline, agent.agent),
                pauses.get(agent.reason, label["text"]) if agent.reason else label["text"],
                label["tone"],
                epoch_ms(agent.since),
            )
            for agent in here
            if state.signed_in
        ]
    named = len(tiles) <= NAMES_SHOWN
    return AgentsView(signed_in, len(agents), tuple(groups), tuple(tiles), named)


def _lines(
    hotline: Hotline, counts: Sequence[LineCount], waiting: Sequence[WaitingCall]
) -> tuple[LineView, ...]:
    """The configured lines, the busiest first; those without a call last."""
    by_line = {it.line: it for it in counts}
    found = [
        LineView(
            line_name(hotline, line),
            it.calls if it else 0,
            it.answered if it else 0,
            it.missed if it else 0,
            sum(call.line == line for call in waiting),
        )
        for line in dict.fromkeys([*(line.id for line in hotline.lines), *by_line])
        for it in (by_line.get(line),)
    ]
    return tuple(sorted(found, key=lambda it: -it.calls)[:LINES_SHOWN])
