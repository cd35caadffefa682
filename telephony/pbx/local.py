"""The local PBX of one home: written, started, kept up to date, asked, ended.

Asterisk runs in a session of its own: it goes on serving callers when we are gone,
and the next start takes it up again.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from config.hotline import Hotline
from config.secrets import Secrets
from config.settings import Settings
from facts.errors import HotlineError
from telephony.pbx.compare import differences, read_configuration
from telephony.pbx.paths import PbxPaths
from telephony.pbx.process import (
    AsteriskProcess,
    NeededPort,
    PbxNotRunning,
    PbxStartFailed,
    check_ports,
    taken_ports,
)
from telephony.pbx.program import AsteriskProgram
from telephony.pbx.render import PbxSounds, render_pbx

log = structlog.get_logger(__name__)

#: less free space than this and Asterisk could not even log (bytes)
_LEAST_FREE = 20_000_000
#: files that Asterisk reads only when it starts
_AT_START = frozenset({"asterisk.conf", "modules.conf"})


class PbxFolderUnusable(HotlineError):
    """A folder of the local PBX cannot be written."""

    error_id = "pbx-folder-unusable"


@dataclass(frozen=True, slots=True)
class PbxStart:
    """What ``start`` did."""

    pid: int
    took_s: float
    #: a running Asterisk of this home was taken up
    reused: bool
    #: configuration files that were new or different
    changed: tuple[str, ...]
    #: what changed needs a restart, which waits until no call is up
    restart_pending: bool = False


@dataclass(frozen=True, slots=True)
class PbxStatus:
    """What the local PBX is doing."""

    running: bool
    pid: int | None = None
    version: str = ""
    calls: int = 0
    channels: int = 0


class LocalPbx:
    """The Asterisk of this installation. ``async with`` starts it; it stays up afterwards.

    Args:
        program: from ``find_asterisk`` or ``ensure_asterisk``.
        sounds: what the dialplan plays itself; default: the configured texts.
        stop_on_exit: end it when the ``async with`` ends (tests, one-off demos).
    """

    def __init__(
        self,
        settings: Settings,
        hotline: Hotline,
        secrets: Secrets,
        program: AsteriskProgram,
        *,
        sounds: PbxSounds | None = None,
        stop_on_exit: bool = False,
    ) -> None:
        self.paths = PbxPaths.of(settings)
        self.process = AsteriskProcess(program, self.paths.config, self.paths.run, self.paths.output)
        self._settings = settings
        self._hotline = hotline
        self._secrets = secrets
        self._program = program
        self._sounds = sounds
        self._stop_on_exit = stop_on_exit

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop_on_exit:
            await self.stop()

    def rendered(self) -> dict[str, str]:
        """The configuration as it should be in place."""
        return render_pbx(self._settings, self._hotline, self._secrets, self._sounds, self._program.modules)

    async def start(self) -> PbxStart:
        """Write the configuration and have Asterisk run with it.

        A running Asterisk of this home is kept and reloads what changed; when the change
        needs a restart it is made only while no call is up.

        Raises:
            PbxPortTaken: another program has a port of ours.
            PbxFolderUnusable: no room, no right, or no folder.
            PbxStartFailed: Asterisk refuses; with its own words.
        """
        files = self.rendered()
        async with self._alone():
            before = read_configuration(self.paths.etc)
            changed = tuple(differences(files, before))
            pid = self.process.pid()
            if pid is None:
                await asyncio.to_thread(check_ports, self._ports())
                await asyncio.to_thread(self._write, files, changed)
                return await self._fresh(changed)
            await asyncio.to_thread(self._write, files, changed)
            if not changed:
                return PbxStart(pid, 0.0, True, ())
            return await self._take_up(pid, changed, needs_restart(before, files))

    async def _take_up(self, pid: int, changed: tuple[str, ...], restart: bool) -> PbxStart:
        if restart and (await self.status()).calls == 0:
            await self.process.stop()
            return await self._fresh(changed)
        await self.cli("core reload")
        if restart:
            log.warning("pbx_restart_pending", changed=changed, fix="hotline pbx start when no call is up")
        return PbxStart(pid, 0.0, True, changed, restart)

    async def _fresh(self, changed: tuple[str, ...]) -> PbxStart:
        took_s = await self.process.start()
        pid = self.process.pid()
        closed = [port for port in self._ports() if port not in taken_ports(self._ports())]
        if pid is None or closed:
            await self.process.stop()
            raise PbxStartFailed(
                f"Asterisk started but does not serve {', '.join(map(str, closed)) or 'anything'}",
                fix=f"see {self.paths.output}",
            )
        return PbxStart(pid, took_s, False, changed)

    async def stop(self) -> bool:
        """End Asterisk; False when it did not run."""
        async with self._alone():
            return await self.process.stop()

    async def status(self) -> PbxStatus:
        """Whether it runs, and how busy it is."""
        pid = self.process.pid()
        if pid is None:
            return PbxStatus(False)
        try:
            version = (await self.cli("core show version")).split(" built", 1)[0].strip()
            counts = await self.cli("core show channels count")
        except PbxNotRunning:
            return PbxStatus(False, pid)
        return PbxStatus(True, pid, version, _count(counts, "active call"), _count(counts, "active channel"))

    async def cli(self, command: str) -> str:
        """Ask one command of Asterisk's console.

        Raises:
            PbxNotRunning: it does not run or does not answer.
        """
        return await self.process.cli(command)

    def differences(self) -> dict[str, tuple[str, str]]:
        """What ``start`` would change: file name to (in place, rendered). Holds secrets."""
        return differences(self.rendered(), read_configuration(self.paths.etc))

    def _ports(self) -> tuple[NeededPort, ...]:
        host = self._settings.bind_host
        return (
            NeededPort(self._settings.sip_port, "SIP_PORT", socket.SOCK_DGRAM, host),
            NeededPort(self._settings.ami_port, "AMI_PORT"),
        )

    def _write(self, files: dict[str, str], changed: tuple[str, ...]) -> None:
        with FolderErrors(self.paths.root):
            for folder in self.paths.folders():
                folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.paths.root).free < _LEAST_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.paths.root))
            self._link_documentation()
            for name in changed:
                write_private(self.paths.etc / name, files[name])

    def _link_documentation(self) -> None:
        """Modules decline to load without their option tables."""
        link, target = self.paths.documentation, self._program.documentation
        if target is None or (link.is_symlink() and link.readlink() == target):
            return
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One starter or stopper at a time for this home, across processes."""
        with FolderErrors(self.paths.run):
            self.paths.run.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.paths.run / "pbx.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


class FolderErrors:
    """Turns what the file system says into one clear error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        fix = "check its owner, or set HOTLINE_HOME to a folder of yours"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fix = "make room on this disk, or set HOTLINE_HOME to another one"
        raise PbxFolderUnusable(f"{error.filename or self._folder}: {error.strerror}", fix=fix) from None


def needs_restart(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether a change is one that Asterisk takes only when it starts (paths, modules, SIP transport)."""
    if any(before.get(name) != after[name] for name in _AT_START & after.keys()):
        return True
    return _binds(before.get("pjsip.conf", "")) != _binds(after.get("pjsip.conf", ""))


def _binds(text: str) -> list[str]:
    return re.findall(r"^bind = .*$", text, re.MULTILINE)


def _count(text: str, noun: str) -> int:
    found = re.search(rf"^(\d+) {noun}s?$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
