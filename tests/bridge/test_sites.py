"""Which PBXs are followed, and how each reaches us: from the settings and ``hotline.yaml``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.hotline import DEFAULTS, Hotline, HotlineConfigInvalid, load_hotline
from config.secrets import SecretFileInvalid, Secrets, ami_secrets, make_ami_secrets
from config.settings import SettingsInvalid, load_settings
from config.sites import PbxUnknown, pbx_sites, site_of
from facts.errors import HotlineError
from ticketing_bridge.roles.run import RoleUnknown, role_named

EAST: dict[str, Any] = {
    "id": "east",
    "ami_host": "10.1.2.3",
    "agi_port": 4574,
    "recordings": "/mnt/east/monitor",
    "secret_file": "/etc/hotline/east.json",
}


def city(tmp_path: Path, *pbxs: dict[str, Any]) -> Hotline:
    facts = yaml.safe_load((DEFAULTS / "hotline.yaml").read_text(encoding="utf-8"))
    (tmp_path / "hotline.yaml").write_text(yaml.safe_dump({**facts, "pbxs": pbxs}), encoding="utf-8")
    return load_hotline(tmp_path)


def test_one_local_pbx_is_the_default(tmp_path: Path) -> None:
    (site,) = pbx_sites(load_settings(home=tmp_path), load_hotline())
    assert (site.id, site.local, site.hotline_host, site.listen_host) == (
        "city",
        True,
        "127.0.0.1",
        "127.0.0.1",
    )
    assert site.recordings == tmp_path / "pbx" / "spool" / "monitor"
    assert set(site.agi_peers) <= {"127.0.0.0/8", "::1", "127.0.0.1"}


def test_a_pbx_on_another_machine_reaches_us_and_nobody_else_does(tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path,
        local_pbx=False,
        ami_host="10.1.0.9",
        telephony_host="0.0.0.0",
        advertise_host="10.1.0.1",
        recordings_folder=Path("/mnt/city"),
    )
    first, east = pbx_sites(settings, city(tmp_path, EAST))
    assert (first.local, first.listen_host, first.hotline_host) == (False, "0.0.0.0", "10.1.0.1")
    assert (first.agi_peers, first.recordings) == (("10.1.0.9",), Path("/mnt/city"))
    assert (east.id, east.hotline_host, east.agi_peers) == ("east", "10.1.0.1", ("10.1.2.3",))
    assert site_of((first, east), "east").recordings == Path("/mnt/east/monitor")
    with pytest.raises(PbxUnknown, match="city, east"):
        site_of((first, east), "west")


def test_peers_are_named_by_comma_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_AGI_PEERS", "10.0.0.1, 10.2.0.0/16")
    assert load_settings(home=tmp_path).agi_peers == ("10.0.0.1", "10.2.0.0/16")
    monkeypatch.setenv("HOTLINE_AGI_PEERS", "pbx.example.net")
    with pytest.raises(SettingsInvalid, match=r"HOTLINE_AGI_PEERS.*pbx.example.net"):
        load_settings(home=tmp_path)


@pytest.mark.parametrize(
    ("pbxs", "wrong"),
    [
        ([EAST, {**EAST, "agi_port": 4575, "ami_port": 5039}], "pbx east is there twice"),
        ([EAST, {**EAST, "id": "west", "ami_host": "10.1.2.4"}], "agi_port 4574 is there twice"),
        ([EAST, {**EAST, "id": "west", "agi_port": 4575}], "AMI address 10.1.2.3:5038 is there twice"),
        ([{**EAST, "id": "city"}], "HOTLINE_PBX_ID"),
        ([{**EAST, "agi_port": 4573}], "HOTLINE_AGI_PORT"),
        ([{**EAST, "agi_port": 9092}], "HOTLINE_AUDIOSOCKET_PORT"),
        ([{**EAST, "ami_host": "127.0.0.1"}], "HOTLINE_AMI_HOST"),
        ([{**EAST, "ami_host": "pbx.example.net"}], "agi_peers"),
        ([{**EAST, "agi_peers": ["nobody"]}], "'nobody' is no IP address"),
        ([{**EAST, "recordings": "monitor"}], "not an absolute path"),
        ([{**EAST, "secret": "s3cret"}], "secret"),
    ],
)
def test_what_cannot_work_is_said_at_once(tmp_path: Path, pbxs: list[dict[str, Any]], wrong: str) -> None:
    with pytest.raises(HotlineConfigInvalid, match=wrong):
        pbx_sites(load_settings(home=tmp_path), city(tmp_path, *pbxs))


def test_a_recordings_folder_belongs_to_an_existing_pbx(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"HOTLINE_RECORDINGS_FOLDER.*HOTLINE_LOCAL_PBX=false"):
        load_settings(home=tmp_path, recordings_folder=tmp_path)


def test_passwords_of_a_further_pbx_are_in_a_private_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "east.json"
    first, east = pbx_sites(load_settings(home=tmp_path), city(tmp_path, {**EAST, "secret_file": str(file)}))
    secrets = Secrets()
    with pytest.raises(SecretFileInvalid, match=r"hotline pbx render --pbx east"):
        ami_secrets(east, secrets)
    made = make_ami_secrets(east, secrets)
    assert made == ami_secrets(east, secrets) == make_ami_secrets(east, secrets)
    assert made.ami_reader != secrets.ami_reader == ami_secrets(first, secrets).ami_reader
    assert made.ami_reader not in repr(made)
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(SecretFileInvalid, match="chmod 600"):
        ami_secrets(east, secrets)
    file.write_text(json.dumps({"ami_reader": "x"}))
    with pytest.raises(SecretFileInvalid, match="ami_originator"):
        ami_secrets(east, secrets)


@pytest.mark.parametrize("name", ["telephony", "telephony@east", "flows", "flows-2", "speech"])
def test_roles_have_names(name: str) -> None:
    assert callable(role_named(name))


@pytest.mark.parametrize("name", ["", "telephony@", "web@east", "flows-", "web-2", "nobody"])
def test_other_names_are_no_roles(name: str) -> None:
    with pytest.raises(RoleUnknown) as told:
        role_named(name)
    assert isinstance(told.value, HotlineError)
    assert told.value.fix
