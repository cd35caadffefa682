"""The world outside: a second Asterisk of the same program that plays citizens' and agents' telephones."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from config.hotline import Hotline
from config.secrets import Secrets
from config.settings import Settings
from facts.errors import HotlineError
from telephony.ami.connection import AmiAddress
from telephony.pbx.local import write_private
from telephony.pbx.process import AsteriskProcess, NeededPort, check_ports
from telephony.pbx.program import AsteriskProgram
from telephony.simulation.outside_config import OutsidePaths, render_outside
from telephony.simulation.phones import Phones, phones_of

_log = structlog.get_logger(__name__)


class DemoRuns(HotlineError):
    """Another demo runs in this home folder."""

    error_id = "demo-runs"


class AgentsNotRegistered(HotlineError):
    """The simulated agents' telephones could not register at the hotline's PBX."""

    error_id = "agents-not-registered"


@asynccontextmanager
async def outside_world(
    settings: Settings,
    hotline: Hotline,
    secrets: Secrets,
    program: AsteriskProgram,
    *,
    register_within_s: float = 20.0,
) -> AsyncIterator[Phones]:
    """Start it, wait until every agent is registered, end it afterwards. The hotline's PBX must be up.

    Raises:
        DemoRuns: another demo runs in this home.
        PbxPortTaken: one of the outside world's ports is taken.
        PbxStartFailed: Asterisk refuses; with its own words.
        AgentsNotRegistered: the hotline's PBX refuses an agent or does not answer.
    """
    paths = OutsidePaths.of(settings)
    process = AsteriskProcess(program, paths.config, paths.run, paths.output)
    address = AmiAddress(
        "127.0.0.1", settings.outside_ami_port, "outside", secrets.outside_ami, pbx_id="outside"
    )
    for folder in paths.folders():
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(paths):
        await process.stop()  # one that a killed demo left
        _write(paths, program, render_outside(settings, hotline, secrets, program))
        check_ports(
            (
                NeededPort(settings.outside_sip_port, "OUTSIDE_SIP_PORT", socket.SOCK_DGRAM),
                NeededPort(settings.outside_ami_port, "OUTSIDE_AMI_PORT"),
            )
        )
        try:
            await process.start()
            async with phones_of(address) as phones:
                await _registered(phones, {agent.id for agent in hotline.agents}, register_within_s)
                yield phones
        finally:
            await process.stop()


async def _registered(phones: Phones, agents: set[str], within_s: float) -> None:
    began = time.monotonic()
    while missing := agents - await phones.registered():
        if time.monotonic() - began > within_s:
            raise AgentsNotRegistered(
                f"after {within_s:g} s not registered: {', '.join(sorted(missing))}",
                fix="look at `hotline pbx status` and log/asterisk.log in the home folder",
            )
        await asyncio.sleep(0.1)
    _log.info("outside.agents_registered", agents=len(agents), seconds=round(time.monotonic() - began, 2))


def _write(paths: OutsidePaths, program: AsteriskProgram, files: dict[str, str]) -> None:
    for name, text in files.items():
        write_private(paths.etc / name, text)
    link = paths.root / "documentation"
    link.unlink(missing_ok=True)
    if program.documentation is not None:
        link.symlink_to(program.documentation)


@contextmanager
def _alone(paths: OutsidePaths) -> Iterator[None]:
    handle = os.open(paths.run / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoRuns(fix="wait for its end, or use another HOTLINE_HOME with other ports") from None
        yield
    finally:
        os.close(handle)
