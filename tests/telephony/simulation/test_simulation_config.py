"""The world outside's configuration: loopback only, nothing that a value could break out of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.hotline import load_hotline
from config.secrets import Secrets
from config.settings import Settings
from telephony.pbx.program import AsteriskProgram, AsteriskVersion
from telephony.pbx.values import PbxConfigInvalid
from telephony.simulation.outside_config import render_outside

PROGRAM = AsteriskProgram(("asterisk",), AsteriskVersion(22, 10, 1, "Asterisk 22.10.1"), "system")


def test_everything_is_on_loopback_and_every_agent_has_a_telephone(tmp_path: Path) -> None:
    hotline, secrets = load_hotline(), Secrets()
    files = render_outside(Settings(home=tmp_path), hotline, secrets, PROGRAM)
    assert "bind = 127.0.0.1:5070" in files["pjsip.conf"]
    assert "bindaddr = 127.0.0.1" in files["manager.conf"]
    assert "autoload = no" in files["modules.conf"]
    for agent in hotline.agents:
        assert f"contact_user = {agent.id}" in files["pjsip.conf"]
        assert secrets.sip_password(agent.id) in files["pjsip.conf"]
        assert f"exten => {agent.id},1," in files["extensions.conf"]
    assert "max_random_initial_delay = 0" in files["pjsip.conf"]


def test_an_older_asterisk_is_not_given_an_option_that_it_does_not_know(tmp_path: Path) -> None:
    older = replace(PROGRAM, version=AsteriskVersion(20, 6, 0, "Asterisk 20.6.0"))
    files = render_outside(Settings(home=tmp_path), load_hotline(), Secrets(), older)
    assert "max_random_initial_delay" not in files["pjsip.conf"]


def test_a_secret_cannot_become_configuration(tmp_path: Path) -> None:
    bad = Secrets(outside_ami="x\n[admin]")
    with pytest.raises(PbxConfigInvalid):
        render_outside(Settings(home=tmp_path), load_hotline(), bad, PROGRAM)
