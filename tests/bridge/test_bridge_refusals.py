"""What is wrong before anything starts: every problem in one line that names the fix, and exit code 2."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import load_settings
from facts.errors import HotlineError
from telephony.pbx.process import PbxPortTaken
from ticketing_bridge.cli.app import make_app
from ticketing_bridge.ports import wait_for_role_ports


@pytest.fixture(autouse=True)
def nobodys_house(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HOTLINE_")]:
        monkeypatch.delenv(name)


def refused(home: Path, *words: str, **variables: str) -> str:
    """Why ``hotline WORDS`` refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTLINE_HOME", str(home))
        for name, value in variables.items():
            patch.setenv(f"HOTLINE_{name}", value)
        with pytest.raises((HotlineError, OSError)) as problem:
            make_app(words)(list(words), standalone_mode=False)
    assert getattr(problem.value, "exit_code", 2) == 2
    return str(problem.value)


def test_a_person_sees_one_line_and_exit_code_2(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ticketing_bridge", "serve"],
        env={**os.environ, "HOTLINE_HOME": str(tmp_path), "HOTLINE_SIP_PORT": "abc"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("hotline: HOTLINE_SIP_PORT: ")
    assert run.stderr.count("\n") == 1


def test_all_wrong_settings_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "hotline.env").write_text("HOTLINE_WEB_PORT=page\n")
    said = refused(tmp_path, "serve", SIP_PORT="abc", AMI_PORT="99999", PBX_ID="Ä")
    for name in ("HOTLINE_WEB_PORT", "HOTLINE_SIP_PORT", "HOTLINE_AMI_PORT", "HOTLINE_PBX_ID"):
        assert name in said
    assert f"{tmp_path}/hotline.env" in said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cityy: 格尔木市\nsorry: [1]\n", ("cityy", "sorry", "lines", "queues")),
        ("city: [\n", ("not YAML", "line 2")),
        ("", ("hotline.yaml",)),
    ],
)
def test_wrong_facts_are_named_by_file_and_place(tmp_path: Path, text: str, named: tuple[str, ...]) -> None:
    (tmp_path / "hotline.yaml").write_text(text, encoding="utf-8")
    said = refused(tmp_path / "home", "serve", HOTLINE_CONFIG=str(tmp_path))
    assert all(name in said for name in (*named, str(tmp_path)))


@pytest.mark.parametrize("text", ["{", "[]", '{"ami_reader": 7}', "\0"])
def test_damaged_secrets_are_not_made_anew_behind_ones_back(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    assert "secrets.json is damaged" in refused(tmp_path, "serve")
    assert (tmp_path / "secrets.json").read_text() == text


def test_a_home_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert str(tmp_path / "home") in refused(tmp_path / "home", "serve")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("- says: 你好\n  wann: 2\n- line: main\n  number: x\n", ("wann", "line 1", "line 3", "number")),
        ("- says: 你好\n  line: nowhere\n- says: 再见\n  line: nix\n", ("nowhere", "nix", "12345")),
        ('{"calls": [}', ("line 1",)),
        ("", ("no list of calls",)),
    ],
)
def test_a_demo_with_a_wrong_scenario_starts_nothing(
    tmp_path: Path, text: str, named: tuple[str, ...]
) -> None:
    scenario = tmp_path / "calls.yaml"
    scenario.write_text(text, encoding="utf-8")
    said = refused(tmp_path / "home", "demo", "--scenario", str(scenario), "--exit", "--json")
    assert all(name in said for name in named)
    assert not (tmp_path / "home" / "postgres").exists()


def test_an_asterisk_that_is_none(tmp_path: Path) -> None:
    said = refused(tmp_path, "serve", ASTERISK="/nonexistent", **free_ports())
    assert "HOTLINE_ASTERISK=/nonexistent" in said


def free_ports() -> dict[str, str]:
    names = ("AGI_PORT", "AUDIOSOCKET_PORT", "WEB_PORT")
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for probe in (one, two, three):
            probe.bind(("127.0.0.1", 0))
        ports = [probe.getsockname()[1] for probe in (one, two, three)]
    return dict(zip(names, map(str, ports), strict=True))


def test_all_taken_ports_of_the_roles_are_named_with_their_settings(tmp_path: Path) -> None:
    with socket.socket() as agi, socket.socket() as web:
        for taken in (agi, web):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        ports = {"agi_port": agi.getsockname()[1], "web_port": web.getsockname()[1]}
        free = int(free_ports()["AUDIOSOCKET_PORT"])
        settings = load_settings(home=tmp_path, audiosocket_port=free, **ports)
        with pytest.raises(PbxPortTaken, match=r"HOTLINE_AGI_PORT, HOTLINE_WEB_PORT$"):
            wait_for_role_ports(settings, within_s=0.2)
    wait_for_role_ports(settings, within_s=0.2)
