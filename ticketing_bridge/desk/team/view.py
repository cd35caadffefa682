"""Agents as their team sees them. Pure: no clock, no SQL, no HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from config.hotline import Hotline
from facts.agents import AgentNow, AgentState
from ticketing_bridge.agents.day import AgentDay
from ticketing_bridge.desk.views import agent_name, epoch_ms, queue_name
from ticketing_bridge.desk.wall.view import wall_labels


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent now."""

    id: str
    name: str
    extension: str
    state: str
    text: str
    tone: str
    since_ms: int | None
    queue: str
    signed_in_at: datetime | None
    #: when the wrap-up ends by itself
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DayRow:
    """One agent's day so far."""

    name: str
    signed_in_s: float
    talks: int
    talk_s: float
    wrap_up_s: float
    paused_s: float
    handle_s: float | None
    occupancy: str


def agent_row(hotline: Hotline, now: AgentNow) -> AgentRow:
    """As everybody of the team sees an agent."""
    label = wall_labels()["states"][now.state.value]
    pauses = {pause.id: pause.name for pause in hotline.work.pauses}
    agent = hotline.agent(now.agent)
    known = now.state is not AgentState.UNKNOWN
    return AgentRow(
        id=now.agent,
        name=agent_name(hotline, now.agent),
        extension=agent.extension if agent else "",
        state=now.state.value,
        text=label["text"] + (f"（{pauses[now.reason]}）" if now.reason in pauses else ""),
        tone=label["tone"],
        since_ms=epoch_ms(now.since) if known else None,
        queue=queue_name(hotline, now.queue) if now.queue else "",
        signed_in_at=now.signed_in_at,
        until=now.until,
    )


def day_rows(hotline: Hotline, days: Mapping[str, AgentDay]) -> Sequence[DayRow]:
    """Those who did anything, in the configuration's order."""
    rows = []
    for agent in hotline.agents:
        day = days.get(agent.id)
        if day is None or not day.signed_in_s:
            continue
        rows.append(
            DayRow(
                agent.name,
                day.signed_in_s,
                day.talks,
                day.of(AgentState.TALKING),
                day.of(AgentState.WRAP_UP),
                day.of(AgentState.PAUSED),
                day.handle_s,
                "—" if day.occupancy is None else f"{100 * day.occupancy:.0f}%",
            )
        )
    return rows
