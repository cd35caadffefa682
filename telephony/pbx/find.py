"""Which Asterisk this machine has: the one that was named, the system's, or the unpacked one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from config.settings import Settings
from telephony.pbx.program import AsteriskMissing, AsteriskProgram, AsteriskVersion

#: system folders that hold the option tables of the modules
_DOCUMENTATION = (Path("/usr/share/asterisk"), Path("/var/lib/asterisk"), Path("/usr/local/var/lib/asterisk"))


def unpacked_root(settings: Settings) -> Path:
    """Where ``ensure_asterisk`` unpacks: ``HOME/asterisk``."""
    return settings.home.absolute() / "asterisk"


def find_asterisk(settings: Settings) -> AsteriskProgram | None:
    """The Asterisk to use: HOTLINE_ASTERISK, then PATH, then ``HOME/asterisk``; None when there is none.

    Raises:
        AsteriskMissing: HOTLINE_ASTERISK names something that is not an Asterisk.
    """
    if settings.asterisk is not None:
        named = settings.asterisk.absolute()
        found = program_in(named) if named.is_dir() else program_at(named)
        if found is None:
            raise AsteriskMissing(
                f"HOTLINE_ASTERISK={named} is not an Asterisk that runs",
                fix="name the asterisk program or a folder that `hotline pbx install` made, or unset it",
            )
        return found
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    system = shutil.which("asterisk", path=path)
    if system is not None and (found := program_at(Path(system))):
        return found
    return program_in(unpacked_root(settings))


def program_at(program: Path) -> AsteriskProgram | None:
    """An installed Asterisk; None when it does not run."""
    version = _version((str(program),))
    if version is None:
        return None
    documentation = next(
        (it / "documentation" for it in _DOCUMENTATION if (it / "documentation").is_dir()), None
    )
    return AsteriskProgram((str(program),), version, "system", None, documentation)


def program_in(root: Path) -> AsteriskProgram | None:
    """An Asterisk unpacked into a folder, run with the folder's own loader; None without one."""
    argv = launcher(root, "usr/sbin/asterisk")
    modules = next(iter(sorted(root.glob("usr/lib/*/asterisk/modules"))), None)
    if argv is None or modules is None:
        return None
    version = _version(argv)
    if version is None:
        return None
    return AsteriskProgram(argv, version, str(root), modules, root / "usr/share/asterisk/documentation")


def launcher(root: Path, program: str) -> tuple[str, ...] | None:
    """How to run a program of an unpacked folder without chroot: its own loader with its own libraries.

    Only for programs that do not start themselves again by ``/proc/self/exe``.
    """
    loaders = sorted(root.glob("usr/lib*/ld-linux*.so.*")) + sorted(root.glob("usr/lib/*/ld-linux*.so.*"))
    if not loaders or not (root / program).is_file():
        return None
    path = ":".join(str(folder) for folder in library_folders(root))
    return (str(loaders[0]), "--library-path", path, str(root / program))


def missing_libraries(root: Path, modules: Iterable[str]) -> set[str]:
    """Shared libraries that the unpacked Asterisk and these modules of it want and the folder lacks."""
    programs = ["usr/sbin/asterisk"]
    programs += [
        str(path.relative_to(root))
        for it in modules
        for path in root.glob(f"usr/lib/*/asterisk/modules/{it}.so")
    ]
    missing: set[str] = set()
    for program in programs:
        argv = launcher(root, program)
        if argv is None:
            return {program}
        answer = subprocess.run((*argv[:-1], "--list", argv[-1]), capture_output=True, text=True, check=False)
        missing |= set(re.findall(r"(\S+) => not found", answer.stdout))
        missing |= set(re.findall(r"(\S+): cannot open shared object file", answer.stderr))
    return missing


def library_folders(root: Path) -> tuple[Path, ...]:
    """Folders with shared libraries in an unpacked folder."""
    return tuple(path for path in sorted(root.glob("usr/lib/*-linux-gnu*")) if path.is_dir())


def _version(argv: tuple[str, ...]) -> AsteriskVersion | None:
    try:
        answer = subprocess.run(
            (*argv, "-V"), capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return AsteriskVersion.parse(answer.stdout)
