"""The house in which programmes are played: all that a call needs, as it serves, and ways to break it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from config.hotline import Hotline, load_hotline
from config.secrets import Secrets, load_or_make_secrets
from config.settings import Settings, load_settings
from telephony.pbx.install import ensure_asterisk
from telephony.pbx.local import LocalPbx
from telephony.pbx.program import AsteriskProgram
from ticketing_bridge.bench.ports import free_port, free_ports
from ticketing_bridge.bring_up import render_sounds
from ticketing_bridge.house import House
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.supervision import BEAT_FD, role_command

#: so many agents there are at least, and for each call a second
AGENTS = 12
#: queues that each end in another way
SPECIAL: Mapping[str, Mapping[str, Any]] = {
    "main": {"ring_s": 4},
    "business": {"ring_s": 3, "max_wait_s": 6},
    "environment": {"ring_s": 3, "max_callers": 1},
    "safety": {"ring_s": 3, "overflow": "main", "overflow_after_s": 4},
    "stuck": {"join_empty": False},
}


def city(agents: int, special: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The built-in hotline with more agents, and what is special about its queues."""
    built_in = Path(sys.modules[load_hotline.__module__].__file__ or "").parent / "defaults" / "hotline.yaml"
    facts: dict[str, Any] = yaml.safe_load(built_in.read_text(encoding="utf-8"))
    for queue in facts["queues"]:
        queue.update(special.get(queue["id"], {}))
    facts["agents"] = [
        {
            "id": f"agent{number}",
            "extension": str(number),
            "name": f"{number}号话务员",
            "queues": ["main", "business", "environment", "safety"],
        }
        for number in range(101, 101 + agents)
    ]
    return facts


@dataclass(slots=True)
class Cable:
    """The network between a role and the PBX's manager interface; ``cut`` breaks it for a while."""

    target_port: int
    port: int = field(default_factory=free_port)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def plug(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def unplug(self) -> None:
        """Nothing goes through, and nobody gets in."""
        if self._server is not None:
            self._server.close()
        for writer in [*self._open]:
            writer.transport.abort()

    async def cut(self, seconds: float) -> None:
        """Break it for so long."""
        await self.unplug()
        await asyncio.sleep(seconds)
        await self.plug()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._open -= {writer, far_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass(slots=True)
class Role:
    """A role of the hotline as a process of its own."""

    name: str
    environment: dict[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    _beats: int | None = None

    async def start(self) -> None:
        """Start it; returns when it beats for the first time."""
        reader, writer = os.pipe()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *role_command(self.name),
                env={**os.environ, **self.environment, BEAT_FD: str(writer)},
                pass_fds=(writer,),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(writer)
        if not await asyncio.to_thread(os.read, reader, 1):
            raise RuntimeError(f"{self.name} ended before its first beat: see {self.log}")
        self._beats = reader

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it without a word, or ask it to end."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await self.process.wait()
        if self._beats is not None:
            os.close(self._beats)
            self._beats = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that is up."""

    settings: Settings
    hotline: Hotline
    secrets: Secrets
    program: AsteriskProgram
    pbx: LocalPbx
    server: EmbeddedPostgres
    database: Database
    cable: Cable
    telephony: Role

    @property
    def house(self) -> House:
        return House(self.settings, self.hotline, self.secrets)


@asynccontextmanager
async def stage(
    home: Path, a_second: float = 1.0, *, special: Mapping[str, Mapping[str, Any]] = SPECIAL
) -> AsyncIterator[Stage]:
    """Bring it up in this home (a new folder), with people enough for so many calls a second, and end it.

    ``special``: what is not as built in, by queue.
    """
    folder = home / "city"
    folder.mkdir(parents=True)
    made = city(max(AGENTS, round(AGENTS * a_second)), special)
    (folder / "hotline.yaml").write_text(yaml.safe_dump(made, allow_unicode=True), encoding="utf-8")
    settings = load_settings(home=home, hotline_config=folder, flows_processes=1, **free_ports())
    settings.make_folders()
    hotline, secrets = load_hotline(folder), load_or_make_secrets(home)
    program = await asyncio.to_thread(ensure_asterisk, load_settings())
    house = House(settings, hotline, secrets)
    await asyncio.to_thread(render_sounds, house, settings.sounds)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedPostgres(home, keep_running=False, durable=False))
        await asyncio.to_thread(upgrade, server.url)
        database = await stack.enter_async_context(Database(server.url, house.vault))
        pbx = LocalPbx(settings, hotline, secrets, program)
        await pbx.start()
        stack.push_async_callback(pbx.stop)
        cable = Cable(settings.ami_port)
        await cable.plug()
        stack.push_async_callback(cable.unplug)
        environment = {
            f"HOTLINE_{name.upper()}": str(getattr(settings, name))
            for name in settings.model_fields_set
            if getattr(settings, name) is not None
        }
        telephony = Role(
            "telephony", environment | {"HOTLINE_AMI_PORT": str(cable.port)}, home / "telephony.log"
        )
        flows = Role("flows-1", environment, home / "flows.log")
        for role in (telephony, flows):
            await role.start()
            stack.push_async_callback(role.kill, signal.SIGTERM)
        yield Stage(settings, hotline, secrets, program, pbx, server, database, cable, telephony)
