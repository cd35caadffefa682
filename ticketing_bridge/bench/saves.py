"""200 agents press F9: the web role as it is served takes each sheet to a dispatched ticket.

Measured from the key to the answer: within some seconds, as 200 desks would, and all in one moment (a second
matter of each call).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from random import Random
from urllib.parse import urlencode

from facts.transcript import Leg, LiveText
from ticketing_bridge.bench.browser import SignInFailed, page_times
from ticketing_bridge.bench.desks import SENTENCES, Floor, call_path, open_floor
from ticketing_bridge.bench.figures import Figure, Size, spread_ms
from ticketing_bridge.bench.processes import cpu_s
from ticketing_bridge.desk.auth import SESSION_COOKIE, csrf_token
from ticketing_bridge.store.desk_ticket_records import TicketFilter

AGENTS = 200
#: all of them save within so many seconds
WITHIN_S = 5.0
#: saves before anything is measured: a process is slow at first
WARM = 5
_FIELDS = {
    "title": "金桥丽景小区六号楼电梯停运一周",
    "purpose": "投诉",
    "appeal": "城乡建设",
    "places": "八一中路金桥丽景小区六号楼、二单元",
    "content": "市民反映八一中路金桥丽景小区六号楼二单元电梯上周四晚上停运，至今没有人修。" * 2,
    "demand": "尽快修好电梯",
    "unit": "市住房和城乡建设局",
}


async def measure(size: Size) -> list[Figure]:
    """First within some seconds, then in one moment; every answered save must be a ticket."""
    agents, within_s = size.of(AGENTS, 4), size.of(WITHIN_S, 0.2)
    warm = size.of(WARM, 1)
    durable = size is Size.FULL
    async with open_floor(warm + agents, furnished=size.of(1.0, 0.02), durable=durable) as up:
        for call in up.calls:
            for number, text in enumerate(SENTENCES):
                at = 9.0 + 4 * number
                said = LiveText(str(call.key), Leg.CALLER, number, True, text, at, at + 3, stream="bench")
                up.broadcast.send(said)
        keys = [call_path(call) for call in up.calls]
        for key in keys:  # whoever saves has the sheet open: its draft is made
            path = f"/desk/calls/{key}"
            await asyncio.to_thread(page_times, up.port, up.cookie, path, 1)
        for key in keys[:warm]:
            await _save(up, key, 1)
        dice = Random(12345)
        used = cpu_s([up.pid])
        paced = await _all(up, keys[warm:], 1, lambda: dice.uniform(0, within_s))
        cpu_ms = (cpu_s([up.pid]) - used) / agents * 1000
        burst = await _all(up, keys[warm:], 2, lambda: 0.0)
        async with up.database.unit_of_work() as uow:
            kept = [len(await uow.desk_tickets.find(TicketFilter(call=str(call.key)))) for call in up.calls]
    return [
        *spread_ms("save", paced, f"{agents} agents save within {within_s:.0f} s"),
        *spread_ms("burst", burst, f"{agents} agents save in one moment"),
        Figure("save_cpu_ms", cpu_ms, "ms", "processor time of the web role a save"),
        Figure("lost", warm + 2 * agents - sum(kept), "", "answered saves that are no ticket"),
    ]


async def _all(up: Floor, keys: list[str], matter: int, waits_s: Callable[[], float]) -> list[float]:
    async def one(key: str, wait_s: float) -> float:
        await asyncio.sleep(wait_s)
        return await _save(up, key, matter)

    return await asyncio.gather(*(one(key, waits_s()) for key in keys))


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _save(up: Floor, key: str, matter: int) -> float:
    """Seconds from the key to the answer."""
    token = SimpleCookie(up.cookie)[SESSION_COOKIE].value
    body = urlencode(_FIELDS).encode()
    head = (
        f"POST /desk/calls/{key}/{matter}/save HTTP/1.1\r\nHost: 127.0.0.1:{up.port}\r\n"
        f"Cookie: {up.cookie}\r\n"
        f"X-CSRF-Token: {csrf_token(token)}\r\nAccept: application/json\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    began = time.monotonic()
    async with _connected(up.port) as (reader, writer):
        writer.write(head.encode() + body)
        answer = await reader.read()
    if b" 200 " not in answer.partition(b"\r\n")[0]:
        raise SignInFailed(f"the save was not taken: {answer[:200]!r} … {answer[-300:]!r}")
    return time.monotonic() - began
