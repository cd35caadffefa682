"""200 agents who save tickets: each at their own pace, all in one moment, and many on one ticket.

Lost updates are counted on the way: every save that was acknowledged must be an entry of its ticket's
history, and every history must replay to the ticket as it is kept.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from datetime import datetime

from config.hotline import load_hotline
from config.settings import load_settings
from ticketing_bridge.access import Person, Role
from ticketing_bridge.bench.figures import Figure, Size, never, spread_ms
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.tickets import (
    Act,
    Caller,
    NewTicket,
    Texts,
    TicketChanged,
    TicketService,
    open_office,
)
from ticketing_bridge.tickets.life import replay
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.upkeep import chain_audit

AGENTS = 200
#: connections of one web process; who saves waits for one, and that is measured, too
CONNECTIONS = 8
#: an agent saves about this often (seconds); a call with its ticket takes minutes
EVERY_S = 5.0
SHARED = 20
NEW = NewTicket(
    "电话",
    "投诉",
    "城乡建设",
    Texts("电梯故障", "电梯坏了一个礼拜，物业说维修基金没有批下来，老人下不了楼。" * 4, demand="尽快修好"),
    Caller("王某", "13909790000", "13909790000"),
)


class Agent:
    """Somebody who takes a ticket and saves it again and again."""

    def __init__(
        self, number: int, database: Database, service: TicketService, gate: asyncio.Semaphore
    ) -> None:
        self.person = Person(f"agent{number}", Role.AGENT)
        self._database, self._service, self._gate = database, service, gate
        self.number, self.version = "", 0
        self.acknowledged = 0
        self.refused = 0
        self.delays: list[float] = []

    async def take(self, new: NewTicket = NEW) -> None:
        """Make a ticket."""
        began = time.perf_counter()
        async with self._gate, self._database.unit_of_work() as uow:
            ticket = await self._service.create(uow, self.person, new, datetime.now(LOCAL))
        self.delays.append(time.perf_counter() - began)
        self.number, self.version = ticket.number, ticket.version

    async def save(self) -> None:
        """Write a note on it."""
        began = time.perf_counter()
        given = {"note": "市民补充：已经联系过物业，对方没有答复。" * 3}
        try:
            async with self._gate, self._database.unit_of_work() as uow:
                ticket = await self._service.do(
                    uow, self.number, self.version, Act.NOTE, self.person, datetime.now(LOCAL), given
                )
            self.version = ticket.version
            self.acknowledged += 1
        except TicketChanged:
            self.refused += 1
            async with self._database.unit_of_work() as uow:
                self.version = (await self._service.get(uow, self.number, self.person)).version
        self.delays.append(time.perf_counter() - began)


async def measure(size: Size) -> list[Figure]:
    """Creating and saving at a pace, in one moment, and on one ticket; then every history is replayed."""
    settings = load_settings()
    count = size.of(AGENTS, 6)
    async with EmbeddedPostgres(settings.home, keep_running=False, durable=size is Size.FULL) as server:
        await asyncio.to_thread(upgrade, server.url)
        async with Database(server.url, connections=CONNECTIONS) as database:
            service = TicketService(open_office(settings, load_hotline()))
            gate = asyncio.Semaphore(CONNECTIONS)
            agents = [Agent(it, database, service, gate) for it in range(count)]
            await agents[0].take()
            agents[0].delays.clear()
            found = await _paced(agents, size.of(4, 1), size.of(EVERY_S, 0.02))
            found += await _burst(agents, size.of(5, 1))
            found += await _shared(database, service, gate, size.of(SHARED, 3))
            await chain_audit(database)
            found.append(never("lost", await _lost(database, agents), "acknowledged saves that are lost"))
    return found


async def _paced(agents: list[Agent], saves: int, every_s: float) -> list[Figure]:
    """Each takes a ticket and saves it, with a pause between, all day long."""
    pause = random.Random(12345)

    async def work(agent: Agent) -> None:
        await asyncio.sleep(pause.uniform(0, every_s))
        await agent.take(replace(NEW, source=f"bench:{agent.person.name}"))
        for _ in range(saves):
            await asyncio.sleep(pause.expovariate(1 / every_s))
            await agent.save()

    cpu_began = time.process_time()
    await asyncio.gather(*map(work, agents))
    cpu_s = time.process_time() - cpu_began
    delays = [it for agent in agents for it in agent.delays]
    return [
        *spread_ms("save", delays, f"{len(agents)} agents, a save every {every_s:.0f} s each"),
        Figure("save_cpu_ms", cpu_s / len(delays) * 1000, "ms", "processor time of the web's process a save"),
    ]


async def _burst(agents: list[Agent], rounds: int) -> list[Figure]:
    """All press save in the same moment."""
    for agent in agents:
        agent.delays.clear()
    for _ in range(rounds):
        await asyncio.gather(*(agent.save() for agent in agents))
    delays = [it for agent in agents for it in agent.delays]
    return spread_ms("burst", delays, f"{len(agents)} saves in one moment")


async def _shared(
    database: Database, service: TicketService, gate: asyncio.Semaphore, count: int
) -> list[Figure]:
    """Many on one ticket: one of a round is written, the others are told."""
    agents = [Agent(1000 + it, database, service, gate) for it in range(count)]
    await agents[0].take()
    for agent in agents:
        agent.number, agent.version = agents[0].number, 1
    for _ in range(5):
        await asyncio.gather(*(agent.save() for agent in agents))
    written = sum(agent.acknowledged for agent in agents)
    async with database.unit_of_work() as uow:
        entries = len(await uow.desk_tickets.history(agents[0].number)) - 1
    return [
        Figure("shared_refused", sum(agent.refused for agent in agents), "", f"{count} on one ticket: told"),
        never("shared_lost", written - entries, "acknowledged on one ticket, and lost"),
    ]


async def _lost(database: Database, agents: list[Agent]) -> int:
    lost = 0
    async with database.unit_of_work() as uow:
        sealer = Sealer(uow, agents[0]._service.office.vault)
        for agent in agents:
            rows = await uow.desk_tickets.history(agent.number)
            kept = await uow.desk_tickets.get(agent.number)
            assert kept is not None
            history = [await sealer.entry(row) for row in rows]
            lost += agent.acknowledged - (len(rows) - 1)
            lost += replay(history) != await sealer.ticket(kept)
    return lost
