"""Drafts of generated calls: the first one, with all word lists to load, and those that follow."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from config.catalogue import load_catalogue
from telephony.simulation.draw import draw
from telephony.simulation.scenario import Who
from telephony.simulation.speech import turns_of
from ticketing_bridge.bench.figures import Figure, Size, spread_ms
from ticketing_bridge.drafting import DraftInput, Said, draft_call

START = datetime(2026, 6, 10, 9, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
#: seconds a turn, roughly; drafting only needs their order
TURN_S = 4.0


def generated_calls(calls: int, seed: str = "bench") -> Iterable[DraftInput]:
    """The words of generated calls, as if heard without a mistake."""
    for number, call in enumerate(draw(seed, calls)):
        said = tuple(
            Said(
                "agent" if turn.who is Who.AGENT else "citizen",
                turn.text,
                at * TURN_S,
                (at + 1) * TURN_S - 0.5,
            )
            for at, turn in enumerate(turns_of(call))
        )
        yield DraftInput(f"bench-{number}", START, call.number, said)


async def measure(size: Size) -> list[Figure]:
    """Seconds of the first draft in a process, milliseconds of the next."""
    first, *others = generated_calls(size.of(500, 10))
    began = time.perf_counter()
    city = load_catalogue()
    loaded = time.perf_counter()
    draft_call(first, city)
    first_s = time.perf_counter() - loaded
    delays = []
    for call in others:
        at = time.perf_counter()
        draft_call(call, city)
        delays.append(time.perf_counter() - at)
    return [
        Figure("catalogue_ms", (loaded - began) * 1000, "ms", "the city's data, read and checked"),
        Figure("first_ms", first_s * 1000, "ms", "first draft in a process (the worker warms up before)"),
        *spread_ms("warm", delays, "every further draft"),
        Figure("warm_most_ms", max(delays) * 1000, "ms", "the slowest of them"),
        Figure("calls", len(delays) + 1, "", "generated calls"),
    ]
