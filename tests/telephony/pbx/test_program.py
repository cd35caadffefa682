"""Which Asterisk is safe, and where a machine's packages come from."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path

import pytest

import telephony.pbx.program
import telephony.pbx.values
from config.settings import Settings
from telephony.pbx.apt import PackagesUnavailable, fetch_packages
from telephony.pbx.apt_sources import main_archive, parse_deb822, parse_one_line, parse_os_release
from telephony.pbx.find import find_asterisk
from telephony.pbx.program import AsteriskMissing, AsteriskVersion, Safety, security_state

BOOKWORM = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
NOBLE = {"ID": "ubuntu", "VERSION_CODENAME": "noble", "UBUNTU_CODENAME": "noble"}

SOURCES = """\
# a comment
Types: deb deb-src
URIs: https://tools.example/debian
Suites: bookworm
Components: contrib

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
"""


@pytest.mark.parametrize(
    ("text", "safety"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", Safety.SAFE),
        ("Asterisk 22.10.0", Safety.OUTDATED),
        ("Asterisk 22.11.0", Safety.TAPS_BROKEN),
        ("Asterisk 22.11.1", Safety.SAFE),
        ("Asterisk 20.6.0~dfsg+~cs6.13.40431414-2build5", Safety.OUTDATED),
        ("Asterisk 20.20.1", Safety.SAFE),
        ("Asterisk 23.4.0", Safety.OUTDATED),
        ("Asterisk 24.0.0", Safety.SAFE),
        ("Asterisk 21.12.2", Safety.UNSUPPORTED),
        ("Asterisk 16.28.0~dfsg-0+deb11u4", Safety.UNSUPPORTED),
        ("Asterisk certified-20.7-cert10", Safety.OUTDATED),
        ("Asterisk certified-22.8-cert3", Safety.SAFE),
        ("Asterisk certified/18.9-cert17", Safety.UNSUPPORTED),
    ],
)
def test_versions_against_the_security_releases(text: str, safety: Safety) -> None:
    version = AsteriskVersion.parse(text)
    assert version is not None
    state = security_state(version)
    assert state.safety is safety
    assert bool(state.fix) is (safety is not Safety.SAFE)


def test_the_main_archive_of_a_debian() -> None:
    found = main_archive(parse_deb822(SOURCES, "debian.sources"), BOOKWORM)
    assert found is not None
    assert (found.uri, found.origin) == ("http://mirror.example/debian", "debian.sources")
    assert found.signed_by.splitlines()[0].startswith("-----BEGIN PGP")
    assert found.signed_by.splitlines()[1] == ""


def test_the_main_archive_of_an_ubuntu_in_the_old_form() -> None:
    text = """
    # deb http://off.example/ubuntu noble main
    deb-src http://mirror.example/ubuntu noble main
    deb http://mirror.example/ubuntu noble-security main universe
    deb [arch=amd64 signed-by=/etc/keys/tool.gpg] https://tools.example/apt noble main
    deb [arch=amd64 signed-by="/usr/share/keyrings/ubuntu.gpg"] http://m.example/ubuntu/ noble main universe #
    """
    found = main_archive(parse_one_line(text, "sources.list"), NOBLE)
    assert found is not None
    assert found.uri == "http://m.example/ubuntu/"
    assert found.signed_by == "/usr/share/keyrings/ubuntu.gpg"
    assert found.components == ("main", "universe")


def test_no_archive_is_no_archive() -> None:
    assert main_archive(parse_one_line("deb http://x.example/debian trixie main", "x"), BOOKWORM) is None


def test_os_release() -> None:
    assert parse_os_release('# x\nID=debian\nVERSION_CODENAME="bookworm"\n') == BOOKWORM


def test_a_wrong_program_is_said_to_be_wrong(tmp_path: Path) -> None:
    with pytest.raises(AsteriskMissing, match="HOTLINE_ASTERISK"):
        find_asterisk(Settings(home=tmp_path, asterisk=Path("/bin/true")))
    with pytest.raises(AsteriskMissing, match="HOTLINE_ASTERISK"):
        find_asterisk(Settings(home=tmp_path, asterisk=tmp_path))


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt here")
def test_no_network_is_said_with_its_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(PackagesUnavailable, match="HOTLINE_ASTERISK"):
        fetch_packages(["asterisk"], tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("module", [telephony.pbx.program, telephony.pbx.values])
def test_examples_in_the_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
