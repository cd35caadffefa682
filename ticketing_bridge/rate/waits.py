"""Waits and work of a period, from the cells' columns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from facts.percent import percent_of
from ticketing_bridge.store.rate_columns import BUCKETS, EDGES_S

#: columns that waits are read from, each under its own name
COLUMNS: Mapping[str, tuple[str, ...]] = {
    it: (it,)
    for it in (
        "n_answered",
        "wait_known",
        "wait_ms",
        "talk_ms",
        *(f"{name}_{at}" for name in ("wait", "queue_wait", "lost") for at in BUCKETS),
    )
}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Up to ``within_s`` (None: ever) so many had reached a person, and so many had given up."""

    within_s: int | None
    reached: int
    abandoned: int
    abandoned_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Waits:
    """How long people waited, and agents worked; seconds, None where there is nothing to divide."""

    #: Σ wait of answered ÷ answered whose wait is known
    asa_s: float | None
    longest_answered_s: float | None
    longest_abandoned_s: float | None
    #: talk ÷ answered; wrap-up comes on top
    talk_s: float | None
    wrap_up_s: float | None
    #: (ringing + talk + wrap-up) ÷ time logged in; None as long as nobody's states are known
    occupancy_percent: Decimal | None
    curve: tuple[CurvePoint, ...]

    @property
    def handle_s(self) -> float | None:
        return None if self.talk_s is None else self.talk_s + (self.wrap_up_s or 0.0)

    def to_json(self) -> dict[str, Any]:
        """For ``--json``; seconds to the millisecond."""
        names = ("asa_s", "longest_answered_s", "longest_abandoned_s", "talk_s", "wrap_up_s", "handle_s")
        values = {name: getattr(self, name) for name in names}
        return {
            **{name: None if value is None else round(value, 3) for name, value in values.items()},
            "occupancy_percent": None if self.occupancy_percent is None else str(self.occupancy_percent),
            "abandon_curve": [
                {
                    "within_s": it.within_s,
                    "reached": it.reached,
                    "abandoned": it.abandoned,
                    "abandoned_percent": None if it.abandoned_percent is None else str(it.abandoned_percent),
                }
                for it in self.curve
            ],
        }


def waits_of(
    sums: Mapping[str, int],
    *,
    longest_answered_ms: int | None,
    longest_abandoned_ms: int | None,
    wrap_up_s: float | None = None,
    occupancy_percent: Decimal | None = None,
) -> Waits:
    """Put together from the columns of ``COLUMNS``."""
    answered, known = sums["n_answered"], sums["wait_known"]
    return Waits(
        asa_s=sums["wait_ms"] / known / 1000 if known else None,
        longest_answered_s=None if longest_answered_ms is None else longest_answered_ms / 1000,
        longest_abandoned_s=None if longest_abandoned_ms is None else longest_abandoned_ms / 1000,
        talk_s=sums["talk_ms"] / answered / 1000 if answered else None,
        wrap_up_s=wrap_up_s,
        occupancy_percent=occupancy_percent,
        curve=tuple(_curve(sums)),
    )


def _curve(sums: Mapping[str, int]) -> list[CurvePoint]:
    total = sum(sums[f"{name}_{at}"] for name in ("wait", "lost") for at in BUCKETS)
    reached = abandoned = 0
    points = []
    for at in BUCKETS:
        reached += sums[f"wait_{at}"]
        abandoned += sums[f"lost_{at}"]
        edge = EDGES_S[at] if at < len(EDGES_S) else None
        points.append(CurvePoint(edge, reached, abandoned, percent_of(abandoned, total)))
    return points


def highest_edge_ms(sums: Mapping[str, int], name: str) -> int | None:
    """The lower end of the highest bucket with anybody in it; None: nobody."""
    filled = [at for at in BUCKETS if sums[f"{name}_{at}"] > 0]
    if not filled:
        return None
    return EDGES_S[filled[-1] - 1] * 1000 if filled[-1] else 0
