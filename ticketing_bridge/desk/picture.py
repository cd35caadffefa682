"""The day as a picture: the rate against its target, and calls by hour. Pure: numbers in, coordinates out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ticketing_bridge.desk.labels import labels
from ticketing_bridge.rate import Rate
from ticketing_bridge.rate.definitions import DASH

GAUGE_WIDTH = 300
GAUGE_FROM = 80.0


@dataclass(frozen=True, slots=True)
class RateView:
    """Today's rate by its named definition, and what a glance needs to judge it."""

    definition: str
    name: str
    formula: str
    percent: float | None
    percent_text: str
    target_text: str
    base: int
    reached: int
    missed: int
    unresolved: int
    #: percentage points above (below: negative) the target
    gap_points: float
    tone: str
    gauge_from: int
    gauge_x: float
    target_x: float


def rate_view(rate: Rate, target: float) -> RateView:
    """Judged by the figure as it is printed, so that the page never says one thing and shows another."""
    words = labels().definitions.get(rate.definition) or {"name": rate.title, "formula": rate.formula}
    percent = None if rate.percent is None else float(rate.percent)
    gap = percent - target if percent is not None else 0.0
    tone = "mute" if percent is None else "ok" if gap >= 0 else "miss"
    start = GAUGE_FROM if percent is None or percent >= GAUGE_FROM else 0.0
    return RateView(
        definition=rate.definition,
        name=words["name"],
        formula=words["formula"],
        percent=percent,
        percent_text=DASH if percent is None else f"{rate.percent}",
        target_text=f"{target:g}",
        base=rate.base,
        reached=rate.reached,
        missed=rate.misses,
        unresolved=rate.unresolved,
        gap_points=gap,
        tone=tone,
        gauge_from=int(start),
        gauge_x=_along(percent or start, start),
        target_x=_along(target, start),
    )


def _along(percent: float, start: float) -> float:
    return round(GAUGE_WIDTH * min(1.0, max(0.0, (percent - start) / (100 - start))), 1)


@dataclass(frozen=True, slots=True)
class HourCount:
    """Calls that arrived in one hour of the day."""

    answered: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour's bar: answered from the floor up, missed on top of it."""

    hour: int
    x: float
    answered: int
    missed: int
    answered_y: float
    answered_h: float
    missed_y: float
    missed_h: float


@dataclass(frozen=True, slots=True)
class GridLine:
    y: float
    value: int


@dataclass(frozen=True, slots=True)
class HourTick:
    x: float
    hour: int
    now: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Coordinates of the picture, in the units of its own view box."""

    width: int
    height: int
    left: int
    floor: int
    step: float
    bar: float
    bars: tuple[Bar, ...]
    grid: tuple[GridLine, ...]
    ticks: tuple[HourTick, ...]
    hours: tuple[tuple[int, HourCount], ...]


def hour_chart(counts: Mapping[int, HourCount], now_hour: int) -> Chart:
    """24 bars; the scale's top is a round number no bar passes."""
    width, height, left, floor, top = 320, 110, 22, 94, 6
    step = (width - left) / 24
    highest = max((it.answered + it.missed for it in counts.values()), default=0)
    scale = _round_up(highest)
    unit = (floor - top) / scale
    bars = []
    for hour in range(24):
        it = counts.get(hour, HourCount())
        answered_h, missed_h = _height(it.answered, unit), _height(it.missed, unit)
        bars.append(
            Bar(
                hour=hour,
                x=round(left + hour * step + 1, 2),
                answered=it.answered,
                missed=it.missed,
                answered_y=round(floor - answered_h, 2),
                answered_h=round(answered_h, 2),
                missed_y=round(floor - answered_h - missed_h, 2),
                missed_h=round(missed_h, 2),
            )
        )
    return Chart(
        width=width,
        height=height,
        left=left,
        floor=floor,
        step=round(step, 2),
        bar=round(step - 2, 2),
        bars=tuple(bars),
        grid=tuple(GridLine(round(floor - value * unit, 2), value) for value in (0, scale // 2, scale)),
        ticks=tuple(
            HourTick(round(left + (hour + 0.5) * step, 2), hour, hour == now_hour)
            for hour in range(24)
            if hour == now_hour or (hour % 4 == 0 and abs(hour - now_hour) > 1)
        ),
        hours=tuple((hour, it) for hour, it in sorted(counts.items()) if it.answered or it.missed),
    )


def _height(calls: int, unit: float) -> float:
    """A bar's height; a single call among thousands still is a line."""
    return max(calls * unit, 0.8) if calls else 0.0


def _round_up(highest: int) -> int:
    """The smallest even round number (2, 4, 6, 10, 20, 40, 60, 100, …) that is not below ``highest``."""
    scale = 1
    while True:
        for step in (2, 4, 6, 10):
            if step * scale >= highest:
                return step * scale
        scale *= 10
