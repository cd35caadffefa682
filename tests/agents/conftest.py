"""A hotline whose agents sign in, on a real Asterisk with the telephony role at work."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from config.hotline import Hotline, load_hotline
from facts.agents import AgentNow, AgentState
from telephony.pbx.program import AsteriskProgram
from tests.pbx import AmiWitness, RunningPbx, free_port, pbx_up
from tests.pbx_people import Telephones
from ticketing_bridge.house import House
from ticketing_bridge.roles.telephony import run_telephony
from ticketing_bridge.store import Database


@pytest.fixture(scope="session")
def shift() -> Hotline:
    """The hotline of these tests."""
    return load_hotline(Path(__file__).parent)


@pytest.fixture(scope="session")
def shift_pbx(asterisk_program: AsteriskProgram, shift: Hotline) -> Iterator[RunningPbx]:
    """A real Asterisk that serves it; no flows' server: callers go on to the queue."""
    with pbx_up(asterisk_program, shift, outside_sip_port=free_port(socket.SOCK_DGRAM)) as pbx:
        yield pbx


@pytest.fixture
def ami(shift_pbx: RunningPbx) -> Iterator[AmiWitness]:
    """What the PBX says, by the reader's rights."""
    with shift_pbx.reader() as witness:
        yield witness


@pytest.fixture
def telephones(shift_pbx: RunningPbx) -> Telephones:
    return Telephones(shift_pbx)


async def until(seen: Callable[[], Awaitable[object]], timeout_s: float = 15.0) -> None:
    """Return when it is seen."""
    async with asyncio.timeout(timeout_s):
        while not await seen():
            await asyncio.sleep(0.03)


@dataclass(frozen=True)
class Shift:
    """The telephony role at work."""

    database: Database
    house: House

    async def agent(self, name: str) -> AgentNow:
        async with self.database.unit_of_work() as uow:
            return (await uow.agents.now(agent=name))[0]

    async def stands(
        self, name: str, state: AgentState, reason: str = "", timeout_s: float = 15.0
    ) -> AgentNow:
        """The agent comes to stand so."""
        found: list[AgentNow] = []

        async def seen() -> bool:
            async with self.database.unit_of_work() as uow:
                found[:] = await uow.agents.now(agent=name)
            return bool(found) and (found[0].state, found[0].reason) == (state, reason)

        try:
            await until(seen, timeout_s)
        except TimeoutError:
            raise AssertionError(f"{name} is not {state} {reason} but {found}") from None
        return found[0]


@pytest_asyncio.fixture
async def at_work(shift_pbx: RunningPbx, database: Database) -> AsyncIterator[Shift]:
    """The telephony role follows that PBX; everybody is signed out at the end."""
    settings = shift_pbx.settings.model_copy(update={"database_url": database.url})
    house = House(settings, shift_pbx.hotline, shift_pbx.secrets)
    role = asyncio.create_task(run_telephony(house))
    working = Shift(database, house)
    try:
        await working.stands("agent101", AgentState.OFF)
        yield working
    finally:
        role.cancel()
        await asyncio.gather(role, return_exceptions=True)
        with shift_pbx.originator() as hands:
            for agent in shift_pbx.hotline.agents:
                for queue in agent.queues:
                    hands.action(Action="QueueRemove", Queue=queue, Interface=f"PJSIP/{agent.id}")
