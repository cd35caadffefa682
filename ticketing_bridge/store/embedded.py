"""The embedded PostgreSQL: one server a home, on a UNIX socket only, supervised by us.

The wheel gives the programs and nothing else. The server outlives the process that
started it and is found again by the next; it goes down only when told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg
import structlog

from facts.errors import HotlineError
from ticketing_bridge.store.server_account import ServerAccount, choose_account, nobody, program_folder

log = structlog.get_logger(__name__)

ROLE = "hotline"
DATABASE = "hotline"
#: a UNIX socket's path may have 107 bytes; the server's own part of it is "/.s.PGSQL.5432"
SOCKET_PATH_BYTES = 107
SOCKET_NAME = ".s.PGSQL.5432"
#: how long a recovery may take before we say that something is wrong, in seconds
PATIENCE_S = 900.0

#: small, durable, no TCP
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": "../socket",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "4",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # an error's DETAIL is the row that was refused, with all that is in it; a statement may carry values
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "idle_in_transaction_session_timeout": "5min",
}

#: what the server or initdb says, and what mends it
KNOWN_TROUBLES = (
    (r"No space left on device", "free disk space for the home folder (HOTLINE_HOME) and start again"),
    (r"Read-only file system", "make the home folder (HOTLINE_HOME) writable"),
    (r"[Pp]ermission denied|wrong ownership", "give the home folder (HOTLINE_HOME) back to its user"),
    (r"could not create shared memory|Cannot allocate memory", "free memory (about 150 MB are needed)"),
    (r"locale", "install the hotline's dependencies again: the wheel's built-in locale is missing"),
    (r"could not look up effective user", "run under a user that is in /etc/passwd"),
    (r"checksum|invalid page|could not locate a valid checkpoint", "the data are damaged: restore a backup"),
)  # fmt: skip


class EmbeddedDatabaseFailed(HotlineError):
    """The embedded PostgreSQL could not be started."""

    error_id = "embedded-database-failed"


def _silent(_: str) -> None:
    """Progress that nobody asked for."""


class EmbeddedPostgres:
    """The PostgreSQL of one home folder.

    ``async with EmbeddedPostgres(home) as server`` starts it or finds it running and
    leaves it running; with ``keep_running=False`` it is stopped at the end.

    Files: ``HOME/postgres/data`` and ``HOME/postgres/socket`` (0700, owned by the
    server's account), its messages in ``HOME/log/postgresql.log``.
    """

    def __init__(
        self,
        home: Path,
        *,
        progress: Callable[[str], None] = _silent,
        keep_running: bool = True,
        durable: bool = True,
    ) -> None:
        self._home = home.resolve()
        self._folder = self._home / "postgres"
        self._progress = progress
        self._keep_running = keep_running
        self._durable = durable
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self._folder / "data"

    @property
    def log_file(self) -> Path:
        return self._home / "log" / "postgresql.log"

    @property
    def socket_folder(self) -> Path:
        """Where clients find the socket: short enough for a UNIX socket's path."""
        own = self._folder / "socket"
        if len(os.fsencode(own / SOCKET_NAME)) <= SOCKET_PATH_BYTES:
            return own
        return _short_way(own)

    @property
    def url(self) -> str:
        """``postgresql://`` URL of the hotline's database, for libpq and for ``Database``."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """URL of another database of this server."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.socket_folder))}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._keep_running:
            await self.stop()

    async def start(self) -> str:
        """Start the server, or find it running; waits for its recovery. Returns ``url``.

        Raises:
            EmbeddedDatabaseFailed: with the server's own last word and what mends it.
        """
        await asyncio.to_thread(self._start)
        return self.url

    async def stop(self, timeout_s: float = 60.0) -> bool:
        """Shut the server down (mode *fast*: clients are sent away). False when it was not running."""
        return await asyncio.to_thread(self._stop, timeout_s)

    def pid(self) -> int | None:
        """Process id of the running server of this home, else None."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            lives_in = os.readlink(f"/proc/{pid}/cwd")
        except (OSError, ValueError, IndexError):
            return None
        return pid if Path(lives_in) == self.data and _state(pid) != "Z" else None

    # -- the steps, in threads: nothing here may block an event loop

    def _start(self) -> None:
        with self._alone():
            if self.pid() is None or not self._wait_until_ready(ours=False):
                account = choose_account(self._folder)
                programs = program_folder(self.data, account)
                self._make_cluster(programs, account)
                self._write_access_rules(account)
                self._launch(programs, account)
                self._wait_until_ready(ours=True)
            self._make_database()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One starter or stopper a home at a time."""
        self._home.mkdir(parents=True, exist_ok=True)
        with open(self._home / "postgres.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_cluster(self, programs: Path, account: ServerAccount) -> None:
        """``initdb`` beside its place, then move it there: a half-made cluster is never used."""
        for folder in (self._folder, self._folder / "socket"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        if not (self.data / "PG_VERSION").exists():
            self._progress("making the database (PostgreSQL, first start)")
            part = self._folder / "data.part"
            subprocess.run(["rm", "-rf", "--", str(part)], check=True)
            part.mkdir(mode=0o700)
            maker = account if account.uid is None else nobody()
            maker.give(part)
            _run_initdb(programs, part, maker, durable=self._durable)
            part.rename(self.data)
        account.give(self._folder)

    def _write_access_rules(self, account: ServerAccount) -> None:
        """Only our own user may connect, proved by the socket's peer: no password, no trust."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        (self.data / "pg_hba.conf").write_text("local all all peer map=hotline\n")
        (self.data / "pg_ident.conf").write_text(f'hotline "{user}" {ROLE}\n')
        account.give(self.data)

    def _launch(self, programs: Path, account: ServerAccount) -> None:
        self._progress("starting the database")
        self._forget_dead_server()
        wanted = dict(SERVER_SETTINGS)
        if not self._durable:
            wanted |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings = [part for name, value in wanted.items() for part in ("-c", f"{name}={value}")]
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self.log_file)
        with open(self.log_file, "ab") as messages:
            self._child = subprocess.Popen(
                [str(programs / "postgres"), "-D", "/proc/self/cwd", *settings],
                cwd=self.data,
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=messages,
                start_new_session=True,
                **_popen(account),
            )

    def _forget_dead_server(self) -> None:
        """Remove a dead server's lock files when nothing of it is left: its number may be another's now.

        While one of its backends still lives they stay: PostgreSQL's own guard against two servers.
        """
        deadline = time.monotonic() + 5
        while _processes_in(self.data):
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)
        for left in (self.data / "postmaster.pid", *(self._folder / "socket").glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)

    def _wait_until_ready(self, *, ours: bool) -> bool:
        """Wait for the recovery. False: a server that was found running died before it answered."""
        started = told = time.monotonic()
        while True:
            try:
                with psycopg.connect(self.url_of("postgres"), connect_timeout=5):
                    return True
            except psycopg.OperationalError as problem:
                gone = self._child.poll() is not None if self._child else self.pid() is None
                waited = time.monotonic() - started
                if gone and not ours:
                    return False
                if gone or waited > PATIENCE_S:
                    raise self._failure(str(problem)) from None
                if time.monotonic() - told > 2:
                    told = time.monotonic()
                    self._progress(f"the database is recovering ({waited:.0f} s)")
            time.sleep(0.02)

    def _make_database(self) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _failure(self, said: str) -> EmbeddedDatabaseFailed:
        with contextlib.suppress(OSError):
            lines = self.log_file.read_text(errors="replace").splitlines()[-200:]
            loud = [line for line in lines if "FATAL" in line or "PANIC" in line]
            said = (loud or lines or [said])[-1]
        return _explained(said, f"see {self.log_file}")

    def _stop(self, timeout_s: float) -> bool:
        with self._alone():
            pid = self.pid()
            if pid is None:
                return False
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + timeout_s
            while self.pid() is not None:
                if time.monotonic() > deadline:
                    raise EmbeddedDatabaseFailed(
                        f"the database (process {pid}) did not stop within {timeout_s:.0f} s",
                        fix=f"see {self.log_file}",
                    )
                time.sleep(0.02)
            return True


def _run_initdb(programs: Path, folder: Path, account: ServerAccount, *, durable: bool) -> None:
    command = [str(programs / "initdb"), "-D", "/proc/self/cwd", "-U", ROLE, "-A", "peer", "-E", "UTF8"]
    command += ["--data-checksums", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    result = subprocess.run(
        command if durable else [*command, "--no-sync"],
        cwd=folder,
        env={"LC_ALL": "C", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        **_popen(account),
    )
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "error" in line] or ["initdb failed"]
        raise _explained(lines[-1], f"look at the free space and rights of {folder.parent}")


def _explained(said: str, otherwise: str) -> EmbeddedDatabaseFailed:
    """The server's own words with what mends them."""
    said = re.sub(r"^.*?(FATAL|PANIC):\s*", "", said.strip())
    fix = next((fix for pattern, fix in KNOWN_TROUBLES if re.search(pattern, said)), otherwise)
    return EmbeddedDatabaseFailed(f"the embedded PostgreSQL did not start: {said}", fix=fix)


def _popen(account: ServerAccount) -> dict[str, Any]:
    return dict(account.popen_arguments())


def _state(pid: int) -> str:
    """The process state's letter of /proc (``Z``: dead, not yet waited for)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "Z"


def _processes_in(folder: Path) -> list[int]:
    """Processes whose working folder this is."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder):
                found.append(int(entry.name))
    return found


def _rotate(file: Path, limit_bytes: int = 10_000_000) -> None:
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_size > limit_bytes:
            file.replace(file.with_suffix(".log.1"))


def _short_way(folder: Path) -> Path:
    """A short symbolic link to a folder whose path is too long for a socket, in a private folder of ours."""
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    private = base / f"hotline-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        private.mkdir(mode=0o700)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise EmbeddedDatabaseFailed(
            f"{private} belongs to somebody else", fix="remove it or use a shorter HOTLINE_HOME"
        )
    link = private / name
    if not link.is_symlink() or link.readlink() != folder:
        link.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(folder)
    return link
