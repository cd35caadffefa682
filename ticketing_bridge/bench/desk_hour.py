"""An hour at a desk in some minutes: what the pages and the web role keep when it is over.

Two pages of one agent in Chromium, never loaded again by hand: the workplace of a call in which somebody
speaks all the time, and a page at which calls ring. The events of an hour come faster than in life; the
pages' own heartbeat does not.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from facts.call import CallState
from facts.identity import CallKey
from facts.transcript import Leg, LiveText
from ticketing_bridge.bench.chromium import kept, opened
from ticketing_bridge.bench.desks import LOGIN, SENTENCES, Floor, call_path, open_floor
from ticketing_bridge.bench.figures import Figure, Size, status_mb
from ticketing_bridge.bench.processes import children
from ticketing_bridge.call_ledger.service import CALL_CHANNEL
from ticketing_bridge.desk.desk import SHEET_CHANNEL
from ticketing_bridge.workplace.sheets import type_in

#: of an hour: partial texts, rings at the agent's telephone, changes of the sheet by another page
WORDS, RINGS, CHANGES = 9000, 60, 200
#: how long the full measurement takes, unless this says otherwise
MINUTES, MINUTES_VARIABLE = 6.0, "BENCH_WALL_MINUTES"
#: sentences that are there before anything is measured
BEGUN = 40
#: the smallest screen that desks have
SCREEN = (1366, 768)
LAST = "这是最后一句"


@dataclass(frozen=True, slots=True)
class _Kept:
    """Memory after a sweep: heap (MB) and nodes of each page, resident MB of web role and drafting."""

    workplace: tuple[float, float]
    second: tuple[float, float]
    web_mb: float
    drafting_mb: float


async def measure(size: Size) -> list[Figure]:
    """Look when a tenth is over, and at the end."""
    minutes = size.of(float(os.environ.get(MINUTES_VARIABLE, MINUTES)), 0.1)
    words, begun = size.of(WORDS, 60), size.of(BEGUN, 4)
    async with open_floor(2, furnished=size.of(1.0, 0.02)) as floor, AsyncExitStack() as stack:
        address = f"http://127.0.0.1:{floor.port}"
        chromium = await opened(stack, address, floor.cookie, SCREEN)
        workplace, waiting = await chromium.new_page(), await chromium.new_page()
        await workplace.goto(f"{address}/desk/calls/{call_path(floor.calls[0])}")
        await waiting.goto(f"{address}/desk")
        sessions = [await chromium.new_cdp_session(page) for page in (workplace, waiting)]
        for number in range(begun):
            _say(floor, number, SENTENCES[number % len(SENTENCES)], final=True)
        await workplace.wait_for_function(f"document.querySelectorAll('#said .bubble').length >= {begun}")
        tenth = words // 10
        await _talk(floor, range(tenth), minutes * 6, begun)
        first = await _look(sessions, floor)
        await _talk(floor, range(tenth, words), minutes * 54, begun)
        _say(floor, begun, LAST, final=False)
        await workplace.get_by_text(LAST).wait_for()
        last = await _look(sessions, floor)
    return [
        Figure("minutes", minutes, "min", f"for {words} texts, {RINGS} rings, {CHANGES} changes"),
        Figure("heap_mb", last.workplace[0], "MB", "the workplace's JavaScript heap at the end, swept"),
        Figure("heap_growth", last.workplace[0] / first.workplace[0], "×", "of it since a tenth of the time"),
        Figure("nodes", last.workplace[1], "nodes", "of the workplace at the end"),
        Figure("nodes_growth", last.workplace[1] / first.workplace[1], "×", "of the workplace's nodes"),
        Figure("second_heap_growth", last.second[0] / first.second[0], "×", "of the other page's heap"),
        Figure("second_nodes_growth", last.second[1] / first.second[1], "×", "of the other page's nodes"),
        Figure("web_mb", last.web_mb, "MB", "memory of the web role at the end"),
        Figure("web_growth", last.web_mb / first.web_mb, "×", "of the web role's memory"),
        Figure("drafting_mb", last.drafting_mb, "MB", "memory of its drafting process at the end"),
        Figure("drafting_growth", last.drafting_mb / first.drafting_mb, "×", "of that process's memory"),
    ]


async def _look(sessions: list[Any], floor: Floor) -> _Kept:
    pages = [(await kept(session, floor.pid))[:2] for session in sessions]
    drafting = max((status_mb(it, "VmRSS") for it in children(floor.pid)), default=0.0)
    return _Kept(pages[0], pages[1], status_mb(floor.pid, "VmRSS"), drafting)


async def _talk(floor: Floor, words: range, lasts_s: float, segment: int) -> None:
    """Texts that grow, and the rings and changes that belong to them, evenly over the time."""
    began, every_s = time.monotonic(), lasts_s / max(1, len(words))
    of_an_hour = WORDS if len(words) * 20 > WORDS else 10 * len(words)
    for number in words:
        _say(floor, segment, f"{SENTENCES[number % len(SENTENCES)][: 4 + number % 12]}{number}", final=False)
        if number % max(1, of_an_hour // RINGS) == 0:
            await _ring(floor, number)
        if number % max(1, of_an_hour // CHANGES) == 0:
            await _change(floor, number)
        await asyncio.sleep(max(0.0, began + (number - words.start + 1) * every_s - time.monotonic()))


def _say(floor: Floor, segment: int, text: str, *, final: bool) -> None:
    at = 9.0 + 4 * segment
    call = str(floor.calls[0].key)
    floor.broadcast.send(LiveText(call, Leg.CALLER, segment, final, text, at, at + 3, stream="bench"))


async def _ring(floor: Floor, number: int) -> None:
    """Every other time the telephone rings, else the call is over again."""
    call = floor.calls[1]
    key = CallKey(call.key.pbx_id, f"hour.{number // 2}")
    now = datetime.now(UTC)
    legs = tuple(replace(leg, agent=LOGIN) for leg in call.agent_legs[-1:])
    rings = replace(call, key=key, linkedid=key.uniqueid, agent_legs=legs, arrived_at=now)
    over = replace(rings, state=CallState.ENDED, ended_at=now)
    async with floor.database.unit_of_work() as uow:
        await uow.calls.upsert([over if number % 2 else rings])
        await uow.notify(CALL_CHANNEL, str(key))


async def _change(floor: Floor, number: int) -> None:
    """Another page has typed a title."""
    call = str(floor.calls[0].key)
    async with floor.database.unit_of_work() as uow:
        sheet = await uow.sheets.get(call, 1, lock=True)
        assert sheet is not None
        typed = sheet.typed.get("title")
        seen = typed.version if typed else 0
        await uow.sheets.save(type_in(sheet, "title", f"电梯停运{number}", seen=seen, by=LOGIN))
        await uow.notify(SHEET_CHANNEL, call)
