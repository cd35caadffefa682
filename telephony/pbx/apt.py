"""Debian packages without root: the machine's own archive, private apt folders, unpacked side by side."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote

import structlog

from facts.errors import HotlineError
from telephony.pbx.apt_sources import AptSource, main_archive, parse_deb822, parse_one_line, parse_os_release

log = structlog.get_logger(__name__)

#: called with (stage, done, total): stages are "index" (0/1, 1/1), "download" (bytes), "unpack" (packages)
FetchProgress = Callable[[str, int, int], None]

#: what an unpacked folder never needs
_NEVER = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/bug",
)
_RECORD = "hotline-packages.json"


class PackagesUnavailable(HotlineError):
    """Packages cannot be fetched on this machine."""

    error_id = "packages-unavailable"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched, and how long the network and we took."""

    packages: tuple[str, ...]
    #: what was asked for
    requested: tuple[str, ...]
    suite: str
    #: the apt source file that named the archive
    origin: str
    download_bytes: int
    download_s: float
    unpack_s: float
    #: False: the archive's index was past its Valid-Until; signatures were verified nevertheless
    index_fresh: bool


def fetch_packages(
    names: Sequence[str],
    root: Path,
    suite: str | None = None,
    progress: FetchProgress | None = None,
    *,
    components: Sequence[str] = ("main",),
    beside_system: bool = False,
    prune: Sequence[str] = (),
    keep: str | None = None,
) -> Fetched:
    """Fetch packages with what they need and unpack them into ``root``, as an ordinary user.

    ``root`` appears whole or not at all; when it holds the same packages already nothing is fetched.
    Blocks for as long as the network takes.

    Args:
        suite: another suite of the machine's archive (``sid``); default: the machine's own release.
        beside_system: fetch only what the system lacks, to be run with the system's loader (own suite only).
        prune: further folders that are left out (``usr/share/…``).
        keep: pattern of package names; what else is needed in theory is left out. Default: everything.

    Raises:
        PackagesUnavailable: no apt, no archive, no network, no room; with the fix.
    """
    root = root.absolute()
    with _sole_fetcher(root):
        before = _read_record(root)
        if before and before.requested == tuple(names) and suite in (None, before.suite):
            return before
        release = parse_os_release(_read(Path("/etc/os-release")))
        source = machine_archive(release)
        suite = suite or release.get("VERSION_CODENAME") or source.suites[0]
        apt = _Apt(root, source, suite, components, beside_system)
        return _fetch(apt, names, root, prune, re.compile(keep or ".*"), progress)


def machine_archive(release: dict[str, str]) -> AptSource:
    """The distribution's archive as this machine's apt sources name it.

    Raises:
        PackagesUnavailable: no apt, or no such entry.
    """
    missing = [tool for tool in ("apt-get", "dpkg-deb", "tar") if shutil.which(tool) is None]
    if missing:
        raise PackagesUnavailable(
            f"this machine has no {', '.join(missing)}",
            fix="install what is missing by the system's own means (asterisk: then set HOTLINE_ASTERISK)",
        )
    etc = Path("/etc/apt")
    sources: list[AptSource] = []
    for path in sorted([etc / "sources.list", *etc.glob("sources.list.d/*")]):
        if path.suffix == ".sources":
            sources += parse_deb822(_read(path), str(path))
        elif path.suffix == ".list":
            sources += parse_one_line(_read(path), str(path))
    found = main_archive(sources, release)
    if found is None:
        raise PackagesUnavailable(
            f"no apt source names the main archive of {release.get('PRETTY_NAME', 'this release')}",
            fix="add it to /etc/apt/sources.list.d, or install asterisk and set HOTLINE_ASTERISK",
        )
    return found


class _Apt:
    """apt with folders of its own: it neither reads nor changes what the system has installed."""

    def __init__(
        self, root: Path, source: AptSource, suite: str, components: Sequence[str], beside_system: bool
    ) -> None:
        self.folder = root.with_name(f"{root.name}.apt")
        self.source, self.suite = source, suite
        self.archives = self.folder / "cache" / "archives"
        for part in ("state/lists/partial", "cache/archives/partial", "etc"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        status = Path("/var/lib/dpkg/status") if beside_system else self.folder / "status"
        if not beside_system:
            status.write_text("")
        (self.folder / "etc" / "sources.list").write_text(self._line(components))
        self._options = [
            f"Dir::State={self.folder}/state",
            f"Dir::State::status={status}",
            f"Dir::Cache={self.folder}/cache",
            f"Dir::Etc::SourceList={self.folder}/etc/sources.list",
            "Dir::Etc::SourceParts=/dev/null",
            "Dir::Etc::Parts=/dev/null",
            "Dir::Etc::Preferences=/dev/null",
            "Dir::Etc::PreferencesParts=/dev/null",
            "APT::Install-Recommends=false",
            "APT::Update::Error-Mode=any",
            "APT::Sandbox::User=",
            "Acquire::Languages=none",
            "Acquire::Retries=2",
            "Debug::NoLocking=1",
            *_proxies(),
        ]
        self.fresh = True

    def _line(self, components: Sequence[str]) -> str:
        signed = self.source.signed_by
        if "BEGIN PGP" in signed:
            key = self.folder / "etc" / "archive.asc"
            key.write_text(signed.strip() + "\n")
            signed = str(key)
        option = f"[signed-by={signed.split()[0]}] " if signed else ""
        return f"deb {option}{self.source.uri} {self.suite} {' '.join(components)}\n"

    def command(self, *words: str) -> list[str]:
        freshness = [] if self.fresh else ["Acquire::Check-Valid-Until=false"]
        return ["apt-get", *(part for it in [*self._options, *freshness] for part in ("-o", it)), *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, check=False, env=_plain_language()
        )

    def update(self) -> None:
        """Get the index; a stale one is taken with a warning, a wrongly signed one never."""
        answer = self.run("update")
        if answer.returncode != 0 and re.search(r"is expired|is not valid (yet|anymore)", answer.stderr):
            self.fresh = False
            log.warning("package_index_past_valid_until", suite=self.suite, signatures="verified")
            answer = self.run("update")
        if answer.returncode != 0:
            raise _unavailable(f"the package index of {self.suite} could not be fetched", answer.stderr)

    def plan(self, names: Sequence[str], keep: re.Pattern[str]) -> dict[str, int]:
        """What to download: ``name=version`` to bytes."""
        answer = self.run("install", "-y", "--print-uris", *names)
        if answer.returncode != 0:
            raise _unavailable(f"{', '.join(names)}: not installable from {self.suite}", answer.stderr)
        files = re.findall(r"^'\S+' ([^_\s]+)_([^_\s]+)_\S+ (\d+) ", answer.stdout, re.MULTILINE)
        return {
            f"{name}={unquote(version)}": int(size) for name, version, size in files if keep.fullmatch(name)
        }

    def download(self, plan: dict[str, int], progress: FetchProgress) -> None:
        total = sum(plan.values())
        with subprocess.Popen(
            self.command("download", *plan), cwd=self.archives,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env=_plain_language(),
        ) as child:  # fmt: skip
            while child.poll() is None:
                progress("download", min(_size(self.archives), total), total)
                time.sleep(0.2)
            errors = child.stderr.read() if child.stderr else ""
        if child.returncode != 0:
            raise _unavailable("packages could not be downloaded", errors)
        progress("download", total, total)


def _fetch(
    apt: _Apt,
    names: Sequence[str],
    root: Path,
    prune: Sequence[str],
    keep: re.Pattern[str],
    progress: FetchProgress | None,
) -> Fetched:
    say = progress or (lambda stage, done, total: None)
    began = time.monotonic()
    say("index", 0, 1)
    apt.update()
    say("index", 1, 1)
    plan = apt.plan(names, keep)
    apt.download(plan, say)
    downloaded = time.monotonic()
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    packages = sorted(apt.archives.glob("*.deb"))
    try:
        part.mkdir(parents=True)
        for number, package in enumerate(packages, 1):
            _unpack(package, part, (*_NEVER, *prune))
            say("unpack", number, len(packages))
        fetched = Fetched(
            tuple(package.stem for package in packages), tuple(names), apt.suite, apt.source.origin,
            sum(plan.values()),
            round(downloaded - began, 1), round(time.monotonic() - downloaded, 1), apt.fresh,
        )  # fmt: skip
        (part / _RECORD).write_text(json.dumps(asdict(fetched), indent=1))
        shutil.rmtree(root, ignore_errors=True)
        part.rename(root)
    except OSError as problem:
        raise PackagesUnavailable(
            f"{part}: {problem.strerror}", fix="make room there, or set HOTLINE_HOME to another disk"
        ) from None
    shutil.rmtree(apt.folder, ignore_errors=True)
    return fetched


def _unpack(package: Path, root: Path, prune: Sequence[str]) -> None:
    """Unpack one package's files without its scripts; owners and special bits are not kept."""
    excludes = [f"--exclude=./{folder}" for folder in prune]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as source:
        answer = subprocess.run(
            ["tar", "-x", "-C", str(root), "--no-same-owner", "--no-same-permissions", *excludes],
            stdin=source.stdout, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if answer.returncode != 0 or source.returncode != 0:
        raise PackagesUnavailable(
            f"{package.name} could not be unpacked: {_last_line(answer.stderr)}",
            fix="make room on the disk and try again",
        )


@contextlib.contextmanager
def _sole_fetcher(root: Path) -> Iterator[None]:
    """One fetcher a folder, across processes."""
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(root.with_name(f"{root.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise PackagesUnavailable(
            f"{root.parent}: {problem.strerror}", fix="set HOTLINE_HOME to a folder of yours"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _unavailable(what: str, stderr: str) -> PackagesUnavailable:
    return PackagesUnavailable(
        f"{what}: {_last_line(stderr)}",
        fix="see that this machine reaches its package archive (network, proxy, /etc/apt), "
        "or install the program by other means (asterisk: then set HOTLINE_ASTERISK)",
    )


def _last_line(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("E:")] or stderr.splitlines()
    return " ".join(lines[0].split()) if lines else "no reason given"


def _proxies() -> list[str]:
    """The machine's own proxy settings for apt; everything else of its apt.conf stays away."""
    answer = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    found = re.findall(r'^(Acquire::\S*Proxy\S*) "(.+)";$', answer.stdout, re.MULTILINE)
    return [f"{name}={value}" for name, value in found]


def _plain_language() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*.deb*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _read_record(root: Path) -> Fetched | None:
    try:
        record = json.loads((root / _RECORD).read_text())
        return Fetched(
            **{**record, "packages": tuple(record["packages"]), "requested": tuple(record["requested"])}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
