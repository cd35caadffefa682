"""Deliveries when everything goes wrong: every third request fails, the worker is killed ten times.

Each ticket goes to an Open311 server, a Zammad and a signed webhook. What counts is what those servers hold
in the end: every ticket exactly once by our key, and their last word about it here.
"""

from __future__ import annotations

import asyncio
import collections
import json
import re
import signal
import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from config.settings import load_settings
from ticketing_bridge.bench.delivery_worker import SECRETS
from ticketing_bridge.bench.figures import Figure, Size, never
from ticketing_bridge.bench.outside.faults import Fault, by_chance
from ticketing_bridge.bench.outside.georeport import GeoReport
from ticketing_bridge.bench.outside.receiver import WebhookReceiver
from ticketing_bridge.bench.outside.serving import Outside
from ticketing_bridge.bench.outside.zammad import Zammad
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.outbox_records import DeliveryState, OutboxKind

RATE = 0.3
#: so many tickets are handed in by one transaction, in turn
TOGETHER = (1, 32)
#: nothing is waited for longer, seconds
PATIENCE_S = 1800
Systems = tuple[GeoReport, Zammad, WebhookReceiver]
_KEY = re.compile(r"GM\d+")


async def measure(size: Size) -> list[Figure]:
    """1,000 tickets to three systems, ten kills; tiny: 40 and two."""
    home = load_settings().home
    async with EmbeddedPostgres(home, keep_running=False, durable=size is Size.FULL) as server:
        await asyncio.to_thread(upgrade, server.url)
        async with Database(server.url) as database:
            return await delivered_once(database, home, size.of(1000, 40), size.of(10, 2))


async def delivered_once(
    database: Database, folder: Path, tickets: int, kills: int, timeout_s: float = 1.0
) -> list[Figure]:
    """The figures of one run on a database that is empty and migrated."""
    systems: Systems = GeoReport(SECRETS["key"]), Zammad(SECRETS["token"]), WebhookReceiver(SECRETS["sign"])
    with Outside() as outside:
        apps = [it.app() for it in systems]
        urls = [outside.serve(app, by_chance(RATE, seed)) for seed, app in enumerate(apps)]
        config = folder / "delivery.json"
        config.write_text(json.dumps(_config(urls, timeout_s)), encoding="utf-8")
        numbers = [f"GM{number:06}" for number in range(tickets)]
        await _hand_in(database, numbers)
        began = time.perf_counter()
        async with _Worker(database.url, config) as worker:
            await _deliver(database, worker, len(numbers) * 3, kills)
            delivered_s = time.perf_counter() - began
            _settle(systems)
            mapped = await _mapped(database, len(numbers) * 3)
        return await _figures(database, systems, numbers, delivered_s, worker.kills, mapped)


async def _hand_in(database: Database, numbers: Sequence[str]) -> None:
    """As tickets come: one alone, then many that are saved in the same moment."""
    sizes, left = cycle(TOGETHER), iter(numbers)
    while several := [*islice(left, next(sizes))]:
        async with database.unit_of_work() as uow:
            batch = uow.batch()
            for number in several:
                uow.outbox.put(batch, OutboxKind.TICKET, number)
            await batch.send()


def _config(urls: Sequence[str], timeout_s: float) -> dict[str, Any]:
    common = {
        "timeout_s": timeout_s,
        "concurrency": 6,
        "poll_s": 2.0,
        "retry": {"attempts": 60, "first_s": 0.2, "most_s": 2.0},
    }
    return {
        "connectors": [
            {
                **common, "id": "open311", "kind": "open311", "url": urls[0], "api_key": "key",
                "service": "001", "address": "格尔木市",
            },
            {
                **common, "id": "zammad", "kind": "zammad", "url": urls[1], "token": "token",
                "group": "12345", "customer": "hotline@city.example",
            },
            {
                **common, "id": "city", "kind": "webhook", "url": f"{urls[2]}/hotline", "secret": "sign",
                "lookup": f"{urls[2]}/hotline",
            },
        ]
    }  # fmt: skip


class _Worker:
    """The worker's process; ``kill`` ends it without a word and starts the next."""

    def __init__(self, url: str, config: Path) -> None:
        self._command = (sys.executable, "-m", "ticketing_bridge.bench.delivery_worker", url, str(config))
        self.kills = 0

    async def __aenter__(self) -> _Worker:
        await self._start()
        return self

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self.kills += 1
        await self._start()

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()
        await self._process.wait()


async def _deliver(database: Database, worker: _Worker, wanted: int, kills: int) -> None:
    """Until everything is there; the worker is killed at even steps of the way, in the midst of attempts."""
    async with asyncio.timeout(PATIENCE_S):
        while (done := await _count(database, DeliveryState.DELIVERED)) < wanted:
            due = wanted * (worker.kills + 1) // (kills + 1)
            if worker.kills < kills and done >= due and await _count(database, DeliveryState.SENDING):
                await worker.kill()
            await asyncio.sleep(0.05)


async def _count(database: Database, state: DeliveryState) -> int:
    async with database.unit_of_work() as uow:
        counts = await uow.deliveries.counts()
    return sum(count for (_, of), count in counts.items() if of is state)


def _settle(systems: Systems) -> None:
    """The other systems have done their work."""
    georeport, zammad, receiver = systems
    for request in georeport.requests:
        georeport.close(request["service_request_id"], "done")
    for ticket in zammad.tickets:
        zammad.set_state(ticket["id"], "closed")
    for item in receiver.items:
        item["status"] = "replied"


async def _mapped(database: Database, wanted: int) -> int:
    """How many of the last words have come back; waits for all of them."""
    heard = 0
    async with asyncio.timeout(PATIENCE_S):
        while heard < wanted:
            async with database.unit_of_work() as uow:
                rows = await uow.deliveries.newest(states=[DeliveryState.DELIVERED], limit=wanted)
            heard = sum(row.remote_meaning == "replied" for row in rows)
            await asyncio.sleep(0.2)
    return heard


async def _figures(
    database: Database,
    systems: Systems,
    numbers: Sequence[str],
    delivered_s: float,
    kills: int,
    mapped: int,
) -> list[Figure]:
    georeport, zammad, receiver = systems
    held = [
        collections.Counter(_KEY.findall(str(it["description"]))[-1] for it in georeport.requests),
        collections.Counter(_KEY.findall(it["title"])[0] for it in zammad.tickets),
        collections.Counter(it["key"] for it in receiver.items),
    ]
    once = sum(count[number] == 1 for count in held for number in numbers)
    async with database.unit_of_work() as uow:
        rows = await uow.deliveries.newest(limit=len(numbers) * 3)
    attempts = sum(row.attempts for row in rows)
    return [
        Figure("tickets", len(numbers), "", f"tickets, each to {len(held)} systems"),
        Figure("faults_percent", RATE * 100, "%", f"of all requests fail, in {len(Fault)} ways"),
        Figure("kills", kills, "", "kill -9 of the worker during attempts"),
        Figure("once", once, "", "there exactly once by our key"),
        never("missing", sum(count[number] == 0 for count in held for number in numbers), "not there"),
        never("twice", sum(count[number] > 1 for count in held for number in numbers), "there twice"),
        Figure("states_back", mapped, "", "whose last state came back"),
        Figure("attempts_each", attempts / len(rows), "", "attempts a delivery"),
        Figure("delivered_s", delivered_s, "s", "until all were there"),
    ]
