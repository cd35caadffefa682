"""The wallboard in a real browser: 200 agents, 50 waiting; from the PBX's event to the pixel, and what grows.

An event is an AMI message handed to the ledger; a pixel is the frame after the one in which the page's
text changed. Ledger, database, web role and browser share the machine.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from config.hotline import DEFAULTS
from config.settings import load_settings
from facts.agents import AgentNow, AgentState
from telephony.ami.codec import AmiMessage
from ticketing_bridge.agents.keeper import AGENT_CHANNEL
from ticketing_bridge.bench.browser import sign_in
from ticketing_bridge.bench.chromium import growth, kept, opened
from ticketing_bridge.bench.figures import MINUTES_VARIABLE, Figure, Size, spread_ms
from ticketing_bridge.bench.ledger import writer
from ticketing_bridge.bench.role import running_role
from ticketing_bridge.bench.start import wait_for_web
from ticketing_bridge.bench.traffic import PBX_ID, as_messages, calls_on_the_wire
from ticketing_bridge.call_ledger import LedgerWriter
from ticketing_bridge.desk.auth import hash_password
from ticketing_bridge.desk.health import keep_beating
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.agent_repository import StateChange

LOGIN = "bench"
AGENTS, WAITING = 200, 50
#: how long the full measurement takes, unless this says otherwise
MINUTES = 10.0
#: an agent changes this often, seconds; a caller comes this often
AGENT_EVERY_S, CALLER_EVERY_S = 0.1, 1.0
#: the page notes the frame after the one in which the longest waiting caller changed
WATCH = """
() => {
  window.seen = {};
  new MutationObserver(() => {
    const event = document.querySelector('#waiting .huge').dataset.event;
    if (event in window.seen) return;
    window.seen[event] = 0;
    requestAnimationFrame(() => requestAnimationFrame(() => { window.seen[event] = Date.now(); }));
  }).observe(document.getElementById('waiting'), {childList: true});
}
"""


async def measure(size: Size) -> list[Figure]:
    """Everything, in one browser."""
    settings = load_settings()
    settings.make_folders()
    minutes = size.of(float(os.environ.get(MINUTES_VARIABLE, MINUTES)), 0.1)
    os.environ["HOTLINE_HOTLINE_CONFIG"] = str(_many_agents(settings.home / "city"))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            EmbeddedPostgres(settings.home, keep_running=False, durable=False)
        )
        await asyncio.to_thread(upgrade, server.url)
        database = await stack.enter_async_context(Database(server.url))
        password = secrets.token_urlsafe(12)
        async with database.unit_of_work() as uow:
            await uow.users.add(LOGIN, hash_password(password), "shift_leader")
        role = stack.enter_context(running_role("web"))
        await asyncio.to_thread(wait_for_web, role)
        address = f"http://127.0.0.1:{role.web_port}"
        cookie = await asyncio.to_thread(sign_in, address, LOGIN, password)
        chromium = await opened(stack, address, cookie, (1920, 1080))
        page = await chromium.new_page()
        await page.goto(f"{address}/wall?theme=dark")
        ledger = await stack.enter_async_context(writer(database, settings.spool))
        shift = _Shift(database, ledger)
        beat = asyncio.create_task(keep_beating(database, PBX_ID, lambda: True))
        stack.callback(beat.cancel)
        await shift.begin()
        churn = asyncio.create_task(shift.agents_for_ever())
        stack.callback(churn.cancel)
        await page.evaluate(WATCH)
        return await _measured(page, shift, minutes, role.process.pid)


async def _measured(page: Any, shift: _Shift, minutes: float, pid: int) -> list[Figure]:
    """Callers come for so long; what the page keeps is looked at near the begin and at the end."""
    session = await page.context.new_cdp_session(page)
    until = time.monotonic() + minutes * 60
    settle = time.monotonic() + minutes * 6
    delays: list[float] = []
    first: tuple[float, float, float] | None = None
    while time.monotonic() < until:
        delays.append(await shift.caller(page))
        if first is None and time.monotonic() > settle:
            first = await kept(session, pid)
    last = await kept(session, pid)
    first = first or last
    return [
        *spread_ms("event_to_pixel", delays, f"a caller joins, to the wall's pixel ({len(delays)} callers)"),
        Figure("late", sum(it > 1.0 for it in delays), "events", "later than 1 s"),
        Figure("minutes", minutes, "min", "how long"),
        *growth(first, last),
    ]


@dataclass(slots=True)
class _Shift:
    """200 agents who change, and callers who wait."""

    database: Database
    ledger: LedgerWriter
    names: Sequence[str] = field(default_factory=lambda: [f"agent{1000 + it}" for it in range(AGENTS)])
    _began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _random: random.Random = field(default_factory=lambda: random.Random(7))
    _probes: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    async def begin(self) -> None:
        """Everybody is at work, and all but one caller waits."""
        now = datetime.now(UTC)
        states = [self._state(name, now) for name in self.names]
        async with self.database.unit_of_work() as uow:
            await uow.agents.put(states)
        for message in self._joining(WAITING - 1, now - timedelta(seconds=60), 0)[0]:
            self.ledger.take(message)
        await self.ledger.settled()

    async def agents_for_ever(self) -> None:
        """One agent after the other does something else."""
        while True:
            change = self._state(self._random.choice(self.names), datetime.now(UTC))
            async with self.database.unit_of_work() as uow:
                await uow.agents.put([change])
                await uow.notify(AGENT_CHANNEL, change.now.agent)
            await asyncio.sleep(AGENT_EVERY_S)

    async def caller(self, page: Any) -> float:
        """One more caller, whose call came before all others'; seconds to the pixel. Then the caller goes."""
        probe = next(self._probes)
        began = self._began - timedelta(hours=1) + timedelta(milliseconds=probe)
        joining, leaving = self._joining(1, began, probe)
        arrived = next(it for it in joining if it.headers.get("UserEvent") == "HotlineArrived")
        event = str(round(float(arrived.headers["Timestamp"]) * 1000))
        sent = time.time()
        for message in joining:
            self.ledger.take(message)
        seen = await page.wait_for_function("(event) => window.seen[event]", arg=event, polling=20)
        delay = float(await seen.json_value()) / 1000 - sent
        for message in leaving:
            self.ledger.take(message)
        await asyncio.sleep(CALLER_EVERY_S)
        return max(0.0, delay)

    def _joining(self, calls: int, begin: datetime, turn: int) -> tuple[list[AmiMessage], list[AmiMessage]]:
        """Messages of callers up to the queue, and the rest of them."""
        messages = as_messages(calls_on_the_wire(calls, begin, apart_s=0.3))
        for message in messages:
            for name in ("Uniqueid", "Linkedid", "DestUniqueid", "DestLinkedid", "BridgeUniqueid", "Channel"):
                if value := message.headers.get(name):
                    message.headers[name] = f"{value}{turn:06d}"  # type: ignore[index]
        waits: set[str] = set()
        joining: list[AmiMessage] = []
        rest: list[AmiMessage] = []
        for message in messages:
            uniqueid = message.headers.get("Linkedid") or message.headers.get("Uniqueid", "")
            (rest if uniqueid in waits else joining).append(message)
            if message.headers.get("Event") == "QueueCallerJoin":
                waits.add(uniqueid)
        return joining, rest

    def _state(self, agent: str, now: datetime) -> StateChange:
        state = self._random.choices(
            (AgentState.TALKING, AgentState.READY, AgentState.WRAP_UP, AgentState.PAUSED), (70, 8, 12, 10)
        )[0]
        reason = "rest" if state is AgentState.PAUSED else ""
        return StateChange(AgentNow(agent, PBX_ID, state, now, reason, signed_in_at=now))


def _many_agents(folder: Path) -> Path:
    """The built-in hotline with many more agents."""
    folder.mkdir(parents=True)
    hotline = yaml.safe_load((DEFAULTS / "hotline.yaml").read_text(encoding="utf-8"))
    hotline["agents"] = [
        {"id": f"agent{1000 + it}", "extension": str(1000 + it), "name": f"话务员{it}", "queues": ["main"]}
        for it in range(AGENTS)
    ]
    (folder / "hotline.yaml").write_text(yaml.safe_dump(hotline, allow_unicode=True), encoding="utf-8")
    return folder
