"""A PBX that misbehaves on request, our link to it with quick times, and panoramisk as it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from panoramisk import Manager

from telephony.ami.link import AmiAddress, AmiLink, LinkTimes
from telephony.ami.testing import FakeAmi

#: seconds, shrunk so that a fault shows in a blink
QUICK = LinkTimes(
    login_s=1.0,
    ping_s=0.2,
    silence_s=0.6,
    snapshot_s=1.0,
    boot_s=0.3,
    backoff_first_s=0.02,
    backoff_most_s=0.2,
    refused_first_s=0.1,
    refused_most_s=0.2,
)


@pytest.fixture
def quick() -> LinkTimes:
    return QUICK


@pytest.fixture
async def pbx() -> AsyncIterator[FakeAmi]:
    async with FakeAmi() as fake:
        yield fake


@pytest.fixture
async def make_link(pbx: FakeAmi) -> AsyncIterator[Callable[..., Any]]:
    """Opens links to the fake PBX; all are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(**options: Any) -> AmiLink:
            address = AmiAddress("127.0.0.1", pbx.port, "hotline-reader", "secret", "city")
            return await stack.enter_async_context(AmiLink(address, **({"times": QUICK} | options)))

        yield make


@pytest.fixture
async def bare(pbx: FakeAmi) -> AsyncIterator[Callable[..., Any]]:
    """Opens panoramisk's own Manager, logged in (unless told not to)."""
    managers: list[Manager] = []

    async def make(wait: bool = True, **config: Any) -> Manager:
        manager = Manager(
            loop=asyncio.get_running_loop(),
            host="127.0.0.1",
            port=pbx.port,
            username="u",
            secret="s",
            **config,
        )
        managers.append(manager)
        await manager.connect()
        if wait:
            async with asyncio.timeout(30):
                while not manager.authenticated:
                    await asyncio.sleep(0.005)
        return manager

    yield make
    for manager in managers:
        manager.connect = lambda *_: None  # nothing else stops its reconnecting
        manager.close()


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait until something holds."""

    async def wait(holds: Callable[[], object], timeout_s: float = 30.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not holds():
                await asyncio.sleep(0.005)

    return wait
