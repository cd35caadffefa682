"""A hotline whose agents sign in, on a real Asterisk with the telephony role at work."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import pytest_asyncio

from config.hotline import Hotline, load_hotline
from config.settings import Settings
from facts.agents import AgentNow, AgentState
from facts.audio import TapRequest
from facts.call import Call
from facts.call_control import DeskCall, Standing
from facts.identity import CallKey
from telephony.live_audio.server import AudioSocketServer, AudioStream
from telephony.live_audio.tap_control import TapControlServer
from telephony.pbx.program import AsteriskProgram
from tests.pbx import AmiWitness, RunningPbx, pbx_up
from tests.pbx_people import Telephones
from tests.sip_phone import SipPhone
from ticketing_bridge.agents.service import AgentWork
from ticketing_bridge.bench.ports import free_port
from ticketing_bridge.desk.health import TELEPHONY_CHANNEL
from ticketing_bridge.house import House
from ticketing_bridge.roles.telephony import run_telephony
from ticketing_bridge.store import Database

T = TypeVar("T")


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


async def until(seen: Callable[[], Awaitable[T | None]], timeout_s: float = 60.0) -> T:
    """What is seen, as soon as it is."""
    async with asyncio.timeout(timeout_s):
        while not (it := await seen()):
            await asyncio.sleep(0.03)
    return it


@dataclass
class Shift:
    """The telephony role at work."""

    database: Database
    house: House
    _role: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """The role follows the PBX."""
        self._role = asyncio.create_task(run_telephony(self.house))
        async with self.database.listen(TELEPHONY_CHANNEL) as beats:
            async with asyncio.timeout(20):
                async for beat in beats:
                    if '"linked": true' in beat.payload:
                        return

    async def end(self) -> None:
        """The role is gone."""
        if self._role is not None:
            self._role.cancel()
            await asyncio.gather(self._role, return_exceptions=True)

    @property
    def work(self) -> AgentWork:
        """What pages use."""
        return AgentWork(self.database, self.house.hotline, "city")

    async def signed_in(self, *telephones: SipPhone) -> None:
        """These agents are ready."""
        for telephone in telephones:
            assert await asyncio.to_thread(telephone.register) == 200
            agent = self.house.hotline.agent(telephone.user)
            assert agent is not None
            await self.work.sign_in(agent.login, agent.id)
        for telephone in telephones:
            await self.stands(telephone.user, AgentState.READY)

    async def call(self, citizen: SipPhone, agent: str, number: str = "12345") -> Call:
        """A citizen calls and this agent takes it; the call's row, with both together."""
        assert await asyncio.to_thread(citizen.call, number) == 200
        key = CallKey.parse((await self.stands(agent, AgentState.TALKING)).call)
        return await self.row(key, lambda call: bool(call.agent_legs))

    async def row(self, key: CallKey, wanted: Callable[[Call], bool]) -> Call:
        """The call's row, once it is as wanted."""
        found: list[Call] = []

        async def seen() -> bool:
            async with self.database.unit_of_work() as uow:
                call = await uow.calls.get(key)
            found[:] = [call] if call else []
            return call is not None and wanted(call)

        try:
            await until(seen)
        except TimeoutError:
            raise AssertionError(f"the row is {found}") from None
        return found[0]

    async def standing(self, key: CallKey, standing: Standing | None) -> DeskCall | None:
        """The call comes to stand so."""
        found: list[DeskCall | None] = [None]

        async def seen() -> bool:
            found[0] = await self.work.standing(key)
            return (found[0].standing if found[0] else None) is standing

        try:
            await until(seen)
        except TimeoutError:
            raise AssertionError(f"the call is {found[0]}, not {standing}") from None
        return found[0]

    async def was(self, name: str, state: AgentState) -> None:
        """The agent comes to this state, however soon it is over."""
        begin = datetime.now(UTC) - timedelta(minutes=2)

        async def seen() -> bool:
            async with self.database.unit_of_work() as uow:
                spans = await uow.agents.spans(begin, datetime.now(UTC), agent=name)
            return any(span.state is state for span in spans)

        await until(seen)

    async def agent(self, name: str) -> AgentNow:
        async with self.database.unit_of_work() as uow:
            return (await uow.agents.now(agent=name))[0]

    async def stands(
        self, name: str, state: AgentState, reason: str = "", timeout_s: float = 60.0
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
    working = Shift(database, house)
    try:
        await working.begin()
        yield working
    finally:
        await working.end()
        with shift_pbx.originator() as hands:
            for agent in shift_pbx.hotline.agents:
                for queue in agent.queues:
                    hands.action(Action="QueueRemove", Queue=queue, Interface=f"PJSIP/{agent.id}")


class Listening:
    """Stands in for the speech role: what each leg sounds like now."""

    def __init__(self) -> None:
        self.control: TapControlServer | None = None
        #: (leg, Uniqueid of its channel) → loudness of its frames
        self.frames: dict[tuple[str, str], list[float]] = {}
        self.requests: list[TapRequest] = []

    async def __call__(self, stream: AudioStream) -> None:
        request = self.control.take(stream.id) if self.control else None
        assert request is not None
        self.requests.append(request)
        heard = self.frames.setdefault((request.leg.value, request.channel_uniqueid), [])
        async for pcm, _ in stream:
            heard.append(float(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).mean()))

    async def legs(self, for_s: float = 0.4) -> list[tuple[str, str]]:
        """The legs in which there is sound now."""
        before = {key: len(frames) for key, frames in self.frames.items()}
        await asyncio.sleep(for_s)
        now = {key: frames[before.get(key, 0) :] for key, frames in self.frames.items()}
        return sorted(key for key, frames in now.items() if any(level > 100 for level in frames))

    async def hears(self, *legs: tuple[str, str]) -> None:
        """Exactly these legs come to be heard."""

        async def so() -> bool:
            return await self.legs() == sorted(legs)

        try:
            await until(so)
        except TimeoutError:
            raise AssertionError(f"heard {await self.legs()}, not {sorted(legs)}") from None


@asynccontextmanager
async def heard_by(ears: Listening, settings: Settings) -> AsyncIterator[None]:
    """Taps of this house are heard by these ears."""
    audio = AudioSocketServer(
        "127.0.0.1",
        settings.audiosocket_port,
        ears,
        accept=lambda stream: ears.control is not None and ears.control.expects(stream),
    )
    async with audio:
        ears.control = TapControlServer(settings.tap_socket, on_release=audio.close_stream)
        async with ears.control:
            yield


@pytest_asyncio.fixture
async def listening(shift_pbx: RunningPbx) -> AsyncIterator[Listening]:
    """Somebody who hears every tapped leg."""
    ears = Listening()
    async with heard_by(ears, shift_pbx.settings):
        yield ears
