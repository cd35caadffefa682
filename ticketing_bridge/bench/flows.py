"""Callers in menus at once, by a client that speaks FastAGI: from a key to the next prompt's command."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from telephony.agi.keys import KEPT
from ticketing_bridge.bench.figures import Figure, Size, spread_ms
from ticketing_bridge.bench.flow_server import MENUS, READY
from ticketing_bridge.bench.ports import free_port
from ticketing_bridge.bench.processes import cpu_s, rss_mb
from ticketing_bridge.demo.likeness import percentile

#: processes that share the port, as ``flows_processes`` of an installation
PROCESSES = 2
#: seconds that a caller listens before a key is pressed
LISTENS_S = (0.8, 2.0)
_SEED = "bench flows"


async def measure(size: Size) -> list[Figure]:
    """Milliseconds from key to prompt, memory a caller."""
    callers, keys = size.of(500, 20), size.of(12, 2)
    port = free_port()
    with servers(port) as pids:
        crowd = Crowd(port, random.Random(_SEED))
        await crowd.go(1, 1)  # every module and cache is there
        before_mb, before_s = rss_mb(pids), cpu_s(pids)
        began = time.perf_counter()
        walking = asyncio.create_task(crowd.go(callers, keys))
        await crowd.all_there(callers)
        there_mb = rss_mb(pids)
        await walking
        took_s = time.perf_counter() - began
        used_s = cpu_s(pids) - before_s
    delays = crowd.delays[1:]
    return [
        *spread_ms("key_to_prompt", delays, "from a key to the next prompt's command"),
        Figure(
            "key_to_prompt_p99_ms", (percentile(delays, 99) or 0.0) * 1000, "ms", "the same, 99th percentile"
        ),
        Figure("key_to_prompt_most_ms", max(delays) * 1000, "ms", "the slowest"),
        Figure(
            "session_kb", max(0.0, there_mb - before_mb) * 1000 / callers, "kB", "memory a caller in a menu"
        ),
        Figure("keys_s", len(delays) / took_s, "/s", "keys pressed by all callers"),
        Figure("server_cpu", used_s / took_s * 100, "%", f"of one core, {PROCESSES} processes together"),
        Figure("callers", callers, "", f"in menus at once, {keys} keys each"),
    ]


@contextmanager
def servers(port: int) -> Iterator[list[int]]:
    """The processes that serve the port, by their ids."""
    command = [sys.executable, "-m", "ticketing_bridge.bench.flow_server", str(port)]
    running = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for process in running:
            if process.stdout is None or process.stdout.readline().strip() != READY:
                raise RuntimeError("a server of menus did not start")
        yield [process.pid for process in running]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.communicate()


class Crowd:
    """Callers as Asterisk's FastAGI shows them."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self.delays: list[float] = []
        self._port = port
        self._chance = chance
        self._there = 0
        self._arrived = asyncio.Condition()

    async def go(self, callers: int, keys: int) -> None:
        """Everybody phones within two seconds and presses so many keys."""
        self._there = 0
        async with asyncio.TaskGroup() as tasks:
            for number in range(callers):
                tasks.create_task(self._one(number, min(keys, MENUS - 1), self._chance.uniform(0, 2.0)))

    async def all_there(self, callers: int) -> None:
        """Until so many hear a menu."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self._there >= callers)

    async def _one(self, number: int, keys: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        headers = {
            "agi_network_script": "flow/main",
            "agi_channel": f"PJSIP/hotline-trunk-{number:08x}",
            "agi_uniqueid": f"bench-{number}.{number}",
            "agi_callerid": f"139{number:08d}",
            "agi_extension": "12345",
            **{f"agi_arg_{number}": "" for number in (2, 3, 4)},
            "agi_arg_1": "main",
            "agi_arg_5": KEPT,
        }
        writer.write("".join(f"{name}: {value}\n" for name, value in headers.items()).encode() + b"\n")
        try:
            await self._until_prompt(reader, writer)
            async with self._arrived:
                self._there += 1
                self._arrived.notify_all()
            for _ in range(keys):
                await asyncio.sleep(self._chance.uniform(*LISTENS_S))
                pressed = time.perf_counter()
                writer.write(b"200 result=49 endpos=8000\n")
                await self._until_prompt(reader, writer, key="1")
                self.delays.append(time.perf_counter() - pressed)
        finally:
            writer.transport.abort()

    async def _until_prompt(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str = ""
    ) -> None:
        """Answer what Asterisk does at once, until a prompt is to be played; the PBX has kept this key."""
        while not (command := await reader.readline()).startswith(b"STREAM FILE"):
            if not command:
                raise RuntimeError("the server of menus closed the connection")
            if command.startswith(b"GET FULL VARIABLE"):
                writer.write(f"200 result=1 ({key})\n".encode())
                key = ""
            else:
                writer.write(b"200 result=1\n")
