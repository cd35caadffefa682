"""The web role as it is served: pages, and how soon open pages hear of words and calls.

Server and clients share the machine: with 50 clients a part of the time is the clients' own.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from urllib.parse import quote

from config.settings import Settings, load_settings
from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Leg, LiveText
from ticketing_bridge.bench.browser import Listener, listeners, page_times, sign_in
from ticketing_bridge.bench.figures import Figure, Size, spread_ms, status_mb
from ticketing_bridge.bench.ledger import writer
from ticketing_bridge.bench.role import running_role
from ticketing_bridge.bench.start import wait_for_web
from ticketing_bridge.bench.traffic import as_messages, calls_on_the_wire, talking_call
from ticketing_bridge.call_ledger.rows import CALL_CHANNEL
from ticketing_bridge.desk.auth import hash_password
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade

LOGIN = "bench"
#: ten characters that stand for digits, so that no masking of numbers touches them
MARKS = "甲乙丙丁戊己庚辛壬癸"
PATIENCE_S = 15.0

#: a text that pages will show, and what makes them show it
News: TypeAlias = tuple[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class _Desk:
    """A web role with a signed-in user and one call that talks."""

    port: int
    pid: int
    cookie: str
    database: Database
    broadcast: LiveBroadcast
    call: Call

    @property
    def path(self) -> str:
        return f"calls/{quote(str(self.call.key))}"


async def measure(size: Size) -> list[Figure]:
    """Everything with one client, then with many."""
    settings = load_settings()
    settings.make_folders()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            EmbeddedPostgres(settings.home, keep_running=False, durable=False)
        )
        await asyncio.to_thread(upgrade, server.url)
        database = await stack.enter_async_context(Database(server.url))
        call = await _day_of_calls(database, settings, size.of(200, 3))
        password = secrets.token_urlsafe(12)
        async with database.unit_of_work() as uow:
            await uow.users.add(LOGIN, hash_password(password), "agent")
        broadcast = await stack.enter_async_context(LiveBroadcast(settings.live_socket))
        role = stack.enter_context(running_role("web"))
        await asyncio.to_thread(wait_for_web, role)
        cookie = await asyncio.to_thread(sign_in, f"http://127.0.0.1:{role.web_port}", LOGIN, password)
        desk = _Desk(role.web_port, role.process.pid, cookie, database, broadcast, call)
        figures = []
        for clients in size.of((1, 50), (2,)):
            figures += await _with_clients(desk, clients, size)
        return [*figures, Figure("rss_mb", status_mb(desk.pid, "VmHWM"), "MB", "peak memory of the web role")]


async def _day_of_calls(database: Database, settings: Settings, calls: int) -> Call:
    """Ended calls of the last minutes, and one that talks now."""
    now = datetime.now(UTC)
    ended = as_messages(calls_on_the_wire(calls, now - timedelta(seconds=calls + 30), apart_s=1.0))
    async with writer(database, settings.spool) as ledger:
        for message in [*ended, *talking_call(now - timedelta(seconds=10))]:
            ledger.take(message)
        await ledger.settled()
        (call,) = ledger.tracker.open_calls()
    return call


async def _with_clients(desk: _Desk, clients: int, size: Size) -> list[Figure]:
    figures = []
    some = f"{clients} open page{'s' if clients > 1 else ''}"
    async with listeners(desk.port, desk.cookie, f"/events/{desk.path}", clients) as pages:
        words = await _heard(pages, _words(desk, size.of(40, 3)), 0.1)
        figures += spread_ms(f"words{clients}", words, f"words to {some} of the call")
        figures += await _page(desk, f"call{clients}", f"/{desk.path}", f"call page, {some}", size)
    async with listeners(desk.port, desk.cookie, "/events/board", clients) as pages:
        rows = await _heard(pages, _calls(desk, clients, size.of(12, 2)), 0.53)
        figures += spread_ms(
            f"row{clients}", rows, f"new call's row to {some} of the board (5 a second at most)"
        )
        figures += await _page(desk, f"board{clients}", "/", f"board, {some}", size)
    return figures


async def _heard(pages: Sequence[Listener], news: Iterable[News], apart_s: float) -> list[float]:
    """Make the news one after the other; seconds until each page had each of them."""
    delays: list[float] = []
    for text, happen in news:
        coming = [page.expect(text) for page in pages]
        began = time.monotonic()
        await happen()
        came = await asyncio.wait_for(asyncio.gather(*coming), PATIENCE_S)
        delays += [at - began for at in came]
        await asyncio.sleep(apart_s)
    return delays


def _words(desk: _Desk, times: int) -> Iterator[News]:
    """Partial texts of the call, each different."""
    for number in range(times):
        text = "路灯" + "".join(MARKS[int(digit)] for digit in f"{number:03d}") + "不亮"
        said = LiveText(str(desk.call.key), Leg.CALLER, 0, False, text, 9.0, 11.0, stream="bench")

        async def send(said: LiveText = said) -> None:
            desk.broadcast.send(said)

        yield text, send


def _calls(desk: _Desk, clients: int, times: int) -> Iterator[News]:
    """New open calls, written and told as the ledger does."""
    for number in range(times):
        key = CallKey(desk.call.key.pbx_id, f"bench-{clients}.{number}")
        call = replace(desk.call, key=key, linkedid=key.uniqueid, arrived_at=datetime.now(UTC))

        async def commit(call: Call = call) -> None:
            async with desk.database.unit_of_work() as uow:
                await uow.calls.upsert([call])
                await uow.notify(CALL_CHANNEL, str(call.key))

        yield key.uniqueid, commit


async def _page(desk: _Desk, name: str, path: str, about: str, size: Size) -> list[Figure]:
    seconds, page_bytes = await asyncio.to_thread(page_times, desk.port, desk.cookie, path, size.of(40, 3))
    return [
        *spread_ms(name, seconds, about),
        Figure(f"{name}_kb", page_bytes / 1000, "kB", f"{about}: its size"),
    ]
