"""Roles as child processes: started, watched by their heartbeat, ended when frozen, started again.

A role beats through an inherited pipe from its own event loop; so a process that is
stopped, swapped out or stuck in a loop falls silent. The supervisor ends it within
2 s (``FROZEN_AFTER_S`` plus one tick): Asterisk waits for ever on a FastAGI server that is silent
(res_agi has no read timeout), and goes on in the dialplan once the socket closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import structlog

from facts.errors import HotlineError

log = structlog.get_logger(__name__)

BEAT_S = 0.2
TICK_S = 0.1
FROZEN_AFTER_S = 1.6
START_GRACE_S = 90.0
STOP_GRACE_S = 6.0
#: a role that nobody watches any more ends itself after this, whatever its libraries still wait for
FORCED_END_S = 12.0
STABLE_AFTER_S = 30.0
BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BEAT_FD = "HOTLINE_BEAT_FD"


class AlreadyServing(HotlineError):
    """This installation is already being served by another process."""

    error_id = "already-serving"


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """How one role is started. ``nice`` keeps speech and jobs below telephony."""

    name: str
    nice: int = 0


ROLES: tuple[RoleSpec, ...] = (
    RoleSpec("telephony"),
    RoleSpec("flows"),
    RoleSpec("speech", nice=5),
    RoleSpec("worker", nice=10),
    RoleSpec("web", nice=2),
)


def roles_for(further_pbxs: Iterable[str] = (), flows_processes: int = 1) -> tuple[RoleSpec, ...]:
    """All roles of a house; each PBX beside the first one has a telephony role of its own.

    Several processes lead callers through flows: one that is restarted leaves the others' callers alone.

    >>> [role.name for role in roles_for(["east"], 2)]
    ['telephony', 'telephony@east', 'flows-1', 'flows-2', 'speech', 'worker', 'web']
    """
    first, flows, *others = ROLES
    return (
        first,
        *(RoleSpec(f"{first.name}@{pbx_id}") for pbx_id in further_pbxs),
        *(RoleSpec(f"{flows.name}-{number}") for number in range(1, flows_processes + 1)),
        *others,
    )


async def beat() -> None:
    """Beat for ever, to the supervisor's pipe and to systemd's watchdog, where there is one.

    Returns when the supervisor is gone: a role does not outlive it.
    """
    pipe = int(os.environ[BEAT_FD]) if BEAT_FD in os.environ else None
    notify_path = os.environ.get("NOTIFY_SOCKET")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        if notify_path:
            notify.sendto(b"READY=1", notify_path.replace("@", "\0", 1))
        while True:
            try:
                if pipe is not None:
                    os.write(pipe, b".")
                if notify_path:
                    notify.sendto(b"WATCHDOG=1", notify_path.replace("@", "\0", 1))
            except BlockingIOError:
                pass  # the supervisor is slow to read; it still sees the pipe full of beats
            except BrokenPipeError:
                return
            await asyncio.sleep(BEAT_S)


def force_end(after_s: float = FORCED_END_S) -> None:
    """End this process in ``after_s`` seconds, even when something in it never lets go.

    For a role that is ending: its supervisor may be gone, so nobody else would end it, and it holds ports.
    """

    def end() -> None:
        log.error("role ended by force", after_s=after_s)
        os._exit(os.EX_TEMPFAIL)

    timer = threading.Timer(after_s, end)
    timer.daemon = True
    timer.start()


@dataclass(slots=True)
class Child:
    """One running role."""

    process: subprocess.Popen[bytes]
    beats: int
    started: float
    last_beat: float
    ready: bool = False


@dataclass(slots=True)
class RoleStatus:
    """What the supervisor knows of a role, for people and for ``run/roles.json``."""

    pid: int | None = None
    ready: bool = False
    restarts: int = 0
    frozen: int = 0
    last_exit: int | None = None


def role_command(name: str) -> list[str]:
    """``hotline run NAME`` with this interpreter, so that process lists say what it is."""
    program = Path(sys.executable).parent / "hotline"
    return [
        sys.executable,
        *([str(program)] if program.is_file() else ["-m", "ticketing_bridge"]),
        "run",
        name,
    ]


@dataclass(slots=True)
class Supervisor:
    """Keeps the roles of one installation running. An async context manager."""

    run: Path
    logs: Path
    environment: Mapping[str, str]
    roles: tuple[RoleSpec, ...] = ROLES
    on_change: Callable[[str, RoleStatus], None] | None = None
    command: Callable[[str], list[str]] = role_command
    status: dict[str, RoleStatus] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.status = {role.name: RoleStatus() for role in self.roles}
        self._tasks = [asyncio.create_task(self._keep(role), name=role.name) for role in self.roles]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        (self.run / "roles.json").unlink(missing_ok=True)

    async def ready(self, timeout_s: float = START_GRACE_S) -> None:
        """Wait until every role has beaten once; raises ``HotlineError`` naming the one that has not."""
        try:
            async with asyncio.timeout(timeout_s):
                while not all(status.ready for status in self.status.values()):
                    await asyncio.sleep(TICK_S)
        except TimeoutError:
            late = [name for name, status in self.status.items() if not status.ready]
            raise HotlineError(
                f"not ready after {timeout_s:.0f} s: {', '.join(late)}", fix=f"see {self.logs}/{late[0]}.log"
            ) from None

    async def _keep(self, role: RoleSpec) -> None:
        failures = 0
        while True:
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            child = self._start(role)
            try:
                frozen = await self._watch(role, child)
            finally:
                await self._end(child)
            lived = time.monotonic() - child.started
            failures = 1 if lived > STABLE_AFTER_S else failures + 1
            status = self.status[role.name]
            status.ready, status.pid, status.last_exit = False, None, child.process.returncode
            status.restarts += 1
            status.frozen += frozen
            log.warning(
                "role ended",
                role=role.name,
                exit=child.process.returncode,
                frozen=frozen,
                lived_s=round(lived, 1),
            )
            self._changed(role.name)

    def _start(self, role: RoleSpec) -> Child:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        with _log_file(self.logs / f"{role.name}.log") as out:
            process = subprocess.Popen(
                self.command(role.name),
                env={**self.environment, BEAT_FD: str(writer)},
                pass_fds=(writer,),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        os.close(writer)
        if role.nice:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, role.nice)
        now = time.monotonic()
        self.status[role.name].pid = process.pid
        self._changed(role.name)
        return Child(process, reader, now, now)

    async def _watch(self, role: RoleSpec, child: Child) -> bool:
        """Until the child is gone (False) or frozen (True)."""
        before = time.monotonic()
        while child.process.poll() is None:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            if _beaten(child.beats):
                child.last_beat = now
                if not child.ready:
                    child.ready = self.status[role.name].ready = True
                    self._changed(role.name)
            elif now - before > 0.5:
                child.last_beat += now - before  # we were held up ourselves: that silence proves nothing
            silence = now - (child.last_beat if child.ready else child.started)
            if silence > (FROZEN_AFTER_S if child.ready else START_GRACE_S):
                return True
            before = now
        return False

    async def _end(self, child: Child) -> None:
        """Ask a living child to stop, unless it is silent; then make sure of its whole process group."""
        process = child.process
        try:
            if process.poll() is None and time.monotonic() - child.last_beat < FROZEN_AFTER_S:
                process.terminate()
                deadline = time.monotonic() + STOP_GRACE_S
                while process.poll() is None and time.monotonic() < deadline:
                    await asyncio.sleep(TICK_S)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(child.beats)

    def _changed(self, name: str) -> None:
        facts = {role: _status_facts(status) for role, status in self.status.items()}
        part = self.run / "roles.json.part"
        part.write_text(json.dumps(facts))
        part.replace(self.run / "roles.json")
        if self.on_change:
            self.on_change(name, self.status[name])


def _status_facts(status: RoleStatus) -> dict[str, int | bool | None]:
    return {
        "pid": status.pid,
        "ready": status.ready,
        "restarts": status.restarts,
        "frozen": status.frozen,
        "last_exit": status.last_exit,
    }


def _beaten(pipe: int) -> bool:
    try:
        return bool(os.read(pipe, 4096))
    except BlockingIOError:
        return False


@contextlib.contextmanager
def _log_file(path: Path) -> Iterator[IO[bytes]]:
    with path.open("ab") as out:
        yield out


@contextlib.contextmanager
def serving_lock(run: Path) -> Iterator[None]:
    """Hold the installation for this process; raises ``AlreadyServing`` when another holds it."""
    path = run / "serve.lock"
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise AlreadyServing(
                f"process {handle.read().strip() or '?'} already serves {run.parent}",
                fix="stop it, or set HOTLINE_HOME to another folder",
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def is_serving(run: Path) -> bool:
    """Whether a process serves this installation now."""
    try:
        with serving_lock(run):
            return False
    except AlreadyServing:
        return True


@contextlib.asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
