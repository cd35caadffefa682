"""Fifty workplaces at once on the web role as it is served: how soon what happens is on the screen.

Every desk has a call of its own, on which somebody always speaks. The house has 300 open tickets, 200 numbers
and 200 answers to look through. Server and listeners share the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from config.secrets import load_or_make_secrets
from config.settings import load_settings
from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Leg, LiveText
from ticketing_bridge.bench.browser import Listener, listeners, page_times, sign_in
from ticketing_bridge.bench.city_hall import furnish
from ticketing_bridge.bench.figures import Figure, Size, spread_ms, status_mb
from ticketing_bridge.bench.ledger import writer
from ticketing_bridge.bench.processes import children, cpu_s
from ticketing_bridge.bench.role import running_role
from ticketing_bridge.bench.start import wait_for_web
from ticketing_bridge.bench.traffic import talking_call
from ticketing_bridge.bench.web import MARKS
from ticketing_bridge.call_ledger.rows import CALL_CHANNEL
from ticketing_bridge.desk.auth import hash_password
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.sealing import Vault

LOGIN = "agent101"
#: people speak: a partial text of each call this often, and a finished sentence this often (seconds)
PARTIAL_EVERY_S = 0.4
SENTENCE_EVERY_S = 4.0
SENTENCES = (
    "你好我反映一下我们小区的电梯坏了没人管",
    "就在八一中路金桥丽景小区六号楼二单元",
    "上周四晚上停的跟物业反映过好几次了",
    "物业说维修基金没批下来让我们等着",
    "你们能不能尽快给修一下给个准话",
)
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Floor:
    """A web role with signed-in desks, and the calls that they have."""

    port: int
    pid: int
    cookie: str
    database: Database
    broadcast: LiveBroadcast
    calls: Sequence[Call]


@dataclass(slots=True)
class _Heard:
    """Seconds from what happened to the screens."""

    words: list[float]
    drafts: list[float]


async def measure(size: Size) -> list[Figure]:
    """One desk alone, then fifty; and whether the role grows while they are open."""
    async with open_floor(size.of(50, 2), furnished=size.of(1.0, 0.02)) as floor:
        for call in floor.calls:  # the first sight of a workplace makes its sheet
            path = f"/desk/calls/{call_path(call)}"
            await asyncio.to_thread(page_times, floor.port, floor.cookie, path, 1)
        alone = await _shift(floor, 1, size.of(12.0, 0.8))
        processes = [floor.pid, *children(floor.pid)]
        used, began = cpu_s(processes), time.monotonic()
        before_mb = 0.0

        def warm() -> None:
            nonlocal before_mb
            before_mb = status_mb(floor.pid, "VmRSS")

        together = await _shift(floor, len(floor.calls), size.of(90.0, 1.2), warm)
        cores = (cpu_s(processes) - used) / (time.monotonic() - began)
        rings = await _rings(floor, size.of(20, 2))
        page, page_bytes = await asyncio.to_thread(
            page_times, floor.port, floor.cookie, f"/desk/calls/{call_path(floor.calls[0])}", size.of(20, 2)
        )
        desks = f"{len(floor.calls)} desks"
        return [
            Figure("desks", len(floor.calls), "", "workplaces open at once, each with a call"),
            *spread_ms("word1", alone.words, "a word to the only open desk"),
            *spread_ms("draft1", alone.drafts, "a finished sentence to its draft, one desk"),
            *spread_ms("word50", together.words, f"a word to its desk, {desks}"),
            *spread_ms("draft50", together.drafts, f"a finished sentence to its draft, {desks}"),
            *spread_ms("ring", rings, "a ring in the ledger to the waiting agent's screen"),
            *spread_ms("page", page, "the workplace's page"),
            Figure("page_kb", page_bytes / 1000, "kB", "the workplace's page: its size"),
            Figure("cores", cores, "cores", f"what the web role and its drafting use with {desks}"),
            Figure(
                "grown_mb",
                max(0.0, status_mb(floor.pid, "VmRSS") - before_mb),
                "MB",
                "growth of the web role's memory in the second half",
            ),
            Figure("rss_mb", status_mb(floor.pid, "VmHWM"), "MB", "its peak memory"),
        ]


@asynccontextmanager
async def open_floor(desks: int, *, furnished: float = 1.0, durable: bool = False) -> AsyncIterator[Floor]:
    """A web role with so many calls that talk, and a furnished house; somebody is signed in."""
    settings = load_settings()
    settings.make_folders()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            EmbeddedPostgres(settings.home, keep_running=False, durable=durable)
        )
        await asyncio.to_thread(upgrade, server.url)
        vault = Vault(load_or_make_secrets(settings.home).vault)
        database = await stack.enter_async_context(Database(server.url, vault))
        password = secrets.token_urlsafe(12)
        async with database.unit_of_work() as uow:
            await uow.users.add(LOGIN, hash_password(password), "agent")
        await furnish(database, settings, furnished)
        calls = await _talking(database, settings.spool, desks)
        broadcast = await stack.enter_async_context(LiveBroadcast(settings.live_socket))
        role = stack.enter_context(running_role("web"))
        await asyncio.to_thread(wait_for_web, role)
        cookie = await asyncio.to_thread(sign_in, f"http://127.0.0.1:{role.web_port}", LOGIN, password)
        yield Floor(role.web_port, role.process.pid, cookie, database, broadcast, calls)


async def _talking(database: Database, spool: Path, desks: int) -> list[Call]:
    """One call that talks, through the ledger, and copies of it with keys and numbers of their own."""
    async with writer(database, spool) as ledger:
        for message in talking_call(datetime.now(UTC) - timedelta(seconds=10)):
            ledger.take(message)
        await ledger.settled()
        (call,) = ledger.tracker.open_calls()
    copies = [
        replace(
            call,
            key=CallKey(call.key.pbx_id, f"desk.{number}"),
            linkedid=f"desk.{number}",
            caller_number=f"139{number:08d}",
            agent_legs=tuple(replace(leg, agent=f"desk{number}") for leg in call.agent_legs),
        )
        for number in range(desks)
    ]
    async with database.unit_of_work() as uow:
        await uow.calls.upsert(copies)
    return copies


def call_path(call: Call) -> str:
    return quote(str(call.key), safe=":")


async def _shift(floor: Floor, desks: int, lasts_s: float, half: Callable[[], None] = lambda: None) -> _Heard:
    """Have so many desks open for so long, with somebody speaking at each."""
    heard = _Heard([], [])
    async with AsyncExitStack() as stack:
        open_desks = []
        for call in floor.calls[:desks]:
            path = f"/events/desk/calls/{call_path(call)}?matter=1"
            (listener,) = await stack.enter_async_context(listeners(floor.port, floor.cookie, path, 1))
            open_desks.append((call, listener))
        until = time.monotonic() + lasts_s
        talks = [
            asyncio.create_task(_talk(floor, call, listener, number / desks, until, heard))
            for number, (call, listener) in enumerate(open_desks)
        ]
        await asyncio.sleep(lasts_s / 2)
        half()
        await asyncio.gather(*talks)
    return heard


async def _talk(
    floor: Floor, call: Call, listener: Listener, phase: float, until: float, heard: _Heard
) -> None:
    """One desk's caller: partial texts, each looked for on the screen, and now and then a whole sentence."""
    await asyncio.sleep(phase * PARTIAL_EVERY_S)
    segment, sentence_due = 0, time.monotonic() + phase * SENTENCE_EVERY_S
    number = 0
    while time.monotonic() < until:
        number += 1
        final = time.monotonic() >= sentence_due
        text = SENTENCES[segment % len(SENTENCES)]
        mark = "".join(MARKS[int(digit)] for digit in f"{number:04d}")
        wanted = "event: fields" if final else mark
        said = LiveText(
            str(call.key), Leg.CALLER, segment, final, text if final else text + mark, *said_at(segment),
            stream="bench",
        )  # fmt: skip
        coming, began = listener.expect(wanted), time.monotonic()
        floor.broadcast.send(said)
        with contextlib.suppress(TimeoutError):
            came = await asyncio.wait_for(coming, PATIENCE_S if not final else 2.0)
            (heard.drafts if final else heard.words).append(came - began)
        if final:
            segment += 1
            sentence_due += SENTENCE_EVERY_S
        await asyncio.sleep(max(0.0, began + PARTIAL_EVERY_S - time.monotonic()))


async def told(floor: Floor, call: Call) -> None:
    """The ledger has written this row."""
    async with floor.database.unit_of_work() as uow:
        await uow.calls.upsert([call])
        await uow.notify(CALL_CHANNEL, str(call.key))


def said_at(segment: int) -> tuple[float, float]:
    """Begin and end of a sentence, seconds of the call."""
    return 9.0 + SENTENCE_EVERY_S * segment, 12.0 + SENTENCE_EVERY_S * segment


async def _rings(floor: Floor, times: int) -> list[float]:
    """An agent's telephone rings: seconds from the ledger's commit to the waiting agent's page."""
    delays = []
    async with listeners(floor.port, floor.cookie, "/events/desk", 1) as (page,):
        for number in range(times):
            key = CallKey(floor.calls[0].key.pbx_id, f"ring.{number}")
            legs = tuple(replace(leg, agent=LOGIN) for leg in floor.calls[0].agent_legs[-1:])
            call = replace(
                floor.calls[0], key=key, linkedid=key.uniqueid, agent_legs=legs, arrived_at=datetime.now(UTC)
            )
            coming = page.expect(f'"key": "{key}"')
            await told(floor, call)
            began = time.monotonic()
            delays.append(max(0.0, await asyncio.wait_for(coming, PATIENCE_S) - began))
            await asyncio.sleep(0.3)
    return delays
