"""An Asterisk for a machine that has none: fetched without root, unpacked into the home."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import structlog

from config.settings import Settings
from telephony.pbx.apt import Fetched, FetchProgress, PackagesUnavailable, fetch_packages
from telephony.pbx.apt_sources import parse_os_release
from telephony.pbx.find import find_asterisk, missing_libraries, program_in, unpacked_root
from telephony.pbx.program import AsteriskProgram
from telephony.pbx.templating import REQUIRED_MODULES, USEFUL_MODULES

__all__ = ["ensure_asterisk", "fetch_packages", "find_asterisk", "install_asterisk"]

log = structlog.get_logger(__name__)

#: parts of the packages that our configuration never uses
_UNUSED = (
    "usr/bin",
    "usr/include",
    "usr/lib/*/perl*",
    "usr/lib/*/gconv",
    "usr/lib/systemd",
    "usr/share/perl*",
    "usr/share/snmp",
    "usr/share/asterisk/sounds",
    "usr/share/zoneinfo",
    "etc",
    "var",
)

#: packages that our modules are linked with (of 160 that the whole program may want); checked after unpacking
_NEEDED = (
    r"asterisk(-modules)?|libc6|libgcc-s1|libstdc\+\+6|zlib1g|lib(bsd|cap|crypt|edit|icu|jansson|lz4-|lzma|md|"
    r"ncurses|ncursesw|sqlite3-|ssl|systemd|tinfo|uriparser|uuid|xml2|xslt|zstd|gcrypt|gpg-error|popt|xxhash)[\d.-]*(t64)?"
)


def ensure_asterisk(settings: Settings, progress: FetchProgress | None = None) -> AsteriskProgram:
    """The Asterisk to use: the named one, the system's, the unpacked one, else one that is fetched now.

    Raises:
        AsteriskMissing: HOTLINE_ASTERISK names something that is not an Asterisk.
        PackagesUnavailable: there is none and it cannot be fetched; with the fix.
    """
    return find_asterisk(settings) or install_asterisk(settings, progress)[0]


def install_asterisk(
    settings: Settings, progress: FetchProgress | None = None
) -> tuple[AsteriskProgram, Fetched]:
    """Fetch Asterisk into ``HOME/asterisk``: Debian's newest (its releases have none), or Ubuntu's universe.

    The result is for the local demo PBX: a production PBX gets its updates from the system.

    Raises:
        PackagesUnavailable: no apt, no network, no room, or the machine is neither Debian nor Ubuntu.
    """
    release = parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    components: tuple[str, ...] = ("main",)
    if "ubuntu" in family:
        suite, components = (
            release.get("UBUNTU_CODENAME") or release.get("VERSION_CODENAME"),
            ("main", "universe"),
        )
    elif "debian" in family:
        suite = "sid"
    else:
        raise PackagesUnavailable(
            f"no recipe for {release.get('PRETTY_NAME', 'this system')}",
            fix="install asterisk 22 by the system's own means, or set HOTLINE_ASTERISK",
        )
    root = unpacked_root(settings)
    fetch = partial(fetch_packages, ["asterisk"], root, suite, progress, components=components, prune=_UNUSED)
    fetched = fetch(keep=_NEEDED)
    if missing := missing_libraries(root, (*REQUIRED_MODULES, *USEFUL_MODULES)):
        log.info("asterisk_wants_more", libraries=sorted(missing))
        shutil.rmtree(root)
        fetched = fetch()
    program = program_in(root)
    if program is None:
        raise PackagesUnavailable(
            f"the Asterisk in {root} does not run on this machine",
            fix=f"remove {root} and try again, or install asterisk and set HOTLINE_ASTERISK",
        )
    log.info(
        "asterisk_fetched", version=program.version.number, megabytes=fetched.download_bytes // 1_000_000
    )
    return program, fetched
