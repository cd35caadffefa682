"""One Asterisk process: started so that it outlives us, found again, asked and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from facts.errors import HotlineError
from telephony.pbx.program import AsteriskProgram

log = structlog.get_logger(__name__)

#: a UNIX socket's name ends here (sun_path of Linux, less the closing zero)
_SOCKET_NAME_BYTES = 107
#: a call needs about ten open files: raise the limit as far as the system lets an ordinary user
_LAUNCH = """
umask 077
files=$(ulimit -Hn)
if [ "$files" = unlimited ] || [ "$files" -gt 65536 ]; then files=65536; fi
ulimit -n "$files" 2>/dev/null
log=$1; shift
"$@" >>"$log" 2>&1 </dev/null &
echo $!
"""


class PbxStartFailed(HotlineError):
    """Asterisk did not start."""

    error_id = "pbx-start-failed"


class PbxPortTaken(HotlineError):
    """A port that the PBX needs is taken."""

    error_id = "pbx-port-taken"


class PbxNotRunning(HotlineError):
    """The local PBX is not running."""

    error_id = "pbx-not-running"
    exit_code = 1


@dataclass(frozen=True, slots=True)
class NeededPort:
    """One port that must be free, and the setting that moves it."""

    port: int
    setting: str
    kind: socket.SocketKind = socket.SOCK_STREAM
    host: str = "127.0.0.1"

    def __str__(self) -> str:
        return f"{'UDP' if self.kind == socket.SOCK_DGRAM else 'TCP'} {self.host}:{self.port}"


def taken_ports(needed: Iterable[NeededPort]) -> list[NeededPort]:
    """Those ports that cannot be bound now."""
    taken: list[NeededPort] = []
    for need in needed:
        with socket.socket(socket.AF_INET, need.kind) as probe:
            if need.kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((need.host, need.port))
            except OSError:
                taken.append(need)
    return taken


def check_ports(needed: Iterable[NeededPort]) -> None:
    """Try to bind every port; all that are taken are named in one error.

    Raises:
        PbxPortTaken: with the settings that choose other ports.
    """
    taken = taken_ports(needed)
    if taken:
        raise PbxPortTaken(
            f"another program uses {', '.join(map(str, taken))}",
            fix=f"end it, or choose other ports: {', '.join(f'HOTLINE_{it.setting}' for it in taken)}",
        )


def process_runs(pid: int, argument: str) -> bool:
    """Whether this process is alive (not a zombie) and was started with this argument."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, IndexError):
        return False
    return state != "Z" and argument.encode() in arguments


class AsteriskProcess:
    """The Asterisk of one configuration file. Nothing here knows what the configuration says."""

    def __init__(self, program: AsteriskProgram, config: Path, run: Path, output: Path) -> None:
        """``run`` is the configuration's astrundir, ``output`` gets what Asterisk prints."""
        self.program = program
        self.config = config.absolute()
        self.run = run.absolute()
        self.output = output.absolute()

    def pid(self) -> int | None:
        """Process id of the running Asterisk, None when it does not run."""
        try:
            pid = int((self.run / "asterisk.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if process_runs(pid, str(self.config)) else None

    async def cli(self, command: str, timeout_s: float = 10.0) -> str:
        """Ask the running Asterisk one command of its console.

        Raises:
            PbxNotRunning: it does not run, or does not answer within ``timeout_s``.
        """
        argv = (*self.program.argv, "-C", str(self.config), "-rx", command)
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(child.communicate(), timeout_s)
        except TimeoutError:
            raise PbxNotRunning(
                f"Asterisk did not answer {command!r} within {timeout_s:g} s", fix=f"see {self.output}"
            ) from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode != 0 or b"Unable to connect to remote" in out + err:
            raise PbxNotRunning(fix="hotline pbx start")
        return out.decode(errors="replace")

    async def start(self, timeout_s: float = 30.0) -> float:
        """Start it in a session of its own and wait until it is fully booted; returns the seconds it took.

        Raises:
            PbxStartFailed: with Asterisk's own words.
        """
        control = self.run / "asterisk.ctl"
        if len(os.fsencode(control)) > _SOCKET_NAME_BYTES:
            raise PbxStartFailed(
                f"{control} is longer than the {_SOCKET_NAME_BYTES} bytes of a socket's name",
                fix="set HOTLINE_HOME to a shorter path",
            )
        began = time.monotonic()
        mark = self.output.stat().st_size if self.output.exists() else 0
        with contextlib.suppress(FileNotFoundError):
            control.unlink()
        pid = await self._launch()
        try:
            async with asyncio.timeout(timeout_s):
                await self._booted(pid, mark)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            raise PbxStartFailed(
                f"Asterisk was not ready after {timeout_s:g} s: {self._complaint(mark)}",
                fix=f"see {self.output}",
            ) from None
        took_s = time.monotonic() - began
        log.info("asterisk_started", pid=pid, seconds=round(took_s, 2), version=self.program.version.number)
        return took_s

    async def _launch(self) -> int:
        argv = (*self.program.argv, "-f", "-n", "-C", str(self.config))
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", _LAUNCH, "sh", str(self.output), *argv,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        out, _ = await shell.communicate()
        return int(out)

    async def _booted(self, pid: int, mark: int) -> None:
        """Return when the console says so; raise when the process ended before that."""
        while True:
            if not process_runs(pid, str(self.config)) and not await _appears(pid, str(self.config)):
                raise PbxStartFailed(
                    f"Asterisk ended at once: {self._complaint(mark)}", fix=f"see {self.output}"
                )
            if (self.run / "asterisk.ctl").exists():
                with contextlib.suppress(PbxNotRunning):
                    if "fully booted" in await self.cli("core waitfullybooted", timeout_s=5.0):
                        return
            await asyncio.sleep(0.02)

    def _complaint(self, mark: int) -> str:
        """Asterisk's errors since byte ``mark`` of its output, the last three in one line."""
        try:
            with self.output.open("rb") as file:
                file.seek(mark)
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return "it left no output"
        errors = [line for line in lines if "ERROR" in line] or lines
        return " | ".join(" ".join(line.split()) for line in errors[-3:]) or "it left no output"

    async def stop(self, timeout_s: float = 10.0) -> bool:
        """End it by its process id; False when it did not run. Calls still up are hung up."""
        pid = self.pid()
        if pid is None:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + timeout_s
            while time.monotonic() < deadline:
                if not process_runs(pid, str(self.config)):
                    log.info("asterisk_stopped", pid=pid, signal=number.name)
                    return True
                await asyncio.sleep(0.05)
        raise PbxStartFailed(f"Asterisk {pid} cannot be ended", fix=f"end process {pid} as its owner")


async def _appears(pid: int, argument: str) -> bool:
    """The shell forks before it executes: give the new program's arguments a moment to show."""
    for _ in range(25):
        await asyncio.sleep(0.01)
        if process_runs(pid, argument):
            return True
    return False
