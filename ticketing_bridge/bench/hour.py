"""A desk left open in a real browser for an hour, and what its page and the web role keep of it.

The agent's own call is over after three minutes; eight other agents talk all the time, whose words,
fields and rows go by. The house is furnished as for ``desks``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Leg, LiveText
from ticketing_bridge.bench.chromium import growth, kept, opened
from ticketing_bridge.bench.desks import SENTENCE_EVERY_S, SENTENCES, Floor, open_floor, said_at, told
from ticketing_bridge.bench.figures import MINUTES_VARIABLE, Figure, Size

#: how long the full measurement takes, unless this says otherwise
MINUTES = 60.0
#: a call lasts this long, seconds; so many go on beside ours
CALL_S, OTHERS = 180.0, 8


async def measure(size: Size) -> list[Figure]:
    """What is kept after a tenth of the time (at least a call and a half) and at the end."""
    minutes = size.of(float(os.environ.get(MINUTES_VARIABLE, MINUTES)), 0.1)
    call_s = size.of(CALL_S, 2.0)
    turns = int(minutes * 60 / call_s) + 2
    async with (
        open_floor(OTHERS * turns, furnished=size.of(1.0, 0.02)) as floor,
        AsyncExitStack() as stack,
    ):
        address = f"http://127.0.0.1:{floor.port}"
        chromium = await opened(stack, address, floor.cookie, (1366, 768))
        page = await chromium.new_page()
        await page.goto(f"{address}/desk")
        await page.wait_for_url("**/desk/calls/**")
        key = CallKey.parse(unquote(page.url.rpartition("/")[2].partition("?")[0]))
        async with floor.database.unit_of_work() as uow:
            ours = await uow.calls.get(key)
        assert ours is not None
        session = await chromium.new_cdp_session(page)
        talks = [asyncio.create_task(_talks(floor, [ours], call_s))]
        for turn in range(OTHERS):
            talks.append(asyncio.create_task(_talks(floor, floor.calls[turn::OTHERS], call_s)))
        stack.callback(lambda: [talk.cancel() for talk in talks])
        await page.wait_for_function("text => document.body.innerText.includes(text)", arg="电梯")
        return await _measured(session, floor.pid, minutes, max(minutes * 6, 1.5 * call_s))


async def _talks(floor: Floor, calls: Sequence[Call], call_s: float) -> None:
    """One call after the other: it rings, somebody speaks, it is over."""
    for call in calls:
        until = time.monotonic() + call_s
        await told(floor, replace(call, arrived_at=datetime.now(UTC)))
        segment = 0
        while time.monotonic() < until:
            text = SENTENCES[segment % len(SENTENCES)]
            for share in (0.3, 0.6, 1.0):
                said = text[: int(len(text) * share)]
                at = said_at(segment)
                floor.broadcast.send(
                    LiveText(str(call.key), Leg.CALLER, segment, share == 1.0, said, *at, stream="bench")
                )
                await asyncio.sleep(SENTENCE_EVERY_S / 3)
            segment += 1
        await told(floor, replace(call, ended_at=datetime.now(UTC)))


async def _measured(session: Any, pid: int, minutes: float, settle_s: float) -> list[Figure]:
    began = time.monotonic()
    await asyncio.sleep(min(settle_s, minutes * 30))
    first = await kept(session, pid)
    await asyncio.sleep(max(0.0, began + minutes * 60 - time.monotonic()))
    last = await kept(session, pid)
    return [Figure("minutes", minutes, "min", "how long"), *growth(first, last)]
