"""Callers in the shipped flows at once, over SIP with keys: is every step in the ledger the one taken?"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facts.call import Call
from telephony.simulation.scenario import HangUp, KeyPress, Moment, ScenarioCall
from telephony.simulation.scenario_file import plan
from ticketing_bridge.bench.figures import Figure, Size, never
from ticketing_bridge.bench.programmes.play import settled, silent_people
from ticketing_bridge.bench.programmes.stage import Stage, stage
from ticketing_bridge.demo.people import match_rows

#: seconds between two arrivals
APART_S = 0.1
_GREETED = "main.hour main.greet main.person "
_ASKED = "progress.choose=1 progress.number=[0-9]+ progress.digits=[*]+ progress.look progress.number"


@dataclass(frozen=True, slots=True)
class Way:
    """Keys, each so many seconds after the queue was entered, and the path that the ledger must show."""

    keys: Sequence[tuple[float, str]]
    path: str
    leaves_after_s: float = 27.0

    def call(self, number: int) -> ScenarioCall:
        """Its caller of this number, whom nobody answers; each asks for another ticket."""
        presses = tuple(
            KeyPress(when=Moment.QUEUE, after_s=at, digits=digits.replace("9999", f"{number:04d}"))
            for at, digits in self.keys
        )
        leaves = HangUp(when=Moment.QUEUE, after_s=self.leaves_after_s)
        return ScenarioCall(says=(), at_s=number * APART_S, keys=presses, hangs_up=leaves)


WAYS = (
    Way(((2, "2"), (5, "3"), (8.5, "2"), (12, "2")),
        "environment.kind=3 environment.happening=2 environment.secrecy=2 environment.person"),
    Way(((2, "5"), (5, "1"), (8, "20269999#"), (15, "0001")), _ASKED),
    Way(((2, "5"), (5, "7"), (10, "8"), (16, "0")), "progress.choose=78 progress.back"),
    # who knows the way does not listen
    Way(((2, "5"), (3, "120269999#0001")), _ASKED),
)  # fmt: skip


async def measure(size: Size) -> list[Figure]:
    """Steps that are not in the ledger as they were taken."""
    callers = size.of(40, 4)
    ways = [WAYS[number % len(WAYS)] for number in range(callers)]
    with tempfile.TemporaryDirectory(prefix="hotline-") as folder:
        async with stage(Path(folder) / "home", special={}) as up:
            found = await _play(up, ways)
    failed = failures(ways, found)
    rows = [row for row in found if row is not None]
    pressed = sum(len(digits) for way in ways for _, digits in way.keys)
    return [
        Figure("callers", callers, "", "over SIP, with keys, in the shipped flows"),
        Figure("at_once", _most_at_once(rows), "", "in a menu at the same time"),
        Figure("keys", pressed, "", "pressed by all callers"),
        Figure("steps", sum(len(row.steps) for row in rows), "", "of all callers in the ledger"),
        never("failed", len(failed), "callers whose steps are not those that they took", failed),
    ]


async def _play(up: Stage, ways: Sequence[Way]) -> list[Call | None]:
    """The callers' rows, in their order; None: there is none."""
    since = datetime.now(UTC)
    planned = plan([way.call(number) for number, way in enumerate(ways)], up.hotline)
    async with silent_people(up, planned, 1, at_once=len(planned)) as player:
        played = await player.play(planned)
        rows = await settled(up, since)
    matched, _ = match_rows(played, rows)
    return [matched.get(call.id) for call in planned]


def path_of(row: Call) -> str:
    """``flow.node`` of every step, with the keys."""
    return " ".join(f"{it.flow}.{it.node}" + (f"={it.key}" if it.key else "") for it in row.steps)


def failures(ways: Sequence[Way], rows: Sequence[Call | None]) -> list[str]:
    """Callers whose row is not there, or shows another path than the way that they went."""
    paths = [path_of(row) if row is not None else "no row" for row in rows]
    return [
        f"caller {number} of {len(ways)}: {path!r}, not {way.path!r}"
        for number, (way, path) in enumerate(zip(ways, paths, strict=True), start=1)
        if not re.fullmatch(_GREETED + way.path, path)
    ]


def _most_at_once(rows: Sequence[Call]) -> int:
    """From a caller's first step in a menu to the last."""
    changes: list[tuple[datetime, int]] = []
    for row in rows:
        steps = [it for it in row.steps if it.flow != "main"]
        if steps:
            began = steps[0].at - timedelta(milliseconds=steps[0].ms or 0)
            changes += [(began, 1), (steps[-1].at, -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
