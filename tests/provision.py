"""What the tests need beside the environment, got without root: Asterisk, a browser, a foreign SIP phone.

``python -m tests.provision`` fetches what the machine lacks into ``.tools`` (and Asterisk into
``var``); ``tests/conftest.py`` finds it there. What a machine has on PATH is used as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import playwright

from config.settings import load_settings
from facts.errors import HotlineError
from telephony.pbx.apt import fetch_packages
from telephony.pbx.install import ensure_asterisk

TOOLS = Path(__file__).resolve().parent.parent / ".tools"

DRIVER_NODE = Path(playwright.__file__).parent / "driver" / "node"

FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""

LAUNCHER = """#!/bin/sh
LD_LIBRARY_PATH="{libraries}" FONTCONFIG_FILE="{fonts}" exec "{program}" "$@"
"""


def browser() -> Path | None:
    """A Chromium: the named one, the system's, or the fetched one."""
    named = os.environ.get("HOTLINE_CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("chromium-headless-shell")
    return Path(found) if found else _launched("chromium")


def sipp() -> Path | None:
    """SIPp, a SIP telephone that is not ours."""
    found = os.environ.get("HOTLINE_SIPP") or shutil.which("sipp")
    return Path(found) if found else _launched("sipp")


def node() -> Path | None:
    """The browser driver's own Node.js when it runs here, or its launcher with the library it lacks."""
    answer = subprocess.run([DRIVER_NODE, "--version"], capture_output=True, check=False)
    return DRIVER_NODE if answer.returncode == 0 else _launched("node")


def _launched(name: str) -> Path | None:
    launcher = TOOLS / name / "launch"
    return launcher if launcher.is_file() else None


def fetch(name: str, packages: list[str], program: str | Path) -> Path:
    """Fetch packages of the machine's own release beside the system, and make a launcher for one program."""
    root = TOOLS / name / "root"
    fetch_packages(packages, root, beside_system=True)
    found = (
        program
        if isinstance(program, Path)
        else next(path for path in sorted(root.glob(program)) if path.is_file())
    )
    fonts = TOOLS / name / "fonts.conf"
    fonts.write_text(FONTS_CONF.format(fonts=root / "usr/share/fonts", cache=TOOLS / name / "fontcache"))
    launcher = TOOLS / name / "launch"
    folders = sorted({library.parent for library in root.rglob("lib*.so*")})
    launcher.write_text(
        LAUNCHER.format(libraries=":".join(map(str, folders)), fonts=fonts, program=found), encoding="utf-8"
    )
    launcher.chmod(0o755)
    return launcher


def main() -> None:
    """Get everything; a thing that cannot be had is said, and its tests say so again."""
    print(f"asterisk: {ensure_asterisk(load_settings()).version.number}")
    wanted = (
        (
            browser,
            "chromium",
            ["chromium-headless-shell", "fonts-wqy-microhei"],
            "usr/lib/chromium/*headless*shell",
        ),
        (sipp, "sipp", ["sip-tester"], "usr/bin/sipp"),
        (node, "node", ["libatomic1"], DRIVER_NODE),
    )
    for find, name, packages, program in wanted:
        try:
            path = find() or fetch(name, packages, program)
            version = subprocess.run(
                [path, "-v" if name == "sipp" else "--version"], capture_output=True, text=True, check=False
            )
            said = (version.stdout or version.stderr).strip().splitlines()
            print(f"{name}: {said[0] if said else path}")
        except (HotlineError, OSError, StopIteration) as problem:
            print(f"{name}: not to be had here: {problem}", file=sys.stderr)


if __name__ == "__main__":
    main()
